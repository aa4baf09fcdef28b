// SPDX-License-Identifier: GPL-2.0-only
/*
 * GRE (RFC 2784, RFC 2890) and the enhanced GRE of PPTP (RFC 2637).
 *
 * Plain GRE is one flow for each pair of hosts. PPTP's names a call, by the
 * number that the receiver gave it; the sender's own number for the same call
 * is in the control connection only. The PPTP helper reads it there and notes
 * both in the key map, so that the two directions make one connection.
 */

#include <linux/netfilter/nf_conntrack_pptp.h>
#include <linux/netfilter/nf_conntrack_proto_gre.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "gre.h"
#include "nlattr.h"
#include "proto.h"

static const unsigned int default_timeouts[GRE_CT_MAX] = {
	[GRE_CT_UNREPLIED]	= 30 * HZ,
	[GRE_CT_REPLIED]	= 180 * HZ,
};

/*
 * Held to change a keymap_list or the pointers to its entries in struct
 * nf_ct_pptp_master; readers of the list are under RCU.
 */
static DEFINE_SPINLOCK(keymap_lock);

/* The source key of @t is what a look-up asks for. */
static bool keymap_matches(const struct nf_ct_gre_keymap *km,
			   const struct nf_conntrack_tuple *t)
{
	return km->tuple.src.l3num == t->src.l3num &&
	       nf_inet_addr_cmp(&km->tuple.src.u3, &t->src.u3) &&
	       __nf_ct_tuple_dst_equal(&km->tuple, t);
}

/* Zero for a call that no control connection told of. */
static __be16 keymap_find(struct net *net, const struct nf_conntrack_tuple *t)
{
	const struct nf_ct_gre_keymap *km;

	list_for_each_entry_rcu(km, &nf_gre_pernet(net)->keymap_list, list) {
		if (keymap_matches(km, t))
			return km->tuple.src.u.gre.key;
	}

	return 0;
}

static int keymap_add_locked(struct nf_ct_gre_keymap **slot, struct list_head *list,
			     const struct nf_conntrack_tuple *t)
{
	struct nf_ct_gre_keymap *km = *slot;

	lockdep_assert_held(&keymap_lock);

	/* the control message again */
	if (km)
		return keymap_matches(km, t) ? 0 : -EEXIST;

	km = kmalloc(sizeof(*km), GFP_ATOMIC);
	if (!km)
		return -ENOMEM;

	km->tuple = *t;
	list_add_tail_rcu(&km->list, list);
	*slot = km;

	return 0;
}

/**
 * nf_ct_gre_keymap_add() - note both keys of a call
 * @ct: the control connection, with the PPTP helper.
 * @dir: direction of the packets that @t is for; one call for each.
 * @t: tuple of these packets, with both keys.
 *
 * Context: softirq or BH off.
 * Return: 0, also if it is known; -EEXIST if @ct has another call in this
 * direction; -ENOMEM.
 */
int nf_ct_gre_keymap_add(struct nf_conn *ct, enum ip_conntrack_dir dir,
			 struct nf_conntrack_tuple *t)
{
	struct nf_ct_pptp_master *master = nfct_help_data(ct);
	struct list_head *list = &nf_gre_pernet(nf_ct_net(ct))->keymap_list;
	int err;

	spin_lock_bh(&keymap_lock);
	err = keymap_add_locked(&master->keymap[dir], list, t);
	spin_unlock_bh(&keymap_lock);

	return err;
}

/**
 * nf_ct_gre_keymap_destroy() - forget the calls of a control connection
 * @ct: the control connection. It may have another helper, and what lies in its
 *	data then is no key map: only what is in the list is taken for one.
 *
 * Context: any but hard interrupts.
 */
void nf_ct_gre_keymap_destroy(struct nf_conn *ct)
{
	struct list_head *list = &nf_gre_pernet(nf_ct_net(ct))->keymap_list;
	struct nf_conn_help *help = nfct_help(ct);
	struct nf_ct_gre_keymap *km, *next, **slot;
	struct nf_ct_pptp_master *master;

	if (!help)
		return;

	master = (void *)help->data;

	spin_lock_bh(&keymap_lock);
	list_for_each_entry_safe(km, next, list, list) {
		for (slot = master->keymap; slot < master->keymap + IP_CT_DIR_MAX; slot++) {
			if (*slot != km)
				continue;
			*slot = NULL;
			list_del_rcu(&km->list);
			kfree_rcu(km, rcu);
		}
	}
	spin_unlock_bh(&keymap_lock);
}

/**
 * ctng_gre_exit_net() - forget what control connections left behind
 * @net: the namespace; no connection is left that has the PPTP helper.
 *
 * A helper that goes away leaves its connections without telling them.
 *
 * Context: process.
 */
void ctng_gre_exit_net(struct net *net)
{
	struct nf_ct_gre_keymap *km, *next;

	spin_lock_bh(&keymap_lock);
	list_for_each_entry_safe(km, next, &nf_gre_pernet(net)->keymap_list, list) {
		list_del_rcu(&km->list);
		kfree_rcu(km, rcu);
	}
	spin_unlock_bh(&keymap_lock);
}

