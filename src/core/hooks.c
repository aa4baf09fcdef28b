// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where packets meet the tracker: as early as possible when they come in or
 * are made here, and as late as possible before they leave or are delivered.
 */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include <compat.h>
#include "../expect/expect.h"
#include "../ext/ext.h"
#include "conn.h"
#include "hooks.h"
#include "packet.h"

static unsigned int hook_in(void *priv, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	return nf_conntrack_in(skb, state);
}

static unsigned int hook_local_v4(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *tmpl;

	if (likely(!ip_is_fragment(ip_hdr(skb))))
		return nf_conntrack_in(skb, state);

	/* A socket sends ready-made fragments (IP_NODEFRAG): not to be tracked. */
	tmpl = nf_ct_get(skb, &ctinfo);
	if (tmpl && nf_ct_is_template(tmpl)) {
		skb->_nfct = 0;
		nf_ct_put(tmpl);
	}

	return NF_ACCEPT;
}

/* Layer 4 offset for the helpers of a packet, negative if it has none. */
static int protocol_offset(const struct sk_buff *skb, u8 l3num)
{
	unsigned int dataoff;
	u8 l4num;

	if (!ctng_l4_offset(skb, skb_network_offset(skb), l3num, &dataoff, &l4num))
		return -1;

	return dataoff;
}

static bool seqadj_needed(const struct sk_buff *skb, const struct nf_conn *ct)
{
	return test_bit(IPS_SEQ_ADJUST_BIT, &ct->status) && !nf_is_loopback_packet(skb);
}

/* What is left to do with a packet that its helper let through. */
static unsigned int adjust_and_confirm(struct sk_buff *skb, unsigned int protoff,
				       struct nf_conn *ct, enum ip_conntrack_info ctinfo,
				       bool adjust)
{
	if (adjust && !nf_ct_seq_adjust(skb, ct, ctinfo, protoff)) {
		ctng_count(nf_ct_net(ct), CTNG_R_SEQADJ);
		NF_CT_STAT_INC_ATOMIC(nf_ct_net(ct), drop);
		return NF_DROP;
	}

	return nf_conntrack_confirm(skb);
}

static unsigned int help_and_confirm(struct sk_buff *skb, unsigned int protoff,
				     struct nf_conn *ct, enum ip_conntrack_info ctinfo)
{
	const struct nf_conntrack_helper *helper;
	const struct nf_conn_help *help = nfct_help(ct);
	bool adjust = seqadj_needed(skb, ct);
	unsigned int verdict;

	if (help) {
		/* The helper may be gone since an unconfirmed connection got it. */
		if (!nf_ct_is_confirmed(ct) && unlikely(!ctng_ext_confirm(ct))) {
			ctng_count(nf_ct_net(ct), CTNG_R_DYING);
			return NF_DROP;
		}
		helper = rcu_dereference(help->helper);
		if (helper) {
			verdict = ctng_help(helper, skb, protoff, ct, ctinfo);
			if (verdict != NF_ACCEPT)
				return verdict;
		}
	}
	if (CTNG_SEQADJ_AT_ONCE)
		adjust = seqadj_needed(skb, ct);

	return adjust_and_confirm(skb, protoff, ct, ctinfo, adjust);
}

/**
 * ctng_finish_queued() - finish a packet whose helper is in user space
 * @skb: the packet, come back from there.
 *
 * Its helper sent it to a queue from within the confirm hook, and the packet
 * goes on behind that hook.
 *
 * Context: any, under RCU.
 * Return: NF_ACCEPT or NF_DROP.
 */
unsigned int ctng_finish_queued(struct sk_buff *skb)
{
	const struct nf_conntrack_helper *helper;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	const struct nf_conn_help *help = nfct_help(ct);
	int protoff;

	if (!help)
		return NF_ACCEPT;

	helper = rcu_dereference(help->helper);
	if (!helper || !(helper->flags & NF_CT_HELPER_F_USERSPACE))
		return NF_ACCEPT;

	protoff = protocol_offset(skb, nf_ct_l3num(ct));
	if (protoff < 0)
		return NF_ACCEPT;

	return adjust_and_confirm(skb, protoff, ct, ctinfo, seqadj_needed(skb, ct));
}

/* A VRF sends its packets through POSTROUTING twice: only the second counts. */
static bool on_way_to_vrf(const struct nf_hook_state *state)
{
	return state->hook == NF_INET_POST_ROUTING && state->out &&
	       netif_is_l3_master(state->out);
}

