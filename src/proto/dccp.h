/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to the DCCP tracker: what it sees of a packet, and the rules it applies. */
#ifndef CTNG_DCCP_H
#define CTNG_DCCP_H

#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <uapi/linux/dccp.h>

/* A connection is in one of these; IGNORE and INVALID are verdicts on a packet. */
#define DCCP_STATES	(CT_DCCP_TIMEWAIT + 1)

/**
 * struct dccp_facts - a packet
 * @dir: direction relative to the connection.
 * @type: enum dccp_pkt_type, never a reserved one.
 * @seq: its sequence number, in a Response.
 * @ack: the sequence number that it acknowledges, in an Ack.
 */
struct dccp_facts {
	enum ip_conntrack_dir	dir;
	u8			type;
	u64			seq;
	u64			ack;
};

/**
 * enum dccp_step - what a packet did
 * @DCCP_STEP_STAY: it fits and leaves the state as it is.
 * @DCCP_STEP_MOVE: it fits and changes the state.
 * @DCCP_STEP_ANSWERED: the same, and proves that the client got the Response.
 * @DCCP_STEP_IGNORE: let it pass: the endpoints know better what to do with it.
 * @DCCP_STEP_BAD_STATE: its sender can't send it in this state.
 */
enum dccp_step {
	DCCP_STEP_STAY,
	DCCP_STEP_MOVE,
	DCCP_STEP_ANSWERED,
	DCCP_STEP_IGNORE,
	DCCP_STEP_BAD_STATE,
};

bool ctng_dccp_may_start(const struct dccp_facts *facts);
void ctng_dccp_start(struct nf_ct_dccp *conn);
enum dccp_step ctng_dccp_step(struct nf_ct_dccp *conn, const struct dccp_facts *facts);

/* a nest with the state, the role, and the sequence number with its padding */
#define CTNG_DCCP_NLATTR_SIZE	(NLA_HDRLEN + 2 * NLA_ALIGN(NLA_HDRLEN + sizeof(u8)) +	\
				 NLA_ALIGN(NLA_HDRLEN + sizeof(__be64)) + NLA_HDRLEN)
int ctng_dccp_to_nlattr(struct sk_buff *skb, struct nlattr *nla, struct nf_conn *ct,
			bool destroy);
int ctng_dccp_from_nlattr(struct nlattr *cda[], struct nf_conn *ct);

extern const struct nla_policy ctng_dccp_timeout_policy[];
int ctng_dccp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data);
int ctng_dccp_timeouts_to_nlattr(struct sk_buff *skb, const void *data);

#endif /* CTNG_DCCP_H */
