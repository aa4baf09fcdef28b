/* SPDX-License-Identifier: GPL-2.0-only */
/* The one shape of a layer 4 protocol, as the core sees it. */
#ifndef CTNG_PROTO_H
#define CTNG_PROTO_H

#include <net/netfilter/nf_conntrack_l4proto.h>

#include "../core/packet.h"

struct ctl_table;

/**
 * struct ctng_proto - a layer 4 protocol
 * @abi: the kernel's own descriptor (number, ctnetlink and /proc call-backs),
 *	handed out by nf_ct_l4proto_find().
 * @tuple: fill tuple->src.u and tuple->dst.u from the header at @dataoff, which
 *	is hostile and may be short or absent; NULL: ports at offset 0 and 2. False if the
 *	packet has none. Addresses, l3num, protonum, dir are set by the caller.
 * @invert: fill inverse->src.u and inverse->dst.u from those of @orig; NULL:
 *	swap them. False if there is no reply to such a packet.
 * @error: for ICMP and ICMPv6, called before the look-up: checks the packet and, for an error
 *	message, finds the connection that it quotes and attaches it to the skb
 *	with IP_CT_RELATED (+ IP_CT_IS_REPLY). CTNG_TRACK with skb->_nfct set: done; with it
 *	unset: go on as an ordinary packet. NULL for the others.
 * @packet: a packet of connection @ct: check it, move the state, refresh the
 *	timeout (nf_ct_refresh_acct()). When !nf_ct_is_confirmed(ct) the connection is new
 *	and @packet initialises ct->proto. Takes ct->lock (BH is off) if
 *	it needs it. May change pkt->skb's checksum state, nothing else.
 * @timeouts: the namespace's own timeouts in jiffies, in the order of the
 *	protocol's ctnl_timeout object.
 * @init_net: set the defaults in a new namespace.
 * @state: number of the state that @ct is in, for statistics; NULL: it has none.
 * @state_name: name of such a number, NULL beyond the last.
 * @child_gone: @ct, which another connection expected, is being freed; ct->master is still
 *	there. May run in any context. NULL: nothing to do.
 * @same_start: whether two unconfirmed connections with the same tuples were made by
 *	one packet and its retransmission; NULL: the packets of a new flow are all alike.
 */
struct ctng_proto {
	const struct nf_conntrack_l4proto *abi;
	bool (*tuple)(const struct sk_buff *skb, unsigned int dataoff,
		      struct net *net, struct nf_conntrack_tuple *tuple);
	bool (*invert)(struct nf_conntrack_tuple *inverse,
		       const struct nf_conntrack_tuple *orig);
	enum ctng_fate (*error)(struct ctng_pkt *pkt, const struct nf_conn *tmpl);
	enum ctng_fate (*packet)(struct nf_conn *ct, struct ctng_pkt *pkt);
	unsigned int *(*timeouts)(struct net *net);
	void (*init_net)(struct net *net);
	u8 (*state)(const struct nf_conn *ct);
	const char *(*state_name)(u8 state);
	void (*child_gone)(struct nf_conn *ct);
	bool (*same_start)(const struct nf_conn *a, const struct nf_conn *b);
};

/* No protocol has more states. */
#define CTNG_STATES_MAX	16

extern const struct ctng_proto ctng_proto_tcp;
extern const struct ctng_proto ctng_proto_udp;
extern const struct ctng_proto ctng_proto_udplite;
extern const struct ctng_proto ctng_proto_icmp;
extern const struct ctng_proto ctng_proto_icmpv6;
extern const struct ctng_proto ctng_proto_gre;
extern const struct ctng_proto ctng_proto_sctp;
extern const struct ctng_proto ctng_proto_dccp;
extern const struct ctng_proto ctng_proto_generic;

/* By number; every number without an entry belongs to the generic tracker. */
#define CTNG_PROTOS	(IPPROTO_UDPLITE + 1)
extern const struct ctng_proto *const ctng_protos[CTNG_PROTOS];

/**
 * ctng_proto_find() - look a protocol up
 * @l4num: its number.
 *
 * Context: any.
 * Return: the protocol; the generic one if nobody knows the number.
 */
static inline const struct ctng_proto *ctng_proto_find(u8 l4num)
{
	if (likely(l4num < CTNG_PROTOS && ctng_protos[l4num]))
		return ctng_protos[l4num];

	return &ctng_proto_generic;
}

unsigned int *ctng_proto_timeouts(const struct ctng_proto *proto,
				  const struct nf_conn *ct);
void ctng_proto_init_net(struct net *net);
void ctng_proto_exit_net(struct net *net);

/* Called by the core when hooks come back after they were gone: windows are stale. */
void ctng_tcp_resync(struct nf_conn *ct);

/* A rule answered it with a RST: it may go soon. */
void ctng_tcp_set_closing(struct nf_conn *ct);

#endif /* CTNG_PROTO_H */
