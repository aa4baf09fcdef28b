// SPDX-License-Identifier: GPL-2.0-only
/* A connection enters the table when its first packet leaves the host's rules. */

#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../ext/ext.h"
#include "../net.h"
#include "../trace/events.h"
#include "confirm.h"
#include "conn.h"
#include "find.h"
#include "packet.h"

static int insert(struct nf_conn *ct, unsigned int dirs, struct nf_conntrack_tuple_hash **clash)
{
	struct ctng_net *cnet = ctng_pernet(nf_ct_net(ct));
	u32 timeout = READ_ONCE(ct->timeout), deadline = nfct_time_stamp + timeout;
	int err;

	/* All that a reader judges by is written before the slot is published. */
	WRITE_ONCE(ct->timeout, deadline);
	WRITE_ONCE(*ctng_span(ct), timeout);
	set_bit(IPS_CONFIRMED_BIT, &ct->status);

	err = ctng_table_insert(&cnet->table, ct, dirs, clash);
	if (unlikely(err)) {
		clear_bit(IPS_CONFIRMED_BIT, &ct->status);
		WRITE_ONCE(ct->timeout, timeout);
		return err;
	}

	ctng_expire_arm(cnet, deadline);

	return 0;
}

/**
 * ctng_confirm_insert() - turn an unconfirmed connection into one of the table
 * @ct: the connection; belongs to the caller alone.
 * @dirs: CTNG_BOTH_DIRS or CTNG_REPLY_ONLY.
 * @clash: set to the entry in the way, with a reference, on -EEXIST.
 *
 * Its timeout, relative so far, starts to run now. What expired, and is in the way, is
 * taken out of it.
 *
 * Context: any, under RCU.
 * Return: 0, -EEXIST or -ENOMEM; then the connection is as it was.
 */
int ctng_confirm_insert(struct nf_conn *ct, unsigned int dirs,
			struct nf_conntrack_tuple_hash **clash)
{
	struct nf_conn *other;
	int err;

	for (;;) {
		err = insert(ct, dirs, clash);
		if (likely(err != -EEXIST))
			return err;

		other = nf_ct_tuplehash_to_ctrack(*clash);
		if (!nf_ct_should_gc(other) || !ctng_kill(other, CTNG_R_EXPIRED))
			return err;
		nf_ct_put(other);
	}
}

static unsigned int confirm_failed(struct net *net, enum ctng_reason reason)
{
	ctng_count(net, reason);
	NF_CT_STAT_INC_ATOMIC(net, insert_failed);
	NF_CT_STAT_INC_ATOMIC(net, drop);

	return NF_DROP;
}

static void confirm_events(struct nf_conn *ct)
{
	const struct nf_conn_help *help = nfct_help(ct);

	if (help && rcu_access_pointer(help->helper))
		nf_conntrack_event_cache(IPCT_HELPER, ct);

	nf_conntrack_event_cache(ct->master ? IPCT_RELATED : IPCT_NEW, ct);
}

/**
 * __nf_conntrack_confirm() - put the connection of a packet into the table
 * @skb: the packet; its connection is not confirmed.
 *
 * Context: any, under RCU.
 * Return: NF_ACCEPT, perhaps with the connection of a packet that was faster
 * in its place; NF_DROP.
 */
int __nf_conntrack_confirm(struct sk_buff *skb)
{
	struct nf_conntrack_tuple_hash *clash;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	struct net *net = nf_ct_net(ct);
	int err;

	/* An answer made up by a rule (REJECT) carries it in the other direction. */
	if (CTINFO2DIR(ctinfo) != IP_CT_DIR_ORIGINAL)
		return NF_ACCEPT;

	if (unlikely(nf_ct_is_dying(ct)) || unlikely(!ctng_ext_confirm(ct)))
		return confirm_failed(net, CTNG_R_DYING);

	ctng_tstamp_start(ct);

	err = ctng_confirm_insert(ct, CTNG_BOTH_DIRS, &clash);
	if (unlikely(err == -EEXIST)) {
		err = ctng_clash_resolve(skb, clash);
		nf_ct_put(nf_ct_tuplehash_to_ctrack(clash));
		if (!err)
			return NF_ACCEPT;
		trace_ct_clash(ct, 0);
		return confirm_failed(net, CTNG_R_CLASH);
	}
	if (unlikely(err))
		return confirm_failed(net, CTNG_R_NO_MEMORY);

	if (unlikely(!ctng_ext_confirmed(ct))) {
		nf_ct_kill(ct);
		return confirm_failed(net, CTNG_R_DYING);
	}

	if (ct->status & IPS_NAT_DONE_MASK)
		ctng_unreserve(nf_ct_tuple(ct, IP_CT_DIR_REPLY), ct);
	trace_ct_confirm(ct, 0);
	confirm_events(ct);

	return NF_ACCEPT;
}

