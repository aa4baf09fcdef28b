// SPDX-License-Identifier: GPL-2.0-only
/* When a connection began and ended. */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <net/netfilter/nf_conntrack_timestamp.h>

#include "ext.h"

/**
 * ctng_tstamp_start() - the connection is about to be confirmed
 * @ct: the connection; nothing happens if it has no timestamps
 *
 * Context: packet context; @ct is not visible to others yet.
 */
void ctng_tstamp_start(struct nf_conn *ct)
{
	struct nf_conn_tstamp *tstamp = nf_conn_tstamp_find(ct);

	if (tstamp)
		tstamp->start = ktime_get_real_ns();
}

/**
 * ctng_tstamp_stop() - the connection has ended
 * @ct: the connection; nothing happens if it has no timestamps
 *
 * One that timed out ended when its time was up, not when somebody noticed.
 *
 * Context: any; the caller is the one that made @ct dying.
 */
void ctng_tstamp_stop(struct nf_conn *ct)
{
	struct nf_conn_tstamp *tstamp = nf_conn_tstamp_find(ct);
	s32 overdue;

	if (!tstamp || tstamp->stop)
		return;

	overdue = nfct_time_stamp - READ_ONCE(ct->timeout);
	tstamp->stop = ktime_get_real_ns();
	if (overdue > 0)
		tstamp->stop -= jiffies_to_nsecs(overdue);
}
