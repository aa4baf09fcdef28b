// SPDX-License-Identifier: GPL-2.0-only
/* An expectation made from netlink attributes. */

#include <linux/err.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "expect.h"

static const struct nla_policy nat_policy[CTA_EXPECT_NAT_MAX + 1] = {
	[CTA_EXPECT_NAT_DIR]	= NLA_POLICY_MAX(NLA_BE32, IP_CT_DIR_REPLY),
	[CTA_EXPECT_NAT_TUPLE]	= { .type = NLA_NESTED },
};

static int parse_mask(struct nf_conntrack_expect *exp, const struct nlattr *attr, u8 l3num,
		      struct netlink_ext_ack *extack)
{
	struct nf_conntrack_tuple mask;
	int err;

	err = ctng_nl_parse_tuple(attr, l3num, CTNG_NL_WHOLE_TUPLE, &mask,
				  IP_CT_DIR_ORIGINAL, NULL, extack);
	if (err)
		return err;

	exp->mask.src.u3 = mask.src.u3;
	exp->mask.src.u.all = mask.src.u.all;

	return 0;
}

static int parse_nat(struct nf_conntrack_expect *exp, const struct nlattr *attr, u8 l3num,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_EXPECT_NAT_MAX + 1];
	struct nf_conntrack_tuple tuple;
	int err;

	err = nla_parse_nested_deprecated(tb, CTA_EXPECT_NAT_MAX, attr, nat_policy, extack);
	if (err)
		return err;

	if (!tb[CTA_EXPECT_NAT_DIR] || !tb[CTA_EXPECT_NAT_TUPLE]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "NAT takes a direction and a tuple");
		return -EINVAL;
	}

	err = ctng_nl_parse_tuple(tb[CTA_EXPECT_NAT_TUPLE], l3num, CTNG_NL_WHOLE_TUPLE, &tuple,
				  IP_CT_DIR_ORIGINAL, NULL, extack);
	if (err)
		return err;

	exp->saved_addr = tuple.src.u3;
	exp->saved_proto = tuple.src.u;
	exp->dir = ntohl(nla_get_be32(tb[CTA_EXPECT_NAT_DIR]));

	return 0;
}

static int parse_fn(struct nf_conntrack_expect *exp, const struct nlattr *attr,
		    struct netlink_ext_ack *extack)
{
	const struct nf_ct_helper_expectfn *fn;

	fn = nf_ct_helper_expectfn_find_by_name(nla_data(attr));
	if (!fn) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "There is no function of this name");
		return -EINVAL;
	}
	exp->expectfn = fn->expectfn;

	return 0;
}

/* The limits and the timeout are those of the master's helper, whoever expects. */
static int parse_class(struct nf_conntrack_expect *exp, const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	const struct nf_conn_help *help = nfct_help(exp->master);
	struct nf_conntrack_helper *helper;

	helper = help ? rcu_dereference(help->helper) : NULL;
	if (!helper) {
		NL_SET_ERR_MSG(extack, "Only a connection with a helper can expect others");
		return -EOPNOTSUPP;
	}

	rcu_assign_pointer(exp->helper, helper);

	if (attr)
		exp->class = ntohl(nla_get_be32(attr));
	if (exp->class > helper->expect_class_max) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "The helper has no policy for this class");
		return -EINVAL;
	}

	return 0;
}

static int parse_rest(struct nf_conntrack_expect *exp, const struct nlattr * const cda[],
		      u8 l3num, struct netlink_ext_ack *extack)
{
	int err;

	err = parse_class(exp, cda[CTA_EXPECT_CLASS], extack) ?:
	      parse_mask(exp, cda[CTA_EXPECT_MASK], l3num, extack);
	if (!err && cda[CTA_EXPECT_NAT])
		err = parse_nat(exp, cda[CTA_EXPECT_NAT], l3num, extack);
	if (!err && cda[CTA_EXPECT_FN])
		err = parse_fn(exp, cda[CTA_EXPECT_FN], extack);
	/* From whom it comes is not the sender's to say. */
	if (!err && cda[CTA_EXPECT_FLAGS])
		exp->flags = ntohl(nla_get_be32(cda[CTA_EXPECT_FLAGS])) &
			     ~NF_CT_EXPECT_USERSPACE;

	return err;
}

/**
 * ctng_nl_parse_expect() - make an expectation from attributes
 * @cda: the attributes, checked against ctng_nl_expect_policy; CTA_EXPECT_MASK is there.
 * @master: who expects; the caller has a reference.
 * @l3num: family of the attributes.
 * @tuple: what is expected.
 * @extack: gets the reason of an error.
 *
 * Context: under RCU; GFP_ATOMIC.
 * Return: the expectation, not yet linked, with one reference; or an error pointer.
 */
struct nf_conntrack_expect *
ctng_nl_parse_expect(const struct nlattr * const cda[], struct nf_conn *master, u8 l3num,
		     const struct nf_conntrack_tuple *tuple, struct netlink_ext_ack *extack)
{
	struct nf_conntrack_expect *exp;
	int err;

	exp = nf_ct_expect_alloc(master);
	if (!exp)
		return ERR_PTR(-ENOMEM);

	exp->tuple = *tuple;
	err = parse_rest(exp, cda, l3num, extack);
	if (err) {
		nf_ct_expect_put(exp);
		return ERR_PTR(err);
	}

	return exp;
}
