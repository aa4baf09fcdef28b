/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection table of one network namespace.
 *
 * A bucket is one cache line of eight slots. A slot is one word: a 16-bit tag
 * from the hash and the entry's address. Readers take no lock; see
 * Documentation/table.md for the layout and the proofs.
 */
#ifndef CTNG_TABLE_H
#define CTNG_TABLE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_zones.h>

struct ctng_buckets;

/* What a namespace starts with, and never shrinks below, in 8-byte slots. */
#define CTNG_TABLE_MIN_SLOTS	2048

/**
 * struct ctng_table - the confirmed connections of one namespace
 * @cur: the buckets; readers under RCU, replaced under @resize_mutex.
 * @net: whose table it is; immutable.
 * @floor: least number of slots, set by the administrator; READ_ONCE.
 * @want: number of slots that the next run of @resize_work makes; READ_ONCE.
 * @reseed: a bucket holds more than chance explains: @resize_work is to hash
 *	everything anew; READ_ONCE.
 * @reseed_next: not before then, in jiffies; only @resize_work uses it.
 * @resizes: how often the table got another size, under @resize_mutex.
 * @rehashes: how often another seed, likewise.
 * @resize_mutex: protects the replacement of @cur. Taken first of all table locks.
 * @resize_work: grows or shrinks the table in process context.
 */
struct ctng_table {
	struct ctng_buckets __rcu	*cur;
	struct net			*net;
	unsigned int			floor;
	unsigned int			want;
	bool				reseed;
	unsigned long			reseed_next;
	unsigned int			resizes;
	unsigned int			rehashes;
	struct mutex			resize_mutex;	/* one resize at a time */
	struct work_struct		resize_work;
};

/*
 * No bucket with entries goes longer without a look for what expired. Less than the 300
 * seconds that TCP waits for an acknowledgment: a connection that sends and gets
 * acknowledged moves between that and days with every other packet.
 */
#define CTNG_DUE_HORIZON	(240 * HZ)

/* What ctng_table_init() and ctng_table_resize() give at most. */
#define CTNG_TABLE_MAX_SLOTS	BIT(30)

/**
 * struct ctng_cursor - where a walk over the table stands; zeroed to start one
 * @pos: first hash not yet visited, 1 << 32 at the end.
 * @gen: generation of the seed of those hashes, 0 before the walk begins.
 * @missed: entries were hashed anew before the walk came by.
 * @again: the walk began again because of that: it may see an entry twice.
 */
struct ctng_cursor {
	u64	pos;
	u16	gen;
	bool	missed;
	bool	again;
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
struct nf_conntrack_tuple_hash *
ctng_table_find_reply(struct ctng_table *t, const struct nf_conntrack_zone *zone,
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
void ctng_table_rewind(struct ctng_cursor *cursor, const struct nf_conn *ct);

unsigned int ctng_table_sample(struct ctng_table *t, struct nf_conn **batch,
			       unsigned int max);

/**
 * struct ctng_expiry - how a search for expired entries goes
 * @is_over: is this entry to be removed? Called under a bucket lock: nothing but a look.
 * @expire: removes the entry it is given; called with a reference held that is
 *	dropped afterwards, without a lock, with BH on.
 * @scale: for both, which get this struct too; @expire may change it.
 * @all: look at all entries, also those whose deadlines are not over.
 */
struct ctng_expiry {
	bool		(*is_over)(const struct nf_conn *ct, const struct ctng_expiry *how);
	void		(*expire)(struct nf_conn *ct, struct ctng_expiry *how);
	unsigned int	scale;
	bool		all;
};

bool ctng_table_expired(struct ctng_table *t, struct ctng_expiry *how,
			u32 *first_due);

/* Entries in a bucket: as many as fit its first line are told apart, and more. */
#define CTNG_OCCUPANCY	10

/**
 * struct ctng_table_stats - what a table is like at the moment
 * @buckets: how many there are.
 * @with: buckets with so many slots in use; the last is for all with more.
 * @longest: lines of the bucket with the most of them.
 * @bytes: memory of all of it, without the entries.
 * @resizes: how often it got another size.
 * @rehashes: how often it was hashed anew.
 */
struct ctng_table_stats {
	unsigned int	buckets;
	unsigned int	with[CTNG_OCCUPANCY];
	unsigned int	longest;
	u64		bytes;
	unsigned int	resizes;
	unsigned int	rehashes;
};

void ctng_table_stats(struct ctng_table *t, struct ctng_table_stats *stats);
int ctng_table_resize(struct ctng_table *t, unsigned int slots);
void ctng_table_set_floor(struct ctng_table *t, unsigned int slots);
bool ctng_table_oversized(struct ctng_table *t, unsigned int entries);
void ctng_table_shrink(struct ctng_table *t, unsigned int entries);
unsigned int ctng_table_round(unsigned int slots);

#endif /* CTNG_TABLE_H */
