// SPDX-License-Identifier: GPL-2.0-only
/*
 * Removing what expired, in a worker for each namespace.
 *
 * The worker sleeps until the earliest deadline that the table knows of, and
 * not at all if there is none: a namespace that holds nothing is never woken
 * up for. It runs at most once in EXPIRE_INTERVAL, which is the longest that
 * an entry outlives its deadline in an otherwise idle system.
 */

#include <net/netfilter/nf_conntrack_core.h>

#include "../net.h"
#include "conn.h"

#define EXPIRE_INTERVAL	(HZ / 2)

/* How long a table must have been far too large before it gives memory back. */
#define SHRINK_DELAY	(60 * HZ)

static void expire_one(struct nf_conn *ct)
{
	if (nf_ct_should_gc(ct))
		nf_ct_kill(ct);
}

/* The table shrinks only after a while: floods come in waves. */
static void consider_shrink(struct ctng_net *cnet)
{
	unsigned int entries = atomic_read(&cnet->abi.count);

	if (!ctng_table_oversized(&cnet->table, entries)) {
		cnet->idle_since = 0;
		return;
	}

	if (!cnet->idle_since)
		cnet->idle_since = jiffies ?: 1;
	else if (time_after(jiffies, cnet->idle_since + SHRINK_DELAY))
		ctng_table_shrink(&cnet->table, entries);
	else
		return;
}

static void expire_work(struct work_struct *work)
{
	struct ctng_net *cnet = container_of(to_delayed_work(work), struct ctng_net,
					     expire_work);
	u32 first_due;

	spin_lock_bh(&cnet->expire_lock);
	WRITE_ONCE(cnet->expire_next, 0);
	spin_unlock_bh(&cnet->expire_lock);

	if (ctng_table_expired(&cnet->table, expire_one, &first_due))
		ctng_expire_arm(cnet, first_due);

	consider_shrink(cnet);
	if (cnet->idle_since)
		ctng_expire_arm(cnet, nfct_time_stamp + SHRINK_DELAY);
}

/* Does the run planned for @next, if any, do for a deadline? */
static bool soon_enough(u32 next, u32 deadline)
{
	return next && ((s32)(next - deadline) <= 0 ||
			(s32)(next - nfct_time_stamp) <= EXPIRE_INTERVAL);
}

/**
 * ctng_expire_arm() - have the worker run in time for a deadline
 * @cnet: the namespace.
 * @deadline: in jiffies32.
 *
 * Context: any, without bucket locks. Cheap where the worker is due before.
 */
void ctng_expire_arm(struct ctng_net *cnet, u32 deadline)
{
	s32 delay;

	if (soon_enough(READ_ONCE(cnet->expire_next), deadline))
		return;

	spin_lock_bh(&cnet->expire_lock);
	if (!soon_enough(cnet->expire_next, deadline)) {
		delay = max_t(s32, deadline - nfct_time_stamp, EXPIRE_INTERVAL);
		WRITE_ONCE(cnet->expire_next, nfct_time_stamp + delay ?: 1);
		mod_delayed_work(system_power_efficient_wq, &cnet->expire_work, delay);
	}
	spin_unlock_bh(&cnet->expire_lock);
}

/**
 * ctng_expire_init_net() - prepare the worker of a namespace
 * @net: the namespace.
 */
void ctng_expire_init_net(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);

	spin_lock_init(&cnet->expire_lock);
	INIT_DELAYED_WORK(&cnet->expire_work, expire_work);
}

/**
 * ctng_expire_exit_net() - stop the worker of a namespace that holds nothing
 * @net: the namespace.
 *
 * Context: process, may sleep.
 */
void ctng_expire_exit_net(struct net *net)
{
	cancel_delayed_work_sync(&ctng_pernet(net)->expire_work);
}
