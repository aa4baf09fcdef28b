// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of numbered flows. Everything follows from the number of the flow, so that a
 * packet of any flow can be made without a look at memory.
 */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/tcp.h>

#include "bench.h"

#define HEADROOM	64
#define ISN_ORIGINAL	1000000000U
#define ISN_REPLY	2000000000U
#define PORT_SERVER	443
#define PORT_NAT	8443

static const struct bench_class classes[] = {
	{ "udp4",  NFPROTO_IPV4, IPPROTO_UDP, false, 0 },
	{ "tcp4",  NFPROTO_IPV4, IPPROTO_TCP, false, 1 },
	{ "udp6",  NFPROTO_IPV6, IPPROTO_UDP, false, 2 },
	{ "tcp6",  NFPROTO_IPV6, IPPROTO_TCP, false, 3 },
	{ "udp4n", NFPROTO_IPV4, IPPROTO_UDP, true,  4 },
	{ "tcp4n", NFPROTO_IPV4, IPPROTO_TCP, true,  5 },
	{ "udp6n", NFPROTO_IPV6, IPPROTO_UDP, true,  6 },
	{ "tcp6n", NFPROTO_IPV6, IPPROTO_TCP, true,  7 },
};

/* Options as of a Linux host: of a SYN, and of all other segments. */
static const u8 syn_options[] = {
	TCPOPT_MSS, TCPOLEN_MSS, 0x05, 0xb4, TCPOPT_SACK_PERM, TCPOLEN_SACK_PERM,
	TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP, 0, 0, 0, 1, 0, 0, 0, 0,
	TCPOPT_NOP, TCPOPT_WINDOW, TCPOLEN_WINDOW, 7,
};

static const u8 data_options[] = {
	TCPOPT_NOP, TCPOPT_NOP, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP, 0, 0, 0, 1, 0, 0, 0, 1,
};

/**
 * bench_class_find() - look a kind of flow up
 * @name: its name.
 *
 * Return: the class or NULL.
 */
const struct bench_class *bench_class_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i].name, name))
			return &classes[i];

	return NULL;
}

static unsigned int l3_len(const struct bench_class *class)
{
	return class->pf == NFPROTO_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/**
 * bench_skb() - make the packet that bench_write() writes to
 * @class: kind of its flows.
 *
 * Context: may sleep.
 * Return: the packet with two references, one of which a hook takes that drops it, or NULL.
 */
struct sk_buff *bench_skb(const struct bench_class *class)
{
	struct sk_buff *skb = alloc_skb(HEADROOM + 256, GFP_KERNEL);

	if (!skb)
		return NULL;

	skb_get(skb);
	skb_reserve(skb, HEADROOM);
	skb_put_zero(skb, 192);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, l3_len(class));
	skb->protocol = class->pf == NFPROTO_IPV4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	/* A network card has looked at the checksum, as most of them do. */
	skb->ip_summed = CHECKSUM_UNNECESSARY;

	return skb;
}

static void write_v4(struct bench *b, const struct bench_pkt *pkt, unsigned int len)
{
	struct iphdr *iph = ip_hdr(b->skb);
	__be32 client = htonl(0x0a000000 | b->class->id << 20 | pkt->flow >> 4);
	__be32 server = htonl(0xc0a80001);

	if (pkt->dir == IP_CT_DIR_REPLY && b->class->nat)
		server = htonl(0xc0a80101);

	iph->version = 4;
	iph->ihl = 5;
	iph->tot_len = htons(len);
	iph->ttl = 64;
	iph->protocol = b->class->l4num;
	iph->saddr = pkt->dir == IP_CT_DIR_ORIGINAL ? client : server;
	iph->daddr = pkt->dir == IP_CT_DIR_ORIGINAL ? server : client;
}

static void write_v6(struct bench *b, const struct bench_pkt *pkt, unsigned int len)
{
	struct ipv6hdr *iph = ipv6_hdr(b->skb);
	struct in6_addr client = { .s6_addr32 = {
		htonl(0xfd000001), htonl(b->class->id), 0, htonl(pkt->flow >> 4) } };
	struct in6_addr server = { .s6_addr32 = { htonl(0xfd000002), 0, 0, htonl(1) } };

	if (pkt->dir == IP_CT_DIR_REPLY && b->class->nat)
		server.s6_addr32[3] = htonl(2);

	iph->version = 6;
	iph->payload_len = htons(len - sizeof(*iph));
	iph->nexthdr = b->class->l4num;
	iph->hop_limit = 64;
	iph->saddr = pkt->dir == IP_CT_DIR_ORIGINAL ? client : server;
	iph->daddr = pkt->dir == IP_CT_DIR_ORIGINAL ? server : client;
}

