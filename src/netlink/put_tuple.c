// SPDX-License-Identifier: GPL-2.0-only
/* Tuples and zones as netlink attributes. */

#include <net/netfilter/nf_conntrack_l4proto.h>

#include "netlink.h"

/*
 * Nearly all tuples are of these two forms, and written as a whole: put piece by piece they would
 * take most of the time that a dump takes.
 */
#define HEADER(type, size)	{ .nla_len = NLA_HDRLEN + (size), .nla_type = (type) }
#define NEST(type, size)	HEADER(NLA_F_NESTED | (type), size)

struct ports {
	struct nlattr	nest;
	struct nlattr	num_attr;
	u8		num;
	u8		num_pad[3];
	struct nlattr	src_attr;
	__be16		src;
	__be16		src_pad;
	struct nlattr	dst_attr;
	__be16		dst;
	__be16		dst_pad;
};

struct flow4 {
	struct nlattr	nest;
	struct nlattr	ip;
	struct nlattr	src_attr;
	__be32		src;
	struct nlattr	dst_attr;
	__be32		dst;
	struct ports	proto;
};

struct flow6 {
	struct nlattr	nest;
	struct nlattr	ip;
	struct nlattr	src_attr;
	struct in6_addr	src;
	struct nlattr	dst_attr;
	struct in6_addr	dst;
	struct ports	proto;
};

#define PORTS {								\
	.nest	  = NEST(CTA_TUPLE_PROTO, sizeof(struct ports) - NLA_HDRLEN),	\
	.num_attr = HEADER(CTA_PROTO_NUM, sizeof(u8)),			\
	.src_attr = HEADER(CTA_PROTO_SRC_PORT, sizeof(__be16)),		\
	.dst_attr = HEADER(CTA_PROTO_DST_PORT, sizeof(__be16)),		\
}

static const struct flow4 flow4 = {
	.nest	  = NEST(0, sizeof(struct flow4) - NLA_HDRLEN),
	.ip	  = NEST(CTA_TUPLE_IP, 2 * (NLA_HDRLEN + sizeof(__be32))),
	.src_attr = HEADER(CTA_IP_V4_SRC, sizeof(__be32)),
	.dst_attr = HEADER(CTA_IP_V4_DST, sizeof(__be32)),
	.proto	  = PORTS,
};

static const struct flow6 flow6 = {
	.nest	  = NEST(0, sizeof(struct flow6) - NLA_HDRLEN),
	.ip	  = NEST(CTA_TUPLE_IP, 2 * (NLA_HDRLEN + sizeof(struct in6_addr))),
	.src_attr = HEADER(CTA_IP_V6_SRC, sizeof(struct in6_addr)),
	.dst_attr = HEADER(CTA_IP_V6_DST, sizeof(struct in6_addr)),
	.proto	  = PORTS,
};

static void write_ports(struct ports *at, const struct nf_conntrack_tuple *tuple)
{
	at->num = tuple->dst.protonum;
	at->src = tuple->src.u.all;
	at->dst = tuple->dst.u.all;
}

static int put_flow4(struct sk_buff *skb, int attr, const struct nf_conntrack_tuple *tuple)
{
	struct flow4 *at;

	if (unlikely(skb_tailroom(skb) < sizeof(*at)))
		return -EMSGSIZE;

	at = __skb_put(skb, sizeof(*at));
	*at = flow4;
	at->nest.nla_type |= attr;
	at->src = tuple->src.u3.ip;
	at->dst = tuple->dst.u3.ip;
	write_ports(&at->proto, tuple);

	return 0;
}

static int put_flow6(struct sk_buff *skb, int attr, const struct nf_conntrack_tuple *tuple)
{
	struct flow6 *at;

	if (unlikely(skb_tailroom(skb) < sizeof(*at)))
		return -EMSGSIZE;

	at = __skb_put(skb, sizeof(*at));
	*at = flow6;
	at->nest.nla_type |= attr;
	at->src = tuple->src.u3.in6;
	at->dst = tuple->dst.u3.in6;
	write_ports(&at->proto, tuple);

	return 0;
}

static bool has_ports(const struct nf_conntrack_tuple *tuple)
{
	return nf_ct_l4proto_find(tuple->dst.protonum)->tuple_to_nlattr ==
	       nf_ct_port_tuple_to_nlattr;
}

static int put_addresses(struct sk_buff *skb, const struct nf_conntrack_tuple *tuple)
{
	struct nlattr *nest = nla_nest_start(skb, CTA_TUPLE_IP);
	int err = 0;

	if (!nest)
		return -EMSGSIZE;

	switch (tuple->src.l3num) {
	case NFPROTO_IPV4:
		err = nla_put_in_addr(skb, CTA_IP_V4_SRC, tuple->src.u3.ip) ?:
		      nla_put_in_addr(skb, CTA_IP_V4_DST, tuple->dst.u3.ip);
		break;
	case NFPROTO_IPV6:
		err = nla_put_in6_addr(skb, CTA_IP_V6_SRC, &tuple->src.u3.in6) ?:
		      nla_put_in6_addr(skb, CTA_IP_V6_DST, &tuple->dst.u3.in6);
		break;
	}
	if (err)
		return err;

	nla_nest_end(skb, nest);

	return 0;
}

