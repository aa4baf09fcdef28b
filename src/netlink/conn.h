/* SPDX-License-Identifier: GPL-2.0-only */
/* The messages about connections; private to them. */
#ifndef CTNG_NETLINK_CONN_H
#define CTNG_NETLINK_CONN_H

#include "../core/walk.h"
#include "netlink.h"

/* stats.c */
int ctng_nl_stats_cpu(struct sk_buff *skb, const struct nfnl_info *info,
		      const struct nlattr * const cda[]);
int ctng_nl_stats(struct sk_buff *skb, const struct nfnl_info *info,
		  const struct nlattr * const cda[]);

#endif /* CTNG_NETLINK_CONN_H */
