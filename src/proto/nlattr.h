/* SPDX-License-Identifier: GPL-2.0-only */
/* Netlink attributes that several protocols share. */
#ifndef CTNG_NLATTR_H
#define CTNG_NLATTR_H

#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/netlink.h>

/*
 * Which parts of a tuple a request names, as the callers of
 * nf_conntrack_l4proto.nlattr_to_tuple tell it: one bit for each attribute,
 * all bits for a whole tuple.
 */
#define CTNG_TUPLE_SRC_PORT	BIT(4)
#define CTNG_TUPLE_DST_PORT	BIT(5)
#define CTNG_TUPLE_ICMP_TYPE	BIT(6)
#define CTNG_TUPLE_ICMP_CODE	BIT(7)
#define CTNG_TUPLE_ICMP_ID	BIT(8)
#define CTNG_TUPLE_ICMPV6_TYPE	BIT(9)
#define CTNG_TUPLE_ICMPV6_CODE	BIT(10)
#define CTNG_TUPLE_ICMPV6_ID	BIT(11)

/*
 * Timeouts of a protocol that has one or two: attribute n is timeout n - 1, in
 * seconds of 32 bits.
 */
#define CTNG_TIMEOUT_ATTR_MAX	2

extern const struct nla_policy ctng_timeout_nla_policy[CTNG_TIMEOUT_ATTR_MAX + 1];

void ctng_timeouts_from_nlattr(struct nlattr *tb[], unsigned int *timeouts,
			       const unsigned int *defaults, unsigned int n);
int ctng_timeouts_to_nlattr(struct sk_buff *skb, const unsigned int *timeouts,
			    unsigned int n);

#endif /* CTNG_NLATTR_H */
