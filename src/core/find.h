/* SPDX-License-Identifier: GPL-2.0-only */
/* Look-up as the packet path wants it: what expired is not there. */
#ifndef CTNG_FIND_H
#define CTNG_FIND_H

#include "../net.h"
#include "conn.h"

/**
 * ctng_if_live() - what was found, unless it expired
 * @h: the matching tuple of an entry, with a reference, or NULL.
 * @again: set if the entry was removed: another one may have the same tuple, since one that
 *	expired is in nobody's way.
 *
 * An entry found expired is removed at once, as the worker would do. One that somebody else
 * is removing is not waited for.
 *
 * Context: under RCU, BH off or on.
 * Return: @h, or NULL; then the reference is given back.
 */
static inline struct nf_conntrack_tuple_hash *
ctng_if_live(struct nf_conntrack_tuple_hash *h, bool *again)
{
	struct nf_conn *ct;

	*again = false;
	if (!h)
		return NULL;

	ct = nf_ct_tuplehash_to_ctrack(h);
	if (likely(!nf_ct_is_expired(ct)))
		return h;

	*again = nf_ct_should_gc(ct) && ctng_kill(ct, CTNG_R_EXPIRED);
	nf_ct_put(ct);

	return NULL;
}

/**
 * ctng_find_live() - find the connection of a tuple, unless it expired
 * @net: the namespace.
 * @zone: zone of the packet.
 * @tuple: its tuple.
 *
 * Context: under RCU, BH off or on.
 * Return: the matching tuple of the entry, with a reference, or NULL.
 */
static inline struct nf_conntrack_tuple_hash *
ctng_find_live(struct net *net, const struct nf_conntrack_zone *zone,
	       const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_tuple_hash *h;
	bool again;

	do {
		h = ctng_if_live(ctng_table_find_get(&ctng_pernet_rcu(net)->table, zone, tuple),
				 &again);
	} while (unlikely(again));

	return h;
}

/**
 * ctng_find_live_reply() - find who has the tuple that replies will have, unless it expired
 * @net: the namespace.
 * @zone: zone of a connection that is not in the table.
 * @tuple: its reply tuple, see ctng_table_find_reply().
 *
 * Context: under RCU, BH off or on.
 * Return: as ctng_find_live().
 */
static inline struct nf_conntrack_tuple_hash *
ctng_find_live_reply(struct net *net, const struct nf_conntrack_zone *zone,
		     const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_tuple_hash *h;
	bool again;

	do {
		h = ctng_if_live(ctng_table_find_reply(&ctng_pernet_rcu(net)->table, zone, tuple),
				 &again);
	} while (unlikely(again));

	return h;
}

#endif /* CTNG_FIND_H */
