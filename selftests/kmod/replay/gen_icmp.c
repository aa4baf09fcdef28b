// SPDX-License-Identifier: GPL-2.0-only
/* ICMP and ICMPv6: questions, answers, and errors about packets of any protocol. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/ndisc.h>

#include "replay.h"

static u8 query_type(struct world *w, struct pkt *p)
{
	static const u8 six[] = { ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY };
	static const u8 four[][2] = {
		{ ICMP_ECHO, ICMP_ECHOREPLY },
		{ ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY },
		{ ICMP_INFO_REQUEST, ICMP_INFO_REPLY },
		{ ICMP_ADDRESS, ICMP_ADDRESSREPLY },
	};
	unsigned int kind = w->tag[p->flow][0] >> 8 & 7;
	unsigned int answer = p->dir;

	if (one_in(w, 8))
		answer = !answer;
	if (one_in(w, 24))
		return rnd(w);
	if (w->six)
		return one_in(w, 40) ? PICK(w, 130, 131, 132, 143, 151, 152, 153, 133, 134, 135,
					    136, 137, 138, 139, 140, 144) : six[answer];

	return four[kind < 4 ? kind : 0][answer];
}

static void icmp_packet(struct world *w, struct pkt *p)
{
	put_u8(p, query_type(w, p));
	put_u8(p, one_in(w, 16) ? below(w, 4) : 0);
	put_be16(p, 0);
	put_be16(p, one_in(w, 16) ? rnd(w) : w->tag[p->flow][0]); /* id */
	put_be16(p, rnd(w));
	p->zeros = PICK(w, 0, 4, 56);
}

const struct generator gen_icmp = {
	.name	= "icmp",
	.l4num	= IPPROTO_ICMP,
	.packet	= icmp_packet,
};

const struct generator gen_icmpv6 = {
	.name	= "icmpv6",
	.l4num	= IPPROTO_ICMPV6,
	.packet	= icmp_packet,
};

static u8 error_type(struct world *w)
{
	if (w->six)
		return one_in(w, 16) ? below(w, 128) :
		       PICK(w, ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_TIME_EXCEED,
			    ICMPV6_PARAMPROB, NDISC_REDIRECT);

	return one_in(w, 16) ? below(w, 32) :
	       PICK(w, ICMP_DEST_UNREACH, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED,
		    ICMP_PARAMETERPROB);
}

/* Something that looks like a packet of the flow, though it was never played. */
static void never_played(struct world *w, struct pkt *about)
{
	const struct flow *f = &w->flow[below(w, REPLAY_FLOWS)];

	memset(about, 0, sizeof(*about));
	about->l4num = f->l4num;
	about->side = f->side[below(w, 2)];
	put_be16(about, ntohs(about->side.sport));
	put_be16(about, ntohs(about->side.dport));
	put_be32(about, rnd(w));
	put_be32(about, rnd(w));
	put_be32(about, rnd(w));
	put_be32(about, rnd(w));
}

/* RFC 4861, 4.5: sent by a neighbour; the packet is quoted in an option. */
static void put_redirect(struct world *w, struct pkt *p)
{
	unsigned int i;

	if (!one_in(w, 4))
		p->hops = 255;
	if (!one_in(w, 4)) {
		p->side.src = p->side.dst;
		p->side.src.in6.s6_addr16[0] = htons(0xfe80);
	}
	for (i = 0; i < 8; i++) /* target, destination */
		put_be32(p, i);
	put_u8(p, one_in(w, 6) ? rnd(w) : ND_OPT_REDIRECT_HDR);
	put_u8(p, one_in(w, 6) ? 0 : 1 + below(w, 10));
	put_be16(p, 0);
	put_be32(p, 0);
}

/**
 * replay_icmp_error() - make an ICMP error about a packet that was played
 * @w: the world.
 * @p: the packet to make; all but its contents is chosen.
 */
void replay_icmp_error(struct world *w, struct pkt *p)
{
	static struct pkt about;
	unsigned int len, room;
	u8 header[80], *to;

	if (w->n_old && !one_in(w, 12))
		about = w->old[below(w, min_t(unsigned int, w->n_old, REPLAY_OLD))];
	else
		never_played(w, &about);

	p->l4num = w->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	p->side.dst = about.side.src;
	p->side.src = one_in(w, 2) ? about.side.dst : w->addr[HOST_ROUTER];
	if (one_in(w, 12))
		p->side.dst = w->addr[below(w, REPLAY_ADDRS)];

	put_u8(p, error_type(w));
	put_u8(p, below(w, 8));
	put_be16(p, 0);
	put_be32(p, PICK(w, 0, 1280, rnd(w)));
	if (w->six && p->l4[0] == NDISC_REDIRECT && !one_in(w, 6)) {
		p->l4[1] = one_in(w, 6);
		put_redirect(w, p);
	}
	len = replay_ip_header(w, &about, header, about.len + about.zeros);
	if (one_in(w, 20) && !w->six)
		((struct iphdr *)header)->frag_off = htons(PICK(w, IP_DF, IP_MF, 5));
	if (one_in(w, 40))
		header[below(w, len)] ^= 1 << below(w, 8);
	to = put(p, len);
	if (to)
		memcpy(to, header, len);
	room = min_t(unsigned int, about.len, sizeof(p->l4) - p->len);
	if (one_in(w, 3))
		room = min_t(unsigned int, room, PICK(w, 8, 8, 4, 12, 20, below(w, 24)));
	to = put(p, room);
	if (to)
		memcpy(to, about.l4, room);
	if (one_in(w, 40))
		p->len = below(w, p->len + 1);
}
