// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMPv6 (RFC 4443) and node information queries (RFC 4620). Neighbour
 * discovery (RFC 4861) and multicast listener discovery (RFC 2710, RFC 3810) are
 * between a host and its link and have no connection.
 */

#include <linux/icmpv6.h>
#include <linux/ipv6.h>
#include <linux/netfilter_ipv6.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "../../include/compat.h"
#include "icmp.h"
#include "nlattr.h"
#include "proto.h"

#define DEFAULT_TIMEOUT	(30 * HZ)

/* RFC 4861, 4.6.3: type, length, six reserved bytes; then the packet */
#define REDIRECTED_HEADER_SIZE	8

static const struct ctng_icmp_query queries[] = {
	{ ICMPV6_ECHO_REQUEST,	ICMPV6_ECHO_REPLY },
	{ ICMPV6_NI_QUERY,	ICMPV6_NI_REPLY },
};

static const struct ctng_icmp_family family = {
	.queries	= queries,
	.n		= ARRAY_SIZE(queries),
	.attr_id	= CTA_PROTO_ICMPV6_ID,
	.attr_type	= CTA_PROTO_ICMPV6_TYPE,
	.attr_code	= CTA_PROTO_ICMPV6_CODE,
	.flag_id	= CTNG_TUPLE_ICMPV6_ID,
	.flag_type	= CTNG_TUPLE_ICMPV6_TYPE,
	.flag_code	= CTNG_TUPLE_ICMPV6_CODE,
};

static bool icmpv6_invert(struct nf_conntrack_tuple *inverse,
			  const struct nf_conntrack_tuple *orig)
{
	return ctng_icmp_invert(&family, inverse, orig);
}

static bool stays_on_link(u8 type)
{
	switch (type) {
	case ICMPV6_MGM_QUERY:
	case ICMPV6_MGM_REPORT:
	case ICMPV6_MGM_REDUCTION:
	case NDISC_ROUTER_SOLICITATION:
	case NDISC_ROUTER_ADVERTISEMENT:
	case NDISC_NEIGHBOUR_SOLICITATION:
	case NDISC_NEIGHBOUR_ADVERTISEMENT:
	case ICMPV6_MLD2_REPORT:
		return true;
	}

	return CTNG_UNTRACKED_MRDISC(type);
}

/*
 * A redirect quotes the packet in an option. RFC 4861, 8.1 says what makes it
 * valid; routers send the quote first.
 */
static enum ctng_fate follow_redirect(struct ctng_pkt *pkt, const struct nf_conn *tmpl, u8 code)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(pkt->skb);
	unsigned int options = pkt->dataoff + sizeof(struct rd_msg);
	const struct nd_opt_hdr *opt;
	struct nd_opt_hdr buf;

	if (pkt->skb->len < options)
		return ctng_invalid(pkt, NULL, CTNG_R_SHORT_HEADER, "short redirect");

	/* with another code it is none, and so nothing that we know */
	if (code)
		return CTNG_TRACK;

	if (ip6h->hop_limit != 255 ||
	    !(ipv6_addr_type(&ip6h->saddr) & IPV6_ADDR_LINKLOCAL))
		return ctng_invalid(pkt, NULL, CTNG_R_ICMP_INNER,
				    "invalid saddr or hoplimit for redirect");

	opt = skb_header_pointer(pkt->skb, options, sizeof(buf), &buf);
	if (!opt || !opt->nd_opt_len)
		return ctng_invalid(pkt, NULL, CTNG_R_ICMP_INNER, "redirect without options");

	/* with no quote it is about no packet; packet() has the say */
	if (opt->nd_opt_type != ND_OPT_REDIRECT_HDR)
		return CTNG_TRACK;

	return ctng_icmp_related(pkt, tmpl, options + REDIRECTED_HEADER_SIZE);
}

static enum ctng_fate icmpv6_error(struct ctng_pkt *pkt, const struct nf_conn *tmpl)
{
	const struct ctng_icmp_header *icmp;
	struct net *net = pkt->state->net;
	struct ctng_icmp_header buf;

	/* ICMPv6 in an IPv4 packet: packet() has the say */
	if (pkt->l3num != NFPROTO_IPV6)
		return CTNG_TRACK;

