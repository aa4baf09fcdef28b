// SPDX-License-Identifier: GPL-2.0-only
/* Packets that were captured: played as they are, with the helpers of their ports. */

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include "replay.h"

#define HEADROOM	128

const struct generator gen_capture = {
	.name	= "capture",
};

/* Who opens a connection to such a port is helped, as rules would have it. */
static const struct {
	u8		l4num;
	u16		port;
	const char	*name;
} assistants[] = {
	{ IPPROTO_TCP, 21, "ftp" },
	{ IPPROTO_TCP, 1720, "Q.931" },
	{ IPPROTO_TCP, 1723, "pptp" },
	{ IPPROTO_TCP, 5060, "sip" },
	{ IPPROTO_TCP, 6566, "sane" },
	{ IPPROTO_TCP, 6667, "irc" },
	{ IPPROTO_UDP, 69, "tftp" },
	{ IPPROTO_UDP, 137, "netbios-ns" },
	{ IPPROTO_UDP, 161, "snmp" },
	{ IPPROTO_UDP, 1719, "RAS" },
	{ IPPROTO_UDP, 5060, "sip" },
	{ IPPROTO_UDP, 10080, "amanda" },
};

/**
 * replay_assist() - give a new connection the helper of its port
 * @w: the world.
 * @ct: connection of a captured packet; nothing is done if it is not new or has a helper.
 *
 * Context: BH off.
 */
void replay_assist(struct world *w, struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *t = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	struct nf_conntrack_helper *helper = NULL;
	struct nf_conn_help *ext;
	unsigned int i;

	if (nf_ct_is_confirmed(ct) || nfct_help(ct))
		return;
	for (i = 0; i < ARRAY_SIZE(assistants); i++)
		if (assistants[i].l4num == t->dst.protonum &&
		    htons(assistants[i].port) == t->dst.u.all)
			break;
	if (i == ARRAY_SIZE(assistants))
		return;

	rcu_read_lock();
	helper = __nf_conntrack_helper_find(assistants[i].name, t->src.l3num, t->dst.protonum);
	ext = helper ? nf_ct_helper_ext_add(ct, GFP_ATOMIC) : NULL;
	if (ext) {
		rcu_assign_pointer(ext->helper, helper);
		__set_bit(IPS_HELPER_BIT, &ct->status);
	}
	rcu_read_unlock();
	if (ext && w->nat)
		nfct_seqadj_ext_add(ct);
}

/* The IP layer has seen to all this before the first hook. */
static bool is_packet(const u8 *data, unsigned int len)
{
	const struct ipv6hdr *ip6 = (const void *)data;
	const struct iphdr *ip = (const void *)data;

	if (len >= sizeof(*ip) && ip->version == 4)
		return ip->ihl >= 5 && ip->ihl * 4 <= len && ntohs(ip->tot_len) == len;

	return len >= sizeof(*ip6) && ip6->version == 6 &&
	       ntohs(ip6->payload_len) + sizeof(*ip6) == len;
}

static struct sk_buff *make_skb(struct world *w, const u8 *data, unsigned int len)
{
	struct sk_buff *skb = alloc_skb(HEADROOM + len, GFP_KERNEL);

	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	skb_put_data(skb, data, len);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, w->six ? sizeof(struct ipv6hdr) : ip_hdrlen(skb));
	skb->protocol = htons(w->six ? ETH_P_IPV6 : ETH_P_IP);
	skb->dev = w->net->loopback_dev;

	return skb;
}

static bool has_ports(u8 l4num)
{
	return l4num == IPPROTO_TCP || l4num == IPPROTO_UDP || l4num == IPPROTO_UDPLITE ||
	       l4num == IPPROTO_SCTP || l4num == IPPROTO_DCCP;
}

static bool is_ping(u8 l4num)
{
	return l4num == IPPROTO_ICMP || l4num == IPPROTO_ICMPV6;
}

static int l4_offset(const struct world *w, const struct sk_buff *skb)
{
	u8 next = ipv6_hdr(skb)->nexthdr;
	__be16 frag;

	return w->six ? ipv6_skip_exthdr(skb, sizeof(struct ipv6hdr), &next, &frag) :
			ip_hdrlen(skb);
}

