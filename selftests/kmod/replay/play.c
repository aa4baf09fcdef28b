// SPDX-License-Identifier: GPL-2.0-only
/* A packet's way through the hooks, and the record of it. */

#include <linux/crc32.h>
#include <linux/icmp.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/route.h>

#include "replay.h"

static unsigned long played, changed;
module_param(played, ulong, 0444);
MODULE_PARM_DESC(played, "Packets so far");
module_param(changed, ulong, 0444);
MODULE_PARM_DESC(changed, "Packets so far of which bytes were changed");

/* A route for packets that leave: NAT asks the packet for it. By family (IPv6?). */
static struct dst_entry *route[2];

static u8 family(const struct world *w)
{
	return w->six ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

static int nobody(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

/* As nf_hook(): 1 accepted, 0 somebody else has it, negative: dropped and freed. */
static int through(struct world *w, unsigned int hook, struct sk_buff *skb)
{
	struct net_device *lo = w->net->loopback_dev;
	bool out = hook == NF_INET_POST_ROUTING || hook == NF_INET_LOCAL_OUT;
	int result;

	local_bh_disable();
	result = nf_hook(family(w), hook, w->net, NULL, skb, out ? NULL : lo, out ? lo : NULL,
			 nobody);
	local_bh_enable();

	return result;
}

static unsigned int first_hook(const struct pkt *p)
{
	return p->path == PATH_OUTPUT ? NF_INET_LOCAL_OUT : NF_INET_PRE_ROUTING;
}

static unsigned int second_hook(const struct pkt *p)
{
	return p->path == PATH_INPUT ? NF_INET_LOCAL_IN : NF_INET_POST_ROUTING;
}

/*
 * Captured packets that come in pieces have another id in each playing (captures.py), which is
 * not to count: the offsets of it, and of the sum over it.
 */
static void ids_at(const struct world *w, const struct sk_buff *skb, int at[2])
{
	unsigned int frag = 0;

	at[0] = -1;
	at[1] = -1;
	if (w->gen->packet)
		return;
	if (!w->six) {
		at[0] = offsetof(struct iphdr, id);
		at[1] = offsetof(struct iphdr, check);
	} else if (ipv6_find_hdr(skb, &frag, NEXTHDR_FRAGMENT, NULL, NULL) >= 0) {
		at[0] = frag + offsetof(struct frag_hdr, identification) + 2;
	}
}

/**
 * replay_packet_crc() - a digest of a packet
 * @w: its world.
 * @skb: the packet.
 *
 * Return: the digest, of whatever the packet's sender meant to differ.
 */
u32 replay_packet_crc(const struct world *w, const struct sk_buff *skb)
{
	u32 crc = w->six ? ~0 : ~(u32)ip_fast_csum(ip_hdr(skb), ip_hdr(skb)->ihl);
	unsigned int at, len, i;
	int ids[2], hole;
	u8 piece[64];

	ids_at(w, skb, ids);
	for (at = 0; at < skb->len; at += len) {
		len = min_t(unsigned int, skb->len - at, sizeof(piece));
		skb_copy_bits(skb, at, piece, len);
		for (i = 0; i < 2 * ARRAY_SIZE(ids); i++) {
			hole = ids[i / 2] < 0 ? -1 : ids[i / 2] + (int)(i % 2) - (int)at;
			if (hole >= 0 && hole < len)
				piece[hole] = 0;
		}
		crc = crc32(crc, piece, len);
	}

	return crc;
}

/* A port that NAT neither kept nor was told is one that was drawn. */
static bool is_random(const struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	const struct nf_conntrack_tuple *reply = nf_ct_tuple(ct, IP_CT_DIR_REPLY);

	switch (nf_ct_protonum(ct)) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return reply->src.u.all != orig->src.u.all && reply->src.u.all != NAT_TO_PORT;
	case IPPROTO_GRE: /* a call's key */
		if (ct->master)
			break;
		fallthrough;
	default:
		return false;
	}

	return (reply->dst.u.all != orig->src.u.all && reply->dst.u.all != NAT_TO_PORT) ||
	       (reply->src.u.all != orig->dst.u.all && reply->src.u.all != NAT_TO_PORT);
}

/* Learn where the flow's packets go now, and what state the tracker has. */
static void learn(struct world *w, const struct pkt *p, const struct nf_conn *ct,
		  enum ip_conntrack_info ctinfo)
{
	struct flow *f = &w->flow[p->flow];
	const struct nf_conntrack_tuple *t;
	unsigned int dir;

	if (nf_ct_protonum(ct) != f->l4num || ctinfo == IP_CT_RELATED ||
	    ctinfo == IP_CT_RELATED_REPLY)
		return;

	f->known = true;
	f->flip = CTINFO2DIR(ctinfo) != p->dir;
	f->status = ct->status;
	memcpy(&f->proto, &ct->proto, sizeof(f->proto));
	for (dir = 0; w->nat && dir < 2; dir++) {
		t = nf_ct_tuple(ct, dir);
		f->side[dir ^ f->flip] = (struct side) {
			.src = t->src.u3, .dst = t->dst.u3,
			.sport = t->src.u.all, .dport = t->dst.u.all,
		};
	}
}

static void note_conn(struct world *w, const struct pkt *p, const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	w->rec->ip_summed = skb->ip_summed;
	w->rec->ctinfo = ctinfo;
	if (!ct)
		return;
	memset(&w->rec->conn, 0, sizeof(w->rec->conn));
	replay_describe(&w->rec->conn, ct);
	if (ct->status & IPS_NAT_MASK && is_random(ct))
		w->rec->note |= NOTE_RANDOM;
	learn(w, p, ct, ctinfo);
}

/* What a packet that is INVALID, or was dropped, has left behind. */
static void note_flow(struct world *w, const struct pkt *p)
{
	struct nf_conn *ct = replay_find(w, p->flow);

	if (!ct)
		return;
	memset(&w->rec->conn, 0, sizeof(w->rec->conn));
	replay_describe(&w->rec->conn, ct);
	w->rec->note |= NOTE_ASIDE;
	nf_ct_put(ct);
}

static void finish(struct world *w, const struct pkt *p, struct sk_buff *skb)
{
	if (!skb_dst(skb))
		skb_dst_set(skb, dst_clone(route[w->six]));
	w->rec->second = through(w, second_hook(p), skb);
	w->rec->note |= p->note;
	if (w->rec->second != 1)
		return;

	note_conn(w, p, skb);
	w->rec->came = replay_packet_crc(w, skb);
	kfree_skb(skb);
}

static bool hold(struct world *w, const struct pkt *p, struct sk_buff *skb)
{
	unsigned int i;

	for (i = 0; p->hold && i < REPLAY_HELD; i++) {
		if (w->held[i].skb)
			continue;
		w->held[i].skb = skb;
		w->held[i].pkt = *p;
		return true;
	}

	return false;
}

static struct sk_buff *fragment(const struct world *w, const struct sk_buff *whole,
				unsigned int from, unsigned int to, bool last)
{
	unsigned int hlen = w->six ? sizeof(struct ipv6hdr) : ip_hdrlen(whole);
	unsigned int extra = w->six ? sizeof(struct frag_hdr) : 0;
	struct sk_buff *skb = skb_copy_expand(whole, skb_headroom(whole), 64, GFP_KERNEL);
	struct frag_hdr *fh;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (!skb)
		return NULL;
	skb_trim(skb, hlen);
	skb_put_zero(skb, extra);
	skb_copy_bits(whole, hlen + from, skb_put(skb, to - from), to - from);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, hlen);
	skb->ip_summed = CHECKSUM_NONE;
	if (w->six) {
		ip6 = ipv6_hdr(skb);
		fh = (void *)(ip6 + 1);
		fh->nexthdr = ip6->nexthdr;
		fh->frag_off = htons(from | !last);
		fh->identification = htonl(w->rec->arg);
		ip6->nexthdr = NEXTHDR_FRAGMENT;
		ip6->payload_len = htons(skb->len - hlen);
	} else {
		ip = ip_hdr(skb);
		ip->id = htons(w->rec->arg);
		ip->frag_off = htons(from / 8 | (last ? 0 : IP_MF));
		ip->tot_len = htons(skb->len);
		ip_send_check(ip);
	}

	return skb;
}