	icmp = ctng_icmp_header(pkt->skb, pkt->dataoff, &buf);
	if (!icmp)
		return ctng_invalid(pkt, NULL, CTNG_R_SHORT_HEADER, "short packet");

	/* Only what comes in from outside needs the check: the rest is our own. */
	if (READ_ONCE(net->ct.sysctl_checksum) &&
	    pkt->state->hook == NF_INET_PRE_ROUTING &&
	    nf_ip6_checksum(pkt->skb, pkt->state->hook, pkt->dataoff, IPPROTO_ICMPV6))
		return ctng_invalid(pkt, NULL, CTNG_R_CHECKSUM, "ICMPv6 checksum failed");

	if (stays_on_link(icmp->type)) {
		nf_ct_set(pkt->skb, NULL, IP_CT_UNTRACKED);
		return CTNG_TRACK;
	}

	if (icmp->type == NDISC_REDIRECT)
		return follow_redirect(pkt, tmpl, icmp->code);

	/* RFC 4443, 2.1: the high bit says that it is no error */
	if (icmp->type & ICMPV6_INFOMSG_MASK)
		return CTNG_TRACK;

	return ctng_icmp_related(pkt, tmpl, pkt->dataoff + sizeof(*icmp));
}

static enum ctng_fate icmpv6_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	const struct nf_conntrack_tuple *orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	const unsigned int *timeout;

	if (pkt->l3num != NFPROTO_IPV6 ||
	    (!nf_ct_is_confirmed(ct) &&
	     !ctng_icmp_is_query(&family, orig->dst.u.icmp.type))) {
		ctng_count(pkt->state->net, CTNG_R_ICMP_TYPE);
		return CTNG_INVALID;
	}

	timeout = ctng_proto_timeouts(&ctng_proto_icmpv6, ct);
	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(*timeout));

	return CTNG_TRACK;
}

static unsigned int *icmpv6_timeouts(struct net *net)
{
	return &nf_icmpv6_pernet(net)->timeout;
}

static void icmpv6_init_net(struct net *net)
{
	nf_icmpv6_pernet(net)->timeout = DEFAULT_TIMEOUT;
}

static int icmpv6_to_nlattr(struct sk_buff *skb, const struct nf_conntrack_tuple *tuple)
{
	return ctng_icmp_to_nlattr(&family, skb, tuple);
}

static int icmpv6_from_nlattr(struct nlattr *tb[], struct nf_conntrack_tuple *tuple,
			      u_int32_t flags)
{
	return ctng_icmp_from_nlattr(&family, tb, tuple, flags);
}

static int icmpv6_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = icmpv6_timeouts(net);

	ctng_timeouts_from_nlattr(tb, data ?: defaults, defaults, 1);

	return 0;
}

static int icmpv6_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	return ctng_timeouts_to_nlattr(skb, data, 1);
}

static const struct nla_policy icmpv6_nla_policy[CTA_PROTO_MAX + 1] = {
	[CTA_PROTO_ICMPV6_ID]	= { .type = NLA_U16 },
	[CTA_PROTO_ICMPV6_TYPE]	= { .type = NLA_U8 },
	[CTA_PROTO_ICMPV6_CODE]	= { .type = NLA_U8 },
};

const struct nf_conntrack_l4proto nf_conntrack_l4proto_icmpv6 = {
	.l4proto		= IPPROTO_ICMPV6,
	.allow_clash		= true,
	.tuple_to_nlattr	= icmpv6_to_nlattr,
	.nlattr_to_tuple	= icmpv6_from_nlattr,
	.nlattr_tuple_size	= ctng_icmp_nlattr_size,
	.nla_policy		= icmpv6_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= icmpv6_timeouts_from_nlattr,
		.obj_to_nlattr	= icmpv6_timeouts_to_nlattr,
		.obj_size	= sizeof(unsigned int),
		.nlattr_max	= CTA_TIMEOUT_ICMPV6_MAX,
		.nla_policy	= ctng_timeout_nla_policy,
	},
};

const struct ctng_proto ctng_proto_icmpv6 = {
	.abi		= &nf_conntrack_l4proto_icmpv6,
	.tuple		= ctng_icmp_tuple,
	.invert		= icmpv6_invert,
	.error		= icmpv6_error,
	.packet		= icmpv6_packet,
	.timeouts	= icmpv6_timeouts,
	.init_net	= icmpv6_init_net,
};
