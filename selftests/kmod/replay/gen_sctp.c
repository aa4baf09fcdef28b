// SPDX-License-Identifier: GPL-2.0-only
/* SCTP: chunks alone and in bundles, right and wrong tags, colliding INITs, other paths. */

#include <linux/sctp.h>

#include "replay.h"

/* What an end would send next, by state and direction. */
static u8 polite_chunk(struct world *w, unsigned int state, unsigned int dir)
{
	switch (state) {
	case SCTP_CONNTRACK_NONE:
	case SCTP_CONNTRACK_CLOSED:
		return PICK(w, SCTP_CID_INIT, SCTP_CID_INIT, SCTP_CID_INIT, SCTP_CID_HEARTBEAT);
	case SCTP_CONNTRACK_COOKIE_WAIT:
		return dir ? SCTP_CID_INIT_ACK :
		       PICK(w, SCTP_CID_INIT, SCTP_CID_COOKIE_ECHO, SCTP_CID_COOKIE_ECHO);
	case SCTP_CONNTRACK_COOKIE_ECHOED:
		return dir ? SCTP_CID_COOKIE_ACK : SCTP_CID_COOKIE_ECHO;
	case SCTP_CONNTRACK_ESTABLISHED:
		return PICK(w, SCTP_CID_DATA, SCTP_CID_SACK, SCTP_CID_HEARTBEAT,
			    SCTP_CID_HEARTBEAT_ACK, SCTP_CID_SHUTDOWN, SCTP_CID_ABORT);
	case SCTP_CONNTRACK_SHUTDOWN_SENT:
	case SCTP_CONNTRACK_SHUTDOWN_RECD:
		return PICK(w, SCTP_CID_SHUTDOWN_ACK, SCTP_CID_SHUTDOWN, SCTP_CID_DATA);
	case SCTP_CONNTRACK_SHUTDOWN_ACK_SENT:
		return PICK(w, SCTP_CID_SHUTDOWN_COMPLETE, SCTP_CID_SHUTDOWN_ACK);
	default:
		return PICK(w, SCTP_CID_HEARTBEAT_ACK, SCTP_CID_HEARTBEAT, SCTP_CID_DATA);
	}
}

static u8 any_chunk(struct world *w)
{
	return one_in(w, 20) ? rnd(w) :
	       PICK(w, SCTP_CID_DATA, SCTP_CID_INIT, SCTP_CID_INIT_ACK, SCTP_CID_SACK,
		    SCTP_CID_HEARTBEAT, SCTP_CID_HEARTBEAT_ACK, SCTP_CID_ABORT,
		    SCTP_CID_SHUTDOWN, SCTP_CID_SHUTDOWN_ACK, SCTP_CID_ERROR,
		    SCTP_CID_COOKIE_ECHO, SCTP_CID_COOKIE_ACK, SCTP_CID_SHUTDOWN_COMPLETE,
		    SCTP_CID_ASCONF, SCTP_CID_FWD_TSN);
}

static unsigned int body_of(u8 type)
{
	switch (type) {
	case SCTP_CID_INIT:
	case SCTP_CID_INIT_ACK:
		return 16;
	case SCTP_CID_DATA:
		return 16;
	case SCTP_CID_SACK:
		return 12;
	case SCTP_CID_SHUTDOWN:
		return 4;
	case SCTP_CID_HEARTBEAT:
	case SCTP_CID_HEARTBEAT_ACK:
	case SCTP_CID_COOKIE_ECHO:
		return 8;
	}

	return 0;
}

static void put_chunk(struct world *w, struct pkt *p, u8 type)
{
	unsigned int body = body_of(type);
	unsigned int len = 4 + body;
	u32 tag = w->tag[0][p->dir];
	unsigned int i;

	if (one_in(w, 12))
		tag = PICK(w, 0, tag + 1, 0xcccccccc, w->tag[0][!p->dir]);
	if (one_in(w, 60))
		len = PICK(w, 0, 1, 3, 4, 5, 8, 20, 100, 0xffff);
	put_u8(p, type);
	put_u8(p, one_in(w, 4) ? SCTP_CHUNK_FLAG_T : one_in(w, 20) ? rnd(w) : 0);
	put_be16(p, len);
	for (i = 0; i < body; i += 4)
		put_be32(p, i || (type != SCTP_CID_INIT && type != SCTP_CID_INIT_ACK) ?
			    rnd(w) : tag);
}

/* The tag is the one that the receiver chose; by T the sender's own, if it knows no other. */
static u32 vtag(struct world *w, const struct pkt *p, u8 type)
{
	const struct flow *f = &w->flow[p->flow];
	u32 right = w->tag[0][!p->dir];

	if (f->known && one_in(w, 2))
		right = ntohl(f->proto.sctp.vtag[p->dir ^ f->flip]);
	if (type == SCTP_CID_INIT && !one_in(w, 8))
		return 0;
	if (one_in(w, 6))
		return PICK(w, 0, right + 1, w->tag[0][p->dir], 0xcccccccc, w->tag[1][0]);

	return right;
}

static void sctp_packet(struct world *w, struct pkt *p)
{
	const struct flow *f = &w->flow[p->flow];
	unsigned int state = f->known ? f->proto.sctp.state : SCTP_CONNTRACK_NONE;
	unsigned int more = one_in(w, 4) ? 1 + below(w, 3) : 0;
	u8 type = !one_in(w, 3) ? polite_chunk(w, state, p->dir ^ f->flip) : any_chunk(w);

	put_be16(p, ntohs(p->side.sport));
	put_be16(p, ntohs(p->side.dport));
	put_be32(p, vtag(w, p, type));
	put_be32(p, 0);
	if (!one_in(w, 80))
		put_chunk(w, p, type);
	while (more--)
		put_chunk(w, p, one_in(w, 3) ? any_chunk(w) :
				PICK(w, SCTP_CID_DATA, SCTP_CID_SACK, SCTP_CID_HEARTBEAT,
				     SCTP_CID_SHUTDOWN, SCTP_CID_ERROR));
	if (one_in(w, 60))
		p->zeros = 1 + below(w, 8);
	if (p->ip_summed == CHECKSUM_COMPLETE)
		p->ip_summed = CHECKSUM_UNNECESSARY;
}

static void sctp_inject(struct world *w, struct nf_conn *ct)
{
	struct ip_ct_sctp *s = &ct->proto.sctp;
	unsigned int dir;

	s->state = 1 + below(w, SCTP_CONNTRACK_HEARTBEAT_SENT);
	s->last_dir = below(w, 2);
	s->flags = one_in(w, 2) ? rnd(w) & 1 : 0;
	for (dir = 0; dir < 2; dir++) {
		s->vtag[dir] = htonl(PICK(w, w->tag[0][!dir], w->tag[0][!dir], 0, rnd(w)));
		s->init[dir] = one_in(w, 3);
	}
}

const struct generator gen_sctp = {
	.name	= "sctp",
	.l4num	= IPPROTO_SCTP,
	.packet	= sctp_packet,
	.inject	= sctp_inject,
};
