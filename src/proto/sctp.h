/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to the SCTP tracker: what it sees of a packet, and the rules it applies. */
#ifndef CTNG_SCTP_H
#define CTNG_SCTP_H

#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

/* The states of RFC 9260 section 4, as seen from the middle of the path. */
#define SCTP_STATES	(SCTP_CONNTRACK_HEARTBEAT_SENT + 1)

/* Kinds of chunks. All that can't move a connection, DATA and SACK included, are OTHER. */
enum sctp_kind {
	SCTP_KIND_INIT,
	SCTP_KIND_INIT_ACK,
	SCTP_KIND_ABORT,
	SCTP_KIND_SHUTDOWN,
	SCTP_KIND_SHUTDOWN_ACK,
	SCTP_KIND_ERROR,
	SCTP_KIND_COOKIE_ECHO,
	SCTP_KIND_COOKIE_ACK,
	SCTP_KIND_SHUTDOWN_COMPLETE,
	SCTP_KIND_HEARTBEAT,
	SCTP_KIND_HEARTBEAT_ACK,
	SCTP_KIND_OTHER,
	SCTP_KINDS
};

/**
 * struct sctp_facts - a packet as a whole
 * @dir: direction relative to the connection.
 * @vtag: verification tag of the common header.
 * @kinds: which kinds of chunks it has, BIT(enum sctp_kind).
 * @data: it has a DATA chunk.
 */
struct sctp_facts {
	enum ip_conntrack_dir	dir;
	__be32			vtag;
	u32			kinds;
	bool			data;
};

/**
 * struct sctp_part - one chunk of it
 * @kind: what it is.
 * @reflected: the T bit: sent by somebody who doesn't know the tag of the
 *	receiver and sends back his own.
 * @held: a chunk before it in the packet was SCTP_STEP_HOLD.
 * @init_tag: tag that the sender of an INIT or INIT ACK wants to be called by.
 */
struct sctp_part {
	enum sctp_kind	kind;
	bool		reflected;
	bool		held;
	__be32		init_tag;
};

/**
 * enum sctp_step - what a chunk did
 * @SCTP_STEP_STAY: it fits and leaves the state as it is.
 * @SCTP_STEP_MOVE: it fits and changes the state.
 * @SCTP_STEP_HOLD: let it pass, but it proves nothing: don't prolong the connection.
 * @SCTP_STEP_BAD_TAG: its verification tag is wrong.
 * @SCTP_STEP_BAD_STATE: it can't come in this state.
 */
enum sctp_step {
	SCTP_STEP_STAY,
	SCTP_STEP_MOVE,
	SCTP_STEP_HOLD,
	SCTP_STEP_BAD_TAG,
	SCTP_STEP_BAD_STATE,
};

enum sctp_kind ctng_sctp_classify(u8 type);
bool ctng_sctp_may_start(const struct sctp_facts *facts);
void ctng_sctp_start(struct ip_ct_sctp *assoc, const struct sctp_facts *facts);
bool ctng_sctp_tag_fits(const struct ip_ct_sctp *assoc, const struct sctp_facts *facts);
enum sctp_step ctng_sctp_step(struct ip_ct_sctp *assoc, const struct sctp_facts *facts,
			      const struct sctp_part *chunk);

/* a nest with the state and both tags */
#define CTNG_SCTP_NLATTR_SIZE	(NLA_HDRLEN + NLA_ALIGN(NLA_HDRLEN + sizeof(u8)) + \
				 2 * NLA_ALIGN(NLA_HDRLEN + sizeof(__be32)))
int ctng_sctp_to_nlattr(struct sk_buff *skb, struct nlattr *nla, struct nf_conn *ct,
			bool destroy);
int ctng_sctp_from_nlattr(struct nlattr *cda[], struct nf_conn *ct);

extern const struct nla_policy ctng_sctp_timeout_policy[];
int ctng_sctp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data);
int ctng_sctp_timeouts_to_nlattr(struct sk_buff *skb, const void *data);

#endif /* CTNG_SCTP_H */
