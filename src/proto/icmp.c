// SPDX-License-Identifier: GPL-2.0-only
/* ICMP (RFC 792, RFC 950). */

#include <linux/icmp.h>
#include <linux/netfilter_ipv4.h>

#include "icmp.h"
#include "nlattr.h"
#include "proto.h"

#define DEFAULT_TIMEOUT	(30 * HZ)

static const struct ctng_icmp_query queries[] = {
	{ ICMP_ECHO,		ICMP_ECHOREPLY },
	{ ICMP_TIMESTAMP,	ICMP_TIMESTAMPREPLY },
	{ ICMP_INFO_REQUEST,	ICMP_INFO_REPLY },
	{ ICMP_ADDRESS,		ICMP_ADDRESSREPLY },
};

static const struct ctng_icmp_family family = {
	.queries	= queries,
	.n		= ARRAY_SIZE(queries),
	.attr_id	= CTA_PROTO_ICMP_ID,
	.attr_type	= CTA_PROTO_ICMP_TYPE,
	.attr_code	= CTA_PROTO_ICMP_CODE,
	.flag_id	= CTNG_TUPLE_ICMP_ID,
	.flag_type	= CTNG_TUPLE_ICMP_TYPE,
	.flag_code	= CTNG_TUPLE_ICMP_CODE,
};

static bool icmp_invert(struct nf_conntrack_tuple *inverse,
			const struct nf_conntrack_tuple *orig)
{
	return ctng_icmp_invert(&family, inverse, orig);
}

static bool is_error(u8 type)
{
	switch (type) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return true;
	}

	return false;
}

static enum ctng_fate icmp_error(struct ctng_pkt *pkt, const struct nf_conn *tmpl)
{
	const struct ctng_icmp_header *icmp;
	struct net *net = pkt->state->net;
	struct ctng_icmp_header buf;

	/* ICMP in an IPv6 packet: packet() has the say */
	if (pkt->l3num != NFPROTO_IPV4)
		return CTNG_TRACK;

	icmp = ctng_icmp_header(pkt->skb, pkt->dataoff, &buf);
	if (!icmp)
		return ctng_invalid(pkt, NULL, CTNG_R_SHORT_HEADER, "short packet");

	/* Only what comes in from outside needs the check: the rest is our own. */
	if (READ_ONCE(net->ct.sysctl_checksum) &&
	    pkt->state->hook == NF_INET_PRE_ROUTING &&
	    nf_ip_checksum(pkt->skb, pkt->state->hook, pkt->dataoff, IPPROTO_ICMP))
		return ctng_invalid(pkt, NULL, CTNG_R_CHECKSUM, "bad hw icmp checksum");

	if (icmp->type > NR_ICMP_TYPES)
		return ctng_invalid(pkt, NULL, CTNG_R_ICMP_TYPE, "invalid icmp type");

	if (!is_error(icmp->type))
		return CTNG_TRACK;

	return ctng_icmp_related(pkt, tmpl, pkt->dataoff + sizeof(*icmp));
}

static enum ctng_fate icmp_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	const struct nf_conntrack_tuple *orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	const unsigned int *timeout;

	if (pkt->l3num != NFPROTO_IPV4 ||
	    (!nf_ct_is_confirmed(ct) &&
	     !ctng_icmp_is_query(&family, orig->dst.u.icmp.type))) {
		ctng_count(pkt->state->net, CTNG_R_ICMP_TYPE);
		return CTNG_INVALID;
	}

	timeout = ctng_proto_timeouts(&ctng_proto_icmp, ct);
	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(*timeout));

	return CTNG_TRACK;
}

static unsigned int *icmp_timeouts(struct net *net)
{
	return &nf_icmp_pernet(net)->timeout;
}

static void icmp_init_net(struct net *net)
{
	nf_icmp_pernet(net)->timeout = DEFAULT_TIMEOUT;
}

static int icmp_to_nlattr(struct sk_buff *skb, const struct nf_conntrack_tuple *tuple)
{
	return ctng_icmp_to_nlattr(&family, skb, tuple);
}

static int icmp_from_nlattr(struct nlattr *tb[], struct nf_conntrack_tuple *tuple,
			    u_int32_t flags)
{
	return ctng_icmp_from_nlattr(&family, tb, tuple, flags);
}

static int icmp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = icmp_timeouts(net);

	ctng_timeouts_from_nlattr(tb, data ?: defaults, defaults, 1);

	return 0;
}

static int icmp_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	return ctng_timeouts_to_nlattr(skb, data, 1);
}

static const struct nla_policy icmp_nla_policy[CTA_PROTO_MAX + 1] = {
	[CTA_PROTO_ICMP_ID]	= { .type = NLA_U16 },
	[CTA_PROTO_ICMP_TYPE]	= { .type = NLA_U8 },
	[CTA_PROTO_ICMP_CODE]	= { .type = NLA_U8 },
};

const struct nf_conntrack_l4proto nf_conntrack_l4proto_icmp = {
	.l4proto		= IPPROTO_ICMP,
	.allow_clash		= true,
	.tuple_to_nlattr	= icmp_to_nlattr,
	.nlattr_to_tuple	= icmp_from_nlattr,
	.nlattr_tuple_size	= ctng_icmp_nlattr_size,
	.nla_policy		= icmp_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= icmp_timeouts_from_nlattr,
		.obj_to_nlattr	= icmp_timeouts_to_nlattr,
		.obj_size	= sizeof(unsigned int),
		.nlattr_max	= CTA_TIMEOUT_ICMP_MAX,
		.nla_policy	= ctng_timeout_nla_policy,
	},
};

const struct ctng_proto ctng_proto_icmp = {
	.abi		= &nf_conntrack_l4proto_icmp,
	.tuple		= ctng_icmp_tuple,
	.invert		= icmp_invert,
	.error		= icmp_error,
	.packet		= icmp_packet,
	.timeouts	= icmp_timeouts,
	.init_net	= icmp_init_net,
};
