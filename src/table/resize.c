// SPDX-License-Identifier: GPL-2.0-only
/*
 * Growing and shrinking, bucket after bucket, while packets flow.
 *
 * A worker makes the new buckets, hangs them on the old ones, and moves line
 * after line: under the lock of the old line each entry is stored in its new
 * line first and then cleared in the old one, so a reader that looks in the
 * old line and then in the new one finds it at any moment. At the end the
 * line is marked, and from then on only the new one counts. No packet waits
 * for longer than one line takes.
 *
 * In the same way all is hashed anew, with another seed, when a bucket holds more
 * than chance explains: somebody found out how to aim at it.
 */

#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "resize.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* A bucket in ten that overflows stands for about 5.4 entries in each. */
#define GROW_SPILLED_DIV	10

/* A table is whole pages, as users are used to. */
#define LINES_PER_PAGE		(PAGE_SIZE / sizeof(struct ctng_line))

/* A table with fewer entries than one for so many slots may shrink. */
#define SHRINK_SLOTS_DIV	16

/*
 * A bucket of more lines than this, and than so many times what buckets spill on
 * average, is no chance: with five entries in a bucket on average, one in 10^18 has
 * six lines of them.
 */
#define RESEED_LINES		6
#define RESEED_TIMES_MEAN	8

/* An attacker who learns each new seed shall not keep the worker busy. */
#define RESEED_INTERVAL		(10 * HZ)

/* Spare lines for those that a move makes overflow. */
struct stash {
	struct ctng_line	*line;
	unsigned int		count;
};

static bool stash_fill(struct stash *stash, unsigned int want)
{
	struct ctng_line *l;

	while (stash->count < want) {
		l = line_alloc(GFP_KERNEL);
		if (!l)
			return false;
		l->slot[0] = (unsigned long)stash->line;
		stash->line = l;
		stash->count++;
	}

	return true;
}

static struct ctng_line *stash_pop(struct stash *stash)
{
	struct ctng_line *l = stash->line;

	stash->line = (struct ctng_line *)(unsigned long)l->slot[0];
	stash->count--;
	l->slot[0] = 0;

	return l;
}

static void stash_empty(struct stash *stash)
{
	while (stash->count)
		kfree(stash_pop(stash));
}

static unsigned int line_entries(struct ctng_line *line)
{
	struct ctng_line *l;
	unsigned int n = 0;
	u64 *slotp;

	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
		n += !!slot_dirs(slot_read(slotp));

	return n;
}

/* Stores a slot for some tuples of @ct in the new buckets. Old line locked. */
static void place_in_new(struct ctng_buckets *new, struct nf_conn *ct, u64 hash,
			 unsigned int dirs, struct stash *stash)
{
	struct ctng_line *line = line_of_hash(new, hash);
	u64 *slot;

	line_lock(line);
	slot = line_free_slot(line);
	if (!slot) {
		line_extend(new, line, stash_pop(stash));
		slot = line_free_slot(line);
	}
	slot_store(slot, ctng_slot(ct, hash, dirs));
	if (dirs & BIT(CTNG_HOME_DIR))
		due_lower(new, hash, READ_ONCE(ct->timeout));
	line_unlock(line);
}

static void move_slot(struct ctng_buckets *new, u64 *slotp, struct stash *stash)
{
	struct nf_conn *ct = slot_conn(slot_read(slotp));
	unsigned int dirs = slot_dirs(slot_read(slotp)), dir;
	u64 hash[IP_CT_DIR_MAX];

	for (dir = 0; dir < IP_CT_DIR_MAX; dir++) {
		if (!(dirs & BIT(dir)))
			continue;
		hash[dir] = hash_of_conn(ct, dir, new);
		WRITE_ONCE(ctng_stored(ct)->hash[dir], hash[dir]);
	}

	if (dirs == CTNG_SLOT_DIRS &&
	    hash[IP_CT_DIR_ORIGINAL] != hash[IP_CT_DIR_REPLY]) {
		/* two tuples that had one hash by chance, under another seed */
		for (dir = 0; dir < IP_CT_DIR_MAX; dir++)
			place_in_new(new, ct, hash[dir], BIT(dir), stash);
	} else {
		place_in_new(new, ct, hash[dirs & BIT(IP_CT_DIR_ORIGINAL) ?
					   IP_CT_DIR_ORIGINAL : IP_CT_DIR_REPLY],
			     dirs, stash);
	}

	/* Release: pairs with smp_rmb() in table_find(). */
	slot_store(slotp, 0);
}

