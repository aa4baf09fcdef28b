// SPDX-License-Identifier: GPL-2.0-only
/*
 * NAT asks whether a tuple is free, takes it, and some time later the connection is
 * confirmed with it. Two CPUs that do so at once for two connections would both be
 * told that it is free, and the one that is confirmed last would lose its packet.
 * So the answer is a reservation, for about as long as a packet is under way.
 *
 * A reservation is one word, in a small array where newer ones overwrite older ones:
 * forgetting one costs no more than there being none. It is given back when the
 * connection is confirmed with the tuple; those of a packet that was dropped, or that got
 * another tuple in the end, run out.
 */

#include <linux/jhash.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../net.h"
#include "../table/hash.h"

/*
 * How long, in jiffies: a virtual CPU may be away for some ticks. A packet that was dropped
 * keeps its tuple from others for as long.
 */
#define RESERVED_FOR	max(HZ / 10, 2)

/* Others reserve other tuples in the same slot at the same time: no reason to give up at once. */
#define RESERVE_TRIES	4

/*
 * The word: what the slot leaves of the tuple's hash (24 bits), hash of its owner's original
 * tuple (24), time (16). Two owners that look the same are both given the tuple, and one
 * packet is lost.
 */
#define TUPLE_SHIFT	40
#define OWNER_SHIFT	16

static_assert(64 - TUPLE_SHIFT + CTNG_RESERVED_BITS >= 32);

static u64 reservation(u32 tuple, u32 owner)
{
	return (u64)tuple << TUPLE_SHIFT | (u64)(owner >> 8) << OWNER_SHIFT | (u16)jiffies;
}

static bool is_same_tuple(u64 a, u64 b)
{
	return a >> TUPLE_SHIFT == b >> TUPLE_SHIFT;
}

/* Of the same tuple, too. */
static bool is_same_owner(u64 a, u64 b)
{
	return a >> OWNER_SHIFT == b >> OWNER_SHIFT;
}

/* The old one may be of a tick later: another CPU's, which was faster. */
static bool is_valid(u64 old, u64 new)
{
	return old && is_same_tuple(old, new) && abs((s16)((u16)new - (u16)old)) <= RESERVED_FOR;
}

/* Unlike the table's, the hash tells a tuple from its mirror image. */
static u32 hash_of(const struct nf_conntrack_tuple *tuple, u16 zone, u32 seed)
{
	return jhash(tuple, offsetof(struct nf_conntrack_tuple, dst.dir), seed ^ zone);
}

/* The word that reserves @tuple for @ct, and where it belongs. */
static atomic64_t *slot_for(const struct nf_conntrack_tuple *tuple, const struct nf_conn *ct,
			    u64 *word)
{
	struct ctng_net *cnet = ctng_pernet(nf_ct_net(ct));
	u16 zone = nf_ct_zone_id(nf_ct_zone(ct), IP_CT_DIR_REPLY);
	u32 seed = cnet->reserved_seed;
	u32 hash = hash_of(tuple, zone, seed);

	*word = reservation(hash, hash_of(nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL), zone, seed));

	return &cnet->reserved->slot[hash >> (32 - CTNG_RESERVED_BITS)];
}

/**
 * ctng_reserve() - keep others from a tuple that NAT is about to choose
 * @tuple: the reply tuple that the connection would get.
 * @ct: the connection, unconfirmed. Others with the same original tuple are the same
 *	flow, whose packets race, and may have the same one.
 *
 * To be asked before the table is: whoever gave the tuple back in between is found there.
 *
 * Context: any.
 * Return: false if another connection is about to be confirmed with it.
 */
bool ctng_reserve(const struct nf_conntrack_tuple *tuple, const struct nf_conn *ct)
{
	u64 old, new;
	atomic64_t *slot = slot_for(tuple, ct, &new);
	unsigned int tries = RESERVE_TRIES;

	while (tries--) {
		old = atomic64_read(slot);
		if (is_valid(old, new) && !is_same_owner(old, new))
			return false;
		/* Full ordering: of two that race for a tuple, one fails here and looks again. */
		if (atomic64_cmpxchg(slot, old, new) == old)
			break;
	}

	return true;
}

/**
 * ctng_unreserve() - the table holds the tuple now, or another is chosen
 * @tuple: the tuple.
 * @ct: the connection that it was for.
 *
 * Context: any.
 */
void ctng_unreserve(const struct nf_conntrack_tuple *tuple, const struct nf_conn *ct)
{
	u64 old, own;
	atomic64_t *slot = slot_for(tuple, ct, &own);

	old = atomic64_read(slot);
	/* Full ordering: who reserves it from now on finds it in the table. */
	if (is_same_owner(old, own))
		atomic64_cmpxchg(slot, old, 0);
}
