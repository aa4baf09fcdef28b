// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequence number adjustment: where NAT changes the length of what a TCP connection
 * carries, or SYNPROXY answered in the server's place, the two ends count differently.
 *
 * For each direction struct nf_ct_seqadj says: up to correction_pos, in the sender's count, add
 * offset_before; behind it, offset_after. What comes back in acknowledgements is in the
 * receiver's count, so the other direction's offsets are subtracted from them.
 */
#include <linux/ip.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/tcp.h>

#include "ext.h"

/* What to add to sequence number @seq, in the sender's count. */
static s32 offset_at(const struct nf_ct_seqadj *adj, u32 seq)
{
	return after(seq, adj->correction_pos) ? adj->offset_after : adj->offset_before;
}

/* What to subtract from @ack, which is in the receiver's count. */
static s32 ack_offset_at(const struct nf_ct_seqadj *adj, u32 ack)
{
	return offset_at(adj, ack - adj->offset_before);
}

/**
 * nf_ct_seqadj_init() - the two ends' counts differ from the start
 * @ct: the connection
 * @ctinfo: whose packets' sequence numbers to change
 * @off: what to add to them
 *
 * Context: packet context.
 * Return: 0.
 */
int nf_ct_seqadj_init(struct nf_conn *ct, enum ip_conntrack_info ctinfo, s32 off)
{
	struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);
	struct nf_ct_seqadj *adj;

	if (!seqadj)
		return 0;

	adj = &seqadj->seq[CTINFO2DIR(ctinfo)];
	spin_lock_bh(&ct->lock);
	adj->offset_before = off;
	adj->offset_after = off;
	spin_unlock_bh(&ct->lock);

	if (off)
		set_bit(IPS_SEQ_ADJUST_BIT, &ct->status);
	return 0;
}

/**
 * nf_ct_seqadj_set() - a packet's payload changes its length
 * @ct: the connection
 * @ctinfo: whose packet it is
 * @seq: its sequence number, as sent
 * @off: by how much it grows
 *
 * Only the last change is remembered: of what was before the one before that, nothing should be
 * in flight any more. A retransmission is not counted twice.
 *
 * Context: packet context.
 * Return: 0.
 */
int nf_ct_seqadj_set(struct nf_conn *ct, enum ip_conntrack_info ctinfo,
		     __be32 seq, s32 off)
{
	struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);
	struct nf_ct_seqadj *adj;
	u32 pos = ntohl(seq);

	if (!off)
		return 0;
	if (!seqadj) {
		pr_warn_ratelimited("payload changed without room for the sequence offset\n");
		return 0;
	}

	set_bit(IPS_SEQ_ADJUST_BIT, &ct->status);

	adj = &seqadj->seq[CTINFO2DIR(ctinfo)];
	spin_lock_bh(&ct->lock);
	if (adj->offset_before == adj->offset_after || before(adj->correction_pos, pos)) {
		adj->correction_pos = pos;
		adj->offset_before = adj->offset_after;
		adj->offset_after += off;
	}
	spin_unlock_bh(&ct->lock);
	return 0;
}

/* The TCP header of a packet as it left user space: nothing in it is sure. */
static const struct tcphdr *find_tcp(const struct sk_buff *skb, const struct nf_conn *ct,
				     struct tcphdr *buf)
{
	int off = skb_network_offset(skb);
	u8 protocol;
	__be16 frag;

	if (nf_ct_protonum(ct) != IPPROTO_TCP)
		return NULL;

	if (nf_ct_l3num(ct) == NFPROTO_IPV6) {
		protocol = ipv6_hdr(skb)->nexthdr;
		off = ipv6_skip_exthdr(skb, off + sizeof(struct ipv6hdr), &protocol, &frag);
		if (off < 0 || protocol != IPPROTO_TCP || frag & htons(~0x7))
			return NULL;
	} else {
		off += ip_hdrlen(skb);
	}
	return skb_header_pointer(skb, off, sizeof(*buf), buf);
}

/**
 * nf_ct_tcp_seqadj_set() - a packet's payload has changed its length
 * @skb: the packet
 * @ct: its connection; nothing happens unless it is a TCP connection
 * @ctinfo: whose packet it is
 * @off: by how much it has grown
 *
 * Context: packet context.
 */
void nf_ct_tcp_seqadj_set(struct sk_buff *skb, struct nf_conn *ct,
			  enum ip_conntrack_info ctinfo, s32 off)
{
	const struct tcphdr *th;
	struct tcphdr buf;

