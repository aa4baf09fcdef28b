// SPDX-License-Identifier: GPL-2.0-only
/* Changes to a connection: its timeout, its status, by packets and from outside. */

#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>

#include <compat.h>
#include "../net.h"
#include "conn.h"
#include "status.h"

static noinline void tell_table(struct nf_conn *ct, u32 deadline)
{
	struct ctng_net *cnet = ctng_pernet(nf_ct_net(ct));

	rcu_read_lock();
	ctng_table_hasten(&cnet->table, ct);
	rcu_read_unlock();
	ctng_expire_arm(cnet, deadline);
}

/* Stores a deadline. The table has to know when it is an earlier one, and near. */
static __always_inline void set_deadline(struct nf_conn *ct, u32 deadline)
{
	u32 old = READ_ONCE(ct->timeout);

	if (old == deadline)
		return;

	WRITE_ONCE(ct->timeout, deadline);
	if (likely((s32)(deadline - old) > 0 ||
		   (s32)(deadline - nfct_time_stamp) >= CTNG_DUE_HORIZON))
		return;

	tell_table(ct, deadline);
}

static __always_inline void refresh(struct nf_conn *ct, u32 extra_jiffies)
{
	u32 *span = ctng_span(ct);

	if (test_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status))
		return;

	/* The same one most often: leave the cache line shared. */
	if (READ_ONCE(*span) != extra_jiffies)
		WRITE_ONCE(*span, extra_jiffies);
	if (nf_ct_is_confirmed(ct))
		set_deadline(ct, nfct_time_stamp + extra_jiffies);
	else
		WRITE_ONCE(ct->timeout, extra_jiffies);
}

#ifdef CTNG_HAVE_REFRESH_SKB
/**
 * __nf_ct_refresh_acct() - a packet of a connection: restart its timeout, count
 * @ct: the connection.
 * @ctinfo: direction of the packet.
 * @skb: the packet; only read if @do_acct.
 * @extra_jiffies: the timeout from now on.
 * @do_acct: count the packet.
 *
 * Context: any.
 */
void __nf_ct_refresh_acct(struct nf_conn *ct, enum ip_conntrack_info ctinfo,
			  const struct sk_buff *skb, u32 extra_jiffies, bool do_acct)
{
	refresh(ct, extra_jiffies);
	if (do_acct && ct->ext)
		nf_ct_acct_update(ct, CTINFO2DIR(ctinfo), skb->len);
}
#else
/**
 * __nf_ct_refresh_acct() - a packet of a connection: restart its timeout, count
 * @ct: the connection.
 * @ctinfo: direction of the packet.
 * @extra_jiffies: the timeout from now on.
 * @bytes: length of the packet to count, or 0 not to count it.
 *
 * Context: any.
 */
void __nf_ct_refresh_acct(struct nf_conn *ct, enum ip_conntrack_info ctinfo,
			  u32 extra_jiffies, unsigned int bytes)
{
	refresh(ct, extra_jiffies);
	if (bytes && ct->ext)
		nf_ct_acct_update(ct, CTINFO2DIR(ctinfo), bytes);
}
#endif

#ifdef CTNG_HAVE_ALTER_REPLY
/**
 * nf_conntrack_alter_reply() - NAT decided where answers will come from
 * @ct: the connection, not yet confirmed.
 * @newreply: its reply tuple from now on.
 *
 * Context: any.
 */
void nf_conntrack_alter_reply(struct nf_conn *ct,
			      const struct nf_conntrack_tuple *newreply)
{
	if (WARN_ON(nf_ct_is_confirmed(ct)))
		return;

	ct->tuplehash[IP_CT_DIR_REPLY].tuple = *newreply;
}
#endif

/**
 * __nf_ct_change_timeout() - user space sets the timeout of a connection
 * @ct: the connection.
 * @cta_timeout: the timeout in jiffies.
 *
 * Context: any.
 * Return: 0, -EPERM if it is fixed, -ETIME if the connection is dying.
 */
int __nf_ct_change_timeout(struct nf_conn *ct, u64 cta_timeout)
{
	u32 timeout = min_t(u64, cta_timeout, INT_MAX);

	if (test_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status))
		return -EPERM;

	refresh(ct, timeout);

	return test_bit(IPS_DYING_BIT, &ct->status) ? -ETIME : 0;
}

/**
 * __nf_ct_change_status() - set and clear status bits of a connection
 * @ct: the connection.
 * @on: bits to set.
 * @off: bits to clear. Those that nobody may change are left alone.
 *
 * Context: any.
 */
void __nf_ct_change_status(struct nf_conn *ct, unsigned long on, unsigned long off)
{
	unsigned int bit;

	on &= ~IPS_UNCHANGEABLE_MASK;
	off &= ~IPS_UNCHANGEABLE_MASK;

	for (bit = 0; bit < __IPS_MAX_BIT; bit++) {
		if (on & BIT(bit))
			set_bit(bit, &ct->status);
		else if (off & BIT(bit))
			clear_bit(bit, &ct->status);
	}
}

/**
 * nf_ct_change_status_common() - user space sets the status of a connection
 * @ct: the connection.
 * @status: the status wanted.
 *
 * Context: any.
 * Return: 0, or -EBUSY for a change that the tracker alone makes; then nothing
 * is changed.
 */
int nf_ct_change_status_common(struct nf_conn *ct, unsigned int status)
{
	if (!ctng_status_allowed(READ_ONCE(ct->status), status))
		return -EBUSY;

	__nf_ct_change_status(ct, status, 0);

	return 0;
}