/* Sends all pieces but one through the first hook, where they wait for that one. */
static struct sk_buff *in_pieces(struct world *w, const struct pkt *p, struct sk_buff *whole)
{
	unsigned int hlen = w->six ? sizeof(struct ipv6hdr) : ip_hdrlen(whole);
	unsigned int len = whole->len - hlen;
	unsigned int step = round_up(DIV_ROUND_UP(len, p->pieces), 8);
	bool backwards = one_in(w, 2);
	unsigned int n = DIV_ROUND_UP(len, step);
	unsigned int i, at;
	struct sk_buff *skb = NULL;
	int result;

	for (i = 0; i < n; i++) {
		at = (backwards ? n - 1 - i : i) * step;
		skb = fragment(w, whole, at, min(at + step, len), at + step >= len);
		if (!skb || i == n - 1)
			break;
		result = through(w, first_hook(p), skb);
		w->rec->result += result;
		/* what IPv6 does not take for a fragment any more, once its bytes are changed */
		if (result == 1)
			kfree_skb(skb);
	}
	kfree_skb(whole);

	return skb;
}

static void change_bytes(struct world *w, struct sk_buff *skb)
{
	/* never the first IP header, which the IP layer has checked */
	unsigned int from = skb_transport_offset(skb), n = 1 + below(w, 4), at;
	u8 byte;

	if (from >= skb->len)
		return;
	changed++;
	while (n--) {
		at = from + below(w, skb->len - from);
		skb_copy_bits(skb, at, &byte, 1);
		byte = one_in(w, 2) ? rnd(w) : byte ^ 1 << below(w, 8);
		skb_store_bits(skb, at, &byte, 1);
	}
	/* A device adds up what has arrived; who finds it wrong says so with a stack. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->csum = skb_checksum(skb, 0, skb->len, 0);
}

/* The latest packets, to be played again or to be quoted. */
static void remember(struct world *w, const struct pkt *p)
{
	w->old[w->n_old++ % REPLAY_OLD] = *p;
}

/**
 * replay_play() - play a packet
 * @w: the world; w->rec tells what came of it.
 * @p: the packet.
 *
 * Context: process context, may sleep.
 */
void replay_play(struct world *w, struct pkt *p)
{
	struct replay_record *rec = w->rec;
	struct sk_buff *skb;

	replay_finish_sum(w, p);
	rec->path = p->path;
	rec->ctinfo = 0xff;
	rec->second = 2;
	rec->sent = replay_crc(p->l4, p->len) + replay_crc(&p->side, sizeof(p->side));

	skb = replay_build(w, p);
	if (!skb) {
		rec->first = 2;
		return;
	}
	played++;
	if (w->mutate && one_in(w, 2))
		change_bytes(w, skb);
	remember(w, p);
	if (p->pieces > 1 && p->len + p->zeros > 8 && !p->options)
		skb = in_pieces(w, p, skb);
	if (skb)
		replay_send(w, p, skb);
}

/**
 * replay_send() - send a packet on its way
 * @w: the world; w->rec tells what came of it.
 * @p: the packet: its path, and which flow it is of.
 * @skb: the same as the hooks will see it; not the caller's any more.
 *
 * Context: process context, may sleep.
 */
void replay_send(struct world *w, struct pkt *p, struct sk_buff *skb)
{
	struct replay_record *rec = w->rec;

	rec->note |= p->note;
	skb->mark = w->seed;
	if (p->path == PATH_OUTPUT)
		skb_dst_set(skb, dst_clone(route[w->six]));
	rec->first = through(w, first_hook(p), skb);
	if (rec->first != 1) {
		note_flow(w, p);
		return;
	}

	replay_rules_between(w, skb);
	note_conn(w, p, skb);
	if (!skb_nfct(skb))
		note_flow(w, p);
	if (p->path == PATH_LOST)
		kfree_skb(skb);
	else if (!hold(w, p, skb))
		finish(w, p, skb);
}

/**
 * replay_release() - let a held packet go on
 * @w: the world.
 * @slot: where it is held; nothing happens if there is none.
 *
 * Context: process context.
 */
void replay_release(struct world *w, unsigned int slot)
{
	struct held *h = &w->held[slot];

	w->rec->ctinfo = 0xff;
	if (!h->skb)
		return;
	w->rec->path = h->pkt.path;
	finish(w, &h->pkt, h->skb);
	h->skb = NULL;
}

/**
 * replay_drop_held() - drop the packets that are held
 * @w: the world.
 */
void replay_drop_held(struct world *w)
{
	unsigned int i;

	for (i = 0; i < REPLAY_HELD; i++) {
		kfree_skb(w->held[i].skb);
		w->held[i].skb = NULL;
	}
}

/**
 * replay_play_init() - get the routes that leaving packets have
 * @net: the namespace; its loopback device is up.
 *
 * Return: 0 or an errno.
 */
int replay_play_init(struct net *net)
{
	struct flowi4 fl4 = { .daddr = htonl(INADDR_LOOPBACK) };
	struct rtable *rt = ip_route_output_key(net, &fl4);
	struct flowi6 fl6 = { .daddr = in6addr_loopback };

	if (IS_ERR(rt))
		return PTR_ERR(rt);
	route[0] = &rt->dst;
	route[1] = ip6_route_output(net, NULL, &fl6);
	if (route[1]->error) {
		replay_play_exit(net);
		return -ENETUNREACH;
	}

	return 0;
}

/**
 * replay_play_exit() - the reverse of replay_play_init()
 * @net: the namespace.
 */
void replay_play_exit(struct net *net)
{
	dst_release(route[0]);
	dst_release(route[1]);
}
