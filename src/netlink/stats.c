// SPDX-License-Identifier: GPL-2.0-only
/* Requests for statistics: by CPU, and of the namespace. */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "conn.h"

/* What the kernel ceased to count has no attribute. */
static int put_counts(struct sk_buff *skb, const struct ip_conntrack_stat *stat)
{
	const struct {
		int attr;
		unsigned int n;
	} counts[] = {
		{ CTA_STATS_FOUND,		READ_ONCE(stat->found) },
		{ CTA_STATS_INVALID,		READ_ONCE(stat->invalid) },
		{ CTA_STATS_INSERT,		READ_ONCE(stat->insert) },
		{ CTA_STATS_INSERT_FAILED,	READ_ONCE(stat->insert_failed) },
		{ CTA_STATS_DROP,		READ_ONCE(stat->drop) },
		{ CTA_STATS_EARLY_DROP,		READ_ONCE(stat->early_drop) },
		{ CTA_STATS_ERROR,		READ_ONCE(stat->error) },
		{ CTA_STATS_SEARCH_RESTART,	READ_ONCE(stat->search_restart) },
		{ CTA_STATS_CLASH_RESOLVE,	READ_ONCE(stat->clash_resolve) },
		{ CTA_STATS_CHAIN_TOOLONG,	READ_ONCE(stat->chaintoolong) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		if (nla_put_be32(skb, counts[i].attr, htonl(counts[i].n)))
			return -EMSGSIZE;
	}

	return 0;
}

/* cb->args[0] is the next CPU. */
static int dump_cpus(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	unsigned int cpu = cb->args[0];
	struct nlmsghdr *nlh;

	for (cpu = cpumask_next(cpu - 1, cpu_possible_mask); cpu < nr_cpu_ids;
	     cpu = cpumask_next(cpu, cpu_possible_mask)) {
		nlh = nfnl_msg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   nfnl_msg_type(NFNL_SUBSYS_CTNETLINK,
						 IPCTNL_MSG_CT_GET_STATS_CPU),
				   NLM_F_MULTI, NFPROTO_UNSPEC, NFNETLINK_V0, htons(cpu));
		if (!nlh)
			break;
		if (put_counts(skb, per_cpu_ptr(net->ct.stat, cpu))) {
			nlmsg_cancel(skb, nlh);
			break;
		}
		nlmsg_end(skb, nlh);
	}
	cb->args[0] = cpu;

	return skb->len;
}

/**
 * ctng_nl_stats_cpu() - IPCTNL_MSG_CT_GET_STATS_CPU: what happened, by CPU
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_stats_cpu(struct sk_buff *skb, const struct nfnl_info *info,
		      const struct nlattr * const cda[])
{
	struct netlink_dump_control c = { .dump = dump_cpus };

	if (!(info->nlh->nlmsg_flags & NLM_F_DUMP))
		return 0;

	return netlink_dump_start(info->sk, skb, info->nlh, &c);
}

/**
 * ctng_nl_stats() - IPCTNL_MSG_CT_GET_STATS: how many connections there are
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_stats(struct sk_buff *skb, const struct nfnl_info *info,
		  const struct nlattr * const cda[])
{
	u32 portid = NETLINK_CB(skb).portid;
	struct nlmsghdr *nlh;
	struct sk_buff *msg;

	msg = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	nlh = nfnl_msg_put(msg, portid, info->nlh->nlmsg_seq,
			   nfnl_msg_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS),
			   NLM_F_MULTI, NFPROTO_UNSPEC, NFNETLINK_V0, 0);
	if (!nlh ||
	    nla_put_be32(msg, CTA_STATS_GLOBAL_ENTRIES,
			 htonl(nf_conntrack_count(info->net))) ||
	    nla_put_be32(msg, CTA_STATS_GLOBAL_MAX_ENTRIES,
			 htonl(READ_ONCE(nf_conntrack_max)))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	nlmsg_end(msg, nlh);

	return nfnetlink_unicast(msg, info->net, portid);
}
