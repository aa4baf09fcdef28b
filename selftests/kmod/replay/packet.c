// SPDX-License-Identifier: GPL-2.0-only
/* Packets as the stack would have them: headers, checksums, fragments, nonlinear data. */

#include <linux/crc32c.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sctp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "replay.h"

#define HEADROOM	128
#define EXTENSION_LEN	8	/* of each IPv6 extension header made here */

/* Offset of the protocol's checksum, -1 if there is none. */
static int sum_offset(u8 l4num)
{
	switch (l4num) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	case IPPROTO_SCTP:
		return 8;
	}

	return -1;
}

/* The zeros at the end change nothing but the length. */
static __sum16 inet_sum(const struct world *w, const struct pkt *p, unsigned int covered)
{
	unsigned int whole = p->len + p->zeros;
	__wsum sum = csum_partial(p->l4, min_t(unsigned int, covered, p->len), 0);

	if (p->l4num == IPPROTO_ICMP)
		return csum_fold(sum);
	if (w->six)
		return csum_ipv6_magic(&p->side.src.in6, &p->side.dst.in6, whole, p->l4num, sum);

	return csum_tcpudp_magic(p->side.src.ip, p->side.dst.ip, whole, p->l4num, sum);
}

/* How much of a packet its checksum is for: RFC 3828, RFC 4340 section 9.2. */
static unsigned int covered(const struct pkt *p)
{
	unsigned int whole = p->len + p->zeros;
	unsigned int part = whole;

	if (p->l4num == IPPROTO_UDPLITE)
		part = p->l4[4] << 8 | p->l4[5];
	else if (p->l4num == IPPROTO_DCCP && p->len > 5 && p->l4[5] & 0xf)
		part = p->l4[4] * 4 + ((p->l4[5] & 0xf) - 1) * 4;

	return part && part < whole ? part : whole;
}

static __le32 sctp_sum(const struct pkt *p)
{
	static const u8 zeros[64];
	unsigned int left = p->zeros;
	u32 crc = crc32c(~0, p->l4, p->len);

	for (; left; left -= min_t(unsigned int, left, sizeof(zeros)))
		crc = crc32c(crc, zeros, min_t(unsigned int, left, sizeof(zeros)));

	return cpu_to_le32(~crc);
}

/**
 * replay_finish_sum() - fill in the checksum of a packet
 * @w: its world.
 * @p: the packet; nothing is done if its protocol has none, or the generator has set it.
 */
void replay_finish_sum(const struct world *w, struct pkt *p)
{
	int at = sum_offset(p->l4num);
	__sum16 sum;
	__le32 crc;

	if (at < 0 || p->has_sum || p->len < at + (p->l4num == IPPROTO_SCTP ? 4 : 2))
		return;

	if (p->l4num == IPPROTO_SCTP) {
		memset(p->l4 + at, 0, 4);
		crc = sctp_sum(p);
		memcpy(p->l4 + at, &crc, 4);
	} else {
		memset(p->l4 + at, 0, 2);
		sum = inet_sum(w, p, covered(p));
		if (!sum && p->l4num == IPPROTO_UDP)
			sum = CSUM_MANGLED_0;
		memcpy(p->l4 + at, &sum, 2);
	}
	if (p->bad_sum)
		p->l4[at] ^= 0x55;
}

static unsigned int ipv4_header(const struct pkt *p, u8 *to, unsigned int l4_len)
{
	unsigned int len = sizeof(struct iphdr) + p->options * 4;
	struct iphdr *ip = (void *)to;

	memset(to, 0, len);
	memset(to + sizeof(*ip), IPOPT_NOOP, p->options * 4);
	ip->version = 4;
	ip->ihl = len / 4;
	ip->ttl = p->hops;
	ip->protocol = p->l4num;
	ip->saddr = p->side.src.ip;
	ip->daddr = p->side.dst.ip;
	ip->tot_len = htons(len + l4_len);
	ip_send_check(ip);

	return len;
}

static unsigned int ipv6_header(const struct pkt *p, u8 *to, unsigned int l4_len)
{
	static const u8 extensions[] = { NEXTHDR_HOP, NEXTHDR_DEST, NEXTHDR_ROUTING,
					 NEXTHDR_DEST };
	unsigned int len = sizeof(struct ipv6hdr);
	struct ipv6hdr *ip = (void *)to;
	u8 *next = &ip->nexthdr;
	unsigned int i;

	memset(to, 0, len + p->options * EXTENSION_LEN);
	ip->version = 6;
	ip->hop_limit = p->hops;
	ip->saddr = p->side.src.in6;
	ip->daddr = p->side.dst.in6;
	for (i = 0; i < p->options; i++) {
		*next = extensions[i % ARRAY_SIZE(extensions)];
		next = to + len;
		len += EXTENSION_LEN;
	}
	*next = p->l4num;
	ip->payload_len = htons(len - sizeof(*ip) + l4_len);

	return len;
}

/**
 * replay_ip_header() - write an IP header
 * @w: the world, which knows the family.
 * @p: the packet it is for.
 * @to: where to; room for 80 bytes.
 * @l4_len: length of what follows.
 *
 * Return: its length.
 */
unsigned int replay_ip_header(const struct world *w, const struct pkt *p, u8 *to,
			      unsigned int l4_len)
{
	return w->six ? ipv6_header(p, to, l4_len) : ipv4_header(p, to, l4_len);
}

/* Moves what is behind the first bytes to a page, as network cards leave it there. */
static void make_nonlinear(struct sk_buff *skb, unsigned int linear)
{
	unsigned int len = skb->len;
	struct page *page;

	if (linear >= len || len - linear > PAGE_SIZE)
		return;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return;

	skb_copy_bits(skb, linear, page_address(page), len - linear);
	skb_trim(skb, linear);
	skb_add_rx_frag(skb, 0, page, 0, len - linear, PAGE_SIZE);
}

static void set_checksum_state(struct sk_buff *skb, const struct pkt *p, unsigned int l4_at)
{
	skb->ip_summed = p->ip_summed;
	if (p->ip_summed == CHECKSUM_COMPLETE)
		skb->csum = skb_checksum(skb, 0, skb->len, 0);
	if (p->ip_summed == CHECKSUM_PARTIAL) {
		skb->csum_start = skb_headroom(skb) + l4_at;
		skb->csum_offset = max(sum_offset(p->l4num), 0);
	}
}

/**
 * replay_build() - make the skb of a packet
 * @w: its world.
 * @p: the packet.
 *
 * Context: process context, may sleep.
 * Return: the skb, as the IP layer would give it to the first hook; NULL without memory.
 */
struct sk_buff *replay_build(struct world *w, const struct pkt *p)
{
	unsigned int ip_len;
	struct sk_buff *skb;
	u8 header[80];

	skb = alloc_skb(HEADROOM + sizeof(header) + p->len + p->zeros, GFP_KERNEL);
	if (!skb)
		return NULL;

	skb_reserve(skb, HEADROOM);
	ip_len = replay_ip_header(w, p, header, p->len + p->zeros);
	skb_put_data(skb, header, ip_len);
	skb_put_data(skb, p->l4, p->len);
	skb_put_zero(skb, p->zeros);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip_len);
	skb->protocol = htons(w->six ? ETH_P_IPV6 : ETH_P_IP);
	skb->dev = w->net->loopback_dev;
	set_checksum_state(skb, p, ip_len);
	if (p->split)
		make_nonlinear(skb, ip_len + p->split - 1);

	return skb;
}
