// SPDX-License-Identifier: GPL-2.0-only
/* TCP: which sequence and acknowledgment numbers can come next. */
#include <linux/kernel.h>
#include <linux/string.h>
#include <net/tcp.h>

#include "tcp.h"

/*
 * After Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001). Between the
 * hosts one sees only what passes by, so that each bound is the widest that the
 * receiver can have: with everything seen so far delivered. Of each sender we know
 *
 *	td_end		the end of what it sent: max(end)
 *	td_maxend	the end of what it may send: max(peer's ack + max(peer's win, 1))
 *	td_maxwin	the largest window that it offered: max(win), SACK included;
 *			0: nothing is known of this direction
 *	td_maxack	the largest acknowledgment that it sent
 *
 * and a segment of it fits if
 *
 *	I	seq  <=  td_maxend			not over the receiver's window
 *	II	end  >=  td_end - peer's td_maxwin	not older than a whole window
 *	III	ack  <=  peer's td_end			acknowledges what was sent
 *	IV	ack  >=  peer's td_end - MAXACKWINDOW	is not too old an acknowledgment
 *
 * Windows are scaled by what the sender asked for in its SYN, if both asked (RFC 7323, 2).
 * Comparisons are modulo 2^32 (RFC 9293, 3.4).
 */

/* As in van Rooij's IV: the largest unscaled window, rounded up. */
#define MAXACKWINDOW_MIN	66000U

/* The numbers of one segment in the terms of both streams, as their senders see them. */
struct tcp_span {
	u32	seq;
	u32	end;
	u32	ack;
	u32	sack;
	u32	win;
};

/* Next option, or NULL at the end or where the rest makes no sense. */
static const u8 *next_option(const u8 **pos, const u8 *end)
{
	const u8 *opt = *pos;

	while (opt < end && *opt == TCPOPT_NOP)
		opt++;
	if (end - opt < 2 || *opt == TCPOPT_EOL)
		return NULL;
	if (opt[1] < 2 || opt[1] > end - opt)
		return NULL;
	*pos = opt + opt[1];
	return opt;
}

/**
 * ctng_tcp_read_options() - note what a SYN offers
 * @side: of the sender; gets scale and flags, keeps IP_CT_TCP_FLAG_BE_LIBERAL.
 * @seg: the SYN. Without any option it does not take back what was offered.
 *
 * Context: ct->lock held if @side is shared.
 */
void ctng_tcp_read_options(struct ip_ct_tcp_state *side, const struct tcp_seg *seg)
{
	const u8 *pos = seg->opt, *end = seg->opt + seg->opt_len, *opt;

	if (!seg->opt_len)
		return;

	side->td_scale = 0;
	side->flags &= IP_CT_TCP_FLAG_BE_LIBERAL;

	while ((opt = next_option(&pos, end))) {
		if (opt[0] == TCPOPT_SACK_PERM && opt[1] == TCPOLEN_SACK_PERM) {
			side->flags |= IP_CT_TCP_FLAG_SACK_PERM;
		} else if (opt[0] == TCPOPT_WINDOW && opt[1] == TCPOLEN_WINDOW) {
			/* RFC 7323, 2.3: more than 14 is to be taken as 14. */
			side->td_scale = min_t(u8, opt[2], TCP_MAX_WSCALE);
			side->flags |= IP_CT_TCP_FLAG_WINDOW_SCALE;
		}
	}
}

/* A timestamp and nothing else, laid out as RFC 7323, A, says: what nearly all segments have. */
static bool only_timestamp(const struct tcp_seg *seg)
{
	static const u8 head[] = { TCPOPT_NOP, TCPOPT_NOP, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP };

	return seg->opt_len == TCPOLEN_TSTAMP_ALIGNED && !memcmp(seg->opt, head, sizeof(head));
}