static bool gre_tuple(const struct sk_buff *skb, unsigned int dataoff,
		      struct net *net, struct nf_conntrack_tuple *tuple)
{
	const struct gre_base_hdr *base;
	/* up to the call: the rest of the header is none of our business */
	struct {
		struct gre_base_hdr	base;
		__be16			payload_len;
		__be16			call_id;
	} buf;
	const typeof(buf) *pptp;

	tuple->src.u.all = 0;
	tuple->dst.u.all = 0;

	base = skb_header_pointer(skb, dataoff, sizeof(buf.base), &buf.base);
	if (!base || (base->flags & GRE_VERSION) != GRE_VERSION_1)
		return true;

	pptp = skb_header_pointer(skb, dataoff, sizeof(buf), &buf);
	if (!pptp)
		return true;

	if (pptp->base.protocol != GRE_PROTO_PPP)
		return false;

	tuple->dst.u.gre.key = pptp->call_id;
	tuple->src.u.gre.key = keymap_find(net, tuple);

	return true;
}

static enum ctng_fate gre_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	unsigned int *timeouts;

	if (!nf_ct_is_confirmed(ct)) {
		timeouts = ctng_proto_timeouts(&ctng_proto_gre, ct);
		ct->proto.gre.timeout = READ_ONCE(timeouts[GRE_CT_UNREPLIED]);
		ct->proto.gre.stream_timeout = READ_ONCE(timeouts[GRE_CT_REPLIED]);
	}

	if (!test_bit(IPS_SEEN_REPLY_BIT, &ct->status)) {
		nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb,
				   READ_ONCE(ct->proto.gre.timeout));
		return CTNG_TRACK;
	}

	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb,
			   READ_ONCE(ct->proto.gre.stream_timeout));

	if (!test_bit(IPS_NAT_CLASH_BIT, &ct->status) &&
	    !test_bit(IPS_ASSURED_BIT, &ct->status) &&
	    !test_and_set_bit(IPS_ASSURED_BIT, &ct->status))
		nf_conntrack_event_cache(IPCT_ASSURED, ct);

	return CTNG_TRACK;
}

/*
 * A call's keys go with its connection, as in-tree, though the control connection goes on:
 * what comes of the call from then on is of no call. What another helper has expected is no
 * call.
 */
static void gre_child_gone(struct nf_conn *ct)
{
	const struct nf_conn_help *help = nfct_help(ct->master);
	const struct nf_conntrack_helper *helper;

	if (!help)
		return;

	rcu_read_lock();
	helper = rcu_dereference(help->helper);
	if (helper && !strcmp(helper->name, "pptp"))
		nf_ct_gre_keymap_destroy(ct->master);
	rcu_read_unlock();
}

static void gre_print(struct seq_file *s, struct nf_conn *ct)
{
	seq_printf(s, "timeout=%u, stream_timeout=%u ",
		   READ_ONCE(ct->proto.gre.timeout) / HZ,
		   READ_ONCE(ct->proto.gre.stream_timeout) / HZ);
}

static unsigned int *gre_timeouts(struct net *net)
{
	return nf_gre_pernet(net)->timeouts;
}

static void gre_init_net(struct net *net)
{
	struct nf_gre_net *gn = nf_gre_pernet(net);

	INIT_LIST_HEAD(&gn->keymap_list);
	memcpy(gn->timeouts, default_timeouts, sizeof(gn->timeouts));
}

static int gre_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = gre_timeouts(net);

	ctng_timeouts_from_nlattr(tb, data ?: defaults, defaults, GRE_CT_MAX);

	return 0;
}

static int gre_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	return ctng_timeouts_to_nlattr(skb, data, GRE_CT_MAX);
}

static_assert(GRE_CT_UNREPLIED + 1 == CTA_TIMEOUT_GRE_UNREPLIED);
static_assert(GRE_CT_REPLIED + 1 == CTA_TIMEOUT_GRE_REPLIED);

const struct nf_conntrack_l4proto nf_conntrack_l4proto_gre = {
	.l4proto		= IPPROTO_GRE,
	.allow_clash		= true,
	.tuple_to_nlattr	= nf_ct_port_tuple_to_nlattr,
	.nlattr_to_tuple	= nf_ct_port_nlattr_to_tuple,
	.nlattr_tuple_size	= nf_ct_port_nlattr_tuple_size,
	.nla_policy		= nf_ct_port_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= gre_timeouts_from_nlattr,
		.obj_to_nlattr	= gre_timeouts_to_nlattr,
		.obj_size	= sizeof(unsigned int) * GRE_CT_MAX,
		.nlattr_max	= CTA_TIMEOUT_GRE_MAX,
		.nla_policy	= ctng_timeout_nla_policy,
	},
	.print_conntrack	= gre_print,
};

const struct ctng_proto ctng_proto_gre = {
	.abi		= &nf_conntrack_l4proto_gre,
	.tuple		= gre_tuple,
	.packet		= gre_packet,
	.timeouts	= gre_timeouts,
	.init_net	= gre_init_net,
	.child_gone	= gre_child_gone,
};
