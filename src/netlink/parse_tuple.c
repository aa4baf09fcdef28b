// SPDX-License-Identifier: GPL-2.0-only
/* Netlink attributes read into tuples and zones. */

#include <net/netfilter/nf_conntrack_l4proto.h>

#include "netlink.h"

static const struct nla_policy tuple_policy[CTA_TUPLE_MAX + 1] = {
	[CTA_TUPLE_IP]		= { .type = NLA_NESTED },
	[CTA_TUPLE_PROTO]	= { .type = NLA_NESTED },
	[CTA_TUPLE_ZONE]	= { .type = NLA_U16 },
};

static const struct nla_policy ip_policy[CTA_IP_MAX + 1] = {
	[CTA_IP_V4_SRC]		= { .type = NLA_U32 },
	[CTA_IP_V4_DST]		= { .type = NLA_U32 },
	[CTA_IP_V6_SRC]		= { .len = sizeof(struct in6_addr) },
	[CTA_IP_V6_DST]		= { .len = sizeof(struct in6_addr) },
};

static const struct nla_policy proto_policy[CTA_PROTO_MAX + 1] = {
	[CTA_PROTO_NUM]		= { .type = NLA_U8 },
};

#define ANY_ADDRESS	(CTNG_NL_IP_SRC | CTNG_NL_IP_DST)
#define ANY_IN_PROTO	(CTNG_NL_WHOLE_TUPLE & ~(ANY_ADDRESS | CTNG_NL_ZONE))

static int parse_address(const struct nlattr *attr, u8 l3num, union nf_inet_addr *addr,
			 struct netlink_ext_ack *extack)
{
	if (!attr) {
		NL_SET_ERR_MSG(extack, "An address of the tuple is missing");
		return -EINVAL;
	}

	if (l3num == NFPROTO_IPV4)
		addr->ip = nla_get_in_addr(attr);
	else
		addr->in6 = nla_get_in6_addr(attr);

	return 0;
}

static int parse_ip(const struct nlattr *attr, u32 parts, struct nf_conntrack_tuple *tuple,
		    struct netlink_ext_ack *extack)
{
	u8 l3num = tuple->src.l3num;
	bool v4 = l3num == NFPROTO_IPV4;
	struct nlattr *tb[CTA_IP_MAX + 1];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "The tuple has no CTA_TUPLE_IP");
		return -EINVAL;
	}

	err = nla_parse_nested_deprecated(tb, CTA_IP_MAX, attr, ip_policy, extack);
	if (!err && parts & CTNG_NL_IP_SRC)
		err = parse_address(tb[v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC], l3num,
				    &tuple->src.u3, extack);
	if (!err && parts & CTNG_NL_IP_DST)
		err = parse_address(tb[v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST], l3num,
				    &tuple->dst.u3, extack);

	return err;
}

static int parse_proto(const struct nlattr *attr, u32 parts,
		       struct nf_conntrack_tuple *tuple, struct netlink_ext_ack *extack)
{
	const struct nf_conntrack_l4proto *l4proto;
	struct nlattr *tb[CTA_PROTO_MAX + 1];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "The tuple has no CTA_TUPLE_PROTO");
		return -EINVAL;
	}

	err = nla_parse_nested_deprecated(tb, CTA_PROTO_MAX, attr, proto_policy, extack);
	if (err)
		return err;

	/* Without the number nobody knows what the rest of the attribute means. */
	if (!(parts & CTNG_NL_PROTO_NUM)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "Ports, types or ids of which protocol?");
		return -EINVAL;
	}
	if (!tb[CTA_PROTO_NUM]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "The tuple has no CTA_PROTO_NUM");
		return -EINVAL;
	}
	tuple->dst.protonum = nla_get_u8(tb[CTA_PROTO_NUM]);

	l4proto = nf_ct_l4proto_find(tuple->dst.protonum);
	if (!l4proto->nlattr_to_tuple)
		return 0;

	err = nla_validate_nested_deprecated(attr, CTA_PROTO_MAX, l4proto->nla_policy, extack);
	if (err)
		return err;

	err = l4proto->nlattr_to_tuple(tb, tuple, parts);
	if (err)
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "Ports, or type, code and id, are missing or of no use");

	return err;
}

/**
 * ctng_nl_parse_zone() - read the zone of both directions
 * @attr: CTA_ZONE or the like, checked to have 2 bytes; NULL: the default zone.
 * @zone: set.
 * @extack: gets the reason of an error.
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ctng_nl_parse_zone(const struct nlattr *attr, struct nf_conntrack_zone *zone,
		       struct netlink_ext_ack *extack)
{
	nf_ct_zone_init(zone, attr ? ntohs(nla_get_be16(attr)) : NF_CT_DEFAULT_ZONE_ID,
			NF_CT_DEFAULT_ZONE_DIR, 0);

	return 0;
}

/* A zone is that of the whole connection or of one direction, not of both one by one. */
static int parse_dir_zone(const struct nlattr *attr, enum ip_conntrack_dir dir,
			  struct nf_conntrack_zone *zone, struct netlink_ext_ack *extack)
{
	if (!zone || zone->id != NF_CT_DEFAULT_ZONE_ID) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "There is a zone already, or none is possible");
		return -EINVAL;
	}

	nf_ct_zone_init(zone, ntohs(nla_get_be16(attr)),
			dir == IP_CT_DIR_ORIGINAL ? NF_CT_ZONE_DIR_ORIG : NF_CT_ZONE_DIR_REPL, 0);

	return 0;
}

/**
 * ctng_nl_parse_tuple() - read a tuple
 * @attr: the tuple.
 * @l3num: its address family.
 * @parts: which parts of it to read, CTNG_NL_WHOLE_TUPLE for all; those have to be
 *	there. The rest of @tuple is zero.
 * @tuple: set.
 * @dir: the direction it is to have.
 * @zone: of the connection as far as it is known; changed if the tuple has one.
 *	NULL: it must not.
 * @extack: gets the reason of an error.
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ctng_nl_parse_tuple(const struct nlattr *attr, u8 l3num, u32 parts,
			struct nf_conntrack_tuple *tuple,
			enum ip_conntrack_dir dir, struct nf_conntrack_zone *zone,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1];
	int err;

	memset(tuple, 0, sizeof(*tuple));
	tuple->src.l3num = l3num;
	tuple->dst.dir = dir;

	err = nla_parse_nested_deprecated(tb, CTA_TUPLE_MAX, attr, tuple_policy, extack);
	if (err)
		return err;

	if (l3num != NFPROTO_IPV4 && l3num != NFPROTO_IPV6) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "A tuple is of IPv4 or IPv6");
		return -EOPNOTSUPP;
	}

	if (parts & ANY_ADDRESS)
		err = parse_ip(tb[CTA_TUPLE_IP], parts, tuple, extack);
	if (!err && parts & ANY_IN_PROTO)
		err = parse_proto(tb[CTA_TUPLE_PROTO], parts, tuple, extack);
	if (!err && parts & CTNG_NL_ZONE && tb[CTA_TUPLE_ZONE])
		err = parse_dir_zone(tb[CTA_TUPLE_ZONE], dir, zone, extack);

	return err;
}
