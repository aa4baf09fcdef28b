// SPDX-License-Identifier: GPL-2.0-only
/* TCP segments: what an end would send next, and everything around the windows' edges. */

#include <linux/tcp.h>
#include <net/tcp.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include "replay.h"

#define FIN	TCPHDR_FIN
#define SYN	TCPHDR_SYN
#define RST	TCPHDR_RST
#define PSH	TCPHDR_PSH
#define ACK	TCPHDR_ACK
#define URG	TCPHDR_URG

/* A value, or one so near to it that the other side of some edge is met. */
static u32 near(struct world *w, u32 v)
{
	switch (below(w, 9)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return v;
	case 4:
		return v + 1;
	case 5:
		return v - 1;
	case 6:
		return v + below(w, 5) - 2;
	case 7:
		return v + below(w, 3000) - 1500;
	default:
		return v + PICK(w, 66000, -66000, -65999, -66001, 65535, -65535, 1000, -1000,
				0x7fffffff, 0x80000000);
	}
}

struct segment {
	u32	seq;
	u32	ack;
	u16	win;
	u8	flags;
	u16	data;
};

static void put_sack(struct world *w, struct pkt *p, u32 around)
{
	unsigned int blocks = 1 + below(w, 3);

	if (!one_in(w, 16) && p->len % 2)
		put_u8(p, TCPOPT_NOP);
	put_u8(p, TCPOPT_SACK);
	put_u8(p, 2 + 8 * blocks);
	while (blocks--) {
		put_be32(p, near(w, around));
		put_be32(p, near(w, around));
	}
}

/**
 * replay_odd_sack() - has a segment a SACK option that begins at an odd offset?
 * @tcp: the segment; whatever is behind it is zeros.
 * @len: its length.
 *
 * The generator, chance and a flipped bit make some.
 */
