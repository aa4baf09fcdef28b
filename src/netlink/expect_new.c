// SPDX-License-Identifier: GPL-2.0-only
/* Requests to expect a connection, or to change how long it is expected. */

#include <linux/spinlock.h>

#include "../expect/expect.h"
#include "expect.h"

static int create(struct sk_buff *skb, const struct nfnl_info *info,
		  const struct nlattr * const cda[], const struct nf_conntrack_tuple *tuple,
		  const struct nf_conntrack_zone *zone)
{
	struct nf_conntrack_expect *exp;
	struct nf_conn *master;
	int err;

	master = ctng_nl_expect_master(info, cda, zone);
	if (IS_ERR(master))
		return PTR_ERR(master);

	/* A helper or a function found stays until the expectation is linked. */
	rcu_read_lock();
	exp = ctng_nl_parse_expect(cda, master, info->nfmsg->nfgen_family, tuple, info->extack);
	err = PTR_ERR_OR_ZERO(exp);
	if (!err) {
		err = nf_ct_expect_related_report(exp, NETLINK_CB(skb).portid,
						  nlmsg_report(info->nlh), 0);
		nf_ct_expect_put(exp);
	}
	rcu_read_unlock();
	nf_ct_put(master);

	return err;
}

static u32 deadline_in(u32 seconds)
{
	return nfct_time_stamp + (u32)min_t(u64, (u64)seconds * HZ, S32_MAX);
}

/* Only the timeout can be changed. */
static void change(struct nf_conntrack_expect *exp, const struct nlattr * const cda[])
{
	u32 deadline;

	if (!cda[CTA_EXPECT_TIMEOUT])
		return;

	deadline = deadline_in(ntohl(nla_get_be32(cda[CTA_EXPECT_TIMEOUT])));
	WRITE_ONCE(exp->timeout, deadline);
	ctng_expect_due(deadline);
}

/**
 * ctng_nl_expect_new() - IPCTNL_MSG_EXP_NEW: expect a connection, or change its timeout
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_new(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[])
{
	unsigned int flags = info->nlh->nlmsg_flags;
	struct nf_conntrack_expect *exp;
	struct nf_conntrack_tuple tuple;
	struct nf_conntrack_zone zone;
	int err;

	if (!cda[CTA_EXPECT_TUPLE] || !cda[CTA_EXPECT_MASK] || !cda[CTA_EXPECT_MASTER]) {
		NL_SET_ERR_MSG(info->extack, "An expectation takes a tuple, a mask and a master");
		return -EINVAL;
	}

	err = ctng_nl_expect_key(info, cda, &tuple, &zone);
	if (err)
		return err;

	rcu_read_lock();
	spin_lock_bh(&nf_conntrack_expect_lock);
	exp = __nf_ct_expect_find(info->net, &zone, &tuple);
	if (exp && flags & NLM_F_EXCL)
		err = -EEXIST;
	else if (exp)
		change(exp, cda);
	spin_unlock_bh(&nf_conntrack_expect_lock);
	rcu_read_unlock();

	if (exp)
		return err;
	if (!(flags & NLM_F_CREATE))
		return -ENOENT;
	return create(skb, info, cda, &tuple, &zone);
}
