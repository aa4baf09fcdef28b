// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel proper asks of connection tracking when it is loaded. */

#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netfilter/nf_nat.h>

#include <compat.h>
#include "../proto/proto.h"
#include "conn.h"
#include "hooks.h"
#include "packet.h"

#ifdef CTNG_HAVE_NAT_MANIP_PKT
/* Rewrites the packet the way the connection that it has now wants it. */
static bool apply_nat(struct sk_buff *skb, struct nf_conn *ct,
		      enum ip_conntrack_info ctinfo)
{
	unsigned long status = READ_ONCE(ct->status);
	const struct nf_nat_hook *nat_hook = rcu_dereference(nf_nat_hook);
	enum ip_conntrack_dir dir = CTINFO2DIR(ctinfo);

	if (!nat_hook)
		return true;

	if (status & IPS_SRC_NAT &&
	    nat_hook->manip_pkt(skb, ct, NF_NAT_MANIP_SRC, dir) == NF_DROP)
		return false;
	if (status & IPS_DST_NAT &&
	    nat_hook->manip_pkt(skb, ct, NF_NAT_MANIP_DST, dir) == NF_DROP)
		return false;

	return true;
}
#else
/* This kernel cannot do NAT from here: a connection with NAT is not joined. */
static bool apply_nat(struct sk_buff *skb, struct nf_conn *ct,
		      enum ip_conntrack_info ctinfo)
{
	return !(READ_ONCE(ct->status) & IPS_NAT_MASK);
}
#endif

/*
 * While the first packet of a flow was in user space, another one of that flow
 * may have made the connection. Then the packet joins that.
 */
static unsigned int join_confirmed(struct net *net, struct sk_buff *skb)
{
	struct nf_conntrack_tuple_hash *h;
	enum ip_conntrack_info ctinfo;
	struct nf_conntrack_tuple tuple;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo), *other;

	/* user space may have changed the packet */
	if (!nf_ct_get_tuplepr(skb, skb_network_offset(skb), nf_ct_l3num(ct), net, &tuple))
		return NF_ACCEPT;

	h = nf_conntrack_find_get(net, nf_ct_zone(ct), &tuple);
	if (!h)
		return NF_ACCEPT;

	other = nf_ct_tuplehash_to_ctrack(h);
	ctinfo = IP_CT_NEW;
	if (NF_CT_DIRECTION(h) == IP_CT_DIR_REPLY)
		ctinfo = IP_CT_ESTABLISHED_REPLY;
	else if (test_bit(IPS_SEEN_REPLY_BIT, &other->status))
		ctinfo = IP_CT_ESTABLISHED;
	else if (test_bit(IPS_EXPECTED_BIT, &other->status))
		ctinfo = IP_CT_RELATED;

	if (!apply_nat(skb, other, ctinfo)) {
		ctng_count(net, CTNG_R_CLASH);
		nf_ct_put(other);
		return NF_DROP;
	}

	nf_ct_put(ct);
	nf_ct_set(skb, other, ctinfo);

	return NF_ACCEPT;
}

/* A packet comes back from a queue: 6.1 wants an errno, later kernels a verdict. */
static int hook_update(struct net *net, struct sk_buff *skb)
{
	struct nf_conn *ct = (struct nf_conn *)skb_nfct(skb);
	unsigned int verdict = NF_ACCEPT;

	if (!ct)
		return CTNG_UPDATE_RESULT(NF_ACCEPT);

	if (!nf_ct_is_confirmed(ct))
		verdict = join_confirmed(net, skb);
	if (verdict == NF_ACCEPT)
		verdict = ctng_finish_queued(skb);

	return CTNG_UPDATE_RESULT(verdict);
}

/* The tuple of a packet as its sender wrote it, for a packet scheduler. */
static bool hook_get_tuple_skb(struct nf_conntrack_tuple *tuple, const struct sk_buff *skb)
{
	struct nf_conntrack_tuple_hash *h;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	struct net *net = dev_net(skb->dev);

	if (ct) {
		*tuple = *nf_ct_tuple(ct, CTINFO2DIR(ctinfo));
		return true;
	}

	if (!nf_ct_get_tuplepr(skb, skb_network_offset(skb), NFPROTO_IPV4, net, tuple))
		return false;

	h = nf_conntrack_find_get(net, &nf_ct_zone_dflt, tuple);
	if (!h)
		return false;

	ct = nf_ct_tuplehash_to_ctrack(h);
	*tuple = *nf_ct_tuple(ct, !NF_CT_DIRECTION(h));
	nf_ct_put(ct);

	return true;
}

/* A packet made in answer to another one is related to its connection. */
static void hook_attach(struct sk_buff *nskb, const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	ctinfo = CTINFO2DIR(ctinfo) == IP_CT_DIR_ORIGINAL ? IP_CT_RELATED_REPLY :
							    IP_CT_RELATED;
	nf_ct_set(nskb, ct, ctinfo);
	nf_conntrack_get(skb_nfct(nskb));
}

static void hook_set_closing(struct nf_conntrack *nfct)
{
	struct nf_conn *ct;

	if (!nfct)
		return;

	ct = nf_ct_to_nf_conn(nfct);
	if (nf_ct_protonum(ct) == IPPROTO_TCP)
		ctng_tcp_set_closing(ct);
}

static const struct nf_ct_hook ctng_nfct_hook = {
	.update		= hook_update,
	.destroy	= nf_ct_destroy,
	.get_tuple_skb	= hook_get_tuple_skb,
	.attach		= hook_attach,
	.set_closing	= hook_set_closing,
	.confirm	= __nf_conntrack_confirm,
};

/**
 * ctng_nfct_hook_set() - tell the kernel that connection tracking is there
 */
void ctng_nfct_hook_set(void)
{
	rcu_assign_pointer(nf_ct_hook, &ctng_nfct_hook);
}

/**
 * ctng_nfct_hook_clear() - tell the kernel that it is not there any more
 *
 * No packet carries a connection any more.
 *
 * Context: may sleep.
 */
void ctng_nfct_hook_clear(void)
{
	RCU_INIT_POINTER(nf_ct_hook, NULL);
	synchronize_rcu();
}
