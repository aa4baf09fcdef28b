// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queries of ICMP and ICMPv6. A query and its answer make a connection. Its
 * tuple has the identifier as source; type and code as destination.
 */

#include <net/netlink.h>

#include "icmp.h"

/**
 * ctng_icmp_is_query() - may a message of this type start a connection
 * @family: ICMP or ICMPv6.
 * @type: the type.
 *
 * Context: any.
 * Return: whether it is a query.
 */
bool ctng_icmp_is_query(const struct ctng_icmp_family *family, u8 type)
{
	unsigned int i;

	for (i = 0; i < family->n; i++) {
		if (family->queries[i].query == type)
			return true;
	}

	return false;
}

/**
 * ctng_icmp_tuple() - read the tuple of a message
 * @skb: the packet.
 * @dataoff: offset of the message.
 * @net: the namespace.
 * @tuple: its src.u and dst.u are set.
 *
 * Context: any.
 * Return: false if the header is cut short.
 */
bool ctng_icmp_tuple(const struct sk_buff *skb, unsigned int dataoff,
		     struct net *net, struct nf_conntrack_tuple *tuple)
{
	const struct ctng_icmp_header *icmp;
	struct ctng_icmp_header buf;

	icmp = ctng_icmp_header(skb, dataoff, &buf);
	if (!icmp)
		return false;

	tuple->src.u.icmp.id = icmp->id;
	tuple->dst.u.icmp.type = icmp->type;
	tuple->dst.u.icmp.code = icmp->code;

	return true;
}

static bool counterpart(const struct ctng_icmp_family *family, u8 type, u8 *other)
{
	const struct ctng_icmp_query *q = family->queries, *end = q + family->n;

	for (; q < end; q++) {
		if (q->query == type || q->answer == type) {
			*other = q->query == type ? q->answer : q->query;
			return true;
		}
	}

	return false;
}

/**
 * ctng_icmp_invert() - the tuple of the answer to a message
 * @family: ICMP or ICMPv6.
 * @inverse: its src.u and dst.u are set.
 * @orig: tuple of the message.
 *
 * Context: any.
 * Return: false unless the message is a query or the answer to one.
 */
bool ctng_icmp_invert(const struct ctng_icmp_family *family,
		      struct nf_conntrack_tuple *inverse,
		      const struct nf_conntrack_tuple *orig)
{
	if (!counterpart(family, orig->dst.u.icmp.type, &inverse->dst.u.icmp.type))
		return false;

	inverse->src.u.icmp.id = orig->src.u.icmp.id;
	inverse->dst.u.icmp.code = orig->dst.u.icmp.code;

	return true;
}

/**
 * ctng_icmp_to_nlattr() - write identifier, type and code of a tuple
 * @family: ICMP or ICMPv6.
 * @skb: the message.
 * @tuple: the tuple.
 *
 * Context: any.
 * Return: 0, or -1 if there is no room.
 */
int ctng_icmp_to_nlattr(const struct ctng_icmp_family *family, struct sk_buff *skb,
			const struct nf_conntrack_tuple *tuple)
{
	if (nla_put_be16(skb, family->attr_id, tuple->src.u.icmp.id) ||
	    nla_put_u8(skb, family->attr_type, tuple->dst.u.icmp.type) ||
	    nla_put_u8(skb, family->attr_code, tuple->dst.u.icmp.code))
		return -1;

	return 0;
}

/**
 * ctng_icmp_from_nlattr() - read identifier, type and code of a tuple
 * @family: ICMP or ICMPv6.
 * @tb: attributes by number, checked against the protocol's policy.
 * @tuple: gets them.
 * @flags: which of them to read.
 *
 * Context: any.
 * Return: 0, or -EINVAL if one of those is missing, or if no connection can
 * have such a type.
 */
int ctng_icmp_from_nlattr(const struct ctng_icmp_family *family, struct nlattr *tb[],
			  struct nf_conntrack_tuple *tuple, u32 flags)
{
	u8 other;

	if (flags & family->flag_type) {
		if (!tb[family->attr_type])
			return -EINVAL;
		tuple->dst.u.icmp.type = nla_get_u8(tb[family->attr_type]);
		if (!counterpart(family, tuple->dst.u.icmp.type, &other))
			return -EINVAL;
	}

	if (flags & family->flag_code) {
		if (!tb[family->attr_code])
			return -EINVAL;
		tuple->dst.u.icmp.code = nla_get_u8(tb[family->attr_code]);
	}

	if (flags & family->flag_id) {
		if (!tb[family->attr_id])
			return -EINVAL;
		tuple->src.u.icmp.id = nla_get_be16(tb[family->attr_id]);
	}

	return 0;
}

/**
 * ctng_icmp_nlattr_size() - room for identifier, type and code in a message
 *
 * Context: any.
 * Return: the size in bytes.
 */
unsigned int ctng_icmp_nlattr_size(void)
{
	return nla_total_size(sizeof(__be16)) + 2 * nla_total_size(sizeof(u8));
}
