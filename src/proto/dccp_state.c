// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of DCCP (RFC 4340): what client and server may send in which state.
 * Nothing in here knows of packet buffers, locks or timers.
 */

#include "dccp.h"

/*
 * Legend. The states of RFC 4340 section 8.4, as seen from the middle of the path:
 *
 *	no	NONE		nothing seen yet
 *	rq	REQUEST		the client's Request seen
 *	rs	RESPOND		the server's Response seen
 *	po	PARTOPEN	the client has acknowledged it, the server not yet
 *	op	OPEN		the server has shown that it got that
 *	cr	CLOSEREQ	the server wants the client to close
 *	cg	CLOSING		one side has closed
 *	tw	TIMEWAIT	reset, which ends every connection
 *
 *	ig	let it pass and keep the state: a late packet, or one that we
 *		can't judge, since it depends on sequence numbers that only the
 *		endpoints follow
 *	--	cannot be sent
 */
#define no CT_DCCP_NONE
#define rq CT_DCCP_REQUEST
#define rs CT_DCCP_RESPOND
#define po CT_DCCP_PARTOPEN
#define op CT_DCCP_OPEN
#define cr CT_DCCP_CLOSEREQ
#define cg CT_DCCP_CLOSING
#define tw CT_DCCP_TIMEWAIT
#define ig CT_DCCP_IGNORE
#define __ CT_DCCP_INVALID

/* Next state by role of the sender, type of packet, and state. */
static const u8 transitions[CT_DCCP_ROLE_MAX + 1][DCCP_NR_PKT_TYPES][DCCP_STATES] = {
[CT_DCCP_ROLE_CLIENT] = {
			     /*	no  rq  rs  po  op  cr  cg  tw */
	/* 8.1.1: sent again until it is answered; opens the same ports anew after TIMEWAIT */
	[DCCP_PKT_REQUEST]  = { rq, rq, rs, ig, ig, ig, ig, rq },
	/* only servers send it, so we have the roles wrong: see meet_ignored() */
	[DCCP_PKT_RESPONSE] = { __, ig, ig, ig, ig, ig, ig, __ },
	/* 8.1.5: not without an acknowledgment before the server is known to be open */
	[DCCP_PKT_DATA]	    = { __, __, __, __, op, cr, cg, __ },
	/* 8.1.5: the third step of the handshake, sent again in PARTOPEN */
	[DCCP_PKT_ACK]	    = { __, __, po, po, op, cr, cg, __ },
	[DCCP_PKT_DATAACK]  = { __, __, po, po, op, cr, cg, __ },
	/* 8.3: only servers send it */
	[DCCP_PKT_CLOSEREQ] = { __, __, __, __, __, __, __, __ },
	[DCCP_PKT_CLOSE]    = { __, __, __, cg, cg, cg, __, __ },
	/* 8.1.3, 8.3: it is the server's that ends a connection, so only that one counts again */
	[DCCP_PKT_RESET]    = { tw, tw, tw, tw, tw, tw, tw, ig },
	/* 7.5.3, 7.5.4: sequence numbers are the endpoints' affair */
	[DCCP_PKT_SYNC]	    = { __, ig, ig, ig, ig, ig, ig, ig },
	[DCCP_PKT_SYNCACK]  = { __, ig, ig, ig, ig, ig, ig, ig },
},
[CT_DCCP_ROLE_SERVER] = {
			     /*	no  rq  rs  po  op  cr  cg  tw */
	/* only clients send it; after TIMEWAIT the old server may be the next client */
	[DCCP_PKT_REQUEST]  = { __, ig, ig, ig, ig, ig, ig, rq },
	/* 8.1.3: sent again for each Request; late ones may follow */
	[DCCP_PKT_RESPONSE] = { __, rs, rs, ig, ig, ig, ig, __ },
	/* 8.1.5: whatever the server sends now shows that it is open */
	[DCCP_PKT_DATA]	    = { __, __, __, op, op, __, cg, __ },
	[DCCP_PKT_ACK]	    = { __, __, __, op, op, __, cg, __ },
	[DCCP_PKT_DATAACK]  = { __, __, __, op, op, __, cg, __ },
	/* 8.3: both sides may close at once */
	[DCCP_PKT_CLOSEREQ] = { __, __, __, cr, cr, cr, cr, __ },
	[DCCP_PKT_CLOSE]    = { __, __, __, cg, cg, __, cg, __ },
	[DCCP_PKT_RESET]    = { tw, tw, tw, tw, tw, tw, tw, tw },
	[DCCP_PKT_SYNC]	    = { __, ig, ig, ig, ig, ig, ig, ig },
	[DCCP_PKT_SYNCACK]  = { __, ig, ig, ig, ig, ig, ig, ig },
},
};

