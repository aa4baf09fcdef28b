// SPDX-License-Identifier: GPL-2.0-only
/* The protocols by number, and what is the same for all of them. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_timeout.h>

#include "gre.h"
#include "proto.h"

const struct ctng_proto *const ctng_protos[CTNG_PROTOS] = {
	[IPPROTO_ICMP]		= &ctng_proto_icmp,
	[IPPROTO_TCP]		= &ctng_proto_tcp,
	[IPPROTO_UDP]		= &ctng_proto_udp,
	[IPPROTO_DCCP]		= &ctng_proto_dccp,
	[IPPROTO_GRE]		= &ctng_proto_gre,
	[IPPROTO_ICMPV6]	= &ctng_proto_icmpv6,
	[IPPROTO_SCTP]		= &ctng_proto_sctp,
	[IPPROTO_UDPLITE]	= &ctng_proto_udplite,
};

/**
 * nf_ct_l4proto_find() - look a protocol's descriptor up
 * @l4proto: its number.
 *
 * Context: any. The descriptor lives as long as the module.
 * Return: the descriptor; the generic one, whose number is 255, if nobody
 * knows @l4proto.
 */
const struct nf_conntrack_l4proto *nf_ct_l4proto_find(u8 l4proto)
{
	return ctng_proto_find(l4proto)->abi;
}

/**
 * ctng_proto_timeouts() - timeouts that hold for a connection
 * @proto: its protocol.
 * @ct: the connection.
 *
 * Context: under RCU, which keeps a timeout policy alive.
 * Return: the timeouts of its policy, or else of its namespace, in jiffies and
 * in the order of the protocol's ctnl_timeout object.
 */
unsigned int *ctng_proto_timeouts(const struct ctng_proto *proto, const struct nf_conn *ct)
{
	unsigned int *timeouts = nf_ct_timeout_lookup(ct);

	return timeouts ?: proto->timeouts(nf_ct_net(ct));
}

/**
 * nf_ct_invert_tuple() - the tuple of the answer to a packet
 * @inverse: set.
 * @orig: tuple of the packet.
 *
 * Context: any.
 * Return: false if nothing answers to such a packet.
 */
bool nf_ct_invert_tuple(struct nf_conntrack_tuple *inverse,
			const struct nf_conntrack_tuple *orig)
{
	const struct ctng_proto *proto = ctng_proto_find(orig->dst.protonum);

	memset(inverse, 0, sizeof(*inverse));
	inverse->src.u3 = orig->dst.u3;
	inverse->src.l3num = orig->src.l3num;
	inverse->dst.u3 = orig->src.u3;
	inverse->dst.protonum = orig->dst.protonum;
	inverse->dst.dir = !orig->dst.dir;

	if (proto->invert)
		return proto->invert(inverse, orig);

	inverse->src.u.all = orig->dst.u.all;
	inverse->dst.u.all = orig->src.u.all;

	return true;
}

/**
 * ctng_proto_init_net() - give a new namespace its defaults
 * @net: the namespace.
 *
 * Context: process; no packet of @net is tracked yet.
 */
void ctng_proto_init_net(struct net *net)
{
	unsigned int i;

	ctng_proto_generic.init_net(net);

	for (i = 0; i < ARRAY_SIZE(ctng_protos); i++) {
		if (ctng_protos[i] && ctng_protos[i]->init_net)
			ctng_protos[i]->init_net(net);
	}
}

/**
 * ctng_proto_exit_net() - let go of what protocols keep for a namespace
 * @net: the namespace.
 *
 * Context: process; no packet of @net is tracked any more.
 */
void ctng_proto_exit_net(struct net *net)
{
	ctng_gre_exit_net(net);
}