	th = find_tcp(skb, ct, &buf);
	if (th)
		nf_ct_seqadj_set(ct, ctinfo, th->seq, off);
}

static void replace_be32(struct sk_buff *skb, struct tcphdr *th, void *field, u32 val)
{
	__be32 old = get_unaligned((__be32 *)field), new = htonl(val);

	put_unaligned(new, (__be32 *)field);

	/* At an odd offset each byte is in the other half of the sum's words. */
	if ((field - (void *)th) & 1) {
		old = (__force __be32)ror32((__force u32)old, 8);
		new = (__force __be32)ror32((__force u32)new, 8);
	}
	inet_proto_csum_replace4(&th->check, skb, old, new, false);
}

/* The edges of the blocks of a SACK option (RFC 2018, section 3) are acknowledgements. */
static void adjust_sack(struct sk_buff *skb, struct tcphdr *th, u8 *edge, const u8 *end,
			const struct nf_ct_seqadj *adj)
{
	for (; edge < end; edge += sizeof(__be32)) {
		u32 ack = get_unaligned_be32(edge);

		replace_be32(skb, th, edge, ack - ack_offset_at(adj, ack));
	}
}

/* All of the header is there. False if an option's length is nonsense. */
static bool adjust_options(struct sk_buff *skb, struct tcphdr *th,
			   const struct nf_ct_seqadj *adj)
{
	u8 *opt = (u8 *)(th + 1), *end = (u8 *)th + th->doff * 4;
	unsigned int blocks;

	while (opt < end && *opt != TCPOPT_EOL) {
		if (*opt == TCPOPT_NOP) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || opt[1] > end - opt)
			return false;

		blocks = opt[1] - TCPOLEN_SACK_BASE;
		if (*opt == TCPOPT_SACK && blocks % TCPOLEN_SACK_PERBLOCK == 0)
			adjust_sack(skb, th, opt + TCPOLEN_SACK_BASE, opt + opt[1], adj);
		opt += opt[1];
	}
	return true;
}

/**
 * nf_ct_seq_adjust() - make a packet's numbers those that its receiver counts by
 * @skb: a TCP packet; its header is made writable
 * @ct: its connection, with IPS_SEQ_ADJUST
 * @ctinfo: whose packet it is
 * @protoff: offset of the TCP header
 *
 * Context: packet context.
 * Return: 1; 0 if the packet is to be dropped: malformed, or memory is short.
 */
int nf_ct_seq_adjust(struct sk_buff *skb, struct nf_conn *ct,
		     enum ip_conntrack_info ctinfo, unsigned int protoff)
{
	const struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);
	enum ip_conntrack_dir dir = CTINFO2DIR(ctinfo);
	struct nf_ct_seqadj sent, acked;
	struct tcphdr *th;
	u32 seq, ack;

	if (!seqadj)
		return 1;

	if (skb_ensure_writable(skb, protoff + sizeof(*th)))
		return 0;
	th = (struct tcphdr *)(skb->data + protoff);

	spin_lock_bh(&ct->lock);
	sent = seqadj->seq[dir];
	acked = seqadj->seq[!dir];
	spin_unlock_bh(&ct->lock);

	seq = ntohl(th->seq);
	replace_be32(skb, th, &th->seq, seq + offset_at(&sent, seq));

	if (!th->ack)
		return 1;
	if (skb_ensure_writable(skb, protoff + th->doff * 4))
		return 0;
	th = (struct tcphdr *)(skb->data + protoff);

	ack = ntohl(th->ack_seq);
	replace_be32(skb, th, &th->ack_seq, ack - ack_offset_at(&acked, ack));

	return adjust_options(skb, th, &acked);
}

/**
 * nf_ct_seq_offset() - by how much a sequence number gets changed
 * @ct: the connection
 * @dir: whose packet it is in
 * @seq: the sequence number, as sent
 *
 * Takes no lock: callers may have @ct->lock, and one that does not gets what a packet that came
 * a moment earlier or later would have got.
 *
 * Context: packet context.
 * Return: what nf_ct_seq_adjust() adds to it.
 */
s32 nf_ct_seq_offset(const struct nf_conn *ct, enum ip_conntrack_dir dir, u32 seq)
{
	const struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);

	return seqadj ? offset_at(&seqadj->seq[dir], seq) : 0;
}
