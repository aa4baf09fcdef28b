/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of the table in memory; private to src/table. */
#ifndef CTNG_BUCKET_H
#define CTNG_BUCKET_H

#include <linux/bit_spinlock.h>
#include <linux/cache.h>
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
 * A line lock is a bit lock, taken with BH off. Under it nothing allocates,
 * sleeps, or takes another kind of lock.
 *
 * While a resize runs, a connection stands in the older buckets until its line
 * is marked CTNG_MOVED, from then on in the newer ones. Whoever changes
 * anything finds the line that counts with line_of_hash() + lock + look at
 * CTNG_MOVED; that one line is enough to keep a tuple unique.
 */

#define CTNG_WAYS	7

/* Bits of ctng_line.ctl; the rest is the address of the next line, or 0. */
#define CTNG_LOCK_BIT	0
#define CTNG_MOVED	BIT(1)
#define CTNG_CTL_FLAGS	(BIT(CTNG_LOCK_BIT) | CTNG_MOVED)

/**
 * struct ctng_line - a bucket, or what spilled from one
 * @slot: tag, address and directions of an entry, see ctng_slot(); 0 is free.
 *	Written under the lock, read under RCU. Once written a slot keeps its
 *	entry until that is removed or moved to newer buckets: readers that go
 *	from slot to slot miss nothing that was there all the time.
 * @ctl: lock bit and CTNG_MOVED (both of the head line only) and the line that
 *	this one spills to. A spilled line stays until its buckets go.
 */
struct ctng_line {
	u64		slot[CTNG_WAYS];
	unsigned long	ctl;
} __aligned(64);

/**
 * struct ctng_buckets - one size of the table
 * @line: the buckets, 1 << (32 - @shift) of them; content as said there.
 * @due: for each bucket, when the first of its entries may expire, or 0; a
 *	bound from below. Lowered and recomputed under the lock of the line.
 * @next: the buckets that these are being moved to; set once, before the
 *	first line moves.
 * @shift: bucket number = low half of the hash >> @shift, so the order of the
 *	buckets is that of the hashes whatever their number.
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
	unsigned int			shift;
	u32				seed;
	u16				gen;
	atomic_t			spilled;
	unsigned int			longest;
};

static inline unsigned int buckets_count(const struct ctng_buckets *bs)
{
	return 1U << (32 - bs->shift);
}

static inline struct ctng_line *line_of_hash(const struct ctng_buckets *bs, u64 hash)
{
	return &bs->line[(u32)hash >> bs->shift];
}

static inline void line_lock(struct ctng_line *line)
{
	bit_spin_lock(CTNG_LOCK_BIT, &line->ctl);
}

static inline void line_unlock(struct ctng_line *line)
{
	/* The lock protects the other bits: no need for an atomic operation. */
	__bit_spin_unlock(CTNG_LOCK_BIT, &line->ctl);
}

/* Under RCU or the head's lock. */
static inline struct ctng_line *line_next(const struct ctng_line *line)
{
	return (struct ctng_line *)(READ_ONCE(line->ctl) & ~CTNG_CTL_FLAGS);
}

/*
 * A slot: tag in bits 48 to 63, below it the entry's offset into the direct
 * map, which fits 48 bits with 4 and 5 levels of page tables. Entries are 64
 * bytes aligned; the lowest two bits say whose tuples hash to this slot:
 * BIT(IP_CT_DIR_ORIGINAL), BIT(IP_CT_DIR_REPLY), or both.
 */
#define CTNG_SLOT_DIRS	3ULL
#define CTNG_SLOT_ADDR	(GENMASK_ULL(CTNG_TAG_SHIFT - 1, 0) & ~63ULL)

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
 * Every slot of the bucket with head @line, under its lock or RCU:
 * for (slotp = slot_first(line, &l); slotp; slotp = slot_next(slotp, &l))
 */
static inline u64 *slot_first(struct ctng_line *line, struct ctng_line **l)
{
	*l = line;

	return line->slot;
}

static inline u64 *slot_next(u64 *slotp, struct ctng_line **l)
{
	if (likely(++slotp < (*l)->slot + CTNG_WAYS))
		return slotp;

	*l = line_next(*l);

	return unlikely(*l) ? (*l)->slot : NULL;
}

u64 *line_free_slot(struct ctng_line *line);
void line_extend(struct ctng_buckets *bs, struct ctng_line *line, struct ctng_line *spare);
void due_lower(struct ctng_buckets *bs, u64 hash, u32 when);
struct ctng_buckets *buckets_alloc(unsigned int lines, u32 seed, u16 gen);
void buckets_free(struct ctng_buckets *bs);
struct ctng_line *line_alloc(gfp_t gfp);

#endif /* CTNG_BUCKET_H */
