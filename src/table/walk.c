// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over the table: resumable ones for dumps and clean-ups, and random
 * samples.
 *
 * Buckets are in the order of the hashes whatever their number, so the position
 * of a walk is a hash, and survives a resize: what was visited has a lower
 * hash, what was not has an equal or higher one.
 */

#include <linux/math64.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "table.h"
#include "bucket.h"

/* A bucket locked for reading it, and the part of it that the walk is to see. */
struct span {
	struct ctng_line	*line;
	u64			first;
	u64			end;
	bool			scattered;
};

/* End of the bucket that @pos is in: the first hash of the next one. */
static u64 bucket_end(const struct ctng_buckets *bs, u64 pos)
{
	return DIV64_U64_ROUND_UP((u64)(bucket_of_hash(bs, pos) + 1) << 32, bs->count);
}

/*
 * The buckets that the hashes of a walk are of. One that just begins gets the present
 * ones; so does one that slept so long that the seed of its hashes is gone.
 */
static struct ctng_buckets *cursor_buckets(struct ctng_table *t, struct ctng_cursor *cursor)
{
	struct ctng_buckets *bs = rcu_dereference(t->cur), *next;

	if (likely(cursor->gen == bs->gen))
		return bs;

	next = rcu_dereference(bs->next);
	if (next && cursor->gen == next->gen)
		return next;

	*cursor = (struct ctng_cursor){ .gen = bs->gen, .again = cursor->gen || cursor->again };

	return bs;
}

/*
 * Locks the bucket where entries with the hash @pos are now. During a shrink
 * it covers more than the older one did, the rest of which is not there yet.
 * If they were hashed anew, and are all over the newer buckets, it is the empty one
 * that they were in.
 */
static void span_lock(struct ctng_buckets *bs, u64 pos, struct span *span)
	__acquires(bitlock)
{
	struct ctng_buckets *next;

	span->scattered = false;
	span->first = pos;
	span->end = bucket_end(bs, pos);
	for (;;) {
		span->line = line_of_hash(bs, pos);
		line_lock(span->line);
		if (!line_moved(span->line))
			return;
		next = rcu_dereference(bs->next);
		if (next->gen != bs->gen) {
			span->scattered = true;
			return;
		}
		line_unlock(span->line);
		bs = next;
		span->end = min(span->end, bucket_end(bs, pos));
	}
}

/*
 * Is there nothing in the bucket, and nobody at work on it? No lock is needed to know: an entry
 * keeps its slot, so one that is there all the time is seen in it.
 */
static bool bucket_empty(const struct ctng_line *line)
{
	unsigned int i;

	/*
	 * No lock bit, mark, or link. Acquire: slots are looked at after it; with the second
	 * look, below.
	 */
	if (smp_load_acquire(&line->slot[CTNG_LAST]))
		return false;
	for (i = 0; i < CTNG_LAST; i++)
		if (READ_ONCE(line->slot[i]))
			return false;

	/*
	 * Pairs with the release in move_slot(): whoever sees a slot that is empty since its
	 * entry has moved sees the lock too, or the mark.
	 */
	smp_rmb();

	return !READ_ONCE(line->slot[CTNG_LAST]);
}

static bool slot_in_span(u64 slot, const struct span *span)
{
	u64 hash;

	if (!slot_is_home(slot))
		return false;

	hash = (u32)READ_ONCE(ctng_stored(slot_conn(slot))->hash[CTNG_HOME_DIR]);

	return hash >= span->first && hash < span->end;
}

/*
 * Starts to fetch the entries of the bucket that the walk comes to next: they arrive while its
 * user looks at those of this one. What a slot says need not be true any more.
 */
static void prefetch_bucket(const struct ctng_buckets *bs, u64 pos)
{
	const struct ctng_line *line;
	unsigned int i;
	u64 slot;

	if (pos > U32_MAX)
		return;

	line = line_of_hash(bs, pos);
	for (i = 0; i < CTNG_WAYS; i++) {
		slot = READ_ONCE(line->slot[i]);
		if (!slot_is_home(slot))
			continue;
		prefetch(slot_conn(slot));
		prefetch((char *)slot_conn(slot) + 2 * SMP_CACHE_BYTES);
	}
}

