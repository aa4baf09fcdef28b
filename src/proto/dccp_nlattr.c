// SPDX-License-Identifier: GPL-2.0-only
/* DCCP: netlink attributes of connections and of timeout policies. */

#include "dccp.h"
#include "nlattr.h"

/**
 * ctng_dccp_to_nlattr() - write what ctnetlink tells of a connection
 * @skb: the message.
 * @nla: the attribute that it goes into.
 * @ct: the connection.
 * @destroy: it is going, tell no more than its last state.
 *
 * Context: any but hard interrupts; takes ct->lock.
 * Return: 0, or -1 if there is no room.
 */
int ctng_dccp_to_nlattr(struct sk_buff *skb, struct nlattr *nla, struct nf_conn *ct,
			bool destroy)
{
	struct nf_ct_dccp conn;
	struct nlattr *nest;

	spin_lock_bh(&ct->lock);
	conn = ct->proto.dccp;
	spin_unlock_bh(&ct->lock);

	nest = nla_nest_start(skb, CTA_PROTOINFO_DCCP);
	if (!nest)
		return -1;
	if (nla_put_u8(skb, CTA_PROTOINFO_DCCP_STATE, conn.state))
		goto cancel;
	if (!destroy &&
	    (nla_put_u8(skb, CTA_PROTOINFO_DCCP_ROLE, conn.role[IP_CT_DIR_ORIGINAL]) ||
	     nla_put_be64(skb, CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ,
			  cpu_to_be64(conn.handshake_seq), CTA_PROTOINFO_DCCP_PAD)))
		goto cancel;
	nla_nest_end(skb, nest);

	return 0;

cancel:
	nla_nest_cancel(skb, nest);
	return -1;
}

static const struct nla_policy dccp_nla_policy[CTA_PROTOINFO_DCCP_MAX + 1] = {
	[CTA_PROTOINFO_DCCP_STATE]		= { .type = NLA_U8 },
	[CTA_PROTOINFO_DCCP_ROLE]		= { .type = NLA_U8 },
	[CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ]	= { .type = NLA_U64 },
	[CTA_PROTOINFO_DCCP_PAD]		= { .type = NLA_UNSPEC },
};

/**
 * ctng_dccp_from_nlattr() - set a connection's state as ctnetlink is told to
 * @cda: CTA_PROTOINFO_* attributes by number.
 * @ct: the connection.
 *
 * Context: process or softirq; takes ct->lock.
 * Return: 0, or -EINVAL or -ERANGE if an attribute is missing or wrong.
 */
int ctng_dccp_from_nlattr(struct nlattr *cda[], struct nf_conn *ct)
{
	struct nlattr *tb[CTA_PROTOINFO_DCCP_MAX + 1];
	struct nf_ct_dccp *conn = &ct->proto.dccp;
	u8 state, role;
	int err;

	/* a change of something else */
	if (!cda[CTA_PROTOINFO_DCCP])
		return 0;

	err = nla_parse_nested_deprecated(tb, CTA_PROTOINFO_DCCP_MAX, cda[CTA_PROTOINFO_DCCP],
					  dccp_nla_policy, NULL);
	if (err < 0)
		return err;
	if (!tb[CTA_PROTOINFO_DCCP_STATE] || !tb[CTA_PROTOINFO_DCCP_ROLE])
		return -EINVAL;

	state = nla_get_u8(tb[CTA_PROTOINFO_DCCP_STATE]);
	role = nla_get_u8(tb[CTA_PROTOINFO_DCCP_ROLE]);
	if (state >= DCCP_STATES || role > CT_DCCP_ROLE_MAX)
		return -EINVAL;

	spin_lock_bh(&ct->lock);
	conn->state = state;
	conn->role[IP_CT_DIR_ORIGINAL] = role;
	conn->role[IP_CT_DIR_REPLY] = role == CT_DCCP_ROLE_CLIENT ? CT_DCCP_ROLE_SERVER :
								    CT_DCCP_ROLE_CLIENT;
	if (tb[CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ])
		conn->handshake_seq =
			be64_to_cpu(nla_get_be64(tb[CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ]));
	spin_unlock_bh(&ct->lock);

	return 0;
}

/* The timeouts' attributes have the numbers of the states; NONE has none. */
#define FIRST_TIMEOUT	CTA_TIMEOUT_DCCP_REQUEST
#define TIMEOUTS	CTA_TIMEOUT_DCCP_MAX

const struct nla_policy ctng_dccp_timeout_policy[CTA_TIMEOUT_DCCP_MAX + 1] = {
	[FIRST_TIMEOUT ... CTA_TIMEOUT_DCCP_MAX]	= { .type = NLA_U32 },
};

/**
 * ctng_dccp_timeouts_from_nlattr() - read a timeout policy
 * @tb: CTA_TIMEOUT_DCCP_* attributes by number.
 * @net: namespace whose timeouts stand in for those that are missing.
 * @data: set; NULL: set those of @net.
 *
 * Context: process.
 * Return: 0.
 */
int ctng_dccp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = nf_dccp_pernet(net)->dccp_timeout;
	unsigned int *timeouts = data ?: defaults;

	BUILD_BUG_ON(CTA_TIMEOUT_DCCP_REQUEST != (int)CT_DCCP_REQUEST);
	BUILD_BUG_ON(CTA_TIMEOUT_DCCP_MAX != (int)CT_DCCP_TIMEWAIT);

	ctng_timeouts_from_nlattr(tb, timeouts + FIRST_TIMEOUT, defaults + FIRST_TIMEOUT,
				  TIMEOUTS);
	WRITE_ONCE(timeouts[CT_DCCP_NONE], timeouts[CT_DCCP_REQUEST]);

	return 0;
}

/**
 * ctng_dccp_timeouts_to_nlattr() - write a timeout policy
 * @skb: the message.
 * @data: the policy.
 *
 * Context: any.
 * Return: 0, or -ENOSPC if there is no room.
 */
int ctng_dccp_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	const unsigned int *timeouts = data;

	return ctng_timeouts_to_nlattr(skb, timeouts + FIRST_TIMEOUT, TIMEOUTS);
}
