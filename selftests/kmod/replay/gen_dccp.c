// SPDX-License-Identifier: GPL-2.0-only
/* DCCP: all types from both roles, handshake sequence numbers right and wrong. */

#include <linux/dccp.h>
#include <linux/netfilter/nf_conntrack_dccp.h>

#include "replay.h"

struct message {
	u8	type;
	bool	extended;	/* sequence numbers of 48 bits */
	u64	seq;
	u64	ack;
};

static u8 polite_type(struct world *w, u8 state, bool server)
{
	switch (state) {
	case CT_DCCP_NONE:
	case CT_DCCP_TIMEWAIT:
		return DCCP_PKT_REQUEST;
	case CT_DCCP_REQUEST:
		return server ? DCCP_PKT_RESPONSE : DCCP_PKT_REQUEST;
	case CT_DCCP_RESPOND:
		return server ? DCCP_PKT_RESPONSE :
		       PICK(w, DCCP_PKT_ACK, DCCP_PKT_DATAACK, DCCP_PKT_REQUEST);
	case CT_DCCP_PARTOPEN:
		return PICK(w, DCCP_PKT_ACK, DCCP_PKT_DATAACK, DCCP_PKT_DATA);
	case CT_DCCP_OPEN:
		return PICK(w, DCCP_PKT_DATA, DCCP_PKT_ACK, DCCP_PKT_DATAACK, DCCP_PKT_SYNC,
			    DCCP_PKT_SYNCACK, server ? DCCP_PKT_CLOSEREQ : DCCP_PKT_CLOSE);
	case CT_DCCP_CLOSEREQ:
		return server ? DCCP_PKT_CLOSEREQ : DCCP_PKT_CLOSE;
	default:
		return PICK(w, DCCP_PKT_RESET, DCCP_PKT_CLOSE, DCCP_PKT_RESET);
	}
}

static unsigned int body_of(u8 type)
{
	switch (type) {
	case DCCP_PKT_REQUEST:
		return 4;
	case DCCP_PKT_RESPONSE:
	case DCCP_PKT_RESET:
		return 12;
	case DCCP_PKT_DATA:
		return 0;
	}

	return 8;
}

static void put_message(struct world *w, struct pkt *p, const struct message *m)
{
	unsigned int body = body_of(m->type);

	put_be16(p, ntohs(p->side.sport));
	put_be16(p, ntohs(p->side.dport));
	put_u8(p, 0);
	put_u8(p, one_in(w, 8) ? below(w, 16) : 0); /* CCVal, CsCov */
	put_be16(p, 0);
	put_u8(p, (one_in(w, 40) ? rnd(w) << 5 : 0) | m->type << 1 | m->extended);
	put_u8(p, m->extended ? 0 : m->seq >> 16);
	put_be16(p, m->extended ? m->seq >> 32 : m->seq);
	if (m->extended)
		put_be32(p, m->seq);
	if (m->type == DCCP_PKT_REQUEST) {
		put_be32(p, 42);
	} else if (body) {
		put_be32(p, m->ack >> 32 & 0xffff);
		put_be32(p, m->ack);
		if (body > 8)
			put_be32(p, rnd(w));
	}
	p->l4[4] = p->len / 4;
	if (one_in(w, 40))
		p->l4[4] = PICK(w, 0, 1, 2, 3, 4, 5, 6, 7, 20, 255);
	p->zeros = PICK(w, 0, 0, 1, 4, 60);
	/* ends in its header */
	if (one_in(w, 20)) {
		p->len = min(p->len, 12 + below(w, 12));
		p->l4[4] = PICK(w, 3, p->len / 4);
		p->zeros = 0;
	}
}

static void dccp_packet(struct world *w, struct pkt *p)
{
	const struct flow *f = &w->flow[p->flow];
	const struct nf_ct_dccp *d = &f->proto.dccp;
	unsigned int dir = p->dir ^ f->flip;
	bool server = f->known && d->role[dir] == CT_DCCP_ROLE_SERVER;
	u64 some = (u64)w->tag[0][p->dir] << 12 & 0xffffffffffff;
	struct message m = {
		.type = polite_type(w, f->known ? d->state : CT_DCCP_NONE, server),
		.extended = !one_in(w, 8),
		.seq = some,
		.ack = f->known && !one_in(w, 4) ? d->handshake_seq : some + 1,
	};

	if (one_in(w, 3))
		m.type = one_in(w, 20) ? below(w, 16) : below(w, DCCP_PKT_SYNCACK + 1);
	if (f->known && one_in(w, 4))
		m.seq = d->handshake_seq;
	if (one_in(w, 8))
		m.seq += (s32)below(w, 3) - 1;
	put_message(w, p, &m);
}

static void dccp_inject(struct world *w, struct nf_conn *ct)
{
	struct nf_ct_dccp *d = &ct->proto.dccp;
	unsigned int client = below(w, 2);

	d->state = 1 + below(w, CT_DCCP_TIMEWAIT);
	d->role[client] = CT_DCCP_ROLE_CLIENT;
	d->role[!client] = CT_DCCP_ROLE_SERVER;
	d->last_pkt = below(w, DCCP_PKT_SYNCACK + 1);
	d->last_dir = below(w, 2);
	d->handshake_seq = (u64)rnd(w) << 12;
}

const struct generator gen_dccp = {
	.name	= "dccp",
	.l4num	= IPPROTO_DCCP,
	.packet	= dccp_packet,
	.inject	= dccp_inject,
};
