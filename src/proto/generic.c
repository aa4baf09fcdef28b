// SPDX-License-Identifier: GPL-2.0-only
/* Every protocol that has no tracker of its own: one flow for each pair of hosts. */

#include "nlattr.h"
#include "proto.h"

#define DEFAULT_TIMEOUT	(600 * HZ)

static bool generic_tuple(const struct sk_buff *skb, unsigned int dataoff,
			  struct net *net, struct nf_conntrack_tuple *tuple)
{
	tuple->src.u.all = 0;
	tuple->dst.u.all = 0;

	return true;
}

static enum ctng_fate generic_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	const unsigned int *timeout = ctng_proto_timeouts(&ctng_proto_generic, ct);

	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(*timeout));

	return CTNG_TRACK;
}

static unsigned int *generic_timeouts(struct net *net)
{
	return &nf_generic_pernet(net)->timeout;
}

static void generic_init_net(struct net *net)
{
	nf_generic_pernet(net)->timeout = DEFAULT_TIMEOUT;
}

static int generic_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = generic_timeouts(net);

	ctng_timeouts_from_nlattr(tb, data ?: defaults, defaults, 1);

	return 0;
}

static int generic_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	return ctng_timeouts_to_nlattr(skb, data, 1);
}

const struct nf_conntrack_l4proto nf_conntrack_l4proto_generic = {
	.l4proto		= 255,
	.allow_clash		= true,
	.ctnl_timeout		= {
		.nlattr_to_obj	= generic_timeouts_from_nlattr,
		.obj_to_nlattr	= generic_timeouts_to_nlattr,
		.obj_size	= sizeof(unsigned int),
		.nlattr_max	= CTA_TIMEOUT_GENERIC_MAX,
		.nla_policy	= ctng_timeout_nla_policy,
	},
};

const struct ctng_proto ctng_proto_generic = {
	.abi		= &nf_conntrack_l4proto_generic,
	.tuple		= generic_tuple,
	.packet		= generic_packet,
	.timeouts	= generic_timeouts,
	.init_net	= generic_init_net,
};
