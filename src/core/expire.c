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

/*
 * While timeouts are scaled, the table is searched from end to end, since the
 * deadlines that it keeps are unscaled ones; no oftener than this, and for no
 * more than this part of the time.
 */
#define SWEEP_INTERVAL	HZ
#define SWEEP_SHARE	10

static bool is_over(const struct nf_conn *ct, const struct ctng_expiry *how)
{
	return ctng_time_left(ct, how->scale) <= 0;
}

/* Each one that goes gives the others a little more time. */
static void expire_one(struct nf_conn *ct, struct ctng_expiry *how)
{
	if (nf_ct_should_gc(ct))
		ctng_kill(ct, CTNG_R_EXPIRED);
	else if (is_over(ct, how))
		ctng_kill(ct, CTNG_R_ADAPTIVE);
	how->scale = ctng_timeout_scale(ctng_pernet(nf_ct_net(ct)));
}

/* Returns whether there is anything left to wait for, until @first_due. */
static bool expire_all(struct ctng_net *cnet, u32 *first_due)
{
	struct ctng_expiry how = { .is_over = is_over, .expire = expire_one };
	unsigned long begin = jiffies;
	bool left, pressed;

	how.scale = ctng_timeout_scale(cnet);
	pressed = how.scale < CTNG_SCALE_FULL;
	how.all = pressed && time_after_eq(begin, cnet->sweep_next);

	left = ctng_table_expired(&cnet->table, &how, first_due);
	if (how.all)
		cnet->sweep_next = jiffies + max_t(unsigned long, SWEEP_INTERVAL,
						   SWEEP_SHARE * (jiffies - begin));
	if (pressed)
		*first_due = (u32)cnet->sweep_next;

	return left;
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

	if (expire_all(cnet, &first_due))
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
	u32 horizon = nfct_time_stamp + CTNG_DUE_HORIZON;
	s32 delay;

	if ((s32)(deadline - horizon) > 0)
		deadline = horizon;
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
