/* SPDX-License-Identifier: GPL-2.0-only */
/* The direction-independent hash of a tuple. */
#ifndef CTNG_HASH_H
#define CTNG_HASH_H

#include <linux/jhash.h>
#include <net/netfilter/nf_conntrack_tuple.h>

/*
 * A hash is 64 bits wide: the low half picks the bucket, bits 48 to 63 are the
 * tag in the slot. Both halves come from one jhash run, whose last two words
 * are independent enough of each other. Bits 32 to 47 are left to the entry,
 * which keeps there the generation of the seed that it was hashed with.
 */
#define CTNG_TAG_SHIFT		48
#define CTNG_HASH_GEN_SHIFT	32

static inline u16 ctng_hash_tag(u64 hash)
{
	return hash >> CTNG_TAG_SHIFT;
}

static inline u16 ctng_hash_gen(u64 hash)
{
	return hash >> CTNG_HASH_GEN_SHIFT;
}

/* ICMP's "destination port" is type and code, which differ between query and answer. */
static inline bool ctng_hash_by_id(u8 protonum)
{
	return protonum == IPPROTO_ICMP || protonum == IPPROTO_ICMPV6;
}

static inline u64 ctng_hash_final(u32 a, u32 b, u32 c, u16 gen)
{
	__jhash_final(a, b, c);

	return (u64)(b & 0xffff0000) << 32 | (u64)gen << CTNG_HASH_GEN_SHIFT | c;
}

/* Any order does, as long as it is one. */
static inline bool ctng_addr_after(const union nf_inet_addr *x, const union nf_inet_addr *y)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(x->all); i++)
		if (x->all[i] != y->all[i])
			return x->all[i] > y->all[i];

	return false;
}

static inline u64 ctng_hash_v6(const struct nf_conntrack_tuple *t, u16 sport,
			       u16 dport, u32 iv, u16 gen)
{
	const union nf_inet_addr *lo = &t->src.u3, *hi = &t->dst.u3;
	u32 a, b, c;

	if (nf_inet_addr_cmp(lo, hi) ? sport > dport : ctng_addr_after(lo, hi)) {
		swap(lo, hi);
		swap(sport, dport);
	}

	a = iv + lo->all[0];
	b = iv + lo->all[1];
	c = iv + lo->all[2];
	__jhash_mix(a, b, c);
	a += lo->all[3];
	b += hi->all[0];
	c += hi->all[1];
	__jhash_mix(a, b, c);
	a += hi->all[2];
	b += hi->all[3];
	c += (u32)sport << 16 | dport;

	return ctng_hash_final(a, b, c, gen);
}

/**
 * ctng_hash() - hash a tuple and its mirror image to the same value
 * @t: the tuple; t->dst.dir does not count.
 * @zone: zone id of the tuple's direction.
 * @seed: secret of the buckets.
 * @gen: generation of that secret, kept in the hash.
 *
 * The two endpoints are sorted first, so that both directions of a connection
 * without NAT have one hash, and need one slot.
 */
static inline u64 ctng_hash(const struct nf_conntrack_tuple *t, u16 zone,
			    u32 seed, u16 gen)
{
	u32 iv = JHASH_INITVAL + seed + ((u32)t->dst.protonum << 16 ^ zone);
	u16 sport = (__force u16)t->src.u.all;
	u16 dport = (__force u16)t->dst.u.all;
	u64 src, dst, lo, hi;

	if (ctng_hash_by_id(t->dst.protonum))
		dport = sport;

	if (t->src.l3num != NFPROTO_IPV4)
		return ctng_hash_v6(t, sport, dport, iv, gen);

	/* Address and port in one word: the least and the greatest take no branch. */
	src = (u64)(__force u32)t->src.u3.ip << 16 | sport;
	dst = (u64)(__force u32)t->dst.u3.ip << 16 | dport;
	lo = min(src, dst);
	hi = max(src, dst);

	return ctng_hash_final(iv + (u32)(lo >> 16), iv + (u32)(hi >> 16),
			       iv + ((u32)(u16)lo << 16 | (u16)hi), gen);
}

#endif /* CTNG_HASH_H */
