/* SPDX-License-Identifier: GPL-2.0-only */
/* Tuples that NAT chose for connections which are not confirmed yet. */
#ifndef CTNG_RESERVE_H
#define CTNG_RESERVE_H

#include <linux/atomic.h>

struct nf_conn;
struct nf_conntrack_tuple;

#define CTNG_RESERVED_BITS	8

/**
 * struct ctng_reserved - the latest choices in a namespace
 * @slot: words of a tuple's hash, its owner's hash and a time, see reserve.c.
 */
struct ctng_reserved {
	atomic64_t	slot[1 << CTNG_RESERVED_BITS];
};

bool ctng_reserve(const struct nf_conntrack_tuple *tuple, const struct nf_conn *ct);
void ctng_unreserve(const struct nf_conntrack_tuple *tuple, const struct nf_conn *ct);

#endif /* CTNG_RESERVE_H */