static void set_client(struct nf_ct_dccp *conn, enum ip_conntrack_dir dir)
{
	conn->role[dir] = CT_DCCP_ROLE_CLIENT;
	conn->role[!dir] = CT_DCCP_ROLE_SERVER;
}

/**
 * ctng_dccp_may_start() - can a connection begin with this packet?
 * @facts: the packet.
 *
 * Context: any.
 * Return: true for a Request only. In the middle of a connection nothing tells who is
 * the client; in RFC 4340, what either may send depends on that.
 */
bool ctng_dccp_may_start(const struct dccp_facts *facts)
{
	return facts->type == DCCP_PKT_REQUEST;
}

/**
 * ctng_dccp_start() - begin a connection
 * @conn: the connection; its first packet is still to be stepped through.
 *
 * Context: nobody else sees @conn.
 */
void ctng_dccp_start(struct nf_ct_dccp *conn)
{
	memset(conn, 0, sizeof(*conn));
	conn->state = CT_DCCP_NONE;
	set_client(conn, IP_CT_DIR_ORIGINAL);
}

/*
 * A packet that leaves the state alone. But if a Request passed unheeded and now
 * a Response to it follows, the endpoints have started over without us.
 */
static u8 meet_ignored(struct nf_ct_dccp *conn, const struct dccp_facts *facts)
{
	if (facts->type != DCCP_PKT_RESPONSE || conn->last_pkt != DCCP_PKT_REQUEST ||
	    conn->last_dir == facts->dir)
		return CT_DCCP_IGNORE;

	set_client(conn, !facts->dir);
	conn->handshake_seq = facts->seq;

	return CT_DCCP_RESPOND;
}

/**
 * ctng_dccp_step() - apply a packet to a connection
 * @conn: the connection, unchanged if the packet doesn't fit.
 * @facts: the packet.
 *
 * Context: ct->lock held, or nobody else sees @conn.
 * Return: what it did.
 */
enum dccp_step ctng_dccp_step(struct nf_ct_dccp *conn, const struct dccp_facts *facts)
{
	u8 next = transitions[conn->role[facts->dir]][facts->type][conn->state];
	enum dccp_step step = DCCP_STEP_MOVE;

	switch (next) {
	case CT_DCCP_INVALID:
		return DCCP_STEP_BAD_STATE;
	case CT_DCCP_IGNORE:
		next = meet_ignored(conn, facts);
		break;
	case CT_DCCP_REQUEST:
		set_client(conn, facts->dir);
		break;
	case CT_DCCP_RESPOND:
		if (conn->state == CT_DCCP_REQUEST)
			conn->handshake_seq = facts->seq;
		break;
	case CT_DCCP_PARTOPEN:
		if (conn->state == CT_DCCP_RESPOND && facts->type == DCCP_PKT_ACK &&
		    facts->ack == conn->handshake_seq)
			step = DCCP_STEP_ANSWERED;
		break;
	}

	conn->last_dir = facts->dir;
	conn->last_pkt = facts->type;
	if (next == CT_DCCP_IGNORE)
		return DCCP_STEP_IGNORE;
	if (next == conn->state)
		return DCCP_STEP_STAY;
	conn->state = next;

	return step;
}
