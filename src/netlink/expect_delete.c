// SPDX-License-Identifier: GPL-2.0-only
/* Requests to expect connections no longer: one, those of a helper, or all. */

#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "expect.h"

static int delete_one(struct sk_buff *skb, const struct nfnl_info *info,
		      const struct nlattr * const cda[])
{
	const struct nlattr *id = cda[CTA_EXPECT_ID];
	struct nf_conntrack_expect *exp;
	struct nf_conntrack_tuple tuple;
	struct nf_conntrack_zone zone;
	int err;

	err = ctng_nl_expect_key(info, cda, &tuple, &zone);
	if (err)
		return err;

	rcu_read_lock();
	spin_lock_bh(&nf_conntrack_expect_lock);
	exp = __nf_ct_expect_find(info->net, &zone, &tuple);
	if (exp && (!id || nla_get_be32(id) == ctng_nl_expect_id(exp)))
		nf_ct_unlink_expect_report(exp, NETLINK_CB(skb).portid,
					   nlmsg_report(info->nlh));
	else
		err = -ENOENT;
	spin_unlock_bh(&nf_conntrack_expect_lock);
	rcu_read_unlock();

	return err;
}

static bool helped_by(struct nf_conntrack_expect *exp, void *name)
{
	const struct nf_conntrack_helper *helper;
	bool same;

	rcu_read_lock();
	helper = rcu_dereference(exp->helper);
	same = helper && !strcmp(helper->name, name);
	rcu_read_unlock();

	return same;
}

static bool any(struct nf_conntrack_expect *exp, void *data)
{
	return true;
}

/**
 * ctng_nl_expect_delete() - IPCTNL_MSG_EXP_DELETE: expect connections no longer
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes: a tuple, the name of a helper, or nothing.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_delete(struct sk_buff *skb, const struct nfnl_info *info,
			  const struct nlattr * const cda[])
{
	u32 portid = NETLINK_CB(skb).portid;
	int report = nlmsg_report(info->nlh);

	if (cda[CTA_EXPECT_TUPLE])
		return delete_one(skb, info, cda);

	if (cda[CTA_EXPECT_HELP_NAME])
		nf_ct_expect_iterate_net(info->net, helped_by,
					 nla_data(cda[CTA_EXPECT_HELP_NAME]), portid, report);
	else
		nf_ct_expect_iterate_net(info->net, any, NULL, portid, report);

	return 0;
}
