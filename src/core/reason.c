// SPDX-License-Identifier: GPL-2.0-only
/* The names of the reasons, and how often each came up. */

#include <linux/percpu.h>

#include "../net.h"
#include "../trace/events.h"
#include "packet.h"

/* in the order of the enum, which is made from the same list */
const char *const ctng_reason_names[CTNG_R_MAX] = {
#define REASON(sym, name) name,
#include "reason_list.h"
#undef REASON
};

/**
 * ctng_count() - count a packet or an entry that met its fate
 * @net: its namespace.
 * @reason: why.
 *
 * Context: any; @net is alive.
 */
void ctng_count(struct net *net, enum ctng_reason reason)
{
	this_cpu_inc(ctng_pernet(net)->reasons->n[reason]);
	trace_ct_reason(net, reason);
}
