// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding what expired.
 *
 * Beside the buckets lies an array with the earliest deadline in each: four
 * bytes for what would be a cache line of slots and up to eight entries to
 * look at. A pass reads the array from end to end, and looks into a bucket
 * only if its deadline is over. A deadline may be too early, since a packet
 * that moves its connection's timeout back does not touch it; then the look
 * sets it right. It is not too late either: see ctng_table_hasten(). Others who
 * write ct->timeout (the flow table does) tell nobody, so no bucket is left
 * without a look for longer than CTNG_DUE_HORIZON.
 */

#include <linux/sched.h>

#include "table.h"
#include "bucket.h"

#define DUE_BATCH	32

/* Zero says that there is no deadline, so no deadline is zero. */
static u32 due_encode(u32 when)
{
	return when ?: 1;
}

static bool due_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static u32 due_min(u32 due, u32 when)
{
	when = due_encode(when);

	return !due || due_before(when, due) ? when : due;
}

static u32 due_bound(u32 when)
{
	u32 horizon = nfct_time_stamp + CTNG_DUE_HORIZON;

	return due_before(when, horizon) ? when : horizon;
}

/**
 * due_lower() - note that an entry may expire earlier than all others in its bucket
 * @bs: the buckets.
 * @hash: of the tuple in CTNG_HOME_DIR.
 * @when: its deadline in jiffies32.
 *
 * Context: under the lock of the line.
 */
void due_lower(struct ctng_buckets *bs, u64 hash, u32 when)
{
	u32 *due = &bs->due[bucket_of_hash(bs, hash)];
	u32 old = *due, new = due_min(old, due_bound(when));

	/* Most often there is an earlier one: leave the cache line shared. */
	if (new != old)
		WRITE_ONCE(*due, new);
}

/*
 * Takes references to at most DUE_BATCH expired entries of a bucket, and notes
 * when to look again: at once if there may be more of them.
 */
static unsigned int line_expired(struct ctng_buckets *bs, unsigned int i,
				 const struct ctng_expiry *how, struct nf_conn **batch)
{
	struct ctng_line *line = &bs->line[i], *l;
	unsigned int n = 0;
	struct nf_conn *ct;
	u64 *slotp;
	u32 due = 0;

	local_bh_disable();
	line_lock(line);
	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l)) {
		if (!slot_is_home(slot_read(slotp)))
			continue;

		ct = slot_conn(slot_read(slotp));
		if (!how->is_over(ct, how) || n == DUE_BATCH) {
			due = due_min(due, due_bound(READ_ONCE(ct->timeout)));
			continue;
		}
		refcount_inc(&ct->ct_general.use);
		batch[n++] = ct;
	}
	WRITE_ONCE(bs->due[i], due);
	line_unlock(line);
	local_bh_enable();

	return n;
}

/* Returns the bucket's deadline afterwards. */
static u32 expire_line(struct ctng_buckets *bs, unsigned int i, struct ctng_expiry *how)
{
	struct nf_conn *batch[DUE_BATCH];
	unsigned int n;

	n = line_expired(bs, i, how, batch);
	while (n) {
		how->expire(batch[--n], how);
		nf_ct_put(batch[n]);
	}
	cond_resched();

	return READ_ONCE(bs->due[i]);
}

/**
 * ctng_table_expired() - call a function for each expired entry
 * @t: the table.
 * @how: what is expired, and what to do with it.
 * @first_due: set to the earliest deadline that is left, in jiffies32.
 *
 * Context: process, may sleep. Waits for a resize to end.
 * Return: false if the table holds nothing that could expire.
 */
bool ctng_table_expired(struct ctng_table *t, struct ctng_expiry *how,
			u32 *first_due)
{
	struct ctng_buckets *bs;
	u32 due, first = 0;
	unsigned int i;

	mutex_lock(&t->resize_mutex);
	bs = rcu_dereference_protected(t->cur, lockdep_is_held(&t->resize_mutex));

	for (i = 0; i < bs->count; i++) {
		due = READ_ONCE(bs->due[i]);
		if (due && how->all)
			due = expire_line(bs, i, how);
		while (due && !due_before(nfct_time_stamp, due))
			due = expire_line(bs, i, how);
		if (due)
			first = due_min(first, due);
		if (!(i % 1024))
			cond_resched();
	}
	mutex_unlock(&t->resize_mutex);

	*first_due = first;

	return first;
}
