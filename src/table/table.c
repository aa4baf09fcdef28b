// SPDX-License-Identifier: GPL-2.0-only
/* Insertion and removal in the connection table. */

#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "table.h"
#include "bucket.h"
#include "find.h"
#include "resize.h"

/* The buckets, and in them the line, where a hash is to be changed now. */
struct place {
	struct ctng_buckets	*bs;
	struct ctng_line	*line;
	u64			hash;
};

/* The places of both tuples of a connection; the same line where they agree. */
struct places {
	struct place	dir[IP_CT_DIR_MAX];
};

static struct place place_of(struct ctng_table *t, struct nf_conn *ct,
			     enum ip_conntrack_dir dir)
{
	struct place p;

	p.bs = rcu_dereference(t->cur);
	for (;;) {
		p.hash = hash_of_conn(ct, dir, p.bs);
		p.line = line_of_hash(p.bs, p.hash);
		/* A line is marked for good. */
		if (!line_moved(p.line))
			return p;
		p.bs = rcu_dereference(p.bs->next);
	}
}

/* Lock order 2 and 3: older buckets before newer ones, then by address. */
static bool place_precedes(const struct place *a, const struct place *b)
{
	if (a->bs != b->bs)
		return rcu_access_pointer(a->bs->next) == b->bs;

	return a->line < b->line;
}

/* A line that both tuples share counts as locked twice, for sparse. */
static void places_unlock(struct places *p)
	__releases(bitlock) __releases(bitlock)
{
	struct ctng_line *orig = p->dir[IP_CT_DIR_ORIGINAL].line;
	struct ctng_line *reply = p->dir[IP_CT_DIR_REPLY].line;

	if (reply != orig)
		line_unlock(reply);
	else
		__release(bitlock);
	line_unlock(orig);
}

/* Finds and locks the lines of both tuples of @ct. BH is off. */
static void places_lock(struct ctng_table *t, struct nf_conn *ct, struct places *p)
	__acquires(bitlock) __acquires(bitlock)
{
	struct place *orig = &p->dir[IP_CT_DIR_ORIGINAL];
	struct place *reply = &p->dir[IP_CT_DIR_REPLY];
	struct ctng_line *first, *second;

	for (;;) {
		*orig = place_of(t, ct, IP_CT_DIR_ORIGINAL);
		*reply = place_of(t, ct, IP_CT_DIR_REPLY);
		first = place_precedes(orig, reply) ? orig->line : reply->line;
		second = first == orig->line ? reply->line : orig->line;

		line_lock(first);
		if (second != first)
			line_lock(second);
		else
			__acquire(bitlock);

		if (likely(!line_moved(first) && !line_moved(second)))
			return;

		/* moved between the look and the lock */
		places_unlock(p);
	}
}

/* One slot is enough where both tuples have one hash, so the same line and tag. */
static bool places_coincide(const struct places *p)
{
	return p->dir[IP_CT_DIR_ORIGINAL].line == p->dir[IP_CT_DIR_REPLY].line &&
	       p->dir[IP_CT_DIR_ORIGINAL].hash == p->dir[IP_CT_DIR_REPLY].hash;
}

/*
 * An entry that has the tuple which @ct has in @dir. The line is locked, so its
 * entries stay, and the reference taken in the search is never the last one.
 */
static struct nf_conntrack_tuple_hash *
place_clash(const struct place *p, struct nf_conn *ct, enum ip_conntrack_dir dir,
	    const struct net *net)
{
	const struct ctng_key key = {
		.tuple	= nf_ct_tuple(ct, dir),
		.zone	= nf_ct_zone(ct),
	};

	return buckets_find(p->bs, p->hash, &key, net);
}

/**
 * line_free_slot() - find a free slot in a bucket
 * @line: head of the bucket, locked.
 *
 * Return: the slot, or NULL if the bucket is full.
 */
u64 *line_free_slot(struct ctng_line *line)
{
	struct ctng_line *l;
	u64 *slotp;

	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
		if (!slot_dirs(slot_read(slotp)))
			return slotp;

	return NULL;
}

/**
 * line_extend() - add a line to a full bucket
 * @bs: the buckets.
 * @line: head of one of them, locked.
 * @spare: the line to add, zeroed.
 *
 * It takes in the entry of the last slot, which becomes the link: a reader finds the
 * entry in its old place or, if it sees the link there, in the new one.
 */
