// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a packet through the tracker: which connection is it of, and what
 * does its protocol say of it.
 */

#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../net.h"
#include "../proto/proto.h"
#include "../trace/events.h"
#include "conn.h"
#include "find.h"
#include "packet.h"

/* What a packet of this direction is to the rules. */
static enum ip_conntrack_info ctinfo_of(const struct nf_conntrack_tuple_hash *h)
{
	const struct nf_conn *ct = nf_ct_tuplehash_to_ctrack(h);
	unsigned long status = READ_ONCE(ct->status);

	if (NF_CT_DIRECTION(h) == IP_CT_DIR_REPLY)
		return IP_CT_ESTABLISHED_REPLY;
	if (likely(status & IPS_SEEN_REPLY))
		return IP_CT_ESTABLISHED;
	if (status & IPS_EXPECTED)
		return IP_CT_RELATED;

	return IP_CT_NEW;
}

/*
 * Attaches its connection, found or made, to the packet.
 * CTNG_INVALID: such a packet has none.
 */
static enum ctng_fate attach_conn(struct ctng_pkt *pkt, struct nf_conn *tmpl)
{
	struct net *net = pkt->state->net;
	const struct nf_conntrack_zone *zone;
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_tuple tuple __uninitialized;
	struct nf_conntrack_zone tmp;
	struct nf_conn *ct;

	if (!ctng_tuple_get(pkt->skb, skb_network_offset(pkt->skb), pkt->dataoff,
			    pkt->l3num, pkt->l4num, net, &tuple)) {
		ctng_count(net, CTNG_R_NO_TUPLE);
		return CTNG_INVALID;
	}

	zone = nf_ct_zone_tmpl(tmpl, pkt->skb, &tmp);
	h = ctng_find_live(net, zone, &tuple);
	if (likely(h)) {
		ct = nf_ct_tuplehash_to_ctrack(h);
		pkt->ctinfo = ctinfo_of(h);
	} else {
		ct = ctng_conn_new(net, tmpl, &tuple, pkt->skb);
		if (!ct) {
			ctng_count(net, CTNG_R_NOT_INVERTIBLE);
			return CTNG_INVALID;
		}
		if (IS_ERR(ct))
			return CTNG_DROP;
		pkt->ctinfo = IP_CT_NEW;
		if (test_bit(IPS_EXPECTED_BIT, &ct->status))
			pkt->ctinfo = IP_CT_RELATED;
	}

	nf_ct_set(pkt->skb, ct, pkt->ctinfo);

	return CTNG_TRACK;
}

static void detach_conn(struct sk_buff *skb)
{
	nf_conntrack_put(skb_nfct(skb));
	skb->_nfct = 0;
}

/* Puts the packet through the tracker of its protocol. */
static enum ctng_fate track_packet(struct ctng_pkt *pkt, const struct ctng_proto *proto)
{
	struct net *net = pkt->state->net;
	struct nf_conn *ct = (struct nf_conn *)skb_nfct(pkt->skb);
	enum ctng_fate fate = proto->packet(ct, pkt);

	if (unlikely(fate != CTNG_TRACK)) {
		detach_conn(pkt->skb);
		if (fate != CTNG_REPEAT)
			NF_CT_STAT_INC_ATOMIC(net, invalid);
		if (fate == CTNG_DROP)
			NF_CT_STAT_INC_ATOMIC(net, drop);
		return fate;
	}

	if (pkt->ctinfo == IP_CT_ESTABLISHED_REPLY &&
	    !test_bit(IPS_SEEN_REPLY_BIT, &ct->status) &&
	    !test_and_set_bit(IPS_SEEN_REPLY_BIT, &ct->status)) {
		trace_ct_update(ct, 0);
		nf_conntrack_event_cache(IPCT_REPLY, ct);
	}

	return CTNG_TRACK;
}

static enum ctng_fate track_once(struct ctng_pkt *pkt, const struct ctng_proto *proto,
				 struct nf_conn *tmpl)
{
	struct net *net = pkt->state->net;
	enum ctng_fate fate;

	if (unlikely(proto->error)) {
		fate = proto->error(pkt, tmpl);
		if (fate != CTNG_TRACK) {
			NF_CT_STAT_INC_ATOMIC(net, error);
			return fate;
		}
		/* an error message: now related to the connection it is about */
		if (pkt->skb->_nfct)
			return CTNG_TRACK;
	}

	fate = attach_conn(pkt, tmpl);
	if (unlikely(fate != CTNG_TRACK)) {
		if (fate == CTNG_DROP)
			NF_CT_STAT_INC_ATOMIC(net, drop);
		else
			NF_CT_STAT_INC_ATOMIC(net, invalid);
		return fate;
	}

	return track_packet(pkt, proto);
}

/*
 * A packet that comes with a connection was here before (over the loopback
 * device, say), or a rule said not to track it. A template tells how to.
 * Returns false if there is nothing to do.
 */
static bool take_template(struct sk_buff *skb, struct nf_conn **tmpl)
{
	enum ip_conntrack_info ctinfo;

	*tmpl = nf_ct_get(skb, &ctinfo);
	if (likely(!*tmpl && ctinfo != IP_CT_UNTRACKED))
		return true;

	if (!*tmpl || !nf_ct_is_template(*tmpl))
		return false;

	skb->_nfct = 0;

	return true;
}

/**
 * nf_conntrack_in() - find or make the connection of a packet
 * @skb: the packet, defragmented; its network header is set.
 * @state: hook it comes by; @state->pf says IPv4 or IPv6.
 *
 * Context: softirq or BH off, under RCU.
 * Return: NF_ACCEPT, with the connection in skb->_nfct or none if the packet
 * is invalid; NF_DROP.
 */
unsigned int nf_conntrack_in(struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct ctng_pkt pkt = { .skb = skb, .state = state, .l3num = state->pf };
	const struct ctng_proto *proto;
	struct nf_conn *tmpl;
	enum ctng_fate fate;

	if (!take_template(skb, &tmpl))
		return NF_ACCEPT;

	if (unlikely(!ctng_l4_offset(skb, skb_network_offset(skb), pkt.l3num,
				     &pkt.dataoff, &pkt.l4num))) {
		ctng_count(state->net, CTNG_R_SHORT_HEADER);
		NF_CT_STAT_INC_ATOMIC(state->net, invalid);
		fate = CTNG_INVALID;
		goto out;
	}

	proto = ctng_proto_find(pkt.l4num);
	do {
		fate = track_once(&pkt, proto, tmpl);
	} while (unlikely(fate == CTNG_REPEAT));
out:
	if (tmpl)
		nf_ct_put(tmpl);

	return fate == CTNG_DROP ? NF_DROP : NF_ACCEPT;
}
