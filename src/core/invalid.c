// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that are left without a connection: counted by reason, and logged
 * when nf_conntrack_log_invalid asks for their protocol, or with
 * IPPROTO_RAW (255) for all.
 */

#include <linux/in.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_log.h>

#include "../trace/events.h"
#include "packet.h"

static bool log_wanted(const struct net *net, u8 l4num)
{
	u8 wanted = READ_ONCE(net->ct.sysctl_log_invalid);

	return wanted && (wanted == l4num || wanted == IPPROTO_RAW);
}

static void log_invalid(const struct sk_buff *skb, const struct nf_hook_state *state,
			u8 l4num, struct va_format *vaf)
{
	if (!log_wanted(state->net, l4num))
		return;

	nf_log_packet(state->net, state->pf, 0, skb, state->in, state->out, NULL,
		      "nf_ct_proto_%d: %pV ", l4num, vaf);
}

/**
 * nf_l4proto_log_invalid() - log a packet that is not tracked
 * @skb: the packet.
 * @state: the hook it came by.
 * @protonum: its layer 4 protocol.
 * @fmt: what is wrong with it; logged only if the administrator wants to know.
 *
 * Context: softirq or BH off, under RCU.
 */
void nf_l4proto_log_invalid(const struct sk_buff *skb, const struct nf_hook_state *state,
			    u8 protonum, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	log_invalid(skb, state, protonum, &vaf);
	va_end(args);
}

/**
 * nf_ct_l4proto_log_invalid() - log a packet that does not fit its connection
 * @skb: the packet.
 * @ct: the connection.
 * @state: the hook it came by.
 * @fmt: what is wrong with it; logged only if the administrator wants to know.
 *
 * Context: softirq or BH off, under RCU.
 */
void nf_ct_l4proto_log_invalid(const struct sk_buff *skb, const struct nf_conn *ct,
			       const struct nf_hook_state *state, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	log_invalid(skb, state, nf_ct_protonum(ct), &vaf);
	va_end(args);
}

/**
 * ctng_invalid() - a packet is to have no connection
 * @pkt: the packet.
 * @ct: the connection that it does not fit, or NULL.
 * @reason: why; counted.
 * @fmt: the same in words, for the log. Where there is nothing to log, call
 *	ctng_count() instead.
 *
 * Context: softirq or BH off, under RCU.
 * Return: CTNG_INVALID.
 */
enum ctng_fate ctng_invalid(const struct ctng_pkt *pkt, const struct nf_conn *ct,
			    enum ctng_reason reason, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	ctng_count(pkt->state->net, reason);
	trace_ct_invalid(pkt->skb, pkt->state->net, ct, reason);

	va_start(args, fmt);
	vaf.va = &args;
	log_invalid(pkt->skb, pkt->state, ct ? nf_ct_protonum(ct) : pkt->l4num, &vaf);
	va_end(args);

	return CTNG_INVALID;
}
