// SPDX-License-Identifier: GPL-2.0-only
/* From a packet to the tuple that names its connection. */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "../proto/proto.h"
#include "conn.h"

static bool l4_offset_v4(const struct sk_buff *skb, unsigned int nhoff,
			 unsigned int *dataoff, u8 *l4num)
{
	struct iphdr buf __uninitialized;
	const struct iphdr *iph;

	iph = skb_header_pointer(skb, nhoff, sizeof(buf), &buf);
	if (!iph)
		return false;

	/* All fragments were put together before; this one was told not to be. */
	if (iph->frag_off & htons(IP_OFFSET))
		return false;

	*dataoff = nhoff + iph->ihl * 4;
	*l4num = iph->protocol;

	return iph->ihl >= 5 && *dataoff <= skb->len;
}

static bool l4_offset_v6(const struct sk_buff *skb, unsigned int nhoff,
			 unsigned int *dataoff, u8 *l4num)
{
	const u8 *first;
	__be16 frag_off;
	u8 nexthdr;
	int off;

	first = skb_header_pointer(skb, nhoff + offsetof(struct ipv6hdr, nexthdr),
				   sizeof(nexthdr), &nexthdr);
	if (!first)
		return false;

	/* No extension header: no need to go from one to the next. */
	if (likely(*first == IPPROTO_TCP || *first == IPPROTO_UDP)) {
		*dataoff = nhoff + sizeof(struct ipv6hdr);
		*l4num = *first;
		return true;
	}

	nexthdr = *first;
	off = ipv6_skip_exthdr(skb, nhoff + sizeof(struct ipv6hdr), &nexthdr, &frag_off);
	/* the low three bits are flags of the fragment header, not an offset */
	if (off < 0 || frag_off & htons(~0x7))
		return false;

	*dataoff = off;
	*l4num = nexthdr;

	return true;
}

/**
 * ctng_l4_offset() - find the layer 4 header
 * @skb: the packet.
 * @nhoff: offset of the IP header.
 * @l3num: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @dataoff: set to the offset of the layer 4 header.
 * @l4num: set to its protocol number.
 *
 * Return: false if there is none: malformed, or not a first fragment.
 */
bool ctng_l4_offset(const struct sk_buff *skb, unsigned int nhoff, u8 l3num,
		    unsigned int *dataoff, u8 *l4num)
{
	switch (l3num) {
	case NFPROTO_IPV4:
		return l4_offset_v4(skb, nhoff, dataoff, l4num);
	case NFPROTO_IPV6:
		return l4_offset_v6(skb, nhoff, dataoff, l4num);
	}

	return false;
}

static bool tuple_addrs(const struct sk_buff *skb, unsigned int nhoff, u8 l3num,
			struct nf_conntrack_tuple *tuple)
{
	struct ipv6hdr buf6 __uninitialized;
	struct iphdr buf __uninitialized;
	const struct ipv6hdr *ip6h;
	const struct iphdr *iph;

	if (l3num == NFPROTO_IPV4) {
		iph = skb_header_pointer(skb, nhoff, sizeof(buf), &buf);
		if (!iph)
			return false;
		tuple->src.u3.ip = iph->saddr;
		tuple->dst.u3.ip = iph->daddr;
	} else {
		ip6h = skb_header_pointer(skb, nhoff, sizeof(buf6), &buf6);
		if (!ip6h)
			return false;
		tuple->src.u3.in6 = ip6h->saddr;
		tuple->dst.u3.in6 = ip6h->daddr;
	}

	return true;
}

static bool tuple_ports(const struct sk_buff *skb, unsigned int dataoff,
			struct nf_conntrack_tuple *tuple)
{
	const struct {
		__be16	src;
		__be16	dst;
	} *ports;
	u32 buf __uninitialized;

	ports = skb_header_pointer(skb, dataoff, sizeof(buf), &buf);
	if (!ports)
		return false;

	tuple->src.u.all = ports->src;
	tuple->dst.u.all = ports->dst;

	return true;
}

/**
 * ctng_tuple_get() - read the tuple from a packet
 * @skb: the packet.
 * @nhoff: offset of its IP header.
 * @dataoff: offset of its layer 4 header.
 * @l3num: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @l4num: protocol number.
 * @net: the namespace.
 * @tuple: set.
 *
 * Return: false if the headers are cut short, or the protocol has no tuple
 * for such a packet.
 */
bool ctng_tuple_get(const struct sk_buff *skb, unsigned int nhoff,
		    unsigned int dataoff, u8 l3num, u8 l4num, struct net *net,
		    struct nf_conntrack_tuple *tuple)
{
	const struct ctng_proto *proto = ctng_proto_find(l4num);

	memset(tuple, 0, sizeof(*tuple));
	tuple->src.l3num = l3num;
	tuple->dst.protonum = l4num;
	tuple->dst.dir = IP_CT_DIR_ORIGINAL;

	if (!tuple_addrs(skb, nhoff, l3num, tuple))
		return false;

	if (proto->tuple)
		return proto->tuple(skb, dataoff, net, tuple);

	return tuple_ports(skb, dataoff, tuple);
}

/**
 * nf_ct_get_tuplepr() - read the tuple from a packet, headers not yet parsed
 * @skb: the packet.
 * @nhoff: offset of its IP header.
 * @l3num: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @net: the namespace.
 * @tuple: set.
 *
 * Context: any.
 * Return: false if there is none.
 */
bool nf_ct_get_tuplepr(const struct sk_buff *skb, unsigned int nhoff,
		       u16 l3num, struct net *net,
		       struct nf_conntrack_tuple *tuple)
{
	unsigned int dataoff;
	bool ok = false;
	u8 l4num;

	rcu_read_lock();
	if (ctng_l4_offset(skb, nhoff, l3num, &dataoff, &l4num))
		ok = ctng_tuple_get(skb, nhoff, dataoff, l3num, l4num, net, tuple);
	rcu_read_unlock();

	return ok;
}