/* How many entries of a locked bucket the span covers. */
static unsigned int span_count(const struct span *span)
{
	struct ctng_line *l;
	unsigned int n = 0;
	u64 *slotp;

	for (slotp = slot_first(span->line, &l); slotp; slotp = slot_next(slotp, &l))
		n += slot_in_span(slot_read(slotp), span);

	return n;
}

/* As much of a locked bucket as fits; cuts the span to that. */
static unsigned int span_collect(struct span *span, struct nf_conn **batch, unsigned int max)
{
	struct ctng_line *l;
	unsigned int n = 0;
	u64 *slotp;

	while (span_count(span) > max && span->end - span->first > 1)
		span->end = span->first + (span->end - span->first) / 2;

	for (slotp = slot_first(span->line, &l); slotp; slotp = slot_next(slotp, &l)) {
		if (!slot_in_span(slot_read(slotp), span) || n == max)
			continue;
		batch[n] = slot_conn(slot_read(slotp));
		prefetch((char *)batch[n] + SMP_CACHE_BYTES);
		prefetch((char *)batch[n] + 3 * SMP_CACHE_BYTES);
		prefetch(batch[n]->ext);
		refcount_inc(&batch[n++]->ct_general.use);
	}

	return n;
}

/* Fills @batch from one bucket, or from as much of it as fits; moves the cursor. */
static unsigned int collect_span(struct ctng_buckets *bs, struct ctng_cursor *cursor,
				 struct nf_conn **batch, unsigned int max)
{
	struct span span;
	unsigned int n;

	local_bh_disable();
	span_lock(bs, cursor->pos, &span);
	n = span_collect(&span, batch, max);
	line_unlock(span.line);
	local_bh_enable();

	cursor->missed |= span.scattered;
	cursor->pos = span.end;

	return n;
}

/*
 * The next bucket of a walk. One that missed entries, since they were hashed anew, goes over
 * the new buckets too. Those it had seen by then it sees again there.
 */
static unsigned int collect_bucket(struct ctng_table *t, struct ctng_cursor *cursor,
				   struct nf_conn **batch, unsigned int max)
{
	struct ctng_buckets *bs = cursor_buckets(t, cursor), *next;
	u64 end = bucket_end(bs, cursor->pos);
	unsigned int n = 0;

	prefetch_bucket(bs, end);
	if (bucket_empty(line_of_hash(bs, cursor->pos)))
		cursor->pos = end;
	else
		n = collect_span(bs, cursor, batch, max);

