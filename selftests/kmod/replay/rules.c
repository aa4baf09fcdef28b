// SPDX-License-Identifier: GPL-2.0-only
/* What rules and other modules do to connections: NAT, zones, marks, labels, helpers. */

#include <linux/module.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/tcp.h>
#include <linux/kmemleak.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_synproxy.h>
#include <net/netfilter/nf_conntrack_timeout.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netfilter/nf_nat.h>
#include <net/netfilter/nf_nat_helper.h>

#include "replay.h"

#define LABEL_BITS	127

/* The world that plays; the hooks have no other way to it. */
struct world *replay_world;

static bool nat_is_on;

/*
 * Ports are left as they are, or all become one: nothing may depend on the random numbers
 * that look for a free one.
 */
static unsigned int do_nat(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	enum nf_nat_manip_type manip = HOOK2MANIP(state->hook);
	struct world *w = replay_world;
	enum ip_conntrack_info ctinfo;
	struct nf_nat_range2 range = { .flags = NF_NAT_RANGE_MAP_IPS };
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	if (!w || !(w->nat & (manip == NF_NAT_MANIP_SRC ? NAT_SRC : NAT_DST)))
		return NF_ACCEPT;

	range.min_addr = w->addr[manip == NF_NAT_MANIP_SRC ? HOST_NAT : HOST_B2];
	range.max_addr = range.min_addr;
	if (w->nat & NAT_PORT) {
		range.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
		range.min_proto.all = NAT_TO_PORT;
		range.max_proto.all = NAT_TO_PORT;
	}
	if (w->nat & NAT_KEEP)
		range.flags |= NF_NAT_RANGE_PERSISTENT;

	return nf_nat_setup_info(ct, &range, manip);
}

#define NAT_OPS(_pf, _hook) { .hook = do_nat, .pf = _pf, .hooknum = _hook, .priority = 0 }

static const struct nf_hook_ops nat_ops[] = {
	NAT_OPS(NFPROTO_IPV4, NF_INET_PRE_ROUTING),
	NAT_OPS(NFPROTO_IPV4, NF_INET_POST_ROUTING),
	NAT_OPS(NFPROTO_IPV4, NF_INET_LOCAL_OUT),
	NAT_OPS(NFPROTO_IPV4, NF_INET_LOCAL_IN),
	NAT_OPS(NFPROTO_IPV6, NF_INET_PRE_ROUTING),
	NAT_OPS(NFPROTO_IPV6, NF_INET_POST_ROUTING),
	NAT_OPS(NFPROTO_IPV6, NF_INET_LOCAL_OUT),
	NAT_OPS(NFPROTO_IPV6, NF_INET_LOCAL_IN),
};

static void nat_off(struct net *net, unsigned int n)
{
	while (n--) {
		if (nat_ops[n].pf == NFPROTO_IPV4)
			nf_nat_ipv4_unregister_fn(net, &nat_ops[n]);
		else
			nf_nat_ipv6_unregister_fn(net, &nat_ops[n]);
	}
}

/*
 * Where the raw table is: behind defragmentation, so that no fragment has the template, and
 * before the tracker.
 */
static unsigned int give_template(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	struct world *w = replay_world;

	if (w && w->tmpl && !skb->_nfct) {
		nf_conntrack_get(&w->tmpl->ct_general);
		nf_ct_set(skb, w->tmpl, IP_CT_NEW);
	}

	return NF_ACCEPT;
}

#define RAW_OPS(_pf, _hook) {					\
	.hook = give_template, .pf = _pf, .hooknum = _hook, .priority = NF_IP_PRI_RAW,	\
}

static const struct nf_hook_ops raw_ops[] = {
	RAW_OPS(NFPROTO_IPV4, NF_INET_PRE_ROUTING),
	RAW_OPS(NFPROTO_IPV4, NF_INET_LOCAL_OUT),
	RAW_OPS(NFPROTO_IPV6, NF_INET_PRE_ROUTING),
	RAW_OPS(NFPROTO_IPV6, NF_INET_LOCAL_OUT),
};

/**
 * replay_nat_set() - have packets go through NAT
 * @net: in this namespace.
 * @on: or not.
 *
 * Context: process context, may sleep.
 * Return: 0 or an errno.
 */
int replay_nat_set(struct net *net, bool on)
{
	unsigned int i;
	int err;

	if (on == nat_is_on)
		return 0;
	nat_is_on = on;
	if (!on) {
		nat_off(net, ARRAY_SIZE(nat_ops));
		return 0;
	}

	for (i = 0; i < ARRAY_SIZE(nat_ops); i++) {
		if (nat_ops[i].pf == NFPROTO_IPV4)
			err = nf_nat_ipv4_register_fn(net, &nat_ops[i]);
		else
			err = nf_nat_ipv6_register_fn(net, &nat_ops[i]);
		if (err) {
			nat_off(net, i);
			nat_is_on = false;
			return err;
		}
	}

	return 0;
}

