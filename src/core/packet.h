/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tracker knows of the packet in hand, and what can become of it. */
#ifndef CTNG_PACKET_H
#define CTNG_PACKET_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

#include "reason.h"

/**
 * enum ctng_fate - what a protocol says of a packet
 * @CTNG_TRACK: it belongs to the connection; go on.
 * @CTNG_INVALID: leave it without a connection; the rules see INVALID.
 * @CTNG_DROP: drop it.
 * @CTNG_REPEAT: the connection was retired (it was a reopened one); look up
 *	again, which makes a new connection.
 */
enum ctng_fate {
	CTNG_TRACK,
	CTNG_INVALID,
	CTNG_DROP,
	CTNG_REPEAT,
};

/**
 * struct ctng_pkt - a packet on its way through the tracker
 * @skb: the packet; @dataoff bytes of it are there, more after a pull
 *	(skb_header_pointer()).
 * @state: the hook it came by; @state->net is the namespace.
 * @dataoff: offset of the layer 4 header from skb->data.
 * @l3num: NFPROTO_IPV4 or NFPROTO_IPV6; not always @state->pf (bridge, inet).
 * @l4num: layer 4 protocol number.
 * @ctinfo: direction and state relative to the connection, once it is known.
 *
 * Lives on the stack of one ctng_track() call, in softirq or with BH off,
 * under rcu_read_lock().
 */
struct ctng_pkt {
	struct sk_buff			*skb;
	const struct nf_hook_state	*state;
	unsigned int			dataoff;
	u8				l3num;
	u8				l4num;
	enum ip_conntrack_info		ctinfo;
};

static inline enum ip_conntrack_dir ctng_pkt_dir(const struct ctng_pkt *pkt)
{
	return CTINFO2DIR(pkt->ctinfo);
}

void ctng_count(struct net *net, enum ctng_reason reason);

__printf(4, 5) __cold
enum ctng_fate ctng_invalid(const struct ctng_pkt *pkt, const struct nf_conn *ct,
			    enum ctng_reason reason, const char *fmt, ...);

#endif /* CTNG_PACKET_H */
