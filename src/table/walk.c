// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over the table: resumable ones for dumps and clean-ups, and random
 * samples.
 *
 * Buckets are in the order of the hashes whatever their number, so the position
 * of a walk is a hash, and survives a resize: what was visited has a lower
 * hash, what was not has an equal or higher one.
 */

#include <linux/random.h>

#include "table.h"
#include "bucket.h"

/* A bucket locked for reading it, and the part of it that the walk is to see. */
struct span {
	struct ctng_line	*line;
	u64			first;
	u64			end;
};

/* End of the bucket that @pos is in, as a hash. */
static u64 bucket_end(const struct ctng_buckets *bs, u64 pos)
{
	return ((pos >> bs->shift) + 1) << bs->shift;
}

/*
 * Locks the bucket where entries with the hash @pos are now. During a shrink
 * it covers more than the older one did, the rest of which is not there yet.
 */
static void span_lock(struct ctng_table *t, u64 pos, struct span *span)
	__acquires(bitlock)
{
	struct ctng_buckets *bs = rcu_dereference(t->cur);

	span->first = pos;
	span->end = bucket_end(bs, pos);
	for (;;) {
		span->line = line_of_hash(bs, pos);
		line_lock(span->line);
		if (!(span->line->ctl & CTNG_MOVED))
			return;
		line_unlock(span->line);
		bs = rcu_dereference(bs->next);
		span->end = min(span->end, bucket_end(bs, pos));
	}
}

static bool slot_in_span(u64 slot, const struct span *span)
{
	u64 hash;

	if (!slot_is_home(slot))
		return false;

	hash = (u32)READ_ONCE(ctng_stored(slot_conn(slot))->hash[CTNG_HOME_DIR]);

	return hash >= span->first && hash < span->end;
}

/* How many entries of a locked bucket the span covers. */
static unsigned int span_count(const struct span *span)
{
	struct ctng_line *l;
	unsigned int n = 0;
	u64 *slotp;

	for (slotp = slot_first(span->line, &l); slotp; slotp = slot_next(slotp, &l))
		n += slot_in_span(*slotp, span);

	return n;
}

/* Fills @batch from one bucket, or from as much of it as fits; moves the cursor. */
static unsigned int collect_bucket(struct ctng_table *t, struct ctng_cursor *cursor,
				   struct nf_conn **batch, unsigned int max)
{
	struct ctng_line *l;
	unsigned int n = 0;
	struct span span;
	u64 *slotp;

	local_bh_disable();
	span_lock(t, cursor->pos, &span);

	while (span_count(&span) > max && span.end - span.first > 1)
		span.end = span.first + (span.end - span.first) / 2;

	for (slotp = slot_first(span.line, &l); slotp; slotp = slot_next(slotp, &l)) {
		if (!slot_in_span(*slotp, &span) || n == max)
			continue;
		batch[n] = slot_conn(*slotp);
		refcount_inc(&batch[n++]->ct_general.use);
	}
	line_unlock(span.line);
	local_bh_enable();

	cursor->pos = span.end;

	return n;
}

/**
 * ctng_table_collect() - take the next entries of a walk
 * @t: the table.
 * @cursor: where the walk stands, zero at its start; moved on.
 * @batch: filled with entries, each with a reference for the caller.
 * @max: room in @batch, 16 or more: what does not fit of so many entries with
 *	one and the same hash would be left out.
 *
 * A walk sees each entry that is in the table all the time exactly once, also
 * across resizes.
 *
 * Context: under rcu_read_lock(); turns BH off for one bucket at a time.
 * Return: number of entries in @batch; zero at the end of the walk.
 */
unsigned int ctng_table_collect(struct ctng_table *t, struct ctng_cursor *cursor,
				struct nf_conn **batch, unsigned int max)
{
	unsigned int n = 0;

	while (!n && !ctng_cursor_done(cursor))
		n = collect_bucket(t, cursor, batch, max);

	return n;
}

/**
 * ctng_table_position() - where a walk comes by an entry
 * @ct: the entry, which is or was in the table; the caller has a reference.
 *
 * Context: any.
 * Return: the position, for a cursor that is to begin with the entry.
 */
u32 ctng_table_position(const struct nf_conn *ct)
{
	return READ_ONCE(ctng_stored((struct nf_conn *)ct)->hash[CTNG_HOME_DIR]);
}

/**
 * ctng_table_sample() - take the entries of a few buckets at random
 * @t: the table.
 * @batch: filled with entries, each with a reference for the caller.
 * @max: room in @batch, and a bound on the buckets looked at.
 *
 * Context: any with rcu_read_lock(); takes no lock.
 * Return: number of entries in @batch.
 */
unsigned int ctng_table_sample(struct ctng_table *t, struct nf_conn **batch,
			       unsigned int max)
{
	struct ctng_buckets *bs = rcu_dereference(t->cur);
	unsigned int n = 0, tries = max, first = get_random_u32() >> bs->shift;
	struct nf_conn *ct;
	struct ctng_line *l;
	u64 *slotp, slot;

	while (n < max && tries--) {
		struct ctng_line *head = &bs->line[first++ & (buckets_count(bs) - 1)];

		for (slotp = slot_first(head, &l); slotp; slotp = slot_next(slotp, &l)) {
			slot = READ_ONCE(*slotp);
			if (!slot_is_home(slot) || n == max)
				continue;
			ct = slot_conn(slot);
			if (!refcount_inc_not_zero(&ct->ct_general.use))
				continue;
			/* typesafe: it may have become another's meanwhile */
			smp_acquire__after_ctrl_dep();
			if (nf_ct_is_confirmed(ct) && net_eq(nf_ct_net(ct), t->net))
				batch[n++] = ct;
			else
				nf_ct_put(ct);
		}
	}

	return n;
}
