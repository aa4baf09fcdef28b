// SPDX-License-Identifier: GPL-2.0-only
/* Walks over a namespace's connections that can stop between any two of them. */

#include "../net.h"
#include "walk.h"

/* A batch is one bucket nearly always: a handful, with their hashes in the cache. */
static void sort_batch(struct nf_conn **batch, unsigned int n)
{
	unsigned int i, j;

	for (i = 1; i < n; i++) {
		struct nf_conn *ct = batch[i];
		u32 pos = ctng_table_position(ct);

		for (j = i; j && ctng_table_position(batch[j - 1]) > pos; j--)
			batch[j] = batch[j - 1];
		batch[j] = ct;
	}
}

/**
 * ctng_walk() - take the next connections of a namespace
 * @net: the namespace.
 * @cursor: where the walk stands, zero at its start; moved on.
 * @batch: filled with connections in the order of their positions, each with a
 *	reference for the caller.
 * @max: room in @batch, CTNG_WALK_BATCH or more.
 *
 * A walk sees each connection that lives throughout exactly once, whatever
 * becomes of the others, and of the size of the table.
 *
 * Context: process or BH; turns BH off for one bucket at a time.
 * Return: number of connections in @batch; zero at the end of the walk.
 */
unsigned int ctng_walk(struct net *net, struct ctng_cursor *cursor,
		       struct nf_conn **batch, unsigned int max)
{
	unsigned int n;

	rcu_read_lock();
	n = ctng_table_collect(&ctng_pernet(net)->table, cursor, batch, max);
	rcu_read_unlock();
	sort_batch(batch, n);

	return n;
}

/**
 * ctng_walk_position() - where a walk comes by a connection
 * @ct: the connection, from ctng_walk().
 *
 * Context: any.
 * Return: the position.
 */
u32 ctng_walk_position(const struct nf_conn *ct)
{
	return ctng_table_position(ct);
}

/**
 * ctng_walk_back() - have a walk come by a connection again
 * @cursor: where the walk stands; it has just come by the connection.
 * @ct: the connection, from ctng_walk().
 *
 * The few that may have the same position by chance come again too; all do, and
 * @cursor->again is set, if the table was hashed anew meanwhile.
 *
 * Context: any.
 */
void ctng_walk_back(struct ctng_cursor *cursor, const struct nf_conn *ct)
{
	ctng_table_rewind(cursor, ct);
}
