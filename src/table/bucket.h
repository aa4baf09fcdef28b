/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of the table in memory; private to src/table. */
#ifndef CTNG_BUCKET_H
#define CTNG_BUCKET_H

#include <linux/bit_spinlock.h>
#include <linux/cache.h>
#include <linux/math.h>
#include <linux/rcupdate.h>

#include "hash.h"
#include "table.h"

/*
 * Lock order, outermost first:
 *
 *  1. ctng_table.resize_mutex
 *  2. line locks of the older buckets, two of them in order of their address
 *  3. line locks of the newer buckets (ctng_buckets.next), likewise
 *
 * A line lock is a bit lock in the head line of a bucket, taken with BH off.
 * Under it nothing allocates, sleeps, or takes another kind of lock.
 *
 * While a resize runs, a connection stands in the older buckets until its line
 * is marked CTNG_MOVED, from then on in the newer ones. Whoever changes
 * anything finds the line that counts with line_of_hash() + lock + look at
 * CTNG_MOVED; that one line is enough to keep a tuple unique.
 */

#define CTNG_WAYS	8
#define CTNG_LAST	(CTNG_WAYS - 1)

/**
 * struct ctng_line - a bucket, or what spilled from one
 * @slot: tag, address and directions of an entry, see ctng_slot(), or none.
 *	Written under the lock, read under RCU. Once written a slot keeps its
 *	entry until that is removed, or moved to newer buckets, or makes room for
 *	a link: readers that go from slot to slot miss nothing that was there all
 *	the time.
 *
 * The last slot of a bucket's head line has its lock bit and CTNG_MOVED, beside an
 * entry or without. The last one of any line may be a link instead, CTNG_LINK and
 * the address of a line with more slots, which stays until the buckets go.
 */
struct ctng_line {
	u64	slot[CTNG_WAYS];
} __aligned(64);

/**
 * struct ctng_buckets - one size of the table
 * @line: the buckets; content as said there.
 * @due: for each bucket, when the first of its entries may expire, or 0; a
 *	bound from below. Lowered and recomputed under the lock of the line.
 * @next: the buckets that these are being moved to; set once, before the
 *	first line moves.
 * @count: how many buckets there are; immutable.
 * @seed: of the hash, secret; immutable.
 * @gen: generation of @seed, never 0, so that a new entry's zeroed hash is none;
 *	immutable.
 * @spilled: lines that had to be added; decides on growing.
 * @longest: most lines that a bucket has; decides on another seed. READ_ONCE.
 */
struct ctng_buckets {
	struct ctng_line		*line;
	u32				*due;
	struct ctng_buckets __rcu	*next;
	unsigned int			count;
	u32				seed;
	u16				gen;
	atomic_t			spilled;
	unsigned int			longest;
};

/* In proportion to the hash: the order of the buckets is that of the hashes, however many. */
static inline unsigned int bucket_of_hash(const struct ctng_buckets *bs, u64 hash)
{
	return reciprocal_scale((u32)hash, bs->count);
}

static inline struct ctng_line *line_of_hash(const struct ctng_buckets *bs, u64 hash)
{
	return &bs->line[bucket_of_hash(bs, hash)];
}

/*
 * A slot: tag in bits 48 to 63, below it the entry's offset into the direct
 * map, which fits 48 bits with 4 and 5 levels of page tables. Entries are 64
 * bytes aligned; the lowest two bits say whose tuples hash to this slot:
 * BIT(IP_CT_DIR_ORIGINAL), BIT(IP_CT_DIR_REPLY), or both. A slot without any
 * is free, or a link.
 */
#define CTNG_SLOT_DIRS	3ULL
#define CTNG_SLOT_ADDR	(GENMASK_ULL(CTNG_TAG_SHIFT - 1, 0) & ~63ULL)

/* Only in the last slot of a line: the first two in that of a bucket's head line. */
#define CTNG_LOCK_BIT	2
#define CTNG_MOVED	BIT_ULL(3)
#define CTNG_LINK	BIT_ULL(4)
#define CTNG_HEAD_FLAGS	(BIT_ULL(CTNG_LOCK_BIT) | CTNG_MOVED)

static inline u64 ctng_slot(const struct nf_conn *ct, u64 hash, unsigned int dirs)
{
	return (hash & ~GENMASK_ULL(CTNG_TAG_SHIFT - 1, 0)) |
	       ((unsigned long)ct - PAGE_OFFSET) | dirs;
}

static inline struct nf_conn *slot_conn(u64 slot)
{
	return (struct nf_conn *)(PAGE_OFFSET + (unsigned long)(slot & CTNG_SLOT_ADDR));
}

