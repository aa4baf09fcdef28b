// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections in the messages of others: of packets in a queue (nfnetlink_queue) and of
 * logged ones (nfnetlink_log). A verdict may change the packet's connection, and have it
 * expect another one.
 */

#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include "expect.h"

static size_t build_size(const struct nf_conn *ct)
{
	return nla_total_size(0) +			/* the nest */
	       ctng_nl_size_conn(ct) +
	       nla_total_size(sizeof(__be32));		/* which packet of the connection */
}

static int put_conn(struct sk_buff *skb, struct nf_conn *ct)
{
	return ctng_nl_put_tuples(skb, ct) ?:
	       ctng_nl_put_id(skb, ct) ?:
	       ctng_nl_put_status(skb, ct) ?:
	       ctng_nl_put_timeout(skb, ct) ?:
	       ctng_nl_put_protoinfo(skb, ct, false) ?:
	       ctng_nl_put_counters(skb, ct, NULL) ?:
	       ctng_nl_put_timestamp(skb, ct) ?:
	       ctng_nl_put_helper(skb, ct) ?:
	       ctng_nl_put_secctx(skb, ct) ?:
	       ctng_nl_put_master(skb, ct) ?:
	       ctng_nl_put_seqadj(skb, ct) ?:
	       ctng_nl_put_synproxy(skb, ct) ?:
	       ctng_nl_put_mark(skb, ct, true) ?:
	       ctng_nl_put_labels(skb, ct);
}

/* Called under RCU, with BH off. */
static int build(struct sk_buff *skb, struct nf_conn *ct, enum ip_conntrack_info ctinfo,
		 u16 ct_attr, u16 ct_info_attr)
{
	struct nlattr *nest;

	nest = nla_nest_start(skb, ct_attr);
	if (!nest || put_conn(skb, ct))
		return -ENOSPC;
	nla_nest_end(skb, nest);

	if (nla_put_be32(skb, ct_info_attr, htonl(ctinfo)))
		return -ENOSPC;

	return 0;
}

/* Called under RCU. Nobody but the packet in hand may know @ct. */
static int parse(const struct nlattr *attr, struct nf_conn *ct)
{
	struct nlattr *cda[CTA_MAX + 1];
	int err;

	err = nla_parse_nested_deprecated(cda, CTA_MAX, attr, ctng_nl_conn_policy, NULL);
	if (err)
		return err;

	return ctng_nl_update_queued(ct, (const struct nlattr **)cda);
}

/* Called under RCU. */
static int attach_expect(const struct nlattr *attr, struct nf_conn *ct, u32 portid, u32 report)
{
	struct nlattr *cda[CTA_EXPECT_MAX + 1];
	struct nf_conntrack_expect *exp;
	struct nf_conntrack_tuple tuple;
	u8 l3num = nf_ct_l3num(ct);
	int err;

	err = nla_parse_nested_deprecated(cda, CTA_EXPECT_MAX, attr, ctng_nl_expect_policy,
					  NULL);
	if (err)
		return err;
	if (!cda[CTA_EXPECT_TUPLE] || !cda[CTA_EXPECT_MASK])
		return -EINVAL;

	err = ctng_nl_parse_tuple(cda[CTA_EXPECT_TUPLE], l3num, CTNG_NL_WHOLE_TUPLE, &tuple,
				  IP_CT_DIR_ORIGINAL, NULL, NULL);
	if (err)
		return err;

	exp = ctng_nl_parse_expect((const struct nlattr **)cda, ct, l3num, &tuple, NULL);
	if (IS_ERR(exp))
		return PTR_ERR(exp);

	err = nf_ct_expect_related_report(exp, portid, report, 0);
	nf_ct_expect_put(exp);

	return err;
}

/* The packet's length was changed by @diff; without NAT nobody adjusts sequence numbers. */
static void seq_adjust(struct sk_buff *skb, struct nf_conn *ct, enum ip_conntrack_info ctinfo,
		       s32 diff)
{
	if (READ_ONCE(ct->status) & IPS_NAT_MASK)
		nf_ct_tcp_seqadj_set(skb, ct, ctinfo, diff);
}

static const struct nfnl_ct_hook hook = {
	.build_size	= build_size,
	.build		= build,
	.parse		= parse,
	.attach_expect	= attach_expect,
	.seq_adjust	= seq_adjust,
};

/**
 * ctng_nl_glue_set() - offer connections to queues and logs
 *
 * Context: any.
 */
void ctng_nl_glue_set(void)
{
	RCU_INIT_POINTER(nfnl_ct_hook, &hook);
}

/**
 * ctng_nl_glue_clear() - offer them no longer
 *
 * Who got the hook before may use it until a grace period has passed.
 *
 * Context: any.
 */
void ctng_nl_glue_clear(void)
{
	RCU_INIT_POINTER(nfnl_ct_hook, NULL);
}
