// SPDX-License-Identifier: GPL-2.0-only
/* Which connections a dump, or a flush, is about. */

#include <net/netfilter/nf_conntrack_core.h>

#include "conn.h"

static const struct nla_policy filter_policy[CTA_FILTER_MAX + 1] = {
	[CTA_FILTER_ORIG_FLAGS]		= NLA_POLICY_MASK(NLA_U32, CTNG_NL_WHOLE_TUPLE),
	[CTA_FILTER_REPLY_FLAGS]	= NLA_POLICY_MASK(NLA_U32, CTNG_NL_WHOLE_TUPLE),
};

/**
 * ctng_nl_has_filter() - does a request choose among the connections?
 * @family: the address family that counts, or NFPROTO_UNSPEC.
 * @cda: its attributes.
 *
 * Context: any.
 * Return: whether it does.
 */
bool ctng_nl_has_filter(u8 family, const struct nlattr * const cda[])
{
	return family || cda[CTA_ID] || cda[CTA_ZONE] || cda[CTA_MARK] || cda[CTA_STATUS] ||
	       cda[CTA_FILTER];
}

static int parse_dir(struct ctng_nl_filter *filter, enum ip_conntrack_dir dir, u32 parts,
		     const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	struct nf_conntrack_zone zone = nf_ct_zone_dflt;
	int err;

	if (!parts)
		return 0;
	if (!attr) {
		NL_SET_ERR_MSG(extack, "The filter names parts of a tuple that is missing");
		return -EINVAL;
	}

	err = ctng_nl_parse_tuple(attr, filter->family, parts, &filter->dir[dir].tuple,
				  dir, &zone, extack);
	if (err)
		return err;

	/* A tuple without a zone leaves it open, whatever the flags say. */
	if (zone.dir == NF_CT_DEFAULT_ZONE_DIR)
		parts &= ~CTNG_NL_ZONE;
	filter->dir[dir].parts = parts;
	filter->dir[dir].zone = zone.id;

	return 0;
}

static int parse_tuples(struct ctng_nl_filter *filter, const struct nlattr * const cda[],
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_FILTER_MAX + 1];
	u32 parts[IP_CT_DIR_MAX] = {};
	int err;

	err = nla_parse_nested(tb, CTA_FILTER_MAX, cda[CTA_FILTER], filter_policy, extack);
	if (err)
		return err;

	if (tb[CTA_FILTER_ORIG_FLAGS])
		parts[IP_CT_DIR_ORIGINAL] = nla_get_u32(tb[CTA_FILTER_ORIG_FLAGS]);
	if (tb[CTA_FILTER_REPLY_FLAGS])
		parts[IP_CT_DIR_REPLY] = nla_get_u32(tb[CTA_FILTER_REPLY_FLAGS]);

	return parse_dir(filter, IP_CT_DIR_ORIGINAL, parts[IP_CT_DIR_ORIGINAL],
			 cda[CTA_TUPLE_ORIG], extack) ?:
	       parse_dir(filter, IP_CT_DIR_REPLY, parts[IP_CT_DIR_REPLY],
			 cda[CTA_TUPLE_REPLY], extack);
}

static int parse_status(struct ctng_nl_filter *filter, const struct nlattr * const cda[],
			struct netlink_ext_ack *extack)
{
	filter->status = ntohl(nla_get_be32(cda[CTA_STATUS]));
	filter->status_mask = cda[CTA_STATUS_MASK] ? ntohl(nla_get_be32(cda[CTA_STATUS_MASK])) :
						     filter->status;
	if (!filter->status_mask) {
		NL_SET_ERR_MSG_ATTR(extack, cda[CTA_STATUS], "The status to filter by is empty");
		return -EINVAL;
	}

	return 0;
}

/**
 * ctng_nl_filter_parse() - read the filter of a request
 * @filter: set.
 * @family: the address family that counts, or NFPROTO_UNSPEC.
 * @cda: attributes of the request.
 * @extack: gets the reason of an error.
 *
 * Context: under RCU.
 * Return: 0 or -errno.
 */