void line_extend(struct ctng_buckets *bs, struct ctng_line *line, struct ctng_line *spare)
{
	struct ctng_line *next;
	unsigned int lines = 2;

	for (; (next = line_next(line)); line = next)
		lines++;

	spare->slot[0] = slot_read(&line->slot[CTNG_LAST]) & ~CTNG_HEAD_FLAGS;
	slot_store(&line->slot[CTNG_LAST], (unsigned long)spare | CTNG_LINK);
	atomic_inc(&bs->spilled);
	/* Two at once may leave the lower value: the next one sets it right. */
	if (lines > READ_ONCE(bs->longest))
		WRITE_ONCE(bs->longest, lines);
}

static unsigned int line_room(struct ctng_line *line)
{
	struct ctng_line *l;
	unsigned int n = 0;
	u64 *slotp;

	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
		n += !slot_dirs(slot_read(slotp));

	return n;
}

/* Makes sure that @n slots are free at a place. Line locked. */
static bool place_reserve(struct place *p, unsigned int n, struct ctng_line **spare)
{
	if (likely(line_room(p->line) >= n))
		return true;
	if (!*spare)
		return false;

	line_extend(p->bs, p->line, *spare);
	*spare = NULL;

	return true;
}

/* Clears the slots of @ct that @line holds. Line locked. */
static bool line_clear(struct ctng_line *line, const struct nf_conn *ct)
{
	struct ctng_line *l;
	bool found = false;
	u64 *slotp;

	for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l)) {
		if (slot_dirs(slot_read(slotp)) && slot_conn(slot_read(slotp)) == ct) {
			slot_store(slotp, 0);
			found = true;
		}
	}

	return found;
}

static void place_fill(struct place *p, struct nf_conn *ct, unsigned int dirs)
{
	/* A reader that finds the entry finds it whole. */
	slot_store(line_free_slot(p->line), ctng_slot(ct, p->hash, dirs));
}

/*
 * The table's reference. A connection made by user space was nobody's so far;
 * then its maker gets one too.
 */
static void take_reference(struct nf_conn *ct)
{
	if (likely(refcount_read(&ct->ct_general.use))) {
		refcount_inc(&ct->ct_general.use);
		return;
	}

	/* Pairs with smp_acquire__after_ctrl_dep() in slot_get(). */
	smp_wmb();
	refcount_set(&ct->ct_general.use, 2);
}

/* Under both locks. False, with nothing changed, if there is no room. */
static bool places_fill(struct places *p, struct nf_conn *ct, unsigned int dirs,
			struct ctng_line *spare[IP_CT_DIR_MAX])
{
	struct place *orig = &p->dir[IP_CT_DIR_ORIGINAL];
	struct place *home = &p->dir[CTNG_HOME_DIR];
	bool two = dirs == CTNG_BOTH_DIRS && !places_coincide(p);

	if (!place_reserve(home, two && orig->line == home->line ? 2 : 1,
			   &spare[CTNG_HOME_DIR]) ||
	    (two && !place_reserve(orig, 1, &spare[IP_CT_DIR_ORIGINAL])))
		return false;

	WRITE_ONCE(ctng_stored(ct)->hash[IP_CT_DIR_ORIGINAL], orig->hash);
	WRITE_ONCE(ctng_stored(ct)->hash[CTNG_HOME_DIR], home->hash);
	take_reference(ct);

	if (two)
		place_fill(orig, ct, BIT(IP_CT_DIR_ORIGINAL));
	place_fill(home, ct, two ? BIT(CTNG_HOME_DIR) : dirs);

	due_lower(home->bs, home->hash, READ_ONCE(ct->timeout));

	return true;
}

static int insert_once(struct ctng_table *t, struct nf_conn *ct, unsigned int dirs,
		       struct ctng_line *spare[IP_CT_DIR_MAX],
		       struct nf_conntrack_tuple_hash **clash)
{
	enum ip_conntrack_dir dir;
	struct places p;
	int err = 0;

	*clash = NULL;
	local_bh_disable();
	places_lock(t, ct, &p);

	for (dir = 0; dir < IP_CT_DIR_MAX && !*clash; dir++)
		if (dirs & BIT(dir))
			*clash = place_clash(&p.dir[dir], ct, dir, t->net);

	if (*clash)
		err = -EEXIST;
	else if (!places_fill(&p, ct, dirs, spare))
		err = -EAGAIN;

	places_unlock(&p);
	local_bh_enable();

	return err;
}

