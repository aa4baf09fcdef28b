// SPDX-License-Identifier: GPL-2.0-only
/* TCP (RFC 9293): a segment on its way through a connection. */
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/seq_file.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_synproxy.h>
#include <net/netfilter/nf_conntrack_timeout.h>
#include <net/tcp.h>

#include "compat.h"
#include "../trace/events.h"
#include "proto.h"
#include "tcp.h"

/* An entry that misses this much of its time is not shortened any more. */
#define SHORTEN_ABOVE	(120 * HZ)

/**
 * struct tcp_outcome - what became of a segment under ct->lock
 * @move: the way it went.
 * @fit: how it fits, if @move.way is TCP_WAY_CHECK, _ADOPT or _NO_FIT.
 * @timeout: the new timeout in jiffies, where there is one.
 */
struct tcp_outcome {
	struct tcp_move	move;
	struct tcp_fit	fit;
	unsigned int	timeout;
};

/* First segment of a connection, which nobody else knows yet. */
static bool start(struct nf_conn *ct, const struct ctng_pkt *pkt,
		  const struct tcp_seg *seg)
{
	struct ip_ct_tcp *tcp = &ct->proto.tcp;

	memset(tcp, 0, sizeof(*tcp));
	tcp->last_index = TCP_KINDS;

	switch (ctng_tcp_first_state(seg)) {
	case TCP_CONNTRACK_SYN_SENT:
		ctng_tcp_window_open(tcp, seg);
		return true;
	case TCP_CONNTRACK_ESTABLISHED:
		if (!READ_ONCE(nf_tcp_pernet(nf_ct_net(ct))->tcp_loose)) {
			ctng_count(pkt->state->net, CTNG_R_TCP_NO_PICKUP);
			return false;
		}
		ctng_tcp_window_pickup(tcp, seg);
		return true;
	default:
		if (CTNG_TCP_LOGS_NEW)
			ctng_invalid(pkt, ct, CTNG_R_TCP_NEW_STATE, "invalid new");
		else
			ctng_count(pkt->state->net, CTNG_R_TCP_NEW_STATE);
		return false;
	}
}

static unsigned int timeout_of(const unsigned int *timeouts, unsigned int which)
{
	return READ_ONCE(timeouts[which]);
}

/* How long to wait for the next segment. */
static unsigned int pick_timeout(const struct ip_ct_tcp *tcp,
				 const struct tcp_seg *seg,
				 const struct nf_tcp_net *tn,
				 const unsigned int *timeouts)
{
	unsigned int timeout = timeout_of(timeouts, tcp->state);
	bool cut = (tcp->seen[IP_CT_DIR_ORIGINAL].flags |
		    tcp->seen[IP_CT_DIR_REPLY].flags) &
		   IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;

	if (tcp->retrans >= READ_ONCE(tn->tcp_max_retrans) &&
	    timeout > timeout_of(timeouts, TCP_CONNTRACK_RETRANS))
		return timeout_of(timeouts, TCP_CONNTRACK_RETRANS);
	if (seg->flags & TCPHDR_RST && CTNG_TCP_ANY_RST_CLOSES)
		return timeout_of(timeouts, TCP_CONNTRACK_CLOSE);
	/* A RST that asks for a challenge ACK: the next one will be right, see rst_move(). */
	if (seg->flags & TCPHDR_RST && tcp->state != TCP_CONNTRACK_CLOSE)
		cut = true;
	if (cut && timeout > timeout_of(timeouts, TCP_CONNTRACK_UNACK))
		return timeout_of(timeouts, TCP_CONNTRACK_UNACK);
	/* The window is shut, and has been probed (RFC 9293, 3.8.6.1). */
	if (!tcp->last_win &&
	    timeout > timeout_of(timeouts, TCP_CONNTRACK_RETRANS))
		return timeout_of(timeouts, TCP_CONNTRACK_RETRANS);
	return timeout;
}

/*
 * A FIN or RST out of the window closes nothing. But if the other end answers in kind, and
 * that does not fit either, the connection is over and it is our numbers
 * that are wrong: do not keep it for days.
 */