static void write_tcp(struct sk_buff *skb, const struct bench_pkt *pkt, unsigned int opt_len)
{
	struct tcphdr *th = tcp_hdr(skb);

	th->seq = htonl(pkt->seq);
	th->ack_seq = htonl(pkt->ack);
	tcp_flag_byte(th) = pkt->flags;
	th->doff = (sizeof(*th) + opt_len) / 4;
	th->window = htons(pkt->flags & TCPHDR_SYN ? 64240 : 502);
	memcpy(th + 1, pkt->flags & TCPHDR_SYN ? syn_options : data_options, opt_len);
}

static unsigned int tcp_options(const struct bench_pkt *pkt)
{
	if (pkt->flags & TCPHDR_RST)
		return 0;

	return pkt->flags & TCPHDR_SYN ? sizeof(syn_options) : sizeof(data_options);
}

/**
 * bench_write() - write a packet of a flow
 * @b: the benchmark; its skb becomes the packet.
 * @pkt: what is variable in it.
 */
void bench_write(struct bench *b, const struct bench_pkt *pkt)
{
	__be16 client = htons(32768 + (pkt->flow & 15)), server = htons(PORT_SERVER);
	bool tcp = b->class->l4num == IPPROTO_TCP;
	struct sk_buff *skb = b->skb;
	unsigned int opt_len = tcp ? tcp_options(pkt) : 0;
	unsigned int l4_len = tcp ? sizeof(struct tcphdr) + opt_len : sizeof(struct udphdr);
	unsigned int len = l3_len(b->class) + l4_len + pkt->len;
	struct udphdr *uh = udp_hdr(skb);

	skb->len = len;
	skb_set_tail_pointer(skb, len);

	if (b->class->pf == NFPROTO_IPV4)
		write_v4(b, pkt, len);
	else
		write_v6(b, pkt, len);

	if (pkt->dir == IP_CT_DIR_REPLY && b->class->nat)
		server = htons(PORT_NAT);

	/* ports are where UDP has them */
	uh->source = pkt->dir == IP_CT_DIR_ORIGINAL ? client : server;
	uh->dest = pkt->dir == IP_CT_DIR_ORIGINAL ? server : client;
	if (tcp)
		write_tcp(skb, pkt, opt_len);
	else
		uh->len = htons(l4_len + pkt->len);
}

/**
 * bench_data_pkt() - the next packet of an established flow
 * @flow: its number.
 * @round: how many it has had; they go back and forth, each with data that the
 *	next one acknowledges.
 *
 * Return: the packet.
 */
struct bench_pkt bench_data_pkt(u32 flow, u32 round)
{
	u32 seq = ISN_ORIGINAL + 1 + (round + 1) / 2 * BENCH_PAYLOAD;
	u32 ack = ISN_REPLY + 1 + round / 2 * BENCH_PAYLOAD;

	if (round & 1)
		swap(seq, ack);

	return (struct bench_pkt) {
		.flow	= flow,
		.dir	= round & 1 ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL,
		.flags	= TCPHDR_ACK | TCPHDR_PSH,
		.seq	= seq,
		.ack	= ack,
		.len	= BENCH_PAYLOAD,
	};
}

/**
 * bench_open_pkt() - a packet of the handshake
 * @flow: its flow.
 * @step: 0 for the first packet, 1 for its answer, 2 for the third.
 *
 * UDP has no handshake, but its first packets are like these.
 *
 * Return: the packet.
 */
struct bench_pkt bench_open_pkt(u32 flow, unsigned int step)
{
	struct bench_pkt pkt = { .flow = flow };

	switch (step) {
	case 0:
		pkt.flags = TCPHDR_SYN;
		pkt.seq = ISN_ORIGINAL;
		break;
	case 1:
		pkt.dir = IP_CT_DIR_REPLY;
		pkt.flags = TCPHDR_SYN | TCPHDR_ACK;
		pkt.seq = ISN_REPLY;
		pkt.ack = ISN_ORIGINAL + 1;
		break;
	default:
		pkt.flags = TCPHDR_ACK;
		pkt.seq = ISN_ORIGINAL + 1;
		pkt.ack = ISN_REPLY + 1;
	}

	return pkt;
}

/**
 * bench_close_pkt() - a packet that ends a connection without data
 * @flow: its flow.
 * @step: 0 and 1 for the FINs, 2 for the last ACK.
 *
 * Return: the packet.
 */
struct bench_pkt bench_close_pkt(u32 flow, unsigned int step)
{
	struct bench_pkt pkt = {
		.flow	= flow,
		.dir	= step == 1 ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL,
		.flags	= step == 2 ? TCPHDR_ACK : TCPHDR_FIN | TCPHDR_ACK,
		.seq	= ISN_ORIGINAL + 1 + (step == 2),
		.ack	= ISN_REPLY + 1 + (step == 2),
	};

	if (step == 1) {
		pkt.seq = ISN_REPLY + 1;
		pkt.ack = ISN_ORIGINAL + 2;
	}

	return pkt;
}