/* The largest number that is acknowledged, selectively (RFC 2018, 3) or not. */
static u32 highest_ack(const struct tcp_seg *seg)
{
	const u8 *pos = seg->opt, *end = seg->opt + seg->opt_len, *opt;
	u32 top = seg->ack;
	unsigned int i;

	while ((opt = next_option(&pos, end))) {
		unsigned int blocks = opt[1] - TCPOLEN_SACK_BASE;

		if (opt[0] != TCPOPT_SACK || !blocks ||
		    blocks % TCPOLEN_SACK_PERBLOCK)
			continue;

		for (i = 0; i < blocks; i += TCPOLEN_SACK_PERBLOCK) {
			__be32 edge;

			memcpy(&edge, opt + TCPOLEN_SACK_BASE + i + sizeof(edge),
			       sizeof(edge));
			if (after(ntohl(edge), top))
				top = ntohl(edge);
		}
		break;
	}
	return top;
}

/**
 * ctng_tcp_window_open() - take the sender's numbers from its SYN
 * @tcp: the connection; what was known of the sender is forgotten.
 * @seg: the SYN.
 *
 * Context: ct->lock held, or the connection is not shared yet.
 */
void ctng_tcp_window_open(struct ip_ct_tcp *tcp, const struct tcp_seg *seg)
{
	struct ip_ct_tcp_state *snd = &tcp->seen[seg->dir];
	struct ip_ct_tcp_state *rcv = &tcp->seen[!seg->dir];

	snd->td_end = seg->end;
	snd->td_maxend = seg->end;
	snd->td_maxwin = seg->win ?: 1;
	ctng_tcp_read_options(snd, seg);

	/* RFC 7323, 2.2: scaling is on if both SYNs ask for it. */
	if (seg->dir == IP_CT_DIR_REPLY &&
	    !(snd->flags & rcv->flags & IP_CT_TCP_FLAG_WINDOW_SCALE)) {
		snd->td_scale = 0;
		rcv->td_scale = 0;
	}
}

/* The history of this direction is not known: take the segment at its word. */
static void start_midstream(struct ip_ct_tcp_state *snd,
			    struct ip_ct_tcp_state *rcv,
			    const struct tcp_span *span)
{
	snd->td_end = span->end;
	snd->td_maxwin = (span->win << snd->td_scale) ?: 1;
	snd->td_maxend = span->end + snd->td_maxwin;

	if (!rcv->td_maxwin) {
		/* Nothing came from there yet: let III and IV hold until it does. */
		rcv->td_end = span->sack;
		rcv->td_maxend = span->sack;
	} else if (span->sack == rcv->td_end + 1) {
		/* Likely the answer to a keep-alive; III would not hold. */
		rcv->td_end++;
	}
}

/**
 * ctng_tcp_window_pickup() - begin in the middle of a connection
 * @tcp: zeroed.
 * @seg: the first segment that we see of it.
 *
 * The scale is not known, so that the window check cannot be strict; SACK is taken to be
 * in use.
 *
 * Context: the connection is not shared yet.
 */
void ctng_tcp_window_pickup(struct ip_ct_tcp *tcp, const struct tcp_seg *seg)
{
	struct ip_ct_tcp_state *snd = &tcp->seen[IP_CT_DIR_ORIGINAL];

	snd->td_end = seg->end;
	snd->td_maxwin = seg->win ?: 1;
	snd->td_maxend = snd->td_end + snd->td_maxwin;
	snd->flags = IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL;
	tcp->seen[IP_CT_DIR_REPLY].flags = snd->flags;
}

