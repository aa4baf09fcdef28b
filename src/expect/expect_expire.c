// SPDX-License-Identifier: GPL-2.0-only
/*
 * Expiry of expectations.
 *
 * An expectation carries a deadline, not a timer; from then on no look-up finds
 * it. One worker for all namespaces removes what has expired. It sleeps until
 * the earliest deadline, and for good when nothing is expected anywhere.
 */

#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "expect.h"

/* Helpers may bring a deadline forward without telling anyone. */
#define LONGEST_SLEEP	(60 * HZ)

static void reap(struct work_struct *work);

static DECLARE_DELAYED_WORK(reaper, reap);

/* both under nf_conntrack_expect_lock */
static bool reaper_armed;
static u32 reaper_due;

static bool remove_expired(struct nf_conntrack_expect *exp)
{
	if (!nf_ct_exp_is_expired(exp))
		return false;
	nf_ct_unlink_expect(exp);
	return true;
}

/**
 * nf_ct_expectation_gc - remove what a master expects no longer
 * @master_help: its helper extension.
 *
 * Context: nf_conntrack_expect_lock held.
 */
void nf_ct_expectation_gc(struct nf_conn_help *master_help)
{
	struct nf_conntrack_expect *exp;
	struct hlist_node *next;

	lockdep_nfct_expect_lock_held();
	hlist_for_each_entry_safe(exp, next, &master_help->expectations, lnode)
		remove_expired(exp);
}

/**
 * ctng_expect_due - have the worker come by at a deadline
 * @deadline: jiffies32.
 *
 * Context: nf_conntrack_expect_lock held.
 */
void ctng_expect_due(u32 deadline)
{
	s32 left = deadline - nfct_time_stamp;
	unsigned long delay;

	lockdep_nfct_expect_lock_held();
	if (reaper_armed && (s32)(deadline - reaper_due) >= 0)
		return;

	delay = clamp_t(s32, left, 0, LONGEST_SLEEP);
	reaper_armed = true;
	reaper_due = nfct_time_stamp + delay;
	/* up to whole seconds: several expectations, one wake-up */
	mod_delayed_work(system_power_efficient_wq, &reaper,
			 round_jiffies_up_relative(delay + 1));
}

static void reap_bucket(struct hlist_head *bucket, u32 *next_due, bool *left)
{
	struct nf_conntrack_expect *exp;
	struct hlist_node *next;

	spin_lock_bh(&nf_conntrack_expect_lock);
	hlist_for_each_entry_safe(exp, next, bucket, hnode) {
		u32 due;

		if (remove_expired(exp))
			continue;
		due = READ_ONCE(exp->timeout);
		if (!*left || (s32)(due - *next_due) < 0)
			*next_due = due;
		*left = true;
	}
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

static void reap(struct work_struct *work)
{
	u32 next_due = 0;
	bool left = false;
	unsigned int i;

	/* Those linked from here on arm it anew. */
	spin_lock_bh(&nf_conntrack_expect_lock);
	reaper_armed = false;
	spin_unlock_bh(&nf_conntrack_expect_lock);

	for (i = 0; i < nf_ct_expect_hsize; i++) {
		if (!hlist_empty(&nf_ct_expect_hash[i]))
			reap_bucket(&nf_ct_expect_hash[i], &next_due, &left);
		cond_resched();
	}

	if (!left)
		return;
	spin_lock_bh(&nf_conntrack_expect_lock);
	ctng_expect_due(next_due);
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

/**
 * ctng_expect_expire_exit - stop the worker
 *
 * Context: may sleep; no expectation is linked any more.
 */
void ctng_expect_expire_exit(void)
{
	cancel_delayed_work_sync(&reaper);
}
