// SPDX-License-Identifier: GPL-2.0-only
/* Look-up in the connection table, which takes no lock. */

#include <linux/prefetch.h>

#include "table.h"
#include "bucket.h"
#include "find.h"

/* A tuple has no padding, so it is compared in words; the last byte is dst.dir. */
#define TUPLE_WORDS	(sizeof(struct nf_conntrack_tuple) / sizeof(u64))
#define DIR_MASK	((__force u64)cpu_to_be64(0xff))

static __always_inline u64 tuple_word(const struct nf_conntrack_tuple *t, unsigned int i)
{
	u64 word;

	/* one load, though a tuple is aligned to 4 bytes only */
	memcpy(&word, (const char *)t + i * sizeof(word), sizeof(word));

	return word;
}

static __always_inline bool tuples_equal(const struct nf_conntrack_tuple *a,
					 const struct nf_conntrack_tuple *b)
{
	unsigned int last = TUPLE_WORDS - 1, i;
	u64 diff;

	BUILD_BUG_ON(sizeof(*a) % sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct nf_conntrack_tuple, dst.dir) != sizeof(*a));

	diff = (tuple_word(a, last) ^ tuple_word(b, last)) & ~DIR_MASK;
#pragma GCC unroll 8
	for (i = 0; i < last; i++)
		diff |= tuple_word(a, i) ^ tuple_word(b, i);

	return !diff;
}

static bool key_is_own_mirror(const struct ctng_key *key)
{
	const struct nf_conntrack_tuple *t = key->tuple;

	return unlikely(t->src.u.all == t->dst.u.all) &&
	       nf_inet_addr_cmp(&t->src.u3, &t->dst.u3);
}

/* Two zones with nothing different about them, nearly always: then one comparison tells. */
static __always_inline bool zones_equal(const struct nf_conn *ct,
					const struct nf_conntrack_zone *zone,
					enum ip_conntrack_dir dir)
{
	return likely(!memcmp(nf_ct_zone(ct), zone, sizeof(*zone))) ||
	       nf_ct_zone_equal(ct, zone, dir);
}

static __always_inline bool key_matches(const struct ctng_key *key,
					const struct nf_conn *ct,
					enum ip_conntrack_dir dir)
{
	return tuples_equal(key->tuple, nf_ct_tuple(ct, dir)) &&
	       zones_equal(ct, key->zone, dir);
}

/*
 * Which tuple of @ct is the one looked for: a direction, or IP_CT_DIR_MAX.
 * Where both are, the packet counts as a reply, as with the in-tree module.
 */
static __always_inline enum ip_conntrack_dir
key_dir(const struct ctng_key *key, const struct nf_conn *ct, unsigned int dirs)
{
	if (dirs & BIT(IP_CT_DIR_ORIGINAL) &&
	    key_matches(key, ct, IP_CT_DIR_ORIGINAL)) {
		if (key_is_own_mirror(key) && dirs & BIT(IP_CT_DIR_REPLY) &&
		    key_matches(key, ct, IP_CT_DIR_REPLY))
			return IP_CT_DIR_REPLY;
		return IP_CT_DIR_ORIGINAL;
	}

	if (dirs & BIT(IP_CT_DIR_REPLY) && key_matches(key, ct, IP_CT_DIR_REPLY))
		return IP_CT_DIR_REPLY;

	return IP_CT_DIR_MAX;
}

static void prefetch_conn(const struct nf_conn *ct)
{
	const char *line = (const char *)ct;

	prefetchw(line);
	prefetch(line + SMP_CACHE_BYTES);
	prefetch(line + 2 * SMP_CACHE_BYTES);
	prefetch(line + 3 * SMP_CACHE_BYTES);
}

/*
 * Takes a reference to the entry in @slot if it is the one looked for. The slab
 * is typesafe: what a slot pointed to may have been freed, and made into
 * another connection, at any time before the reference is ours. So: take the
 * reference if there is still one, then compare. One entry in 65,536 has the
 * right tag by chance, too few for a look before the reference is taken.
 */
static __always_inline struct nf_conntrack_tuple_hash *
slot_get(u64 slot, const struct ctng_key *key, const struct net *net)
{
	struct nf_conn *ct = slot_conn(slot);
	enum ip_conntrack_dir dir;

	prefetch_conn(ct);

	if (!refcount_inc_not_zero(&ct->ct_general.use))
		return NULL;

	/* Pairs with the release of the count in ctng_conn_publish(), in src/core/conn.c. */
	smp_acquire__after_ctrl_dep();

	dir = key_dir(key, ct, slot_dirs(slot));
	if (likely(dir != IP_CT_DIR_MAX && nf_ct_is_confirmed(ct) &&
		   net_eq(net, nf_ct_net(ct))))
		return &ct->tuplehash[dir];

	nf_ct_put(ct);

	return NULL;
}