static void doubt(struct ip_ct_tcp *tcp, const struct tcp_seg *seg,
		  const unsigned int *timeouts, struct tcp_outcome *out)
{
	if (seg->kind != TCP_KIND_FIN && seg->kind != TCP_KIND_RST)
		return;

	if (tcp->last_dir != seg->dir && (tcp->last_index == TCP_KIND_FIN ||
					  tcp->last_index == TCP_KIND_RST)) {
		out->timeout = timeout_of(timeouts, TCP_CONNTRACK_UNACK);
		return;
	}
	tcp->last_index = seg->kind;
	tcp->last_dir = seg->dir;
}

/* Late, or a bit too much: nothing wrong enough to have it dropped. */
static bool is_minor(const struct tcp_fit *fit)
{
	return fit->beyond || fit->reason == CTNG_R_TCP_SEQ_UNDER ||
	       fit->reason == CTNG_R_TCP_ACK_UNDER;
}

/* Where a segment leads. Data on an open connection, by far the most, goes straight on. */
static struct tcp_move move_of(struct nf_conn *ct, const struct tcp_seg *seg,
			       const struct nf_tcp_net *tn)
{
	const struct ip_ct_tcp *tcp = &ct->proto.tcp;
	struct tcp_view view;

	if (likely(tcp->state == TCP_CONNTRACK_ESTABLISHED && seg->kind == TCP_KIND_ACK))
		return (struct tcp_move) {
			.way	= TCP_WAY_CHECK,
			.from	= TCP_CONNTRACK_ESTABLISHED,
			.to	= TCP_CONNTRACK_ESTABLISHED,
		};

	view = (struct tcp_view) {
		.seen_reply = test_bit(IPS_SEEN_REPLY_BIT, &ct->status),
		.assured = test_bit(IPS_ASSURED_BIT, &ct->status),
		.synproxy = nfct_synproxy(ct),
		.any_rst = READ_ONCE(tn->tcp_ignore_invalid_rst),
	};

	return ctng_tcp_move(tcp, seg, &view);
}

static void step(struct nf_conn *ct, const struct tcp_seg *seg,
		 const unsigned int *timeouts, struct tcp_outcome *out)
{
	const struct nf_tcp_net *tn = nf_tcp_pernet(nf_ct_net(ct));
	struct ip_ct_tcp *tcp = &ct->proto.tcp;
	s32 ack_offset;

	lockdep_assert_held(&ct->lock);

	out->move = move_of(ct, seg, tn);
	switch (out->move.way) {
	case TCP_WAY_IGNORE:
		ctng_tcp_remember(tcp, seg);
		return;
	case TCP_WAY_CHALLENGE:
		tcp->last_flags &= ~IP_CT_EXP_CHALLENGE_ACK;
		return;
	case TCP_WAY_ADOPT:
		ctng_tcp_adopt(tcp, seg);
		fallthrough;
	case TCP_WAY_CHECK:
		if (out->move.to == TCP_CONNTRACK_SYN_SENT2)
			tcp->last_flags |= IP_CT_TCP_SIMULTANEOUS_OPEN;
		ack_offset = ct->ext ? nf_ct_seq_offset(ct, !seg->dir, seg->ack - 1) : 0;
		if (!ctng_tcp_window_check(tcp, seg, ack_offset, READ_ONCE(tn->tcp_be_liberal),
					   &out->fit)) {
			out->move.way = TCP_WAY_NO_FIT;
			if ((READ_ONCE(ct->status) & (IPS_ASSURED | IPS_FIXED_TIMEOUT)) ==
			    IPS_ASSURED && !is_minor(&out->fit))
				doubt(tcp, seg, timeouts, out);
			return;
		}
		fallthrough;
	case TCP_WAY_ENTER:
		ctng_tcp_enter(tcp, seg, &out->move);
		out->timeout = pick_timeout(tcp, seg, tn, timeouts);
		return;
	}
}

