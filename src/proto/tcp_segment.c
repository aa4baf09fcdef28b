// SPDX-License-Identifier: GPL-2.0-only
/* TCP: from a packet to a segment that is well-formed. */
#include <linux/netfilter.h>
#include <net/tcp.h>

#include "tcp.h"

/*
 * What a host can send of these flags; PSH, ECE and CWR go with anything. The rest
 * is a port scan or a broken host.
 */
#define FLAGS_JUDGED	(TCPHDR_FIN | TCPHDR_SYN | TCPHDR_RST | TCPHDR_ACK | TCPHDR_URG)

static const u64 flags_valid = BIT_ULL(TCPHDR_SYN) |
			       BIT_ULL(TCPHDR_SYN | TCPHDR_URG) |
			       BIT_ULL(TCPHDR_SYN | TCPHDR_ACK) |
			       BIT_ULL(TCPHDR_RST) |
			       BIT_ULL(TCPHDR_RST | TCPHDR_ACK) |
			       BIT_ULL(TCPHDR_FIN | TCPHDR_ACK) |
			       BIT_ULL(TCPHDR_FIN | TCPHDR_ACK | TCPHDR_URG) |
			       BIT_ULL(TCPHDR_ACK) |
			       BIT_ULL(TCPHDR_ACK | TCPHDR_URG);

static u8 kind_of(u8 flags)
{
	if (likely(!(flags & (TCPHDR_RST | TCPHDR_SYN | TCPHDR_FIN))))
		return TCP_KIND_ACK;
	if (flags & TCPHDR_RST)
		return TCP_KIND_RST;
	if (flags & TCPHDR_SYN)
		return flags & TCPHDR_ACK ? TCP_KIND_SYNACK : TCP_KIND_SYN;
	return TCP_KIND_FIN;
}

static bool checksum_bad(const struct ctng_pkt *pkt)
{
	const struct nf_hook_state *state = pkt->state;

	/* Elsewhere it was checked before, or the packet is the host's own. */
	return state->hook == NF_INET_PRE_ROUTING &&
	       pkt->skb->ip_summed != CHECKSUM_UNNECESSARY &&
	       READ_ONCE(state->net->ct.sysctl_checksum) &&
	       nf_checksum(pkt->skb, state->hook, pkt->dataoff, IPPROTO_TCP,
			   pkt->l3num);
}

/**
 * ctng_tcp_read_segment() - read the segment out of a packet
 * @pkt: the packet, hostile.
 * @seg: filled; @seg->opt may point into @buf, or into the packet.
 * @buf: for what is not in the packet's linear part.
 *
 * Context: BH off, RCU.
 * Return: false if it is malformed, which is counted and logged.
 */
bool ctng_tcp_read_segment(const struct ctng_pkt *pkt, struct tcp_seg *seg,
			   union tcp_header *buf)
{
	unsigned int len = pkt->skb->len - pkt->dataoff, hdr_len;
	const struct tcphdr *th;
	u8 flags;

	th = skb_header_pointer(pkt->skb, pkt->dataoff, sizeof(*th), buf);
	if (!th) {
		ctng_count(pkt->state->net, CTNG_R_SHORT_HEADER);
		return false;
	}

	hdr_len = th->doff * 4;
	th = hdr_len < sizeof(*th) ? NULL :
	     skb_header_pointer(pkt->skb, pkt->dataoff, hdr_len, buf);
	if (!th) {
		ctng_invalid(pkt, NULL, CTNG_R_TCP_LENGTH, "truncated packet");
		return false;
	}
	if (checksum_bad(pkt)) {
		ctng_invalid(pkt, NULL, CTNG_R_CHECKSUM, "bad checksum");
		return false;
	}
	flags = tcp_flag_byte(th);
	if (!(flags_valid & BIT_ULL(flags & FLAGS_JUDGED))) {
		ctng_invalid(pkt, NULL, CTNG_R_TCP_FLAGS,
			     "invalid tcp flag combination");
		return false;
	}

	*seg = (struct tcp_seg) {
		.seq = ntohl(th->seq),
		.end = ntohl(th->seq) + len - hdr_len +
		       !!(flags & TCPHDR_SYN) + !!(flags & TCPHDR_FIN),
		.ack = ntohl(th->ack_seq),
		.win = ntohs(th->window),
		.kind = kind_of(flags),
		.dir = ctng_pkt_dir(pkt),
		.flags = flags,
		.opt = (const u8 *)(th + 1),
		.opt_len = hdr_len - sizeof(*th),
	};
	return true;
}