/* Which slots of a line have the tag of @hash, one bit each: no branch to be mispredicted. */
static __always_inline unsigned int line_match(const struct ctng_line *l, u64 hash)
{
	unsigned int mask = 0, i;

	/* The same tag leaves nothing there: a comparison and an addition with carry for each. */
#pragma GCC unroll 8
	for (i = CTNG_WAYS; i--;)
		mask += mask + ((READ_ONCE(l->slot[i]) ^ hash) < BIT_ULL(CTNG_TAG_SHIFT));

	return mask;
}

static __always_inline struct nf_conntrack_tuple_hash *
line_find(const struct ctng_line *l, u64 hash, const struct ctng_key *key,
	  const struct net *net)
{
	struct nf_conntrack_tuple_hash *h;
	unsigned int mask;
	u64 slot;

	do {
		for (mask = line_match(l, hash); mask; mask &= mask - 1) {
			slot = READ_ONCE(l->slot[__ffs(mask)]);
			/* free, or a link, or the entry has just made room for one */
			if (unlikely(!slot_dirs(slot)))
				continue;
			h = slot_get(slot, key, net);
			if (likely(h))
				return h;
		}
		l = line_next(l);
	} while (unlikely(l));

	return NULL;
}

/**
 * buckets_find() - find the entry that a tuple belongs to, in buckets of one size
 * @bs: the buckets.
 * @hash: of the tuple, in these buckets.
 * @key: the tuple.
 * @net: the namespace.
 *
 * Context: under rcu_read_lock().
 * Return: the matching tuple of the entry, with a reference; NULL if none was seen.
 */
struct nf_conntrack_tuple_hash *
buckets_find(const struct ctng_buckets *bs, u64 hash, const struct ctng_key *key,
	     const struct net *net)
{
	return line_find(line_of_hash(bs, hash), hash, key, net);
}

static struct nf_conntrack_tuple_hash *
table_find(const struct ctng_table *t, const struct nf_conntrack_zone *zone,
	   const struct nf_conntrack_tuple *tuple, u16 zone_id)
{
	const struct ctng_buckets *bs = rcu_dereference(t->cur);
	const struct ctng_key key = { .tuple = tuple, .zone = zone };
	struct nf_conntrack_tuple_hash *h;
	u64 hash;

	for (;;) {
		hash = ctng_hash(tuple, zone_id, bs->seed, bs->gen);
		h = line_find(line_of_hash(bs, hash), hash, &key, t->net);
		if (likely(h))
			return h;

		/*
		 * A move stores the entry in the newer line first, then clears
		 * the older slot with release: who saw the latter sees the
		 * former, and the newer buckets themselves.
		 */
		smp_rmb();
		bs = rcu_dereference(bs->next);
		if (likely(!bs))
			return NULL;
	}
}

/**
 * ctng_table_find_get() - find the connection that a tuple belongs to
 * @t: the table.
 * @zone: zone of the packet.
 * @tuple: the tuple; dst.dir does not count.
 *
 * An entry that is in the table all the time is found, also during a resize.
 * It may have expired, or be dying: that is for the caller to judge.
 *
 * Context: under rcu_read_lock().
 * Return: the matching tuple of the entry, with a reference for the caller;
 * NULL if there is none.
 */
struct nf_conntrack_tuple_hash *
ctng_table_find_get(struct ctng_table *t, const struct nf_conntrack_zone *zone,
		    const struct nf_conntrack_tuple *tuple)
{
	u16 orig = nf_ct_zone_id(zone, IP_CT_DIR_ORIGINAL);
	u16 reply = nf_ct_zone_id(zone, IP_CT_DIR_REPLY);
	struct nf_conntrack_tuple_hash *h;

	h = table_find(t, zone, tuple, orig);
	if (likely(h || orig == reply))
		return h;

	return table_find(t, zone, tuple, reply);
}

/**
 * ctng_table_find_reply() - find who has the tuple that replies will have
 * @t: the table.
 * @zone: zone of a connection that is not in the table.
 * @tuple: its reply tuple; dst.dir does not count.
 *
 * Unlike that of a packet, its zone is known to be the one of replies: an entry
 * in the zone that counts in original direction only is not in the way.
 *
 * Context: under rcu_read_lock().
 * Return: as ctng_table_find_get().
 */
struct nf_conntrack_tuple_hash *
ctng_table_find_reply(struct ctng_table *t, const struct nf_conntrack_zone *zone,
		      const struct nf_conntrack_tuple *tuple)
{
	return table_find(t, zone, tuple, nf_ct_zone_id(zone, IP_CT_DIR_REPLY));
}