	if (unlikely(cursor->missed) && ctng_cursor_done(cursor)) {
		next = rcu_dereference(bs->next);
		*cursor = (struct ctng_cursor){ .gen = next->gen, .again = true };
	}

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
 * across resizes. If everything is hashed anew meanwhile, it sees each at least
 * once, and says so in @cursor->again.
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
 * ctng_table_rewind() - have a walk come by an entry again
 * @cursor: where the walk stands; it has just come by the entry.
 * @ct: the entry, or what was one; the caller has a reference.
 *
 * All entries at its position come again. If it was hashed anew meanwhile, all of
 * the table does.
 *
 * Context: any.
 */
void ctng_table_rewind(struct ctng_cursor *cursor, const struct nf_conn *ct)
{
	u64 hash = READ_ONCE(ctng_stored((struct nf_conn *)ct)->hash[CTNG_HOME_DIR]);

	if (likely(ctng_hash_gen(hash) == cursor->gen))
		cursor->pos = (u32)hash;
	else
		*cursor = (struct ctng_cursor){ .again = true };
}

#define SAMPLE_MAX	64

/* So many buckets are fetched at the same time. */
#define SAMPLE_AHEAD	4

/* Looks into one bucket, wherever its entries are; starts to fetch them. */
static unsigned int sample_bucket(const struct ctng_buckets *bs, u32 pos, u64 *slot,
				  unsigned int max)
{
	struct ctng_line *line, *l;
	unsigned int n = 0;
	u64 *slotp;

	line = line_of_hash(bs, pos);
	while (line_moved(line)) {
		bs = rcu_dereference(bs->next);
		line = line_of_hash(bs, pos);
	}

	for (slotp = slot_first(line, &l); slotp && n < max; slotp = slot_next(slotp, &l)) {
		slot[n] = slot_read(slotp);
		if (!slot_is_home(slot[n]))
			continue;
		prefetchw(slot_conn(slot[n]));
		/* status, and beside it the last timeout */
		prefetch((char *)slot_conn(slot[n]) + 2 * SMP_CACHE_BYTES);
		prefetch((char *)slot_conn(slot[n]) + 3 * SMP_CACHE_BYTES);
		n++;
	}

	return n;
}

/* Looks into a few buckets at random. */
static unsigned int sample_buckets(struct ctng_table *t, u64 *slot, unsigned int max)
{
	const struct ctng_buckets *bs = rcu_dereference(t->cur);
	u32 pos[SAMPLE_AHEAD];
	unsigned int n = 0, i;

	for (i = 0; i < SAMPLE_AHEAD; i++) {
		pos[i] = get_random_u32();
		prefetch(line_of_hash(bs, pos[i]));
	}
	for (i = 0; i < SAMPLE_AHEAD && n < max; i++)
		n += sample_bucket(bs, pos[i], slot + n, max - n);

	return n;
}

/**
 * ctng_table_sample() - take the entries of a few buckets at random
 * @t: the table.
 * @batch: filled with entries, each with a reference for the caller.
 * @max: room in @batch, no more than 64 of which are used; four times as many buckets
 *	are looked at, at most.
 *
 * Context: any with rcu_read_lock(); takes no lock.
 * Return: number of entries in @batch.
 */
unsigned int ctng_table_sample(struct ctng_table *t, struct nf_conn **batch,
			       unsigned int max)
{
	unsigned int n = 0, found = 0, i;
	u64 slot[SAMPLE_MAX];
	struct nf_conn *ct;

	max = min_t(unsigned int, max, SAMPLE_MAX);
	for (i = 0; found < max && i < max; i++)
		found += sample_buckets(t, slot + found, max - found);

	for (i = 0; i < found; i++) {
		ct = slot_conn(slot[i]);
		if (!refcount_inc_not_zero(&ct->ct_general.use))
			continue;
		/* Typesafe: another's by now? Pairs with the release in ctng_conn_publish(). */
		smp_acquire__after_ctrl_dep();
		if (nf_ct_is_confirmed(ct) && net_eq(nf_ct_net(ct), t->net))
			batch[n++] = ct;
		else
			nf_ct_put(ct);
	}

	return n;
}

/**
 * ctng_table_stats() - look at the whole table
 * @t: the table.
 * @stats: what it is like.
 *
 * Context: process, may sleep. Waits for a resize to end.
 */
void ctng_table_stats(struct ctng_table *t, struct ctng_table_stats *stats)
{
	unsigned int i, used, lines;
	struct ctng_buckets *bs;
	struct ctng_line *l;
	u64 *slotp;

	memset(stats, 0, sizeof(*stats));
	mutex_lock(&t->resize_mutex);
	bs = rcu_dereference_protected(t->cur, lockdep_is_held(&t->resize_mutex));

	for (i = 0; i < bs->count; i++) {
		used = 0;
		/* No lock: a line that is there stays, and a slot is one word. */
		for (slotp = slot_first(&bs->line[i], &l); slotp; slotp = slot_next(slotp, &l))
			used += !!slot_dirs(slot_read(slotp));
		for (lines = 1, l = line_next(&bs->line[i]); l; l = line_next(l))
			lines++;

		stats->with[min_t(unsigned int, used, CTNG_OCCUPANCY - 1)]++;
		stats->longest = max(stats->longest, lines);
		stats->bytes += lines * sizeof(*l) + sizeof(*bs->due);
		if (!(i % 1024))
			cond_resched();
	}

	stats->buckets = bs->count;
	stats->resizes = t->resizes;
	stats->rehashes = t->rehashes;
	mutex_unlock(&t->resize_mutex);
}