static void set_tuple(struct world *w, struct nf_conntrack_expect *exp, u8 l4num)
{
	const struct side *s = &w->flow[one_in(w, 4) ? 0 : 1].side[below(w, 2)];
	u8 pf = w->six ? NFPROTO_IPV6 : NFPROTO_IPV4;

	nf_ct_expect_init(exp, NF_CT_EXPECT_CLASS_DEFAULT, pf,
			  one_in(w, 3) ? NULL : &s->src, &s->dst, l4num,
			  one_in(w, 2) ? NULL : &s->sport, &s->dport);
}

/* Expects the other flow of the world, or one like it. */
static void expect(struct world *w, struct nf_conn *ct, enum ip_conntrack_info ctinfo)
{
	struct nf_conntrack_expect *exp = nf_ct_expect_alloc(ct);

	if (!exp)
		return;
	set_tuple(w, exp, w->flow[1].l4num);
	exp->flags = PICK(w, 0, 0, 0, NF_CT_EXPECT_PERMANENT, NF_CT_EXPECT_INACTIVE,
			  NF_CT_EXPECT_USERSPACE);
	if (one_in(w, 4))
		exp->helper = &replay_helper[0];
	if (w->nat && one_in(w, 2)) {
		exp->saved_proto.all = exp->tuple.dst.u.all;
		exp->saved_addr = exp->tuple.dst.u3;
		exp->dir = one_in(w, 2);
		exp->expectfn = nf_nat_follow_master;
	}
	w->rec->result = nf_ct_expect_related(exp, one_in(w, 8) ? NF_CT_EXP_F_SKIP_MASTER : 0);
	w->rec->helped = 2;
	nf_ct_expect_put(exp);
}

static int help(struct sk_buff *skb, unsigned int protoff, struct nf_conn *ct,
		enum ip_conntrack_info ctinfo)
{
	struct world *w = replay_world;
	const struct tcphdr *th;
	struct tcphdr buf;

	w->rec->helped = 1;
	switch (below(w, 8)) {
	case 0:
	case 1:
		expect(w, ct, ctinfo);
		break;
	case 2:
		nf_ct_remove_expectations(ct);
		break;
	case 3:
		if (nf_ct_protonum(ct) != IPPROTO_TCP || !nfct_seqadj(ct))
			break;
		th = skb_header_pointer(skb, protoff, sizeof(buf), &buf);
		if (th)
			nf_ct_seqadj_set(ct, ctinfo, th->seq, (s32)below(w, 41) - 20);
		break;
	case 4:
		return one_in(w, 4) ? NF_DROP : NF_ACCEPT;
	}

	return NF_ACCEPT;
}

static const struct nf_conntrack_expect_policy policy = {
	.max_expected	= 2,
	.timeout	= 30,
	.name		= "replay",
};

static const u8 helped[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_GRE };
struct nf_conntrack_helper replay_helper[2 * ARRAY_SIZE(helped)];

static struct nf_conntrack_helper *helper_for(const struct nf_conn *ct)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(replay_helper); i++)
		if (replay_helper[i].tuple.dst.protonum == nf_ct_protonum(ct) &&
		    replay_helper[i].tuple.src.l3num == nf_ct_l3num(ct))
			return &replay_helper[i];

	return NULL;
}

static void set_helper(struct nf_conn *ct)
{
	struct nf_conntrack_helper *helper = helper_for(ct);
	struct nf_conn_help *ext;

	if (!helper || nfct_help(ct))
		return;
	ext = nf_ct_helper_ext_add(ct, GFP_ATOMIC);
	if (!ext)
		return;
	rcu_assign_pointer(ext->helper, helper);
	if (!nf_ct_is_template(ct))
		__set_bit(IPS_HELPER_BIT, &ct->status);
}

static void set_labels(struct world *w, struct nf_conn *ct)
{
	u32 bits[4] = { rnd(w), rnd(w), rnd(w), rnd(w) };
	u32 mask[4] = { ~0, 0, rnd(w), ~0 };

	nf_connlabels_replace(ct, bits, mask, ARRAY_SIZE(bits));
}

/**
 * replay_rules_between() - what rules do to a packet between the first hook and the last
 * @w: the world.
 * @skb: the packet.
 */
