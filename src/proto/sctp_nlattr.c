// SPDX-License-Identifier: GPL-2.0-only
/* SCTP: netlink attributes of connections and of timeout policies. */

#include "nlattr.h"
#include "sctp.h"

/**
 * ctng_sctp_to_nlattr() - write what ctnetlink tells of a connection
 * @skb: the message.
 * @nla: the attribute that it goes into.
 * @ct: the connection.
 * @destroy: it is going, tell no more than its last state.
 *
 * Context: any but hard interrupts; takes ct->lock.
 * Return: 0, or -1 if there is no room.
 */
int ctng_sctp_to_nlattr(struct sk_buff *skb, struct nlattr *nla, struct nf_conn *ct,
			bool destroy)
{
	struct nlattr *nest;
	struct ip_ct_sctp assoc;

	spin_lock_bh(&ct->lock);
	assoc = ct->proto.sctp;
	spin_unlock_bh(&ct->lock);

	nest = nla_nest_start(skb, CTA_PROTOINFO_SCTP);
	if (!nest)
		return -1;
	if (nla_put_u8(skb, CTA_PROTOINFO_SCTP_STATE, assoc.state))
		goto cancel;
	if (!destroy &&
	    (nla_put_be32(skb, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL,
			  assoc.vtag[IP_CT_DIR_ORIGINAL]) ||
	     nla_put_be32(skb, CTA_PROTOINFO_SCTP_VTAG_REPLY, assoc.vtag[IP_CT_DIR_REPLY])))
		goto cancel;
	nla_nest_end(skb, nest);

	return 0;

cancel:
	nla_nest_cancel(skb, nest);
	return -1;
}

static const struct nla_policy sctp_nla_policy[CTA_PROTOINFO_SCTP_MAX + 1] = {
	[CTA_PROTOINFO_SCTP_STATE]		= NLA_POLICY_MAX(NLA_U8, SCTP_STATES - 1),
	[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL]	= { .type = NLA_U32 },
	[CTA_PROTOINFO_SCTP_VTAG_REPLY]		= { .type = NLA_U32 },
};

/**
 * ctng_sctp_from_nlattr() - set a connection's state as ctnetlink is told to
 * @cda: CTA_PROTOINFO_* attributes by number.
 * @ct: the connection.
 *
 * Context: process or softirq; takes ct->lock.
 * Return: 0, or -EINVAL or -ERANGE if an attribute is missing or wrong.
 */
int ctng_sctp_from_nlattr(struct nlattr *cda[], struct nf_conn *ct)
{
	struct nlattr *tb[CTA_PROTOINFO_SCTP_MAX + 1];
	struct ip_ct_sctp *assoc = &ct->proto.sctp;
	int err;

	/* a change of something else */
	if (!cda[CTA_PROTOINFO_SCTP])
		return 0;

	err = nla_parse_nested_deprecated(tb, CTA_PROTOINFO_SCTP_MAX, cda[CTA_PROTOINFO_SCTP],
					  sctp_nla_policy, NULL);
	if (err < 0)
		return err;
	if (!tb[CTA_PROTOINFO_SCTP_STATE] || !tb[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL] ||
	    !tb[CTA_PROTOINFO_SCTP_VTAG_REPLY])
		return -EINVAL;

	spin_lock_bh(&ct->lock);
	assoc->state = nla_get_u8(tb[CTA_PROTOINFO_SCTP_STATE]);
	assoc->vtag[IP_CT_DIR_ORIGINAL] = nla_get_be32(tb[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL]);
	assoc->vtag[IP_CT_DIR_REPLY] = nla_get_be32(tb[CTA_PROTOINFO_SCTP_VTAG_REPLY]);
	spin_unlock_bh(&ct->lock);

	return 0;
}

/* The timeouts' attributes have the numbers of the states; NONE has none. */
#define FIRST_TIMEOUT	CTA_TIMEOUT_SCTP_CLOSED
#define TIMEOUTS	CTA_TIMEOUT_SCTP_MAX

const struct nla_policy ctng_sctp_timeout_policy[CTA_TIMEOUT_SCTP_MAX + 1] = {
	[FIRST_TIMEOUT ... CTA_TIMEOUT_SCTP_MAX]	= { .type = NLA_U32 },
};

/**
 * ctng_sctp_timeouts_from_nlattr() - read a timeout policy
 * @tb: CTA_TIMEOUT_SCTP_* attributes by number.
 * @net: namespace whose timeouts stand in for those that are missing.
 * @data: set; NULL: set those of @net.
 *
 * Context: process.
 * Return: 0.
 */
int ctng_sctp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = nf_sctp_pernet(net)->timeouts;
	unsigned int *timeouts = data ?: defaults;

	BUILD_BUG_ON(CTA_TIMEOUT_SCTP_CLOSED != (int)SCTP_CONNTRACK_CLOSED);
	BUILD_BUG_ON(CTA_TIMEOUT_SCTP_MAX != (int)SCTP_CONNTRACK_MAX - 1);

	ctng_timeouts_from_nlattr(tb, timeouts + FIRST_TIMEOUT, defaults + FIRST_TIMEOUT,
				  TIMEOUTS);
	WRITE_ONCE(timeouts[SCTP_CONNTRACK_NONE], timeouts[SCTP_CONNTRACK_CLOSED]);

	return 0;
}

/**
 * ctng_sctp_timeouts_to_nlattr() - write a timeout policy
 * @skb: the message.
 * @data: the policy.
 *
 * Context: any.
 * Return: 0, or -ENOSPC if there is no room.
 */
int ctng_sctp_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	const unsigned int *timeouts = data;

	return ctng_timeouts_to_nlattr(skb, timeouts + FIRST_TIMEOUT, TIMEOUTS);
}