static enum ctng_fate misfit(const struct ctng_pkt *pkt, const struct nf_conn *ct,
			     const struct tcp_fit *fit)
{
	const char *text;

	switch (fit->reason) {
	case CTNG_R_TCP_SEQ_OVER:
		text = fit->beyond ? "%u bytes more than expected" :
		       "SEQ is over upper bound %u (over the window of the receiver)";
		break;
	case CTNG_R_TCP_ACK_OVER:
		text = "ACK is over upper bound %u (ACKed data not seen yet)";
		break;
	case CTNG_R_TCP_SEQ_UNDER:
		text = "SEQ is under lower bound %u (already ACKed data retransmitted)";
		break;
	default:
		text = "ignored ACK under lower bound %u (possible overly delayed)";
		break;
	}
	ctng_invalid(pkt, ct, fit->reason, text, fit->bound);

	return is_minor(fit) ? CTNG_TRACK : CTNG_INVALID;
}

/* After doubt(). */
static void shorten(struct nf_conn *ct, const struct ctng_pkt *pkt,
		    const struct tcp_seg *seg, const struct tcp_outcome *out)
{
	unsigned long expires = nf_ct_expires(ct);

	if (expires < SHORTEN_ABOVE || expires <= out->timeout)
		return;

	ctng_invalid(pkt, ct, out->fit.reason, "lowered timeout to UNACK");
	nf_ct_refresh(ct, out->timeout);
}

/* The segment moves nothing: say why, and what becomes of the packet. */
static enum ctng_fate stay(struct nf_conn *ct, const struct ctng_pkt *pkt,
			   const struct tcp_seg *seg,
			   const struct tcp_outcome *out)
{
	const char *name = ctng_tcp_state_name(out->move.from);
	enum ctng_fate fate;

	switch (out->move.way) {
	case TCP_WAY_REOPEN:
		if (nf_ct_kill(ct))
			return CTNG_REPEAT;
		/* Another CPU was faster; the sender will come again. */
		ctng_count(pkt->state->net, CTNG_R_DYING);
		return CTNG_DROP;
	case TCP_WAY_IGNORE:
		ctng_invalid(pkt, ct, CTNG_R_TCP_SYN_IGNORED,
			     "packet (index %d) in dir %d ignored, state %s",
			     seg->kind, seg->dir, name);
		return CTNG_TRACK;
	case TCP_WAY_CHALLENGE:
		ctng_invalid(pkt, ct, CTNG_R_TCP_CHALLENGE_ACK,
			     "challenge-ack ignored");
		return CTNG_TRACK;
	case TCP_WAY_NO_STATE:
		return ctng_invalid(pkt, ct, CTNG_R_TCP_STATE,
				    "packet (index %d) in dir %d invalid, state %s",
				    seg->kind, seg->dir, name);
	case TCP_WAY_OLD_RST:
		return ctng_invalid(pkt, ct, CTNG_R_TCP_RST, "invalid rst");
	case TCP_WAY_NO_FIT:
		fate = misfit(pkt, ct, &out->fit);
		if (out->timeout)
			shorten(ct, pkt, seg, out);
		return fate;
	default:
		return CTNG_TRACK;
	}
}

/* The segment was believed: events, ASSURED, timeout. */
static void settle(struct nf_conn *ct, const struct ctng_pkt *pkt,
		   const struct tcp_seg *seg, const unsigned int *timeouts,
		   const struct tcp_outcome *out)
{
	u8 from = out->move.from, to = out->move.to;
	unsigned int timeout = out->timeout;

	if (from != to) {
		trace_ct_update(ct, to);
		nf_conntrack_event_cache(IPCT_PROTOINFO, ct);
	}

	if (!test_bit(IPS_SEEN_REPLY_BIT, &ct->status)) {
		/* No answer but a RST, or given up before one came: there was no connection. */
		if (seg->flags & TCPHDR_RST) {
			nf_ct_kill_acct(ct, pkt->ctinfo, pkt->skb);
			return;
		}
		/* Else who tries for ever keeps the entry, and its NAT mapping, for ever. */
		if (from == TCP_CONNTRACK_SYN_SENT && seg->kind == TCP_KIND_SYN)
			return;
		/* Picked up, and nobody answers yet. */
		if (to == TCP_CONNTRACK_ESTABLISHED)
			timeout = min(timeout, timeout_of(timeouts, TCP_CONNTRACK_UNACK));
	} else if (to == TCP_CONNTRACK_ESTABLISHED &&
		   (from == TCP_CONNTRACK_SYN_RECV || from == to) &&
		   !test_bit(IPS_ASSURED_BIT, &ct->status)) {
		/* The handshake is complete, or the peer of a picked up connection answers. */
		set_bit(IPS_ASSURED_BIT, &ct->status);
		nf_conntrack_event_cache(IPCT_ASSURED, ct);
	}
	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, timeout);
}