/**
 * nf_conntrack_hash_check_insert() - put a connection made by ctnetlink into the table
 * @ct: the connection from nf_conntrack_alloc(), complete; its timeout is
 *	relative, and nobody refers to it.
 *
 * Context: process or BH, under RCU.
 * Return: 0, the caller has a reference beside the table's; -EEXIST if one of
 * its tuples is taken; -EAGAIN if a module that it needs went away; -ENOMEM.
 */
int nf_conntrack_hash_check_insert(struct nf_conn *ct)
{
	struct nf_conntrack_tuple_hash *clash;
	struct net *net = nf_ct_net(ct);
	int err;

	if (!ctng_ext_confirm(ct))
		return -EAGAIN;

	err = ctng_confirm_insert(ct, CTNG_BOTH_DIRS, &clash);
	if (err) {
		if (err == -EEXIST)
			nf_ct_put(nf_ct_tuplehash_to_ctrack(clash));
		return err;
	}

	if (!ctng_ext_confirmed(ct)) {
		nf_ct_kill(ct);
		return -EAGAIN;
	}

	NF_CT_STAT_INC_ATOMIC(net, insert);
	trace_ct_confirm(ct, 0);

	return 0;
}

/**
 * nf_conntrack_tuple_taken() - may NAT not choose this tuple?
 * @tuple: the reply tuple that the connection would get.
 * @ignored: the connection.
 *
 * Context: under RCU or BH off.
 * Return: non-zero if another connection has the tuple, or is about to. One of the very same
 * original tuple does not count: it is the same flow, whose packets race, and
 * the clash is settled later.
 */
int nf_conntrack_tuple_taken(const struct nf_conntrack_tuple *tuple,
			     const struct nf_conn *ignored)
{
	const struct nf_conntrack_zone *zone = nf_ct_zone(ignored);
	struct net *net = nf_ct_net(ignored);
	struct nf_conntrack_tuple_hash *h;
	bool reserved, taken;
	struct nf_conn *ct;

	reserved = ctng_reserve(tuple, ignored);
	rcu_read_lock();
	h = ctng_find_live_reply(net, zone, tuple);
	rcu_read_unlock();
	if (!h)
		return !reserved;

	ct = nf_ct_tuplehash_to_ctrack(h);
	taken = ct != ignored &&
		!(nf_ct_tuple_equal(nf_ct_tuple(ignored, IP_CT_DIR_ORIGINAL),
				    nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL)) &&
		  nf_ct_zone_equal(ct, zone, IP_CT_DIR_ORIGINAL));
	nf_ct_put(ct);
	if (taken) {
		if (reserved)
			ctng_unreserve(tuple, ignored);
		NF_CT_STAT_INC_ATOMIC(net, found);
	}

	return taken;
}

/**
 * nf_conntrack_find_get() - find the connection of a tuple
 * @net: the namespace.
 * @zone: zone to look in.
 * @tuple: the tuple, of either direction.
 *
 * Context: any.
 * Return: the matching tuple of the entry, with a reference, or NULL.
 */
struct nf_conntrack_tuple_hash *
nf_conntrack_find_get(struct net *net, const struct nf_conntrack_zone *zone,
		      const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_tuple_hash *h;

	rcu_read_lock();
	h = ctng_find_live(net, zone, tuple);
	rcu_read_unlock();

	return h;
}