/* Hold the segment against I to IV. Changes nothing; @fit is set if it does not fit. */
static __always_inline bool judge(const struct ip_ct_tcp_state *snd,
				  const struct ip_ct_tcp_state *rcv,
				  const struct tcp_span *span, struct tcp_fit *fit)
{
	u32 oldest = snd->td_end - rcv->td_maxwin;
	u32 oldest_ack = rcv->td_end - max(snd->td_maxwin, MAXACKWINDOW_MIN);
	bool ack_seen = !after(span->sack, rcv->td_end);
	bool ack_fresh = !before(span->sack, oldest_ack);

	if (unlikely(after(span->seq, snd->td_maxend))) {
		u32 excess = span->end - snd->td_maxend + 1;

		/* Some hosts send a little more than the window allows. */
		if (rcv->td_maxwin && !before(span->end, oldest) &&
		    ack_seen && ack_fresh && excess <= rcv->td_maxwin)
			*fit = (struct tcp_fit){ CTNG_R_TCP_SEQ_OVER, true, excess };
		else
			*fit = (struct tcp_fit){ CTNG_R_TCP_SEQ_OVER, false,
						 snd->td_maxend + 1 };
		return false;
	}
	if (unlikely(!ack_seen)) {
		*fit = (struct tcp_fit){ CTNG_R_TCP_ACK_OVER, false, rcv->td_end + 1 };
		return false;
	}
	if (unlikely(rcv->td_maxwin && before(span->end, oldest))) {
		*fit = (struct tcp_fit){ CTNG_R_TCP_SEQ_UNDER, false, oldest - 1 };
		return false;
	}
	if (unlikely(!ack_fresh)) {
		*fit = (struct tcp_fit){ CTNG_R_TCP_ACK_UNDER, false, oldest_ack - 1 };
		return false;
	}
	return true;
}

/* The segment fits: widen what both sides are known to have sent and offered. */
static __always_inline void advance(struct ip_ct_tcp_state *snd,
				    struct ip_ct_tcp_state *rcv,
				    const struct tcp_seg *seg, const struct tcp_span *span)
{
	/* RFC 7323, 2.2: the window of a SYN is not scaled. */
	u32 win = seg->flags & TCPHDR_SYN ? span->win : span->win << snd->td_scale;

	snd->td_maxwin = max(snd->td_maxwin, win + (span->sack - span->ack));
	if (after(span->end, snd->td_end)) {
		snd->td_end = span->end;
		snd->flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
	}
	if (seg->flags & TCPHDR_ACK && (!(snd->flags & IP_CT_TCP_FLAG_MAXACK_SET) ||
					after(span->ack, snd->td_maxack))) {
		snd->td_maxack = span->ack;
		snd->flags |= IP_CT_TCP_FLAG_MAXACK_SET;
	}

	if (rcv->td_maxwin && after(span->end, snd->td_maxend))
		rcv->td_maxwin += span->end - snd->td_maxend;
	if (!before(span->sack + win, rcv->td_maxend))
		rcv->td_maxend = span->sack + max(win, 1U);
	if (span->ack == rcv->td_end)
		rcv->flags &= ~IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
}

/* The same ACK over and over: its sender, or the one it waits for, has a problem. */
static __always_inline void count_repeats(struct ip_ct_tcp *tcp,
					  const struct tcp_seg *seg,
					  const struct tcp_span *span)
{
	if (seg->kind != TCP_KIND_ACK)
		return;

	if (tcp->last_dir == seg->dir && tcp->last_seq == span->seq &&
	    tcp->last_ack == span->ack && tcp->last_end == span->end &&
	    tcp->last_win == seg->win) {
		tcp->retrans++;
		return;
	}
	tcp->last_dir = seg->dir;
	tcp->last_seq = span->seq;
	tcp->last_ack = span->ack;
	tcp->last_end = span->end;
	tcp->last_win = seg->win;
	tcp->retrans = 0;
}

/* Must the sender's numbers be taken from this SYN? */
static bool restarts(const struct ip_ct_tcp *tcp, const struct tcp_seg *seg)
{
	const struct ip_ct_tcp_state *snd = &tcp->seen[seg->dir];

	if (!(seg->flags & TCPHDR_SYN))
		return false;
	if (!snd->td_maxwin)
		return true;

	/* A client that gives up and starts anew uses larger numbers (RFC 9293, 3.4.3). */
	return after(seg->end, snd->td_end) &&
	       (tcp->state == TCP_CONNTRACK_SYN_SENT ||
		tcp->state == TCP_CONNTRACK_SYN_RECV);
}

