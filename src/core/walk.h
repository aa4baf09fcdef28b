/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks over a namespace's connections, for modules beside this one. */
#ifndef CTNG_WALK_H
#define CTNG_WALK_H

#include "../table/table.h"

/* The least room that a batch has; see ctng_table_collect(). */
#define CTNG_WALK_BATCH	16

unsigned int ctng_walk(struct net *net, struct ctng_cursor *cursor,
		       struct nf_conn **batch, unsigned int max);
u32 ctng_walk_position(const struct nf_conn *ct);
void ctng_walk_back(struct ctng_cursor *cursor, const struct nf_conn *ct);

#endif /* CTNG_WALK_H */
