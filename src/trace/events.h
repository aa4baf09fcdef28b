/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: what happens to connections, and why, for perf, ftrace and bpftrace.
 * An address of IPv4 is given as one of IPv6 that maps it (RFC 4291, 2.5.5.2).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM conntrack_ng

#if !defined(CTNG_TRACE_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define CTNG_TRACE_EVENTS_H

#include <linux/tracepoint.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../core/reason.h"

#ifndef CTNG_TRACE_HELPERS
#define CTNG_TRACE_HELPERS
static inline void ctng_trace_addr(struct in6_addr *to, const union nf_inet_addr *addr,
				   u8 l3num)
{
	if (l3num == NFPROTO_IPV4)
		ipv6_addr_set_v4mapped(addr->ip, to);
	else
		*to = addr->in6;
}
#endif

DECLARE_EVENT_CLASS(ctng_conn,
	TP_PROTO(const struct nf_conn *ct, unsigned int what),
	TP_ARGS(ct, what),
	TP_STRUCT__entry(
		__field(const void *, ct)
		__field(unsigned int, netns)
		__field(unsigned long, status)
		__field(u32, mark)
		__field(u16, zone)
		__field(u16, sport)
		__field(u16, dport)
		__field(u8, l3num)
		__field(u8, l4num)
		__field(unsigned int, what)
		__array(u8, saddr, sizeof(struct in6_addr))
		__array(u8, daddr, sizeof(struct in6_addr))
	),
	TP_fast_assign(
		const struct nf_conntrack_tuple *t = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);

		__entry->ct = ct;
		__entry->netns = nf_ct_net(ct)->ns.inum;
		__entry->status = READ_ONCE(ct->status);
		__entry->mark = READ_ONCE(ct->mark);
		__entry->zone = nf_ct_zone(ct)->id;
		__entry->sport = ntohs(t->src.u.all);
		__entry->dport = ntohs(t->dst.u.all);
		__entry->l3num = t->src.l3num;
		__entry->l4num = t->dst.protonum;
		__entry->what = what;
		ctng_trace_addr((struct in6_addr *)__entry->saddr, &t->src.u3, t->src.l3num);
		ctng_trace_addr((struct in6_addr *)__entry->daddr, &t->dst.u3, t->src.l3num);
	),
	TP_printk("ct=%p netns=%u proto=%u [%pI6c]:%u > [%pI6c]:%u zone=%u mark=%u status=0x%lx what=%u",
		  __entry->ct, __entry->netns, __entry->l4num, __entry->saddr, __entry->sport,
		  __entry->daddr, __entry->dport, __entry->zone, __entry->mark,
		  __entry->status, __entry->what)
);

/* made for a first packet, not yet in the table */
DEFINE_EVENT(ctng_conn, ct_new,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* in the table from now on */
DEFINE_EVENT(ctng_conn, ct_confirm,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* changed its state: what is the number of the protocol's new one, or 0 for the first answer */
DEFINE_EVENT(ctng_conn, ct_update,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* lost the race for its tuples: what is 1 if its packet got through all the same */
DEFINE_EVENT(ctng_conn, ct_clash,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* made room for another one, idle for what jiffies */
DEFINE_EVENT(ctng_conn, ct_early_drop,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* leaves the table: what is the number of the reason, in the order of reason_list.h */
DEFINE_EVENT(ctng_conn, ct_destroy,
	TP_PROTO(const struct nf_conn *ct, unsigned int what), TP_ARGS(ct, what));

/* left without a connection, or refused one */
TRACE_EVENT(ct_reason,
	TP_PROTO(const struct net *net, enum ctng_reason reason),
	TP_ARGS(net, reason),
	TP_STRUCT__entry(
		__field(unsigned int, netns)
		__field(unsigned int, reason)
		__array(char, name, CTNG_REASON_NAME_LEN)
	),
	TP_fast_assign(
		__entry->netns = net->ns.inum;
		__entry->reason = reason;
		strscpy(__entry->name, ctng_reason_names[reason], CTNG_REASON_NAME_LEN);
	),
	TP_printk("netns=%u reason=%s", __entry->netns, __entry->name)
);

/* a packet that no connection takes */
TRACE_EVENT(ct_invalid,
	TP_PROTO(const struct sk_buff *skb, const struct net *net, const struct nf_conn *ct,
		 enum ctng_reason reason),
	TP_ARGS(skb, net, ct, reason),
	TP_STRUCT__entry(
		__field(const void *, skbaddr)
		__field(const void *, ct)
		__field(unsigned int, netns)
		__field(unsigned int, reason)
		__array(char, name, CTNG_REASON_NAME_LEN)
	),
	TP_fast_assign(
		__entry->skbaddr = skb;
		__entry->ct = ct;
		__entry->netns = net->ns.inum;
		__entry->reason = reason;
		strscpy(__entry->name, ctng_reason_names[reason], CTNG_REASON_NAME_LEN);
	),
	TP_printk("skbaddr=%p ct=%p netns=%u reason=%s", __entry->skbaddr, __entry->ct,
		  __entry->netns, __entry->name)
);

#endif /* CTNG_TRACE_EVENTS_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