bool replay_odd_sack(const u8 *tcp, unsigned int len)
{
	unsigned int at = sizeof(struct tcphdr), end;

	if (len <= at)
		return false;
	end = min_t(unsigned int, len, tcp[12] >> 4 << 2);
	while (at + 1 < end && tcp[at] != TCPOPT_EOL) {
		if (tcp[at] == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (tcp[at] == TCPOPT_SACK && at % 2)
			return true;
		if (tcp[at + 1] < 2)
			break;
		at += tcp[at + 1];
	}

	return false;
}

static void put_option(struct world *w, struct pkt *p, u32 around)
{
	switch (below(w, 9)) {
	case 0:
		put_u8(p, TCPOPT_NOP);
		break;
	case 1:
		put_u8(p, TCPOPT_WINDOW);
		put_u8(p, TCPOLEN_WINDOW);
		put_u8(p, below(w, 20));
		break;
	case 2:
		put_u8(p, TCPOPT_SACK_PERM);
		put_u8(p, TCPOLEN_SACK_PERM);
		break;
	case 3:
	case 4:
		put_sack(w, p, around);
		break;
	case 5:
		put_u8(p, TCPOPT_TIMESTAMP);
		put_u8(p, TCPOLEN_TIMESTAMP);
		put_be32(p, rnd(w));
		put_be32(p, rnd(w));
		break;
	case 6:
		put_u8(p, TCPOPT_MSS);
		put_u8(p, TCPOLEN_MSS);
		put_be16(p, rnd(w));
		break;
	case 7:
		if (one_in(w, 4)) {
			put_u8(p, below(w, 10));
			put_u8(p, below(w, 12));
		}
		break;
	case 8:
		if (one_in(w, 4))
			put_u8(p, TCPOPT_EOL);
		break;
	}
}

static void put_segment(struct world *w, struct pkt *p, const struct segment *s)
{
	unsigned int options = sizeof(struct tcphdr);

	put_be16(p, ntohs(p->side.sport));
	put_be16(p, ntohs(p->side.dport));
	put_be32(p, s->seq);
	put_be32(p, s->ack);
	put_u8(p, 0);
	put_u8(p, s->flags);
	put_be16(p, s->win);
	put_be32(p, 0);

	if (one_in(w, 3)) { /* as Linux sends it, which has a path of its own */
		put_be32(p, TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 |
			    TCPOLEN_TIMESTAMP);
		put_be32(p, rnd(w));
		put_be32(p, rnd(w));
	} else if (s->flags & SYN || one_in(w, 3)) {
		while (p->len < options + 30 && !one_in(w, 4))
			put_option(w, p, s->ack);
	}
	while (p->len % 4)
		put_u8(p, TCPOPT_NOP);
	if (p->len > options + 40)
		p->len = options + 40;
	p->l4[12] = p->len / 4 << 4;
	if (one_in(w, 150))
		p->l4[12] = rnd(w);
	p->zeros = s->data;
}

/* Any segment around what the tracker holds of the connection. */
static void wild(struct world *w, const struct ip_ct_tcp *t, unsigned int dir, struct segment *s)
{
	static const u8 likely[] = {
		SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK, ACK, ACK, ACK | PSH, FIN | ACK,
		FIN | ACK | PSH, SYN | URG, ACK | URG, FIN | ACK | URG, SYN | 0xc0,
		SYN | ACK | 0x40,
	};
	const struct ip_ct_tcp_state *mine = &t->seen[dir], *other = &t->seen[!dir];

	s->flags = one_in(w, 64) ? rnd(w) : likely[below(w, ARRAY_SIZE(likely))];
	s->seq = near(w, PICK(w, mine->td_end, mine->td_end, mine->td_maxend, other->td_maxack,
			      t->last_end, t->last_seq, t->last_ack,
			      mine->td_end - other->td_maxwin, 0,
			      mine->td_maxend + other->td_maxwin));
	s->ack = near(w, PICK(w, other->td_end, other->td_end, other->td_end, t->last_end,
			      t->last_ack, mine->td_maxack, 0, other->td_end - 66000,
			      other->td_end - mine->td_maxwin));
	if (one_in(w, 10))
		s->seq = 0;
	if (one_in(w, 10))
		s->ack = 0;
	s->win = PICK(w, 0, 1, t->last_win, rnd(w), 65535, 1000);
	s->data = PICK(w, 0, 0, 0, 1, 100, 1400);
}

/* RSTs and their like, where it matters what the last segments were. */
static void reset(struct world *w, const struct ip_ct_tcp *t, unsigned int dir, struct segment *s)
{
	const struct ip_ct_tcp_state *mine = &t->seen[dir], *other = &t->seen[!dir];

	s->flags = PICK(w, RST, RST | ACK, RST, ACK, SYN | ACK, FIN | ACK);
	s->seq = PICK(w, s->seq, mine->td_end, mine->td_end + 1, mine->td_end + below(w, 1000),
		      other->td_maxack, other->td_maxack + 1, other->td_maxack - 1, t->last_end,
		      t->last_ack);
	s->ack = PICK(w, s->ack, other->td_end, other->td_end, t->last_end, mine->td_maxack);
	if (s->flags & RST)
		s->data = 0;
}

/* What an end would send next. */
static void polite(struct world *w, const struct ip_ct_tcp *t, unsigned int dir, u8 state,
		   struct segment *s)
{
	const struct ip_ct_tcp_state *mine = &t->seen[dir], *other = &t->seen[!dir];

	s->seq = mine->td_end;
	s->ack = other->td_end;
	s->win = PICK(w, 1000, 65535, 500);
	s->flags = ACK;
	s->data = 0;
	switch (state) {
	case TCP_CONNTRACK_NONE:
	case TCP_CONNTRACK_CLOSE:
	case TCP_CONNTRACK_TIME_WAIT:
		s->flags = SYN;
		s->seq = state ? near(w, mine->td_end) : w->tag[0][dir];
		break;
	case TCP_CONNTRACK_SYN_SENT:
		s->flags = dir ? SYN | ACK : SYN;
		s->seq = dir ? w->tag[0][dir] : mine->td_end - 1;
		if (one_in(w, 8)) /* both open at once */
			s->flags = SYN;
		break;
	case TCP_CONNTRACK_SYN_RECV:
		if (one_in(w, 3))
			s->flags = SYN | ACK;
		break;
	case TCP_CONNTRACK_ESTABLISHED:
		s->data = PICK(w, 0, 1, 500, 1400);
		if (one_in(w, 4))
			s->flags = FIN | ACK;
		break;
	default:
		s->flags = PICK(w, ACK, FIN | ACK, FIN | ACK, RST);
	}
}

static void tcp_packet(struct world *w, struct pkt *p)
{
	static const struct ip_ct_tcp nothing;
	const struct flow *f = &w->flow[p->flow];
	const struct ip_ct_tcp *t = f->known ? &f->proto.tcp : &nothing;
	unsigned int dir = p->dir ^ f->flip;
	struct segment s;

	wild(w, t, dir, &s);
	switch (below(w, 10)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		polite(w, t, dir, f->known ? t->state : TCP_CONNTRACK_NONE, &s);
		break;
	case 5:
		if (f->known)
			reset(w, t, dir, &s);
		break;
	case 6: /* the same acknowledgment again */
		if (!f->known || !one_in(w, 2))
			break;
		s.seq = t->last_seq;
		s.ack = t->last_ack;
		s.win = t->last_win;
		s.flags = ACK;
		s.data = t->last_end - t->last_seq < 1400 ? t->last_end - t->last_seq : 0;
		break;
	}
	put_segment(w, p, &s);
}

static void inject_side(struct world *w, struct ip_ct_tcp_state *s, u32 mine, u32 other)
{
	s->td_end = near(w, mine);
	s->td_maxend = PICK(w, s->td_end, s->td_end + PICK(w, 1, 1000, 65535, 1000000),
			    near(w, mine));
	s->td_maxwin = PICK(w, 0, 1, 1000, 65535, 66000, 66001, 100000, 1 << 20, rnd(w));
	s->td_maxack = near(w, other);
	s->td_scale = one_in(w, 2) ? 0 : below(w, 15);
	s->flags = rnd(w);
	if (one_in(w, 2))
		s->flags &= ~IP_CT_TCP_FLAG_BE_LIBERAL;
}

static void tcp_inject(struct world *w, struct nf_conn *ct)
{
	struct ip_ct_tcp *t = &ct->proto.tcp;
	struct nf_conn_seqadj *sa = nfct_seqadj(ct);
	u32 base[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		base[i] = PICK(w, 0xffffff00, 0x100, 100000, rnd(w), 0x7fffff00);
	for (i = 0; i < 2; i++)
		inject_side(w, &t->seen[i], base[i], base[!i]);
	t->state = below(w, 10);
	t->last_dir = below(w, 2);
	t->retrans = PICK(w, 0, 1, 2, 3, 4, 255);
	t->last_index = below(w, 6);
	t->last_seq = near(w, base[t->last_dir]);
	t->last_ack = near(w, base[!t->last_dir]);
	t->last_end = PICK(w, t->last_seq, t->last_seq + 1, t->last_seq + 100, near(w, base[0]),
			   near(w, base[1]), t->seen[0].td_end, t->seen[1].td_end);
	t->last_win = PICK(w, 0, 1, 1000, rnd(w));
	t->last_wscale = below(w, 15);
	t->last_flags = PICK(w, 0, rnd(w), IP_CT_EXP_CHALLENGE_ACK);
	for (i = 0; sa && i < 2; i++) {
		sa->seq[i].correction_pos = near(w, base[i]);
		sa->seq[i].offset_before = PICK(w, 0, 0, 5, -7);
		sa->seq[i].offset_after = PICK(w, 0, 0, 10, -20);
	}
}

const struct generator gen_tcp = {
	.name	= "tcp",
	.l4num	= IPPROTO_TCP,
	.packet	= tcp_packet,
	.inject	= tcp_inject,
};