static inline unsigned int slot_dirs(u64 slot)
{
	return slot & CTNG_SLOT_DIRS;
}

/* Also under the lock, as others try for it, whose bit may be in the same word. */
static inline u64 slot_read(const u64 *slotp)
{
	return READ_ONCE(*slotp);
}

/* Under the lock. */
static inline void slot_store(u64 *slotp, u64 slot)
{
	/* Release: with the entry that it shows, or where that stands now; see table_find(). */
	smp_store_release(slotp, (slot_read(slotp) & CTNG_HEAD_FLAGS) | slot);
}

static inline void line_lock(struct ctng_line *line)
{
	bit_spin_lock(CTNG_LOCK_BIT, (unsigned long *)&line->slot[CTNG_LAST]);
}

static inline void line_unlock(struct ctng_line *line)
{
	/* The lock protects the other bits: no need for an atomic operation. */
	__bit_spin_unlock(CTNG_LOCK_BIT, (unsigned long *)&line->slot[CTNG_LAST]);
}

/* Of a head line. */
static inline bool line_moved(const struct ctng_line *line)
{
	/* Acquire: with what the newer buckets got; pairs with move_line(). */
	return smp_load_acquire(&line->slot[CTNG_LAST]) & CTNG_MOVED;
}

/* The line that this one spills to, or NULL. Under RCU or the head's lock. */
static inline struct ctng_line *line_next(const struct ctng_line *line)
{
	u64 last = READ_ONCE(line->slot[CTNG_LAST]);

	return last & CTNG_LINK ? (struct ctng_line *)(unsigned long)(last & ~63ULL) : NULL;
}

/**
 * struct ctng_stored - what the table keeps in an entry
 * @hash: of the tuple of each direction, as by ctng_hash(). Written before the
 *	entry is published, and under the line lock when a move changes the seed.
 *
 * It lies in the list node of the original tuple that the in-tree table would
 * use; the one of the reply tuple is left to the rest of the module.
 */
struct ctng_stored {
	u64	hash[IP_CT_DIR_MAX];
};

/*
 * A connection is listed, and its deadline kept, where its reply tuple stands:
 * the one that all entries have. (One that lost a clash may stand there only.)
 */
#define CTNG_HOME_DIR	IP_CT_DIR_REPLY

static inline struct ctng_stored *ctng_stored(struct nf_conn *ct)
{
	BUILD_BUG_ON(sizeof(struct ctng_stored) >
		     sizeof(ct->tuplehash[IP_CT_DIR_ORIGINAL].hnnode));

	return (struct ctng_stored *)&ct->tuplehash[IP_CT_DIR_ORIGINAL].hnnode;
}

static inline u64 hash_of_conn(struct nf_conn *ct, enum ip_conntrack_dir dir,
			       const struct ctng_buckets *bs)
{
	u64 hash = READ_ONCE(ctng_stored(ct)->hash[dir]);

	if (likely(ctng_hash_gen(hash) == bs->gen))
		return hash;

	return ctng_hash(nf_ct_tuple(ct, dir), nf_ct_zone_id(nf_ct_zone(ct), dir),
			 bs->seed, bs->gen);
}

static inline bool slot_is_home(u64 slot)
{
	return slot_dirs(slot) & BIT(CTNG_HOME_DIR);
}

/*
 * Every slot of the bucket with head @line that is no link, under its lock:
 * for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
 *
 * Under RCU too, if it is no harm to miss what spills just then.
 */
static inline u64 *slot_first(struct ctng_line *line, struct ctng_line **l)
{
	*l = line;

	return line->slot;
}

static inline u64 *slot_next(u64 *slotp, struct ctng_line **l)
{
	u64 *last = &(*l)->slot[CTNG_LAST];
	struct ctng_line *next;

	if (likely(++slotp < last))
		return slotp;
	if (slotp > last)
		return NULL;

	next = line_next(*l);
	if (likely(!next))
		return last;
	*l = next;

	return next->slot;
}

u64 *line_free_slot(struct ctng_line *line);
void line_extend(struct ctng_buckets *bs, struct ctng_line *line, struct ctng_line *spare);
void due_lower(struct ctng_buckets *bs, u64 hash, u32 when);
struct ctng_buckets *buckets_alloc(unsigned int lines, u32 seed, u16 gen);
void buckets_free(struct ctng_buckets *bs);
struct ctng_line *line_alloc(gfp_t gfp);

#endif /* CTNG_BUCKET_H */
