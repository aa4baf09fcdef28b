/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection table of one network namespace.
 *
 * A bucket is one cache line: seven slots and a control word. A slot is one
 * word: a 16-bit tag from the hash and the entry's address. Readers take no
 * lock; see Documentation/table.md for the layout and the proofs.
 */
#ifndef CTNG_TABLE_H
#define CTNG_TABLE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_zones.h>

struct ctng_buckets;

/* Slots of 8 bytes that a bucket of one cache line counts for in sizes told to users. */
#define CTNG_SLOTS_PER_LINE	8

/* What a namespace starts with, and never shrinks below, in 8-byte slots. */
#define CTNG_TABLE_MIN_SLOTS	2048

/**
 * struct ctng_table - the confirmed connections of one namespace
 * @cur: the buckets; readers under RCU, replaced under @resize_mutex.
 * @net: whose table it is; immutable.
 * @floor: least number of slots, set by the administrator; READ_ONCE.
 * @want: number of slots that the next run of @resize_work makes; READ_ONCE.
 * @resize_mutex: protects the replacement of @cur. Taken first of all table locks.
 * @resize_work: grows or shrinks the table in process context.
 */
struct ctng_table {
	struct ctng_buckets __rcu	*cur;
	struct net			*net;
	unsigned int			floor;
	unsigned int			want;
	struct mutex			resize_mutex;	/* one resize at a time */
	struct work_struct		resize_work;
};

/* What ctng_table_init() and ctng_table_resize() give at most. */
#define CTNG_TABLE_MAX_SLOTS	BIT(30)

/**
 * struct ctng_cursor - where a walk over the table stands
 * @pos: first hash not yet visited, 1 << 32 at the end; zero starts a walk.
 */
struct ctng_cursor {
	u64	pos;
};

static inline bool ctng_cursor_done(const struct ctng_cursor *cursor)
{
	return cursor->pos >= 1ULL << 32;
}

int ctng_table_init(struct ctng_table *t, struct net *net, unsigned int slots);
void ctng_table_destroy(struct ctng_table *t);
unsigned int ctng_table_slots(struct ctng_table *t);

struct nf_conntrack_tuple_hash *
ctng_table_find_get(struct ctng_table *t, const struct nf_conntrack_zone *zone,
		    const struct nf_conntrack_tuple *tuple);

/* Which tuples of a connection go into the table. */
#define CTNG_BOTH_DIRS	(BIT(IP_CT_DIR_ORIGINAL) | BIT(IP_CT_DIR_REPLY))
#define CTNG_REPLY_ONLY	BIT(IP_CT_DIR_REPLY)

int ctng_table_insert(struct ctng_table *t, struct nf_conn *ct, unsigned int dirs,
		      struct nf_conntrack_tuple_hash **clash);
bool ctng_table_remove(struct ctng_table *t, struct nf_conn *ct);

void ctng_table_hasten(struct ctng_table *t, struct nf_conn *ct);

unsigned int ctng_table_collect(struct ctng_table *t, struct ctng_cursor *cursor,
				struct nf_conn **batch, unsigned int max);
u32 ctng_table_position(const struct nf_conn *ct);

unsigned int ctng_table_sample(struct ctng_table *t, struct nf_conn **batch,
			       unsigned int max);
bool ctng_table_expired(struct ctng_table *t, void (*expire)(struct nf_conn *ct),
			u32 *first_due);

int ctng_table_resize(struct ctng_table *t, unsigned int slots);
void ctng_table_set_floor(struct ctng_table *t, unsigned int slots);
bool ctng_table_oversized(struct ctng_table *t, unsigned int entries);
void ctng_table_shrink(struct ctng_table *t, unsigned int entries);
unsigned int ctng_table_round(unsigned int slots);

#endif /* CTNG_TABLE_H */
