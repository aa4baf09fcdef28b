// SPDX-License-Identifier: GPL-2.0-only
/* TCP: the states of a connection between two hosts, seen from between them. */
#include <linux/kernel.h>
#include <net/tcp.h>

#include "tcp.h"

/*
 * RFC 9293, 3.3.2 has a state for each end; this table has one for both, and
 * takes the reply direction to be the passive end (section numbers are of RFC 9293).
 *
 *	__  cannot come here: INVALID
 *	ig  let through, not believed: the ends may know better than we do
 *	SS  SYN_SENT	a SYN was seen
 *	SR  SYN_RECV	a SYN was answered with SYN+ACK
 *	ES  ESTABLISHED	the handshake's last ACK was seen
 *	FW  FIN_WAIT	one end sent FIN
 *	CW  CLOSE_WAIT	that FIN was acknowledged
 *	LA  LAST_ACK	the second FIN was seen
 *	TW  TIME_WAIT	that FIN was acknowledged
 *	CL  CLOSE	a RST was seen
 *	S2  SYN_SENT2	both ends sent SYN: simultaneous open (3.5, figure 7)
 *
 * Where the table surprises:
 * [1] Loose pick-up: a connection that is older than the tracker.
 * [2] The same SYN again, or the client has started anew.
 * [3] The SYN+ACK was lost to us, or this ACK answers an old duplicate of the SYN
 *     (half-open connection, 3.5.1): a RST would follow.
 * [4] SYN in a synchronized state: a host answers with a challenge ACK (RFC 5961, 4),
 *     so that a spoofed SYN must not move the state. If a SYN+ACK answers it, the
 *     connection that we hold is the one that is out of date.
 * [5] The ACK on a SYN+ACK comes from the client. From the server it only counts after a
 *     simultaneous open, which ctng_tcp_move() knows and the table does not.
 * [6] SYN+ACK from the client: each end acknowledges the other's SYN.
 * [7] The FIN again, or the one that was lost to us (3.6).
 * [8] A new SYN may cut TIME-WAIT short (3.6.1; RFC 6191), from either end. After CLOSE
 *     there is nothing left to protect, but only the client may start.
 */
#undef SS	/* registers, in the headers of User Mode Linux */
#undef ES
enum {
	SS = TCP_CONNTRACK_SYN_SENT,
	SR = TCP_CONNTRACK_SYN_RECV,
	ES = TCP_CONNTRACK_ESTABLISHED,
	FW = TCP_CONNTRACK_FIN_WAIT,
	CW = TCP_CONNTRACK_CLOSE_WAIT,
	LA = TCP_CONNTRACK_LAST_ACK,
	TW = TCP_CONNTRACK_TIME_WAIT,
	CL = TCP_CONNTRACK_CLOSE,
	S2 = TCP_CONNTRACK_SYN_SENT2,
	__ = TCP_CONNTRACK_MAX,
	ig = TCP_CONNTRACK_IGNORE,
};