int ctng_nl_filter_parse(struct ctng_nl_filter *filter, u8 family,
			 const struct nlattr * const cda[], struct netlink_ext_ack *extack)
{
	int err = 0;

	memset(filter, 0, sizeof(*filter));
	filter->family = family;

	if (cda[CTA_ID]) {
		filter->by_id = true;
		filter->id = nla_get_be32(cda[CTA_ID]);
	}
	if (cda[CTA_ZONE]) {
		filter->by_zone = true;
		filter->zone = ntohs(nla_get_be16(cda[CTA_ZONE]));
	}
	if (cda[CTA_MARK]) {
		filter->mark = ntohl(nla_get_be32(cda[CTA_MARK]));
		filter->mark_mask = cda[CTA_MARK_MASK] ?
			ntohl(nla_get_be32(cda[CTA_MARK_MASK])) : U32_MAX;
	}
	if (cda[CTA_STATUS])
		err = parse_status(filter, cda, extack);
	if (!err && cda[CTA_FILTER])
		err = parse_tuples(filter, cda, extack);

	return err;
}

static bool address_match(u8 family, const union nf_inet_addr *want,
			  const union nf_inet_addr *have)
{
	return family == NFPROTO_IPV4 ? want->ip == have->ip :
					ipv6_addr_equal(&want->in6, &have->in6);
}

/* Identifier, type and code of ICMP and ICMPv6, which count where the bits say so. */
static bool icmp_match(const struct nf_conntrack_tuple *want,
		       const struct nf_conntrack_tuple *have, bool id, bool type, bool code)
{
	return (!id || want->src.u.icmp.id == have->src.u.icmp.id) &&
	       (!type || want->dst.u.icmp.type == have->dst.u.icmp.type) &&
	       (!code || want->dst.u.icmp.code == have->dst.u.icmp.code);
}

static bool proto_match(const struct nf_conntrack_tuple *want,
			const struct nf_conntrack_tuple *have, u32 parts)
{
	if (want->dst.protonum != have->dst.protonum)
		return false;

	switch (want->dst.protonum) {
	case IPPROTO_ICMP:
		return icmp_match(want, have, parts & CTNG_NL_ICMP_ID,
				  parts & CTNG_NL_ICMP_TYPE, parts & CTNG_NL_ICMP_CODE);
	case IPPROTO_ICMPV6:
		return icmp_match(want, have, parts & CTNG_NL_ICMPV6_ID,
				  parts & CTNG_NL_ICMPV6_TYPE, parts & CTNG_NL_ICMPV6_CODE);
	default:
		return (!(parts & CTNG_NL_SRC_PORT) || want->src.u.all == have->src.u.all) &&
		       (!(parts & CTNG_NL_DST_PORT) || want->dst.u.all == have->dst.u.all);
	}
}

static bool dir_match(const struct ctng_nl_filter *filter, const struct nf_conn *ct,
		      enum ip_conntrack_dir dir)
{
	const struct nf_conntrack_tuple *want = &filter->dir[dir].tuple;
	const struct nf_conntrack_tuple *have = nf_ct_tuple(ct, dir);
	u32 parts = filter->dir[dir].parts;

	if (parts & CTNG_NL_IP_SRC &&
	    !address_match(want->src.l3num, &want->src.u3, &have->src.u3))
		return false;
	if (parts & CTNG_NL_IP_DST &&
	    !address_match(want->src.l3num, &want->dst.u3, &have->dst.u3))
		return false;
	if (parts & CTNG_NL_ZONE && filter->dir[dir].zone != nf_ct_zone_id(nf_ct_zone(ct), dir))
		return false;

	return !(parts & CTNG_NL_PROTO_NUM) || proto_match(want, have, parts);
}

/**
 * ctng_nl_filter_match() - is a connection one of those?
 * @filter: the filter.
 * @ct: the connection.
 *
 * Context: any.
 * Return: whether it is.
 */
bool ctng_nl_filter_match(const struct ctng_nl_filter *filter, const struct nf_conn *ct)
{
	if (filter->family && filter->family != nf_ct_l3num(ct))
		return false;
	if ((READ_ONCE(ct->mark) & filter->mark_mask) != filter->mark)
		return false;
	if ((READ_ONCE(ct->status) & filter->status_mask) != filter->status)
		return false;
	if (filter->by_zone && filter->zone != nf_ct_zone(ct)->id)
		return false;
	if (!dir_match(filter, ct, IP_CT_DIR_ORIGINAL) || !dir_match(filter, ct, IP_CT_DIR_REPLY))
		return false;

	return !filter->by_id || filter->id == (__force __be32)nf_ct_get_id(ct);
}
