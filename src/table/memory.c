// SPDX-License-Identifier: GPL-2.0-only
/* Memory of the connection table. */

#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bucket.h"

/*
 * Contiguous memory if there is some, as a look-up in huge pages misses no TLB, else what comes
 * closest to it. Not kvmalloc(), which up to 4 MB rounds up to a power of two.
 */
static void *array_alloc(unsigned int n, size_t size)
{
	void *array = alloc_pages_exact(n * size, GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY |
					__GFP_NOWARN);

	if (!array)
		return vmalloc_huge(n * size, GFP_KERNEL | __GFP_ZERO);

	/* pages are nothing it knows; lines that buckets spill to are found through them */
	kmemleak_alloc(array, n * size, 1, GFP_KERNEL);

	return array;
}

static void array_free(void *array, unsigned int n, size_t size)
{
	if (is_vmalloc_addr(array)) {
		vfree(array);
	} else if (array) {
		kmemleak_free(array);
		free_pages_exact(array, n * size);
	}
}

/**
 * line_alloc() - allocate a line for a bucket that overflows
 * @gfp: allocation flags.
 *
 * Return: a zeroed line, aligned to its size (as kmalloc() aligns powers of
 * two), or NULL. Freed by kfree() before it was used, else with its buckets.
 */
struct ctng_line *line_alloc(gfp_t gfp)
{
	return kzalloc(sizeof(struct ctng_line), gfp);
}

/**
 * buckets_alloc() - allocate empty buckets
 * @lines: number of buckets.
 * @seed: secret of the hash.
 * @gen: generation of the secret.
 *
 * Context: may sleep.
 * Return: the buckets, to be freed by buckets_free(), or NULL.
 */
struct ctng_buckets *buckets_alloc(unsigned int lines, u32 seed, u16 gen)
{
	struct ctng_buckets *bs = kzalloc(sizeof(*bs), GFP_KERNEL);

	BUILD_BUG_ON(sizeof(struct ctng_line) != 64);

	if (!bs)
		return NULL;

	bs->line = array_alloc(lines, sizeof(*bs->line));
	bs->due = array_alloc(lines, sizeof(*bs->due));
	bs->count = lines;
	bs->seed = seed;
	bs->gen = gen;
	if (!bs->line || !bs->due) {
		buckets_free(bs);
		return NULL;
	}

	return bs;
}

/**
 * buckets_free() - free buckets and what they spilled to
 * @bs: the buckets; no reader is left.
 *
 * Context: may sleep.
 */
void buckets_free(struct ctng_buckets *bs)
{
	struct ctng_line *l, *next;
	unsigned int i;

	for (i = 0; bs->line && i < bs->count; i++) {
		for (l = line_next(&bs->line[i]); l; l = next) {
			next = line_next(l);
			kfree(l);
		}
		cond_resched();
	}
	array_free(bs->line, bs->count, sizeof(*bs->line));
	array_free(bs->due, bs->count, sizeof(*bs->due));
	kfree(bs);
}
