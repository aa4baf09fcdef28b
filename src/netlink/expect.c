// SPDX-License-Identifier: GPL-2.0-only
/* The subsystem of expectations: which message goes where, and what may be in it. */

#include <linux/module.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "expect.h"

/* Sizes and kinds as user space knows them; what is inside of a nest is checked there. */
const struct nla_policy ctng_nl_expect_policy[CTA_EXPECT_MAX + 1] = {
	[CTA_EXPECT_MASTER]	= { .type = NLA_NESTED },
	[CTA_EXPECT_TUPLE]	= { .type = NLA_NESTED },
	[CTA_EXPECT_MASK]	= { .type = NLA_NESTED },
	[CTA_EXPECT_TIMEOUT]	= { .type = NLA_U32 },
	[CTA_EXPECT_ID]		= { .type = NLA_U32 },
	[CTA_EXPECT_HELP_NAME]	= { .type = NLA_NUL_STRING,
				    .len = NF_CT_HELPER_NAME_LEN - 1 },
	[CTA_EXPECT_ZONE]	= { .type = NLA_U16 },
	[CTA_EXPECT_FLAGS]	= NLA_POLICY_MASK(NLA_BE32, NF_CT_EXPECT_MASK),
	[CTA_EXPECT_CLASS]	= { .type = NLA_U32 },
	[CTA_EXPECT_NAT]	= { .type = NLA_NESTED },
	[CTA_EXPECT_FN]		= { .type = NLA_NUL_STRING },
};

#define MESSAGE(function)			\
	{					\
		.call = function,		\
		.type = NFNL_CB_MUTEX,		\
		.attr_count = CTA_EXPECT_MAX,	\
		.policy = ctng_nl_expect_policy,	\
	}

static const struct nfnl_callback callbacks[IPCTNL_MSG_EXP_MAX] = {
	[IPCTNL_MSG_EXP_NEW]		= MESSAGE(ctng_nl_expect_new),
	[IPCTNL_MSG_EXP_GET]		= MESSAGE(ctng_nl_expect_get),
	[IPCTNL_MSG_EXP_DELETE]		= MESSAGE(ctng_nl_expect_delete),
	[IPCTNL_MSG_EXP_GET_STATS_CPU]	= MESSAGE(ctng_nl_expect_stats_cpu),
};

const struct nfnetlink_subsystem ctng_nl_expect_subsys = {
	.name		= "conntrack_expect",
	.subsys_id	= NFNL_SUBSYS_CTNETLINK_EXP,
	.cb_count	= IPCTNL_MSG_EXP_MAX,
	.cb		= callbacks,
	.owner		= THIS_MODULE,
};
