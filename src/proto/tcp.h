/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP: what the segment reader, the state table and the window check share. */
#ifndef CTNG_TCP_H
#define CTNG_TCP_H

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/tcp.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "../core/packet.h"

/**
 * enum tcp_kind - a segment, by what it does to the state
 * @TCP_KIND_SYN: SYN without ACK.
 * @TCP_KIND_SYNACK: SYN with ACK.
 * @TCP_KIND_FIN: FIN.
 * @TCP_KIND_ACK: none of the others.
 * @TCP_KIND_RST: RST, whatever else is set.
 * @TCP_KINDS: how many there are; in last_index: no segment yet.
 *
 * The log shows these as "index", and ip_ct_tcp.last_index holds one.
 */
enum tcp_kind {
	TCP_KIND_SYN,
	TCP_KIND_SYNACK,
	TCP_KIND_FIN,
	TCP_KIND_ACK,
	TCP_KIND_RST,
	TCP_KINDS,
};

/**
 * struct tcp_seg - a well-formed segment, in host byte order
 * @seq: its first sequence number.
 * @end: the one after its last; SYN and FIN count (RFC 9293, 3.4).
 * @ack: the acknowledgment field, as it was sent.
 * @win: the window field, not scaled.
 * @kind: enum tcp_kind.
 * @dir: enum ip_conntrack_dir.
 * @flags: as in the header: TCPHDR_SYN and so on.
 * @opt_len: bytes at @opt.
 * @opt: the options.
 */
struct tcp_seg {
	u32		seq;
	u32		end;
	u32		ack;
	u16		win;
	u8		kind;
	u8		dir;
	u8		flags;
	u8		opt_len;
	const u8	*opt;
};

/**
 * enum tcp_way - what to do with a segment
 * @TCP_WAY_CHECK: hold it against the window, then enter the next state.
 * @TCP_WAY_ENTER: enter the next state; the window says nothing here.
 * @TCP_WAY_ADOPT: it answers a SYN that was let through and not believed:
 *	believe that SYN now, then as @TCP_WAY_CHECK.
 * @TCP_WAY_IGNORE: let it through, remember it, do not believe it yet.
 * @TCP_WAY_CHALLENGE: an RFC 5961 challenge ACK: let it through, stay.
 * @TCP_WAY_PASS: let it through, stay, remember nothing.
 * @TCP_WAY_REOPEN: the tuple is used again: retire the connection.
 * @TCP_WAY_NO_STATE: no such segment can come in this state.
 * @TCP_WAY_OLD_RST: a RST for data acknowledged long ago.
 * @TCP_WAY_NO_FIT: the window check disagreed.
 */
enum tcp_way {
	TCP_WAY_CHECK,
	TCP_WAY_ENTER,
	TCP_WAY_ADOPT,
	TCP_WAY_IGNORE,
	TCP_WAY_CHALLENGE,
	TCP_WAY_PASS,
	TCP_WAY_REOPEN,
	TCP_WAY_NO_STATE,
	TCP_WAY_OLD_RST,
	TCP_WAY_NO_FIT,
};

/**
 * struct tcp_move - where a segment leads
 * @way: enum tcp_way.
 * @from: the state that it was held against.
 * @to: the next state; only of use where one is entered.
 */
struct tcp_move {
	u8	way;
	u8	from;
	u8	to;
};

/**
 * struct tcp_view - what, apart from ip_ct_tcp, ctng_tcp_move() depends on
 * @seen_reply: IPS_SEEN_REPLY.
 * @assured: IPS_ASSURED.
 * @synproxy: a SYNPROXY answers for the responder.
 * @any_rst: the namespace believes a RST wherever its sequence number is.
 */
struct tcp_view {
	bool	seen_reply;
	bool	assured;
	bool	synproxy;
	bool	any_rst;
};

/**
 * struct tcp_fit - how a segment fits the window
 * @reason: CTNG_R_NONE: it fits. CTNG_R_TCP_SEQ_UNDER and CTNG_R_TCP_ACK_UNDER: it
 *	is late, which is no offence. Others: it is invalid.
 * @beyond: with CTNG_R_TCP_SEQ_OVER: only its tail is out of the window.
 * @bound: the bound that it missed; with @beyond, by how many bytes.
 */
struct tcp_fit {
	enum ctng_reason	reason;
	bool			beyond;
	u32			bound;
};

/* A header with all the options that it can have. */
union tcp_header {
	struct tcphdr	th;
	u8		bytes[15 * 4];
};

/**
 * ctng_tcp_enter() - go to the next state
 * @tcp: the connection.
 * @seg: the segment, which fits.
 * @move: what ctng_tcp_move() said.
 *
 * Context: ct->lock held; others read tcp->state without it.
 */
static inline void ctng_tcp_enter(struct ip_ct_tcp *tcp, const struct tcp_seg *seg,
				  const struct tcp_move *move)
{
	tcp->last_index = seg->kind;
	tcp->last_dir = seg->dir;
	WRITE_ONCE(tcp->state, move->to);

	if (move->to == TCP_CONNTRACK_FIN_WAIT && move->from != move->to)
		tcp->seen[seg->dir].flags |= IP_CT_TCP_FLAG_CLOSE_INIT;
}

/* tcp_segment.c */
bool ctng_tcp_read_segment(const struct ctng_pkt *pkt, struct tcp_seg *seg,
			   union tcp_header *buf);

/* tcp_state.c */
const char *ctng_tcp_state_name(u8 state);
struct tcp_move ctng_tcp_move(const struct ip_ct_tcp *tcp,
			      const struct tcp_seg *seg,
			      const struct tcp_view *view);
u8 ctng_tcp_first_state(const struct tcp_seg *seg);
void ctng_tcp_remember(struct ip_ct_tcp *tcp, const struct tcp_seg *seg);
void ctng_tcp_adopt(struct ip_ct_tcp *tcp, const struct tcp_seg *seg);
bool ctng_tcp_is_closing(u8 state);

/* tcp_window.c */
void ctng_tcp_read_options(struct ip_ct_tcp_state *side, const struct tcp_seg *seg);
void ctng_tcp_window_open(struct ip_ct_tcp *tcp, const struct tcp_seg *seg);
void ctng_tcp_window_pickup(struct ip_ct_tcp *tcp, const struct tcp_seg *seg);
bool ctng_tcp_window_check(struct ip_ct_tcp *tcp, const struct tcp_seg *seg, s32 ack_offset,
			   bool liberal, struct tcp_fit *fit);

/* tcp_nlattr.c; the size of what ctng_tcp_to_nlattr() puts: a nest of 3 u8 and 2 flags. */
#define CTNG_TCP_NLATTR_SIZE	(NLA_HDRLEN + 3 * NLA_ALIGN(NLA_HDRLEN + sizeof(u8)) + \
				 2 * NLA_ALIGN(NLA_HDRLEN + sizeof(struct nf_ct_tcp_flags)))
int ctng_tcp_to_nlattr(struct sk_buff *skb, struct nlattr *nla,
		       struct nf_conn *ct, bool destroy);
int ctng_tcp_from_nlattr(struct nlattr *attr[], struct nf_conn *ct);
int ctng_tcp_timeouts_from_nlattr(struct nlattr *attr[], struct net *net, void *data);
int ctng_tcp_timeouts_to_nlattr(struct sk_buff *skb, const void *data);
extern const struct nla_policy ctng_tcp_timeout_policy[];

#endif /* CTNG_TCP_H */
