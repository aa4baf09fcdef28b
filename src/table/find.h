/* SPDX-License-Identifier: GPL-2.0-only */
/* Look-up in buckets; private to src/table. */
#ifndef CTNG_FIND_IN_BUCKETS_H
#define CTNG_FIND_IN_BUCKETS_H

#include "bucket.h"

/**
 * struct ctng_key - a tuple that is looked for
 * @tuple: the tuple; dst.dir does not count.
 * @zone: zone in the direction of the entry's matching tuple.
 */
struct ctng_key {
	const struct nf_conntrack_tuple		*tuple;
	const struct nf_conntrack_zone		*zone;
};

struct nf_conntrack_tuple_hash *
buckets_find(const struct ctng_buckets *bs, u64 hash, const struct ctng_key *key,
	     const struct net *net);

#endif /* CTNG_FIND_IN_BUCKETS_H */
