/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints of the table; those of connections are in src/trace. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM conntrack_ng_table

#if !defined(CTNG_TABLE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CTNG_TABLE_TRACE_H

#include <linux/tracepoint.h>
#include <net/net_namespace.h>

DECLARE_EVENT_CLASS(ctng_table,
	TP_PROTO(const struct net *net, unsigned int from, unsigned int to),
	TP_ARGS(net, from, to),
	TP_STRUCT__entry(
		__field(unsigned int, netns)
		__field(unsigned int, from)
		__field(unsigned int, to)
	),
	TP_fast_assign(
		__entry->netns = net->ns.inum;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("netns=%u from=%u to=%u buckets", __entry->netns, __entry->from, __entry->to)
);

/* has another size */
DEFINE_EVENT(ctng_table, ct_resize,
	TP_PROTO(const struct net *net, unsigned int from, unsigned int to),
	TP_ARGS(net, from, to));

/* was hashed anew with another seed */
DEFINE_EVENT(ctng_table, ct_rehash,
	TP_PROTO(const struct net *net, unsigned int from, unsigned int to),
	TP_ARGS(net, from, to));

#endif /* CTNG_TABLE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
