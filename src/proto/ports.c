// SPDX-License-Identifier: GPL-2.0-only
/* Netlink attributes of protocols with ports, and of those with a timeout or two. */

#include <net/netfilter/nf_conntrack_l4proto.h>

#include "nlattr.h"

const struct nla_policy nf_ct_port_nla_policy[CTA_PROTO_MAX + 1] = {
	[CTA_PROTO_SRC_PORT]	= { .type = NLA_U16 },
	[CTA_PROTO_DST_PORT]	= { .type = NLA_U16 },
};

/**
 * nf_ct_port_tuple_to_nlattr() - write the ports of a tuple
 * @skb: the message.
 * @tuple: the tuple.
 *
 * Context: any.
 * Return: 0, or -1 if there is no room.
 */
int nf_ct_port_tuple_to_nlattr(struct sk_buff *skb, const struct nf_conntrack_tuple *tuple)
{
	if (nla_put_be16(skb, CTA_PROTO_SRC_PORT, tuple->src.u.all) ||
	    nla_put_be16(skb, CTA_PROTO_DST_PORT, tuple->dst.u.all))
		return -1;

	return 0;
}

/**
 * nf_ct_port_nlattr_to_tuple() - read the ports of a tuple
 * @tb: attributes by number, checked against nf_ct_port_nla_policy.
 * @t: gets the ports.
 * @flags: which of them to read.
 *
 * Context: any.
 * Return: 0, or -EINVAL if one of those is missing.
 */
int nf_ct_port_nlattr_to_tuple(struct nlattr *tb[], struct nf_conntrack_tuple *t,
			       u_int32_t flags)
{
	if (flags & CTNG_TUPLE_SRC_PORT) {
		if (!tb[CTA_PROTO_SRC_PORT])
			return -EINVAL;
		t->src.u.all = nla_get_be16(tb[CTA_PROTO_SRC_PORT]);
	}

	if (flags & CTNG_TUPLE_DST_PORT) {
		if (!tb[CTA_PROTO_DST_PORT])
			return -EINVAL;
		t->dst.u.all = nla_get_be16(tb[CTA_PROTO_DST_PORT]);
	}

	return 0;
}

/**
 * nf_ct_port_nlattr_tuple_size() - room for the ports of a tuple in a message
 *
 * Context: any.
 * Return: the size in bytes.
 */
unsigned int nf_ct_port_nlattr_tuple_size(void)
{
	return 2 * nla_total_size(sizeof(__be16));
}

const struct nla_policy ctng_timeout_nla_policy[CTNG_TIMEOUT_ATTR_MAX + 1] = {
	[1] = { .type = NLA_U32 },
	[2] = { .type = NLA_U32 },
};

/**
 * ctng_timeouts_from_nlattr() - read timeouts
 * @tb: attributes by number, checked against ctng_timeout_nla_policy.
 * @timeouts: set, in jiffies.
 * @defaults: those of the namespace, for timeouts that @tb leaves out; may be
 *	@timeouts itself.
 * @n: number of timeouts.
 *
 * Context: any.
 */
void ctng_timeouts_from_nlattr(struct nlattr *tb[], unsigned int *timeouts,
			       const unsigned int *defaults, unsigned int n)
{
	unsigned int i, timeout;

	for (i = 0; i < n; i++) {
		timeout = READ_ONCE(defaults[i]);
		if (tb[i + 1])
			timeout = ntohl(nla_get_be32(tb[i + 1])) * HZ;
		/* packets read it without a lock */
		WRITE_ONCE(timeouts[i], timeout);
	}
}

/**
 * ctng_timeouts_to_nlattr() - write timeouts
 * @skb: the message.
 * @timeouts: in jiffies.
 * @n: number of timeouts.
 *
 * Context: any.
 * Return: 0, or -ENOSPC if there is no room.
 */
int ctng_timeouts_to_nlattr(struct sk_buff *skb, const unsigned int *timeouts,
			    unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (nla_put_be32(skb, i + 1, htonl(READ_ONCE(timeouts[i]) / HZ)))
			return -ENOSPC;
	}

	return 0;
}