static void write_addresses(const struct world *w, struct sk_buff *skb,
			    const union nf_inet_addr *src, const union nf_inet_addr *dst)
{
	if (w->six) {
		ipv6_hdr(skb)->saddr = src->in6;
		ipv6_hdr(skb)->daddr = dst->in6;
	} else {
		ip_hdr(skb)->saddr = src->ip;
		ip_hdr(skb)->daddr = dst->ip;
		ip_send_check(ip_hdr(skb));
	}
	/* as if it had been verified: the sum is that of the old addresses */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

/* As the end sends it that knows the connection by this tuple. */
static void write_tuple(const struct world *w, struct sk_buff *skb,
			const struct nf_conntrack_tuple *t)
{
	int at = l4_offset(w, skb);
	u8 *l4 = skb->data + at;

	write_addresses(w, skb, &t->src.u3, &t->dst.u3);
	if (at < 0 || at + 8 > skb->len)
		return;
	if (has_ports(t->dst.protonum)) {
		memcpy(l4, &t->src.u.all, 2);
		memcpy(l4 + 2, &t->dst.u.all, 2);
	} else if (is_ping(t->dst.protonum)) {
		memcpy(l4 + 4, &t->src.u.icmp.id, 2);
	} else if (t->dst.protonum == IPPROTO_GRE && (l4[1] & 7) == 1) {
		memcpy(l4 + 6, &t->dst.u.gre.key, 2);
	}
}

static struct nf_conntrack_tuple_hash *find(const struct world *w,
					    const struct nf_conntrack_tuple *t)
{
	struct nf_conntrack_tuple_hash *h;

	rcu_read_lock();
	h = nf_conntrack_find_get(w->net, &w->zone, t);
	rcu_read_unlock();

	return h;
}

/*
 * What was captured knows nothing of the NAT here: the other end answers to the address that
 * it has seen, and opens connections to that.
 */
static void answer(struct world *w, struct sk_buff *skb, const struct nf_conntrack_tuple *t)
{
	struct nf_conntrack_tuple_hash *h = find(w, t);
	struct nf_conntrack_tuple inverse;
	struct nf_conn *ct;

	if (h) {
		nf_ct_put(nf_ct_tuplehash_to_ctrack(h));
		return;
	}
	h = nf_ct_invert_tuple(&inverse, t) ? find(w, &inverse) : NULL;
	if (h) {
		ct = nf_ct_tuplehash_to_ctrack(h);
		if (NF_CT_DIRECTION(h) == IP_CT_DIR_ORIGINAL && ct->status & IPS_NAT_MASK)
			write_tuple(w, skb, nf_ct_tuple(ct, IP_CT_DIR_REPLY));
		nf_ct_put(ct);
	} else if (nf_inet_addr_cmp(&t->dst.u3, &w->inside)) {
		write_addresses(w, skb, &t->src.u3, &w->addr[HOST_NAT]);
	}
}

/* What rules want to know of it. */
static u8 notes_of(const struct world *w, const struct sk_buff *skb, u8 l4num)
{
	int at = l4_offset(w, skb);
	unsigned int len = at < 0 ? 0 : skb->len - at;

	if (l4num == IPPROTO_TCP && at >= 0 && replay_odd_sack(skb->data + at, len))
		return NOTE_ODD_SACK;
	if (l4num == IPPROTO_ICMP && len > 8 && (skb->data[at + 8] & 0xf) < 5)
		return NOTE_BAD_QUOTE;
	if (l4num == IPPROTO_GRE && len < 8)
		return NOTE_SHORT_GRE;

	return 0;
}

static void see_flow(struct world *w, struct sk_buff *skb)
{
	struct flow *f = &w->flow[0];
	struct nf_conntrack_tuple t;
	bool known;

	memset(f, 0, sizeof(*f));
	rcu_read_lock();
	known = nf_ct_get_tuplepr(skb, 0, w->six ? NFPROTO_IPV6 : NFPROTO_IPV4, w->net, &t);
	rcu_read_unlock();
	if (!known)
		return;
	if (w->nat)
		answer(w, skb, &t);
	f->l4num = t.dst.protonum;
	f->side[0] = (struct side) {
		.src = t.src.u3, .dst = t.dst.u3, .sport = t.src.u.all, .dport = t.dst.u.all,
	};
	w->rec->note |= notes_of(w, skb, f->l4num);
}

/* Whoever connects from outside will know this host by the address of the NAT. */
static void learn_inside(struct world *w)
{
	const struct replay_conn *c = &w->rec->conn;

	if (c->status & IPS_SRC_NAT && !c->master)
		memcpy(&w->inside, c->tuple[0].src, sizeof(w->inside));
}

static bool is_dead(struct nf_conntrack_expect *exp, void *data)
{
	return nf_ct_exp_is_expired(exp);
}

/*
 * What its helper has taken back goes at once in one module, some time later in the other: now,
 * and note_event() has no order for it.
 */
static void forget_dead(struct world *w)
{
	nf_ct_expect_iterate_net(w->net, is_dead, NULL, 0, 0);
}

/**
 * replay_frame() - play a captured packet
 * @w: the world; w->rec tells what came of it.
 * @path: its way through the hooks.
 * @data: the packet, from its IP header on.
 * @len: its length.
 *
 * Context: process context, may sleep.
 * Return: 0 or an errno.
 */
int replay_frame(struct world *w, enum replay_path path, const u8 *data, unsigned int len)
{
	struct pkt p = { .path = path };
	struct replay_record *rec = w->rec;
	struct sk_buff *skb;

	if (path > PATH_LOST || !is_packet(data, len))
		return -EINVAL;
	replay_addresses(w, data[0] >> 4 == 6);
	skb = make_skb(w, data, len);
	if (!skb)
		return -ENOMEM;
	skb->ip_summed = PICK(w, CHECKSUM_NONE, CHECKSUM_NONE, CHECKSUM_UNNECESSARY);
	see_flow(w, skb);
	w->shown_len = min_t(unsigned int, len, sizeof(w->shown));
	memcpy(w->shown, skb->data, w->shown_len);

	rec->action = ACT_PACKET;
	rec->path = path;
	rec->ctinfo = 0xff;
	rec->second = 2;
	rec->sent = replay_packet_crc(w, skb);
	replay_send(w, &p, skb);
	forget_dead(w);
	rec->helped = rec->conn.helper;
	if (rec->helped)
		replay_digest(w);
	learn_inside(w);

	return 0;
}