static int put_proto(struct sk_buff *skb, const struct nf_conntrack_tuple *tuple)
{
	const struct nf_conntrack_l4proto *l4proto = nf_ct_l4proto_find(tuple->dst.protonum);
	struct nlattr *nest = nla_nest_start(skb, CTA_TUPLE_PROTO);

	if (!nest || nla_put_u8(skb, CTA_PROTO_NUM, tuple->dst.protonum))
		return -EMSGSIZE;

	if (l4proto->tuple_to_nlattr && l4proto->tuple_to_nlattr(skb, tuple))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_tuple_zone() - put a tuple, and the zone of its direction
 * @skb: the message.
 * @attr: which attribute the tuple is.
 * @tuple: the tuple.
 * @zone: the zone; put if it is that of direction @dir alone. May be NULL.
 * @dir: the direction.
 *
 * Context: under RCU.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_tuple_zone(struct sk_buff *skb, int attr,
			   const struct nf_conntrack_tuple *tuple,
			   const struct nf_conntrack_zone *zone,
			   enum ip_conntrack_dir dir)
{
	bool has_zone = zone && zone->id != NF_CT_DEFAULT_ZONE_ID && zone->dir == BIT(dir);
	struct nlattr *nest;
	int err;

	if (likely(!has_zone && has_ports(tuple))) {
		if (tuple->src.l3num == NFPROTO_IPV4)
			return put_flow4(skb, attr, tuple);
		if (tuple->src.l3num == NFPROTO_IPV6)
			return put_flow6(skb, attr, tuple);
	}

	nest = nla_nest_start(skb, attr);
	if (!nest)
		return -EMSGSIZE;

	err = put_addresses(skb, tuple) ?: put_proto(skb, tuple);
	if (!err && zone && zone->dir == BIT(dir))
		err = ctng_nl_put_zone(skb, CTA_TUPLE_ZONE, zone);
	if (err)
		return err;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_tuple() - put a tuple without a zone
 * @skb: the message.
 * @attr: which attribute it is.
 * @tuple: the tuple.
 *
 * Context: under RCU.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_tuple(struct sk_buff *skb, int attr,
		      const struct nf_conntrack_tuple *tuple)
{
	return ctng_nl_put_tuple_zone(skb, attr, tuple, NULL, IP_CT_DIR_ORIGINAL);
}

/**
 * ctng_nl_put_zone() - put the number of a zone
 * @skb: the message.
 * @attr: which attribute it is.
 * @zone: the zone; nothing is put for the default one.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_zone(struct sk_buff *skb, int attr,
		     const struct nf_conntrack_zone *zone)
{
	if (zone->id == NF_CT_DEFAULT_ZONE_ID)
		return 0;

	return nla_put_be16(skb, attr, htons(zone->id));
}

/**
 * ctng_nl_put_tuples() - put both tuples of a connection and its zone
 * @skb: the message.
 * @ct: the connection.
 *
 * A zone of both directions is an attribute of the message, that of one direction
 * an attribute of its tuple.
 *
 * Context: under RCU.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_tuples(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conntrack_zone *zone = nf_ct_zone(ct);
	int err;

	err = ctng_nl_put_tuple_zone(skb, CTA_TUPLE_ORIG, nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL),
				     zone, IP_CT_DIR_ORIGINAL) ?:
	      ctng_nl_put_tuple_zone(skb, CTA_TUPLE_REPLY, nf_ct_tuple(ct, IP_CT_DIR_REPLY),
				     zone, IP_CT_DIR_REPLY);
	if (!err && zone->dir == NF_CT_DEFAULT_ZONE_DIR)
		err = ctng_nl_put_zone(skb, CTA_ZONE, zone);

	return err;
}

/**
 * ctng_nl_put_master() - put the tuple of the connection that expected this one
 * @skb: the message.
 * @ct: the connection; nothing is put if it was not expected.
 *
 * Context: under RCU.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_master(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conn *master = ct->master;

	if (!master)
		return 0;

	return ctng_nl_put_tuple_zone(skb, CTA_TUPLE_MASTER,
				      nf_ct_tuple(master, IP_CT_DIR_ORIGINAL),
				      nf_ct_zone(master), IP_CT_DIR_ORIGINAL);
}

/**
 * ctng_nl_size_tuple() - room for a tuple with a zone
 * @l3num: its address family.
 * @protonum: its protocol.
 *
 * Context: under RCU.
 * Return: the size in bytes, the attribute's own header included.
 */
size_t ctng_nl_size_tuple(u8 l3num, u8 protonum)
{
	const struct nf_conntrack_l4proto *l4proto = nf_ct_l4proto_find(protonum);
	size_t addr = l3num == NFPROTO_IPV6 ? sizeof(struct in6_addr) : sizeof(__be32);

	return 3 * nla_total_size(0) +		/* the nests: tuple, IP, protocol */
	       2 * nla_total_size(addr) +
	       nla_total_size(sizeof(u8)) +	/* CTA_PROTO_NUM */
	       nla_total_size(sizeof(__be16)) +	/* CTA_TUPLE_ZONE */
	       (l4proto->nlattr_tuple_size ? l4proto->nlattr_tuple_size() : 0);
}
