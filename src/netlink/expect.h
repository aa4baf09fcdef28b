/* SPDX-License-Identifier: GPL-2.0-only */
/* The messages about expectations; private to them, their events and packets in a queue. */
#ifndef CTNG_NETLINK_EXPECT_H
#define CTNG_NETLINK_EXPECT_H

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>

#include "netlink.h"

extern const struct nla_policy ctng_nl_expect_policy[CTA_EXPECT_MAX + 1];

/* expect_put.c */
__be32 ctng_nl_expect_id(const struct nf_conntrack_expect *exp);
int ctng_nl_put_expect_msg(struct sk_buff *skb, struct nf_conntrack_expect *exp,
			   u32 portid, u32 seq, unsigned int flags, int event);
size_t ctng_nl_size_expect_msg(const struct nf_conntrack_expect *exp);

/* expect_find.c */
bool ctng_nl_expect_pin(struct nf_conntrack_expect *exp);
void ctng_nl_expect_unpin(struct nf_conntrack_expect *exp);
int ctng_nl_expect_key(const struct nfnl_info *info, const struct nlattr * const cda[],
		       struct nf_conntrack_tuple *tuple, struct nf_conntrack_zone *zone);
struct nf_conn *ctng_nl_expect_master(const struct nfnl_info *info,
				      const struct nlattr * const cda[],
				      const struct nf_conntrack_zone *zone);

/* expect_parse.c */
struct nf_conntrack_expect *
ctng_nl_parse_expect(const struct nlattr * const cda[], struct nf_conn *master, u8 l3num,
		     const struct nf_conntrack_tuple *tuple, struct netlink_ext_ack *extack);

/* one for each message: expect_get.c, expect_dump.c, expect_new.c, expect_delete.c */
int ctng_nl_expect_get(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[]);
int ctng_nl_expect_dump(struct sk_buff *skb, const struct nfnl_info *info,
			const struct nlattr * const cda[]);
int ctng_nl_expect_new(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[]);
int ctng_nl_expect_delete(struct sk_buff *skb, const struct nfnl_info *info,
			  const struct nlattr * const cda[]);
int ctng_nl_expect_stats_cpu(struct sk_buff *skb, const struct nfnl_info *info,
			     const struct nlattr * const cda[]);

#endif /* CTNG_NETLINK_EXPECT_H */