static enum ctng_fate tcp_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	union tcp_header buf __uninitialized;
	struct tcp_seg seg __uninitialized;
	struct tcp_outcome out = {};
	unsigned int *timeouts;

	if (!ctng_tcp_read_segment(pkt, &seg, &buf))
		return CTNG_INVALID;
	if (!nf_ct_is_confirmed(ct) && !start(ct, pkt, &seg))
		return CTNG_INVALID;

	timeouts = nf_ct_timeout_lookup(ct) ?: nf_tcp_pernet(pkt->state->net)->timeouts;

	spin_lock_bh(&ct->lock);
	step(ct, &seg, timeouts, &out);
	spin_unlock_bh(&ct->lock);

	switch (out.move.way) {
	case TCP_WAY_CHECK:
	case TCP_WAY_ADOPT:
	case TCP_WAY_ENTER:
		settle(ct, pkt, &seg, timeouts, &out);
		return CTNG_TRACK;
	default:
		return stay(ct, pkt, &seg, &out);
	}
}

/**
 * ctng_tcp_resync() - the numbers of a connection are out of date
 * @ct: the connection.
 *
 * Packets went by unseen. The window of an open connection starts again with the
 * next segment of each direction; in the other states little data moves, and a RST
 * or SYN has to be judged by what was seen.
 *
 * Context: BH off or process; takes ct->lock.
 */
void ctng_tcp_resync(struct nf_conn *ct)
{
	struct ip_ct_tcp *tcp = &ct->proto.tcp;

	spin_lock_bh(&ct->lock);
	if (tcp->state == TCP_CONNTRACK_ESTABLISHED) {
		tcp->seen[IP_CT_DIR_ORIGINAL].td_maxwin = 0;
		tcp->seen[IP_CT_DIR_REPLY].td_maxwin = 0;
	}
	spin_unlock_bh(&ct->lock);
}

/**
 * ctng_tcp_set_closing() - a firewall rule reset the connection
 * @ct: the connection.
 *
 * The RST that the rule sends may not come this way, see nf_ct_set_closing().
 *
 * Context: BH off; takes ct->lock.
 */
void ctng_tcp_set_closing(struct nf_conn *ct)
{
	unsigned int *timeouts = ctng_proto_timeouts(&ctng_proto_tcp, ct);
	u8 from;

	/* Not confirmed, it goes with the packet that the rule drops. */
	if (!nf_ct_is_confirmed(ct))
		return;

	spin_lock_bh(&ct->lock);
	from = ct->proto.tcp.state;
	WRITE_ONCE(ct->proto.tcp.state, TCP_CONNTRACK_CLOSE);
	spin_unlock_bh(&ct->lock);

	if (from == TCP_CONNTRACK_CLOSE ||
	    test_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status))
		return;
	nf_ct_refresh(ct, timeout_of(timeouts, TCP_CONNTRACK_CLOSE));
	nf_conntrack_event_cache(IPCT_PROTOINFO, ct);
}

static bool tcp_can_early_drop(const struct nf_conn *ct)
{
	return ctng_tcp_is_closing(READ_ONCE(ct->proto.tcp.state));
}

static u8 tcp_state(const struct nf_conn *ct)
{
	return READ_ONCE(ct->proto.tcp.state);
}