static const struct {
	const char	*name;
	u8		next[IP_CT_DIR_MAX][TCP_KINDS];
} tcp_states[TCP_CONNTRACK_MAX] = {
	/*                     client: SYN SYN+ACK FIN ACK RST */
	/*                     server: SYN SYN+ACK FIN ACK RST */
	[TCP_CONNTRACK_NONE] = { "NONE", {
		{ SS, __, __, ES, __ },		/* [1] */
		{ __, __, __, __, __ } } },
	[TCP_CONNTRACK_SYN_SENT] = { "SYN_SENT", {
		{ SS, __, __, __, CL },		/* [2] */
		{ S2, SR, __, ig, CL } } },	/* [3] */
	[TCP_CONNTRACK_SYN_RECV] = { "SYN_RECV", {
		{ ig, SR, FW, ES, CL },		/* [2] [6] */
		{ __, ig, FW, SR, CL } } },	/* [5] */
	[TCP_CONNTRACK_ESTABLISHED] = { "ESTABLISHED", {
		{ ig, __, FW, ES, CL },		/* [4] */
		{ __, ig, FW, ES, CL } } },
	[TCP_CONNTRACK_FIN_WAIT] = { "FIN_WAIT", {
		{ ig, __, LA, CW, CL },		/* [4] */
		{ __, ig, LA, CW, CL } } },
	[TCP_CONNTRACK_CLOSE_WAIT] = { "CLOSE_WAIT", {
		{ ig, __, LA, CW, CL },		/* [4] */
		{ __, ig, LA, CW, CL } } },
	[TCP_CONNTRACK_LAST_ACK] = { "LAST_ACK", {
		{ ig, __, LA, TW, CL },		/* [4] [7] */
		{ __, ig, LA, TW, CL } } },
	[TCP_CONNTRACK_TIME_WAIT] = { "TIME_WAIT", {
		{ SS, __, TW, TW, CL },		/* [8] [7] */
		{ SS, ig, TW, TW, CL } } },
	[TCP_CONNTRACK_CLOSE] = { "CLOSE", {
		{ SS, __, CL, CL, CL },		/* [8] */
		{ __, ig, CL, CL, CL } } },
	[TCP_CONNTRACK_SYN_SENT2] = { "SYN_SENT2", {
		{ S2, SR, __, __, CL },		/* [6] */
		{ S2, SR, __, ig, CL } } },
};

/**
 * ctng_tcp_state_name() - a state as users read it
 * @state: enum tcp_conntrack, below TCP_CONNTRACK_MAX.
 *
 * Context: any.
 * Return: the name.
 */
const char *ctng_tcp_state_name(u8 state)
{
	return tcp_states[state].name;
}

/**
 * ctng_tcp_first_state() - the state that a connection's first segment leads to
 * @seg: the segment.
 *
 * Context: any.
 * Return: the state, TCP_CONNTRACK_MAX if no connection starts with such a segment.
 */
u8 ctng_tcp_first_state(const struct tcp_seg *seg)
{
	return tcp_states[TCP_CONNTRACK_NONE].next[IP_CT_DIR_ORIGINAL][seg->kind];
}

/**
 * ctng_tcp_is_closing() - is the connection about to end, or over?
 * @state: enum tcp_conntrack.
 *
 * Context: any.
 * Return: true if it is.
 */
bool ctng_tcp_is_closing(u8 state)
{
	return state >= TCP_CONNTRACK_FIN_WAIT && state <= TCP_CONNTRACK_CLOSE;
}

/*
 * SYN after the end: a new connection, if we saw it close or this end has reset it.
 * Else the ends may still be connected, see [4].
 */
static enum tcp_way syn_after_end(const struct ip_ct_tcp *tcp,
				  const struct tcp_seg *seg)
{
	if ((tcp->seen[IP_CT_DIR_ORIGINAL].flags |
	     tcp->seen[IP_CT_DIR_REPLY].flags) & IP_CT_TCP_FLAG_CLOSE_INIT)
		return TCP_WAY_REOPEN;
	if (tcp->last_index == TCP_KIND_RST && tcp->last_dir == seg->dir)
		return TCP_WAY_REOPEN;
	return TCP_WAY_IGNORE;
}

/* A SYN+ACK on a SYN that was ignored: the ends agree, it is us who are out of date. */
static bool answers_ignored_syn(const struct ip_ct_tcp *tcp,
				const struct tcp_seg *seg)
{
	return seg->kind == TCP_KIND_SYNACK &&
	       tcp->last_index == TCP_KIND_SYN && tcp->last_dir != seg->dir &&
	       tcp->last_end == seg->ack;
}

/*
 * A SYNPROXY is connected to the client, and has sent this SYN in the client's
 * name. Until the server answers, the client may send keep-alives, one byte below.
 */
static bool synproxy_keepalive(const struct ip_ct_tcp *tcp,
			       const struct tcp_seg *seg,
			       const struct tcp_view *view)
{
	return view->synproxy && tcp->state == TCP_CONNTRACK_SYN_SENT &&
	       seg->kind == TCP_KIND_ACK && seg->dir == IP_CT_DIR_ORIGINAL &&
	       tcp->last_dir == IP_CT_DIR_ORIGINAL &&
	       seg->seq == tcp->seen[IP_CT_DIR_ORIGINAL].td_end - 1;
}

