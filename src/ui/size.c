// SPDX-License-Identifier: GPL-2.0-only
/* How large the tables are and how much they may hold: defaults and changes. */

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <net/netfilter/nf_conntrack.h>

#include "../core/conn.h"
#include "../core/pressure.h"
#include "../table/table.h"
#include "ui.h"

#define SLOT_BYTES	8U

/* The default table takes this part of the memory, within these bounds. */
#define MEMORY_SHARE	16384
#define SLOTS_MIN	1024
#define SLOTS_1G	65536
#define SLOTS_4G	262144

/* Connections allowed for each slot of a table whose size somebody chose. */
#define CONNS_PER_ASKED_SLOT	8

/* protects the three below, and writing nf_conntrack_htable_size */
static DEFINE_MUTEX(size_mutex);

/* From the parameter hashsize when the module was loaded; 0: none. */
static unsigned int asked_slots;

/* Only between ctng_default_sizes() and ctng_size_start() neither holds. */
static bool loading = true;
static bool running;

static u64 memory_bytes(void)
{
	return (u64)totalram_pages() << PAGE_SHIFT;
}

static unsigned int __init slots_for_memory(void)
{
	u64 bytes = memory_bytes();

	if (bytes > SZ_4G)
		return SLOTS_4G;
	if (bytes > SZ_1G)
		return SLOTS_1G;

	return max_t(unsigned int, bytes / MEMORY_SHARE / SLOT_BYTES, SLOTS_MIN);
}

/**
 * ctng_default_sizes() - set nf_conntrack_htable_size and nf_conntrack_max
 *
 * By the parameter hashsize, or by the memory there is. The maximum is what
 * the in-tree module has in the same place; it counts tables in whole pages.
 *
 * Context: module initialisation, before anything that looks at the sizes.
 */
void __init ctng_default_sizes(void)
{
	unsigned int slots, factor = 1;
	u64 max;

	mutex_lock(&size_mutex);
	loading = false;
	slots = asked_slots;
	if (slots)
		factor = CONNS_PER_ASKED_SLOT;
	else
		slots = slots_for_memory();

	max = (u64)round_up(slots, PAGE_SIZE / SLOT_BYTES) * factor;
	nf_conntrack_max = min_t(u64, max, INT_MAX);
	nf_conntrack_htable_size = ctng_table_round(slots);
	mutex_unlock(&size_mutex);
}

static bool size_sane(unsigned int slots)
{
	return slots <= CTNG_TABLE_MAX_SLOTS &&
	       (u64)ctng_table_round(slots) * SLOT_BYTES <= memory_bytes() / 2;
}

/**
 * ctng_size_set() - the administrator wants tables of a size
 * @slots: least number of slots of 8 bytes; it is rounded up to what a table
 *	can have. While the module loads, 0 asks for the default.
 *
 * The tables of all namespaces grow to it in the background.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL for 0, -ERANGE for a size that would eat the machine,
 * -EBUSY while the module comes or goes. After an error nothing has changed.
 */
int ctng_size_set(unsigned int slots)
{
	int err = -EBUSY;

	if (slots && !size_sane(slots)) {
		pr_warn_ratelimited("nf_conntrack: %u buckets refused: the table would take more than half of the memory\n",
				    slots);
		return -ERANGE;
	}

	mutex_lock(&size_mutex);
	if (loading) {
		asked_slots = slots;
		err = 0;
	} else if (!slots) {
		err = -EINVAL;
	} else if (running) {
		slots = ctng_table_round(slots);
		err = ctng_resize_all(slots);
		if (!err)
			WRITE_ONCE(nf_conntrack_htable_size, slots);
	}
	mutex_unlock(&size_mutex);

	return err;
}

/**
 * ctng_size_limit_changed() - the administrator wrote nf_conntrack_max
 *
 * While the module comes or goes nobody has connections that would notice.
 *
 * Context: process, may sleep.
 */
void ctng_size_limit_changed(void)
{
	mutex_lock(&size_mutex);
	if (running)
		ctng_limits_changed_all();
	mutex_unlock(&size_mutex);
}

/**
 * ctng_size_start() - give the tables the size asked for, allow changes
 *
 * Context: module initialisation, all namespaces are there.
 * Return: 0 or a negative errno.
 */
int __init ctng_size_start(void)
{
	int err = 0;

	mutex_lock(&size_mutex);
	if (asked_slots)
		err = ctng_resize_all(nf_conntrack_htable_size);
	running = !err;
	mutex_unlock(&size_mutex);

	return err;
}

/**
 * ctng_size_stop() - refuse changes from now on
 *
 * Context: process, may sleep; waits for a change under way.
 */
void ctng_size_stop(void)
{
	mutex_lock(&size_mutex);
	running = false;
	mutex_unlock(&size_mutex);
}