static const char *tcp_state_name(u8 state)
{
	return state < TCP_CONNTRACK_MAX ? ctng_tcp_state_name(state) : NULL;
}

/* A SYN and the same SYN again, each of which made a connection. */
static bool tcp_same_start(const struct nf_conn *a, const struct nf_conn *b)
{
	const struct ip_ct_tcp *x = &a->proto.tcp, *y = &b->proto.tcp;

	return READ_ONCE(x->state) == TCP_CONNTRACK_SYN_SENT &&
	       READ_ONCE(y->state) == TCP_CONNTRACK_SYN_SENT &&
	       READ_ONCE(x->seen[IP_CT_DIR_ORIGINAL].td_end) ==
	       READ_ONCE(y->seen[IP_CT_DIR_ORIGINAL].td_end);
}

static void tcp_print(struct seq_file *s, struct nf_conn *ct)
{
	/* The flow table does not tell us of state changes. */
	if (test_bit(IPS_OFFLOAD_BIT, &ct->status))
		return;

	seq_printf(s, "%s ", ctng_tcp_state_name(READ_ONCE(ct->proto.tcp.state)));
}

static unsigned int *tcp_timeouts(struct net *net)
{
	return nf_tcp_pernet(net)->timeouts;
}

static void tcp_init_net(struct net *net)
{
	struct nf_tcp_net *tn = nf_tcp_pernet(net);

	tn->timeouts[TCP_CONNTRACK_SYN_SENT]	= 2 * 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_SYN_RECV]	= 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_ESTABLISHED]	= 5 * 24 * 3600 * HZ;
	tn->timeouts[TCP_CONNTRACK_FIN_WAIT]	= 2 * 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_CLOSE_WAIT]	= 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_LAST_ACK]	= 30 * HZ;
	tn->timeouts[TCP_CONNTRACK_TIME_WAIT]	= 2 * 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_CLOSE]	= 10 * HZ;
	tn->timeouts[TCP_CONNTRACK_SYN_SENT2]	= 2 * 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_RETRANS]	= 5 * 60 * HZ;
	tn->timeouts[TCP_CONNTRACK_UNACK]	= 5 * 60 * HZ;
	/* Users of a policy's first word want the one of a new connection. */
	tn->timeouts[TCP_CONNTRACK_NONE] = tn->timeouts[TCP_CONNTRACK_SYN_SENT];

	tn->tcp_loose = 1;
	tn->tcp_be_liberal = 0;
	tn->tcp_ignore_invalid_rst = 0;
	tn->tcp_max_retrans = 3;
	tn->offload_timeout = 30 * HZ;
}

const struct nf_conntrack_l4proto nf_conntrack_l4proto_tcp = {
	.l4proto		= IPPROTO_TCP,
	.nlattr_size		= CTNG_TCP_NLATTR_SIZE,
	.can_early_drop		= tcp_can_early_drop,
	.to_nlattr		= ctng_tcp_to_nlattr,
	.from_nlattr		= ctng_tcp_from_nlattr,
	.tuple_to_nlattr	= nf_ct_port_tuple_to_nlattr,
	.nlattr_tuple_size	= nf_ct_port_nlattr_tuple_size,
	.nlattr_to_tuple	= nf_ct_port_nlattr_to_tuple,
	.nla_policy		= nf_ct_port_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= ctng_tcp_timeouts_from_nlattr,
		.obj_to_nlattr	= ctng_tcp_timeouts_to_nlattr,
		.obj_size	= sizeof(unsigned int) * TCP_CONNTRACK_TIMEOUT_MAX,
		.nlattr_max	= CTA_TIMEOUT_TCP_MAX,
		.nla_policy	= ctng_tcp_timeout_policy,
	},
	.print_conntrack	= tcp_print,
};

const struct ctng_proto ctng_proto_tcp = {
	.abi		= &nf_conntrack_l4proto_tcp,
	.packet		= tcp_packet,
	.timeouts	= tcp_timeouts,
	.init_net	= tcp_init_net,
	.state		= tcp_state,
	.state_name	= tcp_state_name,
	.same_start	= tcp_same_start,
};