static unsigned int confirm_packet(struct sk_buff *skb, const struct nf_hook_state *state,
				   u8 l3num)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	int protoff;

	/* Nearly always: it is in the table, and nobody but us wants to know of its packets. */
	if (!ct || likely(nf_ct_is_confirmed(ct) && !ct->ext) || on_way_to_vrf(state))
		return NF_ACCEPT;

	/*
	 * Only errors can be so. Those about a reply are IP_CT_RELATED, as are the packets of
	 * an expected connection until it is answered: helpers have to see these.
	 */
	if (ctinfo == IP_CT_RELATED_REPLY)
		return nf_conntrack_confirm(skb);

	if (likely(!nfct_help(ct) && !seqadj_needed(skb, ct)))
		return nf_conntrack_confirm(skb);

	protoff = protocol_offset(skb, l3num);
	if (protoff < 0)
		return nf_conntrack_confirm(skb);

	return help_and_confirm(skb, protoff, ct, ctinfo);
}

#ifdef CTNG_HAVE_CONFIRM_PROTOFF
/**
 * nf_confirm() - last thing that happens to a packet of a connection
 * @skb: the packet.
 * @protoff: offset of its layer 4 header.
 * @ct: its connection.
 * @ctinfo: its direction.
 *
 * Context: any, under RCU.
 * Return: verdict.
 */
unsigned int nf_confirm(struct sk_buff *skb, unsigned int protoff,
			struct nf_conn *ct, enum ip_conntrack_info ctinfo)
{
	return help_and_confirm(skb, protoff, ct, ctinfo);
}

static unsigned int hook_confirm(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	return confirm_packet(skb, state, state->pf);
}
#else
/**
 * nf_confirm() - last thing that happens to a packet of a connection
 * @priv: unused.
 * @skb: the packet; its connection is confirmed if it isn't yet.
 * @state: the hook, also of a bridge.
 *
 * Context: any, under RCU.
 * Return: verdict.
 */
unsigned int nf_confirm(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	u8 l3num = state->pf;

	if (l3num == NFPROTO_BRIDGE) {
		if (skb->protocol == htons(ETH_P_IP))
			l3num = NFPROTO_IPV4;
		else if (skb->protocol == htons(ETH_P_IPV6))
			l3num = NFPROTO_IPV6;
		else
			return nf_conntrack_confirm(skb);
	}

	return confirm_packet(skb, state, l3num);
}

#define hook_confirm	nf_confirm
#endif

#define CTNG_HOOK(_hook, _pf, _hooknum, _priority) {			\
	.hook		= (_hook),					\
	.pf		= (_pf),					\
	.hooknum	= (_hooknum),					\
	.priority	= (_priority),					\
}

const struct nf_hook_ops ctng_hooks_v4[CTNG_HOOKS] = {
	CTNG_HOOK(hook_in, NFPROTO_IPV4, NF_INET_PRE_ROUTING, NF_IP_PRI_CONNTRACK),
	CTNG_HOOK(hook_local_v4, NFPROTO_IPV4, NF_INET_LOCAL_OUT, NF_IP_PRI_CONNTRACK),
	CTNG_HOOK(hook_confirm, NFPROTO_IPV4, NF_INET_POST_ROUTING,
		  NF_IP_PRI_CONNTRACK_CONFIRM),
	CTNG_HOOK(hook_confirm, NFPROTO_IPV4, NF_INET_LOCAL_IN,
		  NF_IP_PRI_CONNTRACK_CONFIRM),
};

const struct nf_hook_ops ctng_hooks_v6[CTNG_HOOKS] = {
	CTNG_HOOK(hook_in, NFPROTO_IPV6, NF_INET_PRE_ROUTING, NF_IP6_PRI_CONNTRACK),
	CTNG_HOOK(hook_in, NFPROTO_IPV6, NF_INET_LOCAL_OUT, NF_IP6_PRI_CONNTRACK),
	CTNG_HOOK(hook_confirm, NFPROTO_IPV6, NF_INET_POST_ROUTING, NF_IP6_PRI_LAST),
	CTNG_HOOK(hook_confirm, NFPROTO_IPV6, NF_INET_LOCAL_IN, NF_IP6_PRI_LAST - 1),
};
