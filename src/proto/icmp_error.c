// SPDX-License-Identifier: GPL-2.0-only
/* Error messages of ICMP and ICMPv6: they belong to the connection that they are about. */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "icmp.h"

static void outer_destination(const struct ctng_pkt *pkt, union nf_inet_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (pkt->l3num == NFPROTO_IPV4)
		addr->ip = ip_hdr(pkt->skb)->daddr;
	else
		addr->in6 = ipv6_hdr(pkt->skb)->daddr;
}

/*
 * Who reports a problem is unknown, but it must be to the sender of what is
 * quoted. Otherwise a message would pass as related to a connection of somebody
 * else.
 */
static enum ctng_fate check_outer(const struct ctng_pkt *pkt, const struct nf_conn *ct,
				  const union nf_inet_addr *sender)
{
	union nf_inet_addr outer;

	outer_destination(pkt, &outer);
	if (nf_inet_addr_cmp(&outer, sender))
		return CTNG_TRACK;

	if (pkt->l3num == NFPROTO_IPV4)
		return ctng_invalid(pkt, NULL, CTNG_R_ICMP_OUTER_ADDR,
				    "outer daddr %pI4 != inner %pI4",
				    &outer.ip, &sender->ip);

	return ctng_invalid(pkt, NULL, CTNG_R_ICMP_OUTER_ADDR,
			    "outer daddr %pI6 != inner %pI6", &outer.ip6, &sender->ip6);
}

/**
 * ctng_icmp_related() - attach the connection that an error message is about
 * @pkt: the message; its skb gets the connection and IP_CT_RELATED.
 * @tmpl: says the zone, or NULL.
 * @quote: offset of the IP header that the message quotes.
 *
 * Context: softirq or BH off, under RCU.
 * Return: CTNG_TRACK, or CTNG_INVALID if it is about nothing that we know.
 */
enum ctng_fate ctng_icmp_related(struct ctng_pkt *pkt, const struct nf_conn *tmpl,
				 unsigned int quote)
{
	struct nf_conntrack_tuple inner, answer;
	struct net *net = pkt->state->net;
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_zone zone;
	struct nf_conn *ct;

	/* no error is about an error: such a quote has no answer */
	if (!nf_ct_get_tuplepr(pkt->skb, quote, pkt->l3num, net, &inner) ||
	    !nf_ct_invert_tuple(&answer, &inner)) {
		ctng_count(net, CTNG_R_ICMP_INNER);
		return CTNG_INVALID;
	}

	/* The message travels as an answer would. */
	h = nf_conntrack_find_get(net, nf_ct_zone_tmpl(tmpl, pkt->skb, &zone), &answer);
	if (!h) {
		ctng_count(net, CTNG_R_ICMP_NO_FLOW);
		return CTNG_INVALID;
	}

	ct = nf_ct_tuplehash_to_ctrack(h);
	if (check_outer(pkt, ct, &answer.dst.u3) != CTNG_TRACK) {
		nf_ct_put(ct);
		return CTNG_INVALID;
	}

	pkt->ctinfo = NF_CT_DIRECTION(h) == IP_CT_DIR_REPLY ?
			IP_CT_RELATED_REPLY : IP_CT_RELATED;
	nf_ct_set(pkt->skb, ct, pkt->ctinfo);

	return CTNG_TRACK;
}
