/* SPDX-License-Identifier: GPL-2.0-only */
/* Growing and shrinking; private to src/table. */
#ifndef CTNG_RESIZE_H
#define CTNG_RESIZE_H

#include "bucket.h"

unsigned int ctng_slots_to_lines(unsigned int slots);
void ctng_resize_init(struct ctng_table *t);
void ctng_resize_consider(struct ctng_table *t);

#endif /* CTNG_RESIZE_H */