/**
 * ctng_table_insert() - put a connection into the table
 * @t: the table.
 * @ct: the connection: both tuples, zone, absolute timeout and IPS_CONFIRMED
 *	set. The table takes a reference; where the count was zero, as after
 *	nf_conntrack_alloc(), the caller gets one as well.
 * @dirs: CTNG_BOTH_DIRS, or CTNG_REPLY_ONLY to leave the original tuple to the
 *	entry that has it.
 * @clash: set to the entry that has one of the tuples already, with a reference
 *	for the caller, on -EEXIST; else to NULL.
 *
 * Context: any with rcu_read_lock(); turns BH off itself.
 * Return: 0, -EEXIST, or -ENOMEM if a full bucket could not be extended.
 */
int ctng_table_insert(struct ctng_table *t, struct nf_conn *ct, unsigned int dirs,
		      struct nf_conntrack_tuple_hash **clash)
{
	struct ctng_line *spare[IP_CT_DIR_MAX] = {};
	int err;

	err = insert_once(t, ct, dirs, spare, clash);
	if (likely(err != -EAGAIN))
		return err;

	spare[IP_CT_DIR_ORIGINAL] = line_alloc(GFP_ATOMIC | __GFP_NOWARN);
	spare[IP_CT_DIR_REPLY] = line_alloc(GFP_ATOMIC | __GFP_NOWARN);
	if (spare[IP_CT_DIR_ORIGINAL] && spare[IP_CT_DIR_REPLY])
		err = insert_once(t, ct, dirs, spare, clash);
	else
		err = -ENOMEM;
	kfree(spare[IP_CT_DIR_ORIGINAL]);
	kfree(spare[IP_CT_DIR_REPLY]);
	ctng_resize_consider(t);

	return err;
}

/**
 * ctng_table_remove() - take a connection out of the table
 * @t: the table.
 * @ct: the connection; the caller holds a reference beside the table's.
 *
 * Readers that are under way may still hold, or get, references to it.
 *
 * Context: any with rcu_read_lock(); turns BH off itself.
 * Return: true if it was in the table: the table's reference is now the
 * caller's.
 */
bool ctng_table_remove(struct ctng_table *t, struct nf_conn *ct)
{
	struct places p;
	bool found;

	local_bh_disable();
	places_lock(t, ct, &p);
	found = line_clear(p.dir[IP_CT_DIR_ORIGINAL].line, ct);
	if (p.dir[IP_CT_DIR_REPLY].line != p.dir[IP_CT_DIR_ORIGINAL].line)
		found |= line_clear(p.dir[IP_CT_DIR_REPLY].line, ct);
	places_unlock(&p);
	local_bh_enable();

	return found;
}

/**
 * ctng_table_hasten() - tell the table that an entry will expire sooner than it did
 * @t: the table.
 * @ct: an entry of it, its new timeout already stored.
 *
 * Not needed when a timeout moves back, as the bucket's deadline is a bound; nor
 * when it is farther than CTNG_DUE_HORIZON, within which every bucket is looked at.
 *
 * Context: any with rcu_read_lock(); turns BH off itself.
 */
void ctng_table_hasten(struct ctng_table *t, struct nf_conn *ct)
{
	struct place home;

	local_bh_disable();
	for (;;) {
		home = place_of(t, ct, CTNG_HOME_DIR);
		line_lock(home.line);
		if (likely(!line_moved(home.line)))
			break;
		line_unlock(home.line);
	}
	due_lower(home.bs, home.hash, READ_ONCE(ct->timeout));
	line_unlock(home.line);
	local_bh_enable();
}

/**
 * ctng_table_init() - make an empty table
 * @t: the table.
 * @net: the namespace that it belongs to.
 * @slots: size to start with, at least; 0 for the default.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int ctng_table_init(struct ctng_table *t, struct net *net, unsigned int slots)
{
	struct ctng_buckets *bs;

	bs = buckets_alloc(ctng_slots_to_lines(slots), get_random_u32(), 1);
	if (!bs)
		return -ENOMEM;

	t->net = net;
	t->floor = slots;
	t->reseed_next = jiffies;
	mutex_init(&t->resize_mutex);
	ctng_resize_init(t);
	RCU_INIT_POINTER(t->cur, bs);

	return 0;
}

/**
 * ctng_table_destroy() - free an empty table
 * @t: the table; no packet, walk or resize can reach it any more.
 *
 * Context: may sleep.
 */
void ctng_table_destroy(struct ctng_table *t)
{
	cancel_work_sync(&t->resize_work);
	buckets_free(rcu_dereference_protected(t->cur, true));
}
