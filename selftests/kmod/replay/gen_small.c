// SPDX-License-Identifier: GPL-2.0-only
/* UDP, UDP-Lite, GRE and protocols that nobody knows. */

#include <linux/netfilter/nf_conntrack_proto_gre.h>
#include <net/gre.h>
#include <net/pptp.h>

#include "replay.h"

static void udp_packet(struct world *w, struct pkt *p)
{
	unsigned int data = PICK(w, 0, 1, 4, 40, 1000);
	unsigned int len = sizeof(struct udphdr) + data;

	put_be16(p, ntohs(p->side.sport));
	put_be16(p, ntohs(p->side.dport));
	if (one_in(w, 20))
		len = PICK(w, 0, 7, 8, len - 1, len + 1, 0xffff);
	put_be16(p, len);
	put_be16(p, 0);
	p->zeros = data;
	p->has_sum = one_in(w, 10); /* it is 0: none */
}

const struct generator gen_udp = {
	.name	= "udp",
	.l4num	= IPPROTO_UDP,
	.packet	= udp_packet,
};

static void udplite_packet(struct world *w, struct pkt *p)
{
	unsigned int data = PICK(w, 0, 1, 4, 40, 1000);
	unsigned int whole = sizeof(struct udphdr) + data;

	put_be16(p, ntohs(p->side.sport));
	put_be16(p, ntohs(p->side.dport));
	put_be16(p, PICK(w, 0, 0, whole, 8, one_in(w, 5) ? below(w, 8) : 0,
			 one_in(w, 5) ? whole + 1 : 0, 8 + data / 2));
	put_be16(p, 0);
	p->zeros = data;
	p->has_sum = one_in(w, 50);
	/* which modules take for wrong or right differs: rarely, for the rest to be compared */
	if (!one_in(w, 64) && p->ip_summed != CHECKSUM_PARTIAL)
		p->ip_summed = CHECKSUM_UNNECESSARY;
}

const struct generator gen_udplite = {
	.name	= "udplite",
	.l4num	= IPPROTO_UDPLITE,
	.packet	= udplite_packet,
};

static void gre_start(struct world *w, struct flow *f, unsigned int number)
{
	/* the tracker sees keys only in version 1 */
	f->side[0].sport = 0;
	f->side[0].dport = 0;
	f->side[1].sport = 0;
	f->side[1].dport = 0;
}

/* What the PPTP helper does when a call has been made: the keys of both ways are known. */
static void make_call(struct world *w, struct pkt *p)
{
	struct nf_conntrack_tuple t = {
		.src.u3 = p->side.src, .src.l3num = w->six ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.dst.u3 = p->side.dst, .dst.protonum = IPPROTO_GRE,
	};
	struct nf_conn *ct = replay_find(w, 0);

	if (!ct)
		return;
	t.src.u.gre.key = (__force __be16)w->tag[0][0];
	t.dst.u.gre.key = (__force __be16)w->tag[0][1];
	local_bh_disable();
	if (nfct_help(ct))
		w->rec->result = nf_ct_gre_keymap_add(ct, p->dir, &t);
	local_bh_enable();
	nf_ct_put(ct);
}

static void gre_packet(struct world *w, struct pkt *p)
{
	unsigned int version = PICK(w, 0, 0, 0, 1, 1, 1, one_in(w, 8) ? below(w, 8) : 0);
	u16 flags = version;
	u32 key = w->tag[0][p->dir];

	if (version == 1 && one_in(w, 3))
		make_call(w, p);
	if (one_in(w, 2) || version == 1)
		flags |= ntohs((__force __be16)GRE_KEY);
	if (one_in(w, 6))
		flags |= rnd(w) & 0xb000;
	if (one_in(w, 10))
		flags = (rnd(w) & 0xfff8) | version;
	put_be16(p, flags);
	put_be16(p, version == 1 && !one_in(w, 20) ? 0x880b : 0x0800);
	if (version == 1) {
		put_be16(p, 4); /* payload, call id */
		put_be16(p, one_in(w, 10) ? rnd(w) : key);
		put_be32(p, rnd(w));
		put_be32(p, rnd(w));
	} else {
		if (flags & ntohs((__force __be16)GRE_CSUM))
			put_be32(p, 0);
		if (flags & ntohs((__force __be16)GRE_KEY))
			put_be32(p, key);
	}
	p->zeros = PICK(w, 0, 4, 60);
	if (p->len + p->zeros < 8)
		p->note |= NOTE_SHORT_GRE;
}

const struct generator gen_gre = {
	.name	= "gre",
	.l4num	= IPPROTO_GRE,
	.start	= gre_start,
	.packet	= gre_packet,
};

static void generic_start(struct world *w, struct flow *f, unsigned int number)
{
	static const u8 some[] = {
		253, 254, IPPROTO_ESP, IPPROTO_AH, IPPROTO_IPIP, IPPROTO_IPV6, 89, 103, 112,
		IPPROTO_IGMP, IPPROTO_RAW, 0, IPPROTO_ICMP, IPPROTO_ICMPV6, 115,
	};

	f->l4num = number && one_in(w, 2) ? w->flow[0].l4num : some[below(w, ARRAY_SIZE(some))];
	/* the other family's ICMP is one that nobody knows */
	if (f->l4num == (w->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ||
	    (w->six && ipv6_ext_hdr(f->l4num)))
		f->l4num = 253;
	f->side[0].sport = 0;
	f->side[0].dport = 0;
	f->side[1].sport = 0;
	f->side[1].dport = 0;
}

static void generic_packet(struct world *w, struct pkt *p)
{
	unsigned int len = below(w, 40);

	while (len--)
		put_u8(p, rnd(w));
}

const struct generator gen_generic = {
	.name	= "generic",
	.l4num	= 253,
	.start	= generic_start,
	.packet	= generic_packet,
};
