// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Open vSwitch and act_ct have in common: they see packets at layer 2, not
 * by way of netfilter's hooks, so they prepare packets and call helpers
 * themselves.
 */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ipv6_frag.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include "compat.h"
#include "../core/packet.h"
#include "expect.h"

#ifdef CTNG_HAVE_OVS

/* Offset of the layer 4 header, or -1 where there is none. */
static int l4_offset(const struct sk_buff *skb, u16 family)
{
	__be16 frag_off;
	u8 nexthdr;
	int off;

	if (family == NFPROTO_IPV4)
		return ip_hdrlen(skb);

	nexthdr = ipv6_hdr(skb)->nexthdr;
	off = ipv6_skip_exthdr(skb, sizeof(struct ipv6hdr), &nexthdr,
			       &frag_off);
	if (off < 0 || (frag_off & htons(IP6_OFFSET)))
		return -1;
	return off;
}

/**
 * nf_ct_helper - let a connection's helper see a packet
 * @skb: the packet, pulled to its network header.
 * @ct: its connection.
 * @ctinfo: its direction and state.
 * @proto: NFPROTO_IPV4 or NFPROTO_IPV6.
 *
 * A helper that lengthens or shortens the payload leaves TCP sequence numbers
 * to be adjusted; netfilter does that at its last hook, here it is done at
 * once.
 *
 * Context: packet path, under rcu_read_lock().
 * Return: a netfilter verdict.
 */
int nf_ct_helper(struct sk_buff *skb, struct nf_conn *ct,
		 enum ip_conntrack_info ctinfo, u16 proto)
{
	const struct nf_conntrack_helper *helper;
	const struct nf_conn_help *help;
	int off, verdict;

	/* IP_CT_RELATED_REPLY: an ICMP error, nothing for a helper */
	if (ctinfo == IP_CT_RELATED_REPLY)
		return NF_ACCEPT;

	help = nfct_help(ct);
	helper = help ? rcu_dereference(help->helper) : NULL;
	if (!helper)
		return NF_ACCEPT;

	/* a rule for all families may give an IPv4 helper an IPv6 packet */
	if (helper->tuple.src.l3num != NFPROTO_UNSPEC &&
	    helper->tuple.src.l3num != proto)
		return NF_ACCEPT;

	if (WARN_ONCE(proto != NFPROTO_IPV4 && proto != NFPROTO_IPV6,
		      "nf_conntrack: helper called for family %u\n", proto))
		return NF_DROP;

	off = l4_offset(skb, proto);
	if (off < 0)
		return NF_ACCEPT;

	verdict = ctng_help(helper, skb, off, ct, ctinfo);
	if (verdict != NF_ACCEPT)
		return verdict;

	if (test_bit(IPS_SEQ_ADJUST_BIT, &ct->status) &&
	    !nf_ct_seq_adjust(skb, ct, ctinfo, off)) {
		ctng_count(nf_ct_net(ct), CTNG_R_SEQADJ);
		return NF_DROP;
	}

	return NF_ACCEPT;
}

/**
 * nf_ct_add_helper - give a template a helper, loading it if need be
 * @ct: the template.
 * @name: the helper's name.
 * @family: the family that it must serve.
 * @proto: the layer 4 protocol that it must serve.
 * @nat: whether its NAT half is wanted, too.
 * @hp: where to leave the helper, for nf_conntrack_helper_put() and, with @nat,
 *	nf_nat_helper_put().
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if there is no such helper, -ENOENT if it has no NAT half,
 *	-ENOMEM.
 */
int nf_ct_add_helper(struct nf_conn *ct, const char *name, u8 family,
		     u8 proto, bool nat, struct nf_conntrack_helper **hp)
{
	struct nf_conntrack_helper *helper;
	struct nf_conn_help *help;
	int err;

	helper = nf_conntrack_helper_try_module_get(name, family, proto);
	if (!helper)
		return -EINVAL;

	help = nf_ct_helper_ext_add(ct, GFP_KERNEL);
	if (!help) {
		err = -ENOMEM;
		goto put;
	}

	if (nat) {
		err = nf_nat_helper_try_module_get(name, family, proto);
		if (err)
			goto put;
	}

	rcu_assign_pointer(help->helper, helper);
	*hp = helper;
	return 0;
put:
	nf_conntrack_helper_put(helper);
	return err;
}

static int defrag4(struct net *net, struct sk_buff *skb, u16 zone, u16 *mru)
{
	int err;

	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	/* the timers of fragment queues take their locks in softirq */
	local_bh_disable();
	err = ip_defrag(net, skb, IP_DEFRAG_CONNTRACK_IN + zone);
	local_bh_enable();
	if (err)
		return err;

	*mru = IPCB(skb)->frag_max_size;
	return 0;
}

static int defrag6(struct net *net, struct sk_buff *skb, u16 zone, u8 *proto,
		   u16 *mru)
{
	int err;

	memset(IP6CB(skb), 0, sizeof(struct inet6_skb_parm));
	err = nf_ct_frag6_gather(net, skb, IP6_DEFRAG_CONNTRACK_IN + zone);
	if (err) {
		/* unlike ip_defrag() it frees nothing */
		if (err != -EINPROGRESS)
			kfree_skb(skb);
		return err;
	}

	*proto = ipv6_hdr(skb)->nexthdr;
	*mru = IP6CB(skb)->frag_max_size;
	return 0;
}

/**
 * nf_ct_handle_fragments - collect the fragments of a datagram
 * @net: namespace.
 * @skb: a fragment, pulled to its network header; its control block is lost.
 * @zone: connection tracking zone; zones do not share fragments.
 * @family: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @proto: set to the layer 4 protocol of an IPv6 datagram, whose fragment header
 *	is gone.
 * @mru: set to the size of the largest fragment.
 *
 * Context: packet path or process.
 * Return: 0 if @skb has become the whole datagram; -EINPROGRESS if it is kept
 *	until the others come; another error, with @skb freed.
 */
int nf_ct_handle_fragments(struct net *net, struct sk_buff *skb,
			   u16 zone, u8 family, u8 *proto, u16 *mru)
{
	int err;

	switch (family) {
	case NFPROTO_IPV4:
		err = defrag4(net, skb, zone, mru);
		break;
	case NFPROTO_IPV6:
		err = defrag6(net, skb, zone, proto, mru);
		break;
	default:
		kfree_skb(skb);
		err = -EPFNOSUPPORT;
	}
	if (err)
		return err;

	/* The hash was a fragment's; and it may be cut again, whatever DF says. */
	skb_clear_hash(skb);
	skb->ignore_df = 1;
	return 0;
}

/**
 * nf_ct_skb_network_trim - cut the link layer's padding off
 * @skb: the packet, pulled to its network header, which is linear.
 * @family: NFPROTO_IPV4 or NFPROTO_IPV6; others have no length to cut to.
 *
 * Checksums over the packet take skb->len for its length.
 *
 * Context: any.
 * Return: 0 or an error; the packet remains the caller's.
 */
int nf_ct_skb_network_trim(struct sk_buff *skb, int family)
{
	unsigned int len;

	switch (family) {
	case NFPROTO_IPV4:
		len = skb_ip_totlen(skb);
		break;
	case NFPROTO_IPV6:
		len = sizeof(struct ipv6hdr) +
		      ntohs(ipv6_hdr(skb)->payload_len);
		break;
	default:
		len = skb->len;
	}
	return pskb_trim_rcsum(skb, len);
}

#endif /* CTNG_HAVE_OVS */