static int move_line(struct ctng_buckets *old, struct ctng_buckets *new,
		     unsigned int i, struct stash *stash)
{
	struct ctng_line *line = &old->line[i], *l;
	unsigned int want = 2;
	u64 *slotp;

	for (;;) {
		if (!stash_fill(stash, want))
			return -ENOMEM;

		local_bh_disable();
		line_lock(line);
		/* in the worst case each slot becomes two that both overflow */
		want = 2 * line_entries(line);
		if (want <= stash->count)
			break;
		line_unlock(line);
		local_bh_enable();
	}

	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
		if (slot_dirs(slot_read(slotp)))
			move_slot(new, slotp, stash);

	/* Release: pairs with line_moved(); a link may be left, to lines without entries. */
	smp_store_release(&line->slot[CTNG_LAST], slot_read(&line->slot[CTNG_LAST]) | CTNG_MOVED);
	line_unlock(line);
	local_bh_enable();

	return 0;
}

/* Moves everything; tries again without end, since there is no way back. */
static void move_all(struct ctng_buckets *old, struct ctng_buckets *new)
{
	struct stash stash = {};
	unsigned int i;

	for (i = 0; i < old->count; i++) {
		while (move_line(old, new, i, &stash))
			schedule_timeout_uninterruptible(1);
		cond_resched();
	}
	stash_empty(&stash);
}

/**
 * ctng_slots_to_lines() - number of buckets for a size told by a user
 * @slots: size in slots of 8 bytes, or 0 for the least.
 *
 * Return: as many as hold them and fill whole pages, within the bounds.
 */
unsigned int ctng_slots_to_lines(unsigned int slots)
{
	slots = clamp_t(unsigned int, slots, CTNG_TABLE_MIN_SLOTS, CTNG_TABLE_MAX_SLOTS);

	return round_up(DIV_ROUND_UP(slots, CTNG_WAYS), LINES_PER_PAGE);
}

/**
 * ctng_table_round() - the size that a table gets when asked for one
 * @slots: size asked for.
 *
 * Return: the size given, in slots of 8 bytes.
 */
unsigned int ctng_table_round(unsigned int slots)
{
	return ctng_slots_to_lines(slots) * CTNG_WAYS;
}

/**
 * ctng_table_slots() - present size of a table
 * @t: the table.
 *
 * Context: any.
 * Return: size in slots of 8 bytes.
 */
unsigned int ctng_table_slots(struct ctng_table *t)
{
	unsigned int slots;

	rcu_read_lock();
	slots = rcu_dereference(t->cur)->count * CTNG_WAYS;
	rcu_read_unlock();

	return slots;
}

static u16 gen_after(u16 gen)
{
	return ++gen ?: 1;
}

/* Moves everything to new buckets, so many, and with another seed if asked for. */
static int rebuild(struct ctng_table *t, unsigned int lines, bool reseed)
{
	struct ctng_buckets *old, *new;

	old = rcu_dereference_protected(t->cur, lockdep_is_held(&t->resize_mutex));
	if (lines == old->count && !reseed)
		return 0;

	new = buckets_alloc(lines, reseed ? get_random_u32() : old->seed,
			    reseed ? gen_after(old->gen) : old->gen);
	if (!new)
		return -ENOMEM;

	rcu_assign_pointer(old->next, new);
	move_all(old, new);
	rcu_assign_pointer(t->cur, new);
	t->resizes += lines != old->count;
	t->rehashes += reseed;
	if (reseed)
		trace_ct_rehash(t->net, old->count, lines);
	else
		trace_ct_resize(t->net, old->count, lines);
	/* Readers may still be in the old buckets, on their way to the new ones. */
	synchronize_rcu();
	buckets_free(old);

	return 0;
}

/**
 * ctng_table_resize() - give a table another size, while it is in use
 * @t: the table.
 * @slots: the size, at least, in slots of 8 bytes.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int ctng_table_resize(struct ctng_table *t, unsigned int slots)
{
	int err;

	mutex_lock(&t->resize_mutex);
	err = rebuild(t, ctng_slots_to_lines(slots), false);
	mutex_unlock(&t->resize_mutex);

	return err;
}

/**
 * ctng_table_set_floor() - set the size below which a table never shrinks
 * @t: the table.
 * @slots: size in slots of 8 bytes; the table grows to it in the background,
 *	if it is smaller.
 *
 * Context: any.
 */
void ctng_table_set_floor(struct ctng_table *t, unsigned int slots)
{
	WRITE_ONCE(t->floor, slots);
	WRITE_ONCE(t->want, slots);
	queue_work(system_unbound_wq, &t->resize_work);
}

