// SPDX-License-Identifier: GPL-2.0-only
/* The subsystem of connections: which message goes where, and what may be in it. */

#include <linux/module.h>
#include <net/netfilter/nf_conntrack_labels.h>

#include "conn.h"

/* Sizes and kinds as user space knows them; what is inside of a nest is checked there. */
const struct nla_policy ctng_nl_conn_policy[CTA_MAX + 1] = {
	[CTA_TUPLE_ORIG]	= { .type = NLA_NESTED },
	[CTA_TUPLE_REPLY]	= { .type = NLA_NESTED },
	[CTA_STATUS]		= { .type = NLA_U32 },
	[CTA_PROTOINFO]		= { .type = NLA_NESTED },
	[CTA_HELP]		= { .type = NLA_NESTED },
	[CTA_NAT_SRC]		= { .type = NLA_NESTED },
	[CTA_TIMEOUT]		= { .type = NLA_U32 },
	[CTA_MARK]		= { .type = NLA_U32 },
	[CTA_ID]		= { .type = NLA_U32 },
	[CTA_NAT_DST]		= { .type = NLA_NESTED },
	[CTA_TUPLE_MASTER]	= { .type = NLA_NESTED },
	[CTA_SEQ_ADJ_ORIG]	= { .type = NLA_NESTED },
	[CTA_SEQ_ADJ_REPLY]	= { .type = NLA_NESTED },
	[CTA_ZONE]		= { .type = NLA_U16 },
	[CTA_MARK_MASK]		= { .type = NLA_U32 },
	[CTA_LABELS]		= { .type = NLA_BINARY, .len = NF_CT_LABELS_MAX_SIZE },
	[CTA_LABELS_MASK]	= { .type = NLA_BINARY, .len = NF_CT_LABELS_MAX_SIZE },
	[CTA_FILTER]		= { .type = NLA_NESTED },
	[CTA_STATUS_MASK]	= { .type = NLA_U32 },
};

#define MESSAGE(function)			\
	{					\
		.call = function,		\
		.type = NFNL_CB_MUTEX,		\
		.attr_count = CTA_MAX,		\
		.policy = ctng_nl_conn_policy,	\
	}

static const struct nfnl_callback callbacks[IPCTNL_MSG_MAX] = {
	[IPCTNL_MSG_CT_NEW]		= MESSAGE(ctng_nl_new),
	[IPCTNL_MSG_CT_GET]		= MESSAGE(ctng_nl_get),
	[IPCTNL_MSG_CT_DELETE]		= MESSAGE(ctng_nl_delete),
	[IPCTNL_MSG_CT_GET_CTRZERO]	= MESSAGE(ctng_nl_get),
	[IPCTNL_MSG_CT_GET_STATS_CPU]	= MESSAGE(ctng_nl_stats_cpu),
	[IPCTNL_MSG_CT_GET_STATS]	= MESSAGE(ctng_nl_stats),
	[IPCTNL_MSG_CT_GET_DYING]	= MESSAGE(ctng_nl_dump_dying),
	[IPCTNL_MSG_CT_GET_UNCONFIRMED]	= MESSAGE(ctng_nl_dump_unconfirmed),
};

const struct nfnetlink_subsystem ctng_nl_conn_subsys = {
	.name		= "conntrack",
	.subsys_id	= NFNL_SUBSYS_CTNETLINK,
	.cb_count	= IPCTNL_MSG_MAX,
	.cb		= callbacks,
	.owner		= THIS_MODULE,
};
