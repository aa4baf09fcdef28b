// SPDX-License-Identifier: GPL-2.0-only
/* Expectations as netlink messages. */

#include <linux/once.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "expect.h"

/* The longest name of a function for CTA_EXPECT_FN that a message has room for. */
#define FN_NAME_LEN	32

/**
 * ctng_nl_expect_id() - a number for an expectation to tell user space
 * @exp: the expectation.
 *
 * It tells nothing of kernel addresses and is the same as long as the expectation lives.
 *
 * Context: any.
 * Return: the number.
 */
__be32 ctng_nl_expect_id(const struct nf_conntrack_expect *exp)
{
	static siphash_aligned_key_t key __read_mostly;
	u64 tuple;

	get_random_once(&key, sizeof(key));

	tuple = siphash(&exp->tuple, offsetof(struct nf_conntrack_tuple, dst.dir), &key);
	return (__force __be32)(u32)siphash_3u64((unsigned long)exp,
						 (unsigned long)exp->master, tuple, &key);
}

/* All of the destination counts, and its protocol tells what the source's part means. */
static int put_mask(struct sk_buff *skb, const struct nf_conntrack_expect *exp)
{
	struct nf_conntrack_tuple mask;

	memset(&mask, 0xff, sizeof(mask));
	mask.src.u3 = exp->mask.src.u3;
	mask.src.u.all = exp->mask.src.u.all;
	mask.src.l3num = exp->tuple.src.l3num;
	mask.dst.protonum = exp->tuple.dst.protonum;

	return ctng_nl_put_tuple(skb, CTA_EXPECT_MASK, &mask);
}

/* The source that the connection is to have for the one who expects it. */
static int put_nat(struct sk_buff *skb, const struct nf_conntrack_expect *exp)
{
	struct nf_conntrack_tuple tuple = {
		.src.l3num	= nf_ct_l3num(exp->master),
		.src.u3		= exp->saved_addr,
		.src.u		= exp->saved_proto,
		.dst.protonum	= nf_ct_protonum(exp->master),
	};
	struct nlattr *nest;

	if (!memchr_inv(&exp->saved_addr, 0, sizeof(exp->saved_addr)) && !exp->saved_proto.all)
		return 0;

	nest = nla_nest_start(skb, CTA_EXPECT_NAT);
	if (!nest || nla_put_be32(skb, CTA_EXPECT_NAT_DIR, htonl(exp->dir)) ||
	    ctng_nl_put_tuple(skb, CTA_EXPECT_NAT_TUPLE, &tuple))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);

	return 0;
}

static int put_names(struct sk_buff *skb, const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_helper *helper = rcu_dereference(exp->helper);
	const struct nf_ct_helper_expectfn *fn;

	if (helper && nla_put_string(skb, CTA_EXPECT_HELP_NAME, helper->name))
		return -EMSGSIZE;

	fn = nf_ct_helper_expectfn_find_by_symbol(exp->expectfn);
	if (fn && nla_put_string(skb, CTA_EXPECT_FN, fn->name))
		return -EMSGSIZE;

	return 0;
}

static int put_expect(struct sk_buff *skb, struct nf_conntrack_expect *exp)
{
	s32 left = READ_ONCE(exp->timeout) - nfct_time_stamp;
	unsigned int flags = READ_ONCE(exp->flags) & NF_CT_EXPECT_MASK;

	if (ctng_nl_put_tuple(skb, CTA_EXPECT_TUPLE, &exp->tuple) ||
	    put_mask(skb, exp) ||
	    ctng_nl_put_tuple(skb, CTA_EXPECT_MASTER,
			      nf_ct_tuple(exp->master, IP_CT_DIR_ORIGINAL)) ||
	    put_nat(skb, exp) ||
	    nla_put_be32(skb, CTA_EXPECT_TIMEOUT, htonl(max(left, 0) / HZ)) ||
	    nla_put_be32(skb, CTA_EXPECT_ID, ctng_nl_expect_id(exp)) ||
	    nla_put_be32(skb, CTA_EXPECT_FLAGS, htonl(flags)) ||
	    nla_put_be32(skb, CTA_EXPECT_CLASS, htonl(exp->class)))
		return -EMSGSIZE;

	return put_names(skb, exp);
}

/**
 * ctng_nl_put_expect_msg() - put a message about an expectation
 * @skb: to which it is added.
 * @exp: the expectation, pinned or under nf_conntrack_expect_lock.
 * @portid: whom it is for, or who caused it.
 * @seq: number of the request, or 0.
 * @flags: of the message.
 * @event: IPCTNL_MSG_EXP_NEW or IPCTNL_MSG_EXP_DELETE.
 *
 * Context: under RCU.
 * Return: 0, or -EMSGSIZE and @skb is as before.
 */
int ctng_nl_put_expect_msg(struct sk_buff *skb, struct nf_conntrack_expect *exp,
			   u32 portid, u32 seq, unsigned int flags, int event)
{
	struct nlmsghdr *nlh;

	nlh = nfnl_msg_put(skb, portid, seq, nfnl_msg_type(NFNL_SUBSYS_CTNETLINK_EXP, event),
			   flags, exp->tuple.src.l3num, NFNETLINK_V0, 0);
	if (!nlh)
		return -EMSGSIZE;

	if (put_expect(skb, exp)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);

	return 0;
}

/**
 * ctng_nl_size_expect_msg() - room for a message about an expectation
 * @exp: the expectation, pinned or under nf_conntrack_expect_lock.
 *
 * Context: under RCU.
 * Return: the size in bytes, without the netlink header.
 */
size_t ctng_nl_size_expect_msg(const struct nf_conntrack_expect *exp)
{
	u8 l3num = exp->tuple.src.l3num;

	return NLMSG_ALIGN(sizeof(struct nfgenmsg)) +
	       2 * ctng_nl_size_tuple(l3num, exp->tuple.dst.protonum) +
	       2 * ctng_nl_size_tuple(nf_ct_l3num(exp->master), nf_ct_protonum(exp->master)) +
	       nla_total_size(0) +				/* CTA_EXPECT_NAT */
	       5 * nla_total_size(sizeof(__be32)) +	/* and its DIR, timeout, id, flags, class */
	       nla_total_size(NF_CT_HELPER_NAME_LEN) +
	       nla_total_size(FN_NAME_LEN);
}