static __always_inline bool check_span(struct ip_ct_tcp *tcp, const struct tcp_seg *seg,
				       const struct tcp_span *span, bool liberal,
				       struct tcp_fit *fit)
{
	struct ip_ct_tcp_state *snd = &tcp->seen[seg->dir];
	struct ip_ct_tcp_state *rcv = &tcp->seen[!seg->dir];

	if (likely(judge(snd, rcv, span, fit))) {
		advance(snd, rcv, seg, span);
		count_repeats(tcp, seg, span);
		return true;
	}

	/* If the rules let it pass, the receiver may well acknowledge it: be prepared. */
	if (fit->beyond) {
		snd->td_end = span->end;
		snd->flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
	}

	return liberal || snd->flags & IP_CT_TCP_FLAG_BE_LIBERAL;
}

/* A segment that does not just go on: first of its direction, SYN, RST, or without ACK. */
static noinline bool check_unusual(struct ip_ct_tcp *tcp, const struct tcp_seg *seg,
				   struct tcp_span span, bool liberal, struct tcp_fit *fit)
{
	struct ip_ct_tcp_state *snd = &tcp->seen[seg->dir];
	struct ip_ct_tcp_state *rcv = &tcp->seen[!seg->dir];
	bool has_ack = seg->flags & TCPHDR_ACK, rst = seg->flags & TCPHDR_RST;

	if (restarts(tcp, seg)) {
		bool first = !snd->td_maxwin;

		ctng_tcp_window_open(tcp, seg);
		/* Simultaneous open. */
		if (!has_ack && (first || seg->dir == IP_CT_DIR_REPLY))
			return true;
	} else if (!snd->td_maxwin) {
		start_midstream(snd, rcv, &span);
	}

	/* No ACK, or a RST of a host that sets the bit and no number: suppose a good one. */
	if (!has_ack || (rst && !span.ack)) {
		span.ack = rcv->td_end;
		span.sack = rcv->td_end;
	}
	/* The RST on a SYN has no number of its own (RFC 9293, 3.5.2, group 1). */
	if (rst && !seg->seq && tcp->state == TCP_CONNTRACK_SYN_SENT) {
		span.seq = snd->td_end;
		span.end = snd->td_end;
	}

	return check_span(tcp, seg, &span, liberal, fit);
}

/**
 * ctng_tcp_window_check() - hold a segment against the window and move it on
 * @tcp: the connection; changed if the segment fits, or tells what was unknown.
 * @seg: the segment.
 * @ack_offset: what NAT or a SYN proxy has added to the peer's sequence numbers around
 *	seg->ack, see nf_ct_seq_offset().
 * @liberal: the namespace takes nothing to be out of the window.
 * @fit: zeroed; set if the segment does not fit.
 *
 * Context: ct->lock held.
 * Return: true if the segment fits, or is taken to.
 */
bool ctng_tcp_window_check(struct ip_ct_tcp *tcp, const struct tcp_seg *seg, s32 ack_offset,
			   bool liberal, struct tcp_fit *fit)
{
	const struct ip_ct_tcp_state *snd = &tcp->seen[seg->dir];
	const struct ip_ct_tcp_state *rcv = &tcp->seen[!seg->dir];
	struct tcp_span span = {
		.seq = seg->seq,
		.end = seg->end,
		.ack = seg->ack - ack_offset,
		.sack = seg->ack - ack_offset,
		.win = seg->win,
	};

	/* Only who offered SACK gets it. */
	if (rcv->flags & IP_CT_TCP_FLAG_SACK_PERM && seg->opt_len && !only_timestamp(seg))
		span.sack = highest_ack(seg) - ack_offset;

	if (unlikely((seg->flags & (TCPHDR_SYN | TCPHDR_RST | TCPHDR_ACK)) != TCPHDR_ACK ||
		     !snd->td_maxwin))
		return check_unusual(tcp, seg, span, liberal, fit);

	return check_span(tcp, seg, &span, liberal, fit);
}