/* This ACK answers an ignored SYN (RFC 5961, 4), not the last FIN. */
static bool is_challenge_ack(const struct ip_ct_tcp *tcp,
			     const struct tcp_seg *seg)
{
	return tcp->state == TCP_CONNTRACK_LAST_ACK &&
	       seg->kind == TCP_KIND_ACK &&
	       tcp->last_index == TCP_KIND_SYN && tcp->last_dir != seg->dir &&
	       tcp->last_flags & IP_CT_EXP_CHALLENGE_ACK;
}

/*
 * A RST caused by a segment that was let through without being believed: it acknowledges
 * an ignored SYN, or an ACK of a connection that is open on one side only, or it has
 * the number that a challenge ACK asked for. Our window knows nothing of those.
 */
static bool rst_for_ignored(const struct ip_ct_tcp *tcp,
			    const struct tcp_seg *seg,
			    const struct tcp_view *view)
{
	bool after_syn = tcp->last_index == TCP_KIND_SYN && view->seen_reply &&
			 tcp->last_dir != seg->dir;
	bool after_ack = tcp->last_index == TCP_KIND_ACK && !view->assured;

	if ((after_syn || after_ack) && seg->ack == tcp->last_end)
		return true;

	return tcp->state == TCP_CONNTRACK_SYN_SENT &&
	       tcp->last_index == TCP_KIND_ACK &&
	       tcp->last_dir == IP_CT_DIR_REPLY && tcp->last_ack == seg->seq;
}

/*
 * RFC 5961, 3.2: a RST resets only if its sequence number is the very next; elsewhere in
 * the window it gets a challenge ACK, so that the state must not change. What the peer
 * has acknowledged last is the next number, unless data is on the way: then the
 * RST follows that data.
 */
static struct tcp_move rst_move(const struct ip_ct_tcp *tcp,
				const struct tcp_seg *seg,
				const struct tcp_view *view)
{
	const struct ip_ct_tcp_state *peer = &tcp->seen[!seg->dir];
	bool open = tcp->state == TCP_CONNTRACK_ESTABLISHED && view->assured;
	struct tcp_move move = {
		.way = TCP_WAY_CHECK,
		.from = tcp->state,
		.to = TCP_CONNTRACK_CLOSE,
	};

	/* The tuple may be in use again already: our numbers prove nothing. */
	if (ctng_tcp_is_closing(tcp->state)) {
		move.way = TCP_WAY_ENTER;
		return move;
	}

	/* After an ignored SYN td_maxack may be of another life of the connection. */
	if (peer->flags & IP_CT_TCP_FLAG_MAXACK_SET &&
	    tcp->last_index != TCP_KIND_SYN) {
		/* Most likely the answer to a SYN (3.5.2, group 1). */
		if (!seg->seq && !open)
			return move;

		if (before(seg->seq, peer->td_maxack) && !view->any_rst) {
			move.way = TCP_WAY_OLD_RST;
			return move;
		}
		if (!open || seg->seq == peer->td_maxack)
			return move;
		if (tcp->last_index == TCP_KIND_ACK &&
		    tcp->last_dir == seg->dir && tcp->last_end == seg->seq)
			return move;

		move.to = tcp->state;
	}

	if (rst_for_ignored(tcp, seg, view))
		move.way = TCP_WAY_ENTER;
	return move;
}

/**
 * ctng_tcp_move() - where a segment leads
 * @tcp: the connection so far.
 * @seg: the segment.
 * @view: what else counts.
 *
 * A function of its arguments alone.
 *
 * Context: any; the caller holds ct->lock, so that @tcp stands still.
 * Return: the way to treat the segment, and the next state.
 */
