// SPDX-License-Identifier: GPL-2.0-only
/* A connection as the message that answers a request. */

#include <net/netfilter/nf_conntrack_core.h>

#include "conn.h"

/* Of an offloaded connection the flow table keeps timeout and state. */
static int put_state(struct sk_buff *skb, struct nf_conn *ct)
{
	if (test_bit(IPS_OFFLOAD_BIT, &ct->status))
		return 0;

	return ctng_nl_put_timeout(skb, ct) ?: ctng_nl_put_protoinfo(skb, ct, false);
}

/**
 * ctng_nl_fill() - add a message with all that there is to tell about a connection
 * @skb: where to add it.
 * @portid: netlink port of who asked.
 * @seq: number of the request.
 * @flags: of the message.
 * @ct: the connection.
 * @own_refs: references of the caller's, which are not to be told.
 * @counted: set to the counters in the message; may be NULL.
 *
 * Context: under RCU, any.
 * Return: 0, or -EMSGSIZE; then @skb is as it was.
 */
int ctng_nl_fill(struct sk_buff *skb, u32 portid, u32 seq, unsigned int flags,
		 struct nf_conn *ct, unsigned int own_refs,
		 struct ctng_nl_counted *counted)
{
	struct nlmsghdr *nlh;
	int err;

	nlh = nfnl_msg_put(skb, portid, seq,
			   nfnl_msg_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW),
			   flags | NLM_F_MULTI, nf_ct_l3num(ct), NFNETLINK_V0, 0);
	if (!nlh)
		return -EMSGSIZE;

	err = ctng_nl_put_tuples(skb, ct) ?:
	      ctng_nl_put_status(skb, ct) ?:
	      ctng_nl_put_mark(skb, ct, true) ?:
	      ctng_nl_put_secctx(skb, ct) ?:
	      ctng_nl_put_id(skb, ct) ?:
	      ctng_nl_put_use(skb, ct, own_refs) ?:
	      ctng_nl_put_master(skb, ct) ?:
	      put_state(skb, ct) ?:
	      ctng_nl_put_counters(skb, ct, counted) ?:
	      ctng_nl_put_timestamp(skb, ct) ?:
	      ctng_nl_put_helper(skb, ct) ?:
	      ctng_nl_put_labels(skb, ct) ?:
	      ctng_nl_put_seqadj(skb, ct) ?:
	      ctng_nl_put_synproxy(skb, ct);
	if (err) {
		nlmsg_cancel(skb, nlh);
		return err;
	}

	nlmsg_end(skb, nlh);

	return 0;
}