void replay_rules_between(struct world *w, struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	u8 rules = w->rules;

	if (!ct)
		return;
	local_bh_disable();
	if (!w->gen->packet)
		replay_assist(w, ct);
	if (!nf_ct_is_confirmed(ct)) {
		if (rules & RULE_SEQADJ && one_in(w, 2))
			nfct_seqadj_ext_add(ct);
		if (rules & RULE_SYNPROXY && one_in(w, 2) && nf_ct_protonum(ct) == IPPROTO_TCP)
			nfct_synproxy_ext_add(ct);
		if (rules & RULE_HELPER && one_in(w, 2))
			set_helper(ct);
	}
	if (rules & RULE_MARK && one_in(w, 4)) {
		WRITE_ONCE(ct->mark, rnd(w));
		nf_conntrack_event_cache(IPCT_MARK, ct);
	}
	if (rules & RULE_LABELS && one_in(w, 4))
		set_labels(w, ct);
	local_bh_enable();
}

static void add_timeout_policy(struct world *w, struct nf_conn *tmpl)
{
	const struct nf_conntrack_l4proto *proto = nf_ct_l4proto_find(w->flow[0].l4num);
	unsigned int n = proto->ctnl_timeout.obj_size / sizeof(unsigned int);
	struct nf_ct_timeout *t = kzalloc(sizeof(*t) + proto->ctnl_timeout.obj_size, GFP_KERNEL);
	unsigned int *data, i;

	if (!t)
		return;
	t->l3num = w->six ? NFPROTO_IPV6 : NFPROTO_IPV4;
	t->l4proto = proto;
	refcount_set(&t->refcnt, 2);
	data = (unsigned int *)t->data;
	for (i = 0; i < n; i++)
		data[i] = (1005 + 10 * i) * HZ;
	/* stays for good, as small as it is: connections may still have it */
	kmemleak_not_leak(t);
	nf_ct_timeout_ext_add(tmpl, t, GFP_KERNEL);
}

/**
 * replay_template() - make the template that a rule of the raw table would give to packets
 * @w: the world, with its settings; w->tmpl stays NULL if there is no need for one.
 *
 * Context: process context, may sleep.
 * Return: 0 or an errno.
 */
int replay_template(struct world *w)
{
	bool helper = w->rules & RULE_HELPER && one_in(w, 2);

	if (w->zone.id == NF_CT_DEFAULT_ZONE_ID && !w->timeout_policy && !helper)
		return 0;
	w->tmpl = nf_ct_tmpl_alloc(w->net, &w->zone, GFP_KERNEL);
	if (!w->tmpl)
		return -ENOMEM;
	if (helper) {
		w->tmpl->tuplehash[0].tuple.src.l3num = w->six ? NFPROTO_IPV6 : NFPROTO_IPV4;
		w->tmpl->tuplehash[0].tuple.dst.protonum = w->gen->l4num;
		set_helper(w->tmpl);
	}
	if (w->timeout_policy)
		add_timeout_policy(w, w->tmpl);
	__set_bit(IPS_CONFIRMED_BIT, &w->tmpl->status);

	return 0;
}

/**
 * replay_rules_init() - register what the rules need
 * @net: in this namespace.
 *
 * Return: 0 or an errno.
 */
int replay_rules_init(struct net *net)
{
	unsigned int i;
	int err;

	err = nf_register_net_hooks(net, raw_ops, ARRAY_SIZE(raw_ops));
	if (err)
		return err;
	err = nf_connlabels_get(net, LABEL_BITS);
	if (err)
		goto no_labels;
	for (i = 0; i < ARRAY_SIZE(replay_helper); i++)
		nf_ct_helper_init(&replay_helper[i], i % 2 ? NFPROTO_IPV6 : NFPROTO_IPV4,
				  helped[i / 2], "replay", 0, 0, 0, &policy, 0, help, NULL,
				  THIS_MODULE);
	err = nf_conntrack_helpers_register(replay_helper, ARRAY_SIZE(replay_helper));
	if (!err)
		return 0;

	nf_connlabels_put(net);
no_labels:
	nf_unregister_net_hooks(net, raw_ops, ARRAY_SIZE(raw_ops));
	return err;
}

/**
 * replay_rules_exit() - the reverse of replay_rules_init()
 * @net: the namespace.
 */
void replay_rules_exit(struct net *net)
{
	replay_nat_set(net, false);
	nf_conntrack_helpers_unregister(replay_helper, ARRAY_SIZE(replay_helper));
	nf_connlabels_put(net);
	nf_unregister_net_hooks(net, raw_ops, ARRAY_SIZE(raw_ops));
}