struct tcp_move ctng_tcp_move(const struct ip_ct_tcp *tcp,
			      const struct tcp_seg *seg,
			      const struct tcp_view *view)
{
	struct tcp_move move = {
		.way = TCP_WAY_CHECK,
		.from = tcp->state,
		.to = tcp_states[tcp->state].next[seg->dir][seg->kind],
	};

	switch (move.to) {
	case TCP_CONNTRACK_SYN_SENT:
		if (tcp->state >= TCP_CONNTRACK_TIME_WAIT)
			move.way = syn_after_end(tcp, seg);
		break;
	case TCP_CONNTRACK_SYN_RECV:
		if (seg->kind == TCP_KIND_ACK && seg->dir == IP_CT_DIR_REPLY &&
		    tcp->last_flags & IP_CT_TCP_SIMULTANEOUS_OPEN)
			move.to = TCP_CONNTRACK_ESTABLISHED;
		break;
	case TCP_CONNTRACK_TIME_WAIT:
		if (is_challenge_ack(tcp, seg))
			move.way = TCP_WAY_CHALLENGE;
		break;
	case TCP_CONNTRACK_CLOSE:
		if (seg->kind == TCP_KIND_RST)
			return rst_move(tcp, seg, view);
		break;
	case TCP_CONNTRACK_IGNORE:
		move.way = TCP_WAY_IGNORE;
		if (answers_ignored_syn(tcp, seg)) {
			move.way = TCP_WAY_ADOPT;
			move.from = TCP_CONNTRACK_SYN_SENT;
			move.to = TCP_CONNTRACK_SYN_RECV;
		}
		break;
	case TCP_CONNTRACK_MAX:
		move.way = TCP_WAY_NO_STATE;
		if (synproxy_keepalive(tcp, seg, view))
			move.way = TCP_WAY_PASS;
		break;
	}
	return move;
}

/**
 * ctng_tcp_remember() - note a segment that is let through and not believed
 * @tcp: the connection.
 * @seg: the segment, of TCP_WAY_IGNORE.
 *
 * What the other end answers tells whether it should have been believed, see
 * ctng_tcp_adopt() and rst_for_ignored().
 *
 * Context: ct->lock held.
 */
void ctng_tcp_remember(struct ip_ct_tcp *tcp, const struct tcp_seg *seg)
{
	tcp->last_index = seg->kind;
	tcp->last_dir = seg->dir;
	tcp->last_seq = seg->seq;
	tcp->last_end = seg->end;
	tcp->last_win = seg->win;

	if (seg->kind == TCP_KIND_SYN && seg->dir == IP_CT_DIR_ORIGINAL) {
		struct ip_ct_tcp_state offer = {};

		ctng_tcp_read_options(&offer, seg);
		tcp->last_wscale = offer.td_scale;
		tcp->last_flags = offer.flags;

		/* In LAST_ACK an ACK is taken for that of the FIN: see is_challenge_ack(). */
		if (tcp->state == TCP_CONNTRACK_LAST_ACK)
			tcp->last_flags |= IP_CT_EXP_CHALLENGE_ACK;
	}

	/* A host in the middle of a connection challenges our SYN (3.5.2, group 2). */
	if (seg->kind == TCP_KIND_ACK && seg->dir == IP_CT_DIR_REPLY &&
	    tcp->state == TCP_CONNTRACK_SYN_SENT)
		tcp->last_ack = seg->ack;
}

/**
 * ctng_tcp_adopt() - believe the SYN that ctng_tcp_remember() noted
 * @tcp: the connection.
 * @seg: the SYN+ACK that answers it, of TCP_WAY_ADOPT.
 *
 * Context: ct->lock held.
 */
void ctng_tcp_adopt(struct ip_ct_tcp *tcp, const struct tcp_seg *seg)
{
	struct ip_ct_tcp_state *opener = &tcp->seen[!seg->dir];
	struct ip_ct_tcp_state *answerer = &tcp->seen[seg->dir];

	tcp->last_flags &= ~IP_CT_EXP_CHALLENGE_ACK;

	opener->td_end = tcp->last_end;
	opener->td_maxend = tcp->last_end;
	opener->td_maxwin = tcp->last_win ?: 1;
	opener->td_scale = tcp->last_wscale;
	opener->flags = tcp->last_flags;

	*answerer = (struct ip_ct_tcp_state) {
		.flags = answerer->flags & IP_CT_TCP_FLAG_BE_LIBERAL,
	};
}
