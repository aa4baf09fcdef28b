// SPDX-License-Identifier: GPL-2.0-only
/* Requests to tell of one expectation, and for statistics. */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "expect.h"

static struct nf_conntrack_expect *
find_pinned(struct net *net, const struct nf_conntrack_zone *zone,
	    const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_expect *exp;

	rcu_read_lock();
	spin_lock_bh(&nf_conntrack_expect_lock);
	exp = __nf_ct_expect_find(net, zone, tuple);
	if (exp && !ctng_nl_expect_pin(exp))
		exp = NULL;
	spin_unlock_bh(&nf_conntrack_expect_lock);
	rcu_read_unlock();

	return exp;
}

static struct sk_buff *message_about(struct nf_conntrack_expect *exp, u32 portid, u32 seq)
{
	struct sk_buff *msg;

	msg = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return ERR_PTR(-ENOMEM);

	rcu_read_lock();
	if (ctng_nl_put_expect_msg(msg, exp, portid, seq, NLM_F_MULTI, IPCTNL_MSG_EXP_NEW)) {
		nlmsg_free(msg);
		msg = ERR_PTR(-EMSGSIZE);
	}
	rcu_read_unlock();

	return msg;
}

/**
 * ctng_nl_expect_get() - IPCTNL_MSG_EXP_GET: tell of one expectation, or of many
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_get(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[])
{
	u32 portid = NETLINK_CB(skb).portid;
	struct nf_conntrack_expect *exp;
	struct nf_conntrack_tuple tuple;
	struct nf_conntrack_zone zone;
	struct sk_buff *msg;
	int err;

	if (info->nlh->nlmsg_flags & NLM_F_DUMP)
		return ctng_nl_expect_dump(skb, info, cda);

	err = ctng_nl_expect_key(info, cda, &tuple, &zone);
	if (err)
		return err;

	exp = find_pinned(info->net, &zone, &tuple);
	if (!exp)
		return -ENOENT;

	msg = ERR_PTR(-ENOENT);
	if (!cda[CTA_EXPECT_ID] || nla_get_be32(cda[CTA_EXPECT_ID]) == ctng_nl_expect_id(exp))
		msg = message_about(exp, portid, info->nlh->nlmsg_seq);
	ctng_nl_expect_unpin(exp);
	if (IS_ERR(msg))
		return PTR_ERR(msg);

	return nfnetlink_unicast(msg, info->net, portid);
}

/*
 * The messages have always been of the subsystem of connections, where their number means
 * something else; clients have learnt to read them so.
 */
static int put_counts(struct sk_buff *skb, const struct netlink_callback *cb, unsigned int cpu)
{
	const struct ip_conntrack_stat *stat = per_cpu_ptr(sock_net(skb->sk)->ct.stat, cpu);
	struct nlmsghdr *nlh;

	nlh = nfnl_msg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   nfnl_msg_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_EXP_GET_STATS_CPU),
			   NLM_F_MULTI, NFPROTO_UNSPEC, NFNETLINK_V0, htons(cpu));
	if (!nlh)
		return -EMSGSIZE;

	if (nla_put_be32(skb, CTA_STATS_EXP_NEW, htonl(READ_ONCE(stat->expect_new))) ||
	    nla_put_be32(skb, CTA_STATS_EXP_CREATE, htonl(READ_ONCE(stat->expect_create))) ||
	    nla_put_be32(skb, CTA_STATS_EXP_DELETE, htonl(READ_ONCE(stat->expect_delete)))) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);

	return 0;
}

/* cb->args[0] is the next CPU. */
static int dump_cpus(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned int cpu = cb->args[0];

	for (cpu = cpumask_next(cpu - 1, cpu_possible_mask); cpu < nr_cpu_ids;
	     cpu = cpumask_next(cpu, cpu_possible_mask)) {
		if (put_counts(skb, cb, cpu))
			break;
	}
	cb->args[0] = cpu;

	return skb->len;
}

/**
 * ctng_nl_expect_stats_cpu() - IPCTNL_MSG_EXP_GET_STATS_CPU: what happened, by CPU
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_stats_cpu(struct sk_buff *skb, const struct nfnl_info *info,
			     const struct nlattr * const cda[])
{
	struct netlink_dump_control c = { .dump = dump_cpus };

	if (!(info->nlh->nlmsg_flags & NLM_F_DUMP))
		return 0;

	return netlink_dump_start(info->sk, skb, info->nlh, &c);
}