/* Do so many buckets overflow that there should be more of them? */
static bool is_crowded(const struct ctng_buckets *bs)
{
	return atomic_read(&bs->spilled) >= bs->count / GROW_SPILLED_DIV &&
	       bs->count < CTNG_TABLE_MAX_SLOTS / CTNG_WAYS;
}

/*
 * The next size is larger by about the square root of two: a bucket has 3.8 entries then, 5.4
 * before the next step. Twice the size would leave 2.7 of them, and far more memory unused.
 * 5, 7, 10, 14, 20, ... are the small numbers that come closest to such steps.
 */
static unsigned int lines_grown(unsigned int lines)
{
	unsigned int least = lines + lines / 4, step = 1;

	while (7 * step < least)
		step *= 2;

	return min_t(unsigned int, 5 * step >= least ? 5 * step : 7 * step,
		     CTNG_TABLE_MAX_SLOTS / CTNG_WAYS);
}

static void ask_for_growth(struct ctng_table *t, const struct ctng_buckets *bs)
{
	WRITE_ONCE(t->want, lines_grown(bs->count) * CTNG_WAYS);
	queue_work(system_unbound_wq, &t->resize_work);
}

/* Is a new seed due? Asked for, and the last one is some time ago. */
static bool reseed_due(const struct ctng_table *t)
{
	return READ_ONCE(t->reseed) && time_after_eq(jiffies, t->reseed_next);
}

static void resize_work(struct work_struct *work)
{
	struct ctng_table *t = container_of(work, struct ctng_table, resize_work);
	unsigned int slots = max(READ_ONCE(t->want), READ_ONCE(t->floor));
	struct ctng_buckets *bs;
	bool reseed;
	int err;

	mutex_lock(&t->resize_mutex);
	reseed = reseed_due(t);
	err = rebuild(t, ctng_slots_to_lines(slots), reseed);
	if (!err && reseed) {
		WRITE_ONCE(t->reseed, false);
		t->reseed_next = jiffies + RESEED_INTERVAL;
	}
	/* What came in meanwhile asked for nothing, and maybe nothing more will come. */
	bs = rcu_dereference_protected(t->cur, lockdep_is_held(&t->resize_mutex));
	if (!err && is_crowded(bs))
		ask_for_growth(t, bs);
	mutex_unlock(&t->resize_mutex);

	if (err)
		pr_warn_ratelimited("nf_conntrack: no memory to resize a table to %u slots\n",
				    slots);
	else if (reseed)
		pr_warn_ratelimited("nf_conntrack: a bucket held more than chance explains: table hashed anew\n");
}

/**
 * ctng_resize_init() - part of ctng_table_init()
 * @t: the table.
 */
void ctng_resize_init(struct ctng_table *t)
{
	INIT_WORK(&t->resize_work, resize_work);
}

/* Does a bucket hold more than chance explains? */
static bool is_aimed_at(const struct ctng_buckets *bs)
{
	unsigned int mean = atomic_read(&bs->spilled) / bs->count;

	return READ_ONCE(bs->longest) > RESEED_LINES + RESEED_TIMES_MEAN * mean;
}

/**
 * ctng_resize_consider() - grow the table if too many buckets overflow
 * @t: the table, in which one just did.
 *
 * Or hash it anew, if it is one bucket that does.
 *
 * Context: any with rcu_read_lock().
 */
void ctng_resize_consider(struct ctng_table *t)
{
	const struct ctng_buckets *bs = rcu_dereference(t->cur);

	if (rcu_access_pointer(bs->next))
		return;

	if (is_aimed_at(bs)) {
		WRITE_ONCE(t->reseed, true);
		queue_work(system_unbound_wq, &t->resize_work);
	}
	if (is_crowded(bs))
		ask_for_growth(t, bs);
}

/**
 * ctng_table_oversized() - could the table be far smaller?
 * @t: the table.
 * @entries: number of connections in it.
 *
 * Context: any.
 */
bool ctng_table_oversized(struct ctng_table *t, unsigned int entries)
{
	unsigned int slots = ctng_table_slots(t);

	return slots > ctng_table_round(READ_ONCE(t->floor)) &&
	       entries < slots / SHRINK_SLOTS_DIV;
}

/**
 * ctng_table_shrink() - give memory back if the table is far too large
 * @t: the table.
 * @entries: number of connections in it.
 *
 * Context: any. The caller decides how long the table must have been idle.
 */
void ctng_table_shrink(struct ctng_table *t, unsigned int entries)
{
	if (!ctng_table_oversized(t, entries))
		return;

	WRITE_ONCE(t->want, ctng_table_slots(t) / 4);
	queue_work(system_unbound_wq, &t->resize_work);
}
