// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/stat/nf_conntrack: what happened in the namespace, by CPU. */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/seq_file_net.h>
#include <net/netfilter/nf_conntrack.h>

#include "ui.h"

/* Item 0 is the header, item n the CPU n - 1. */
static void *cpu_from(struct seq_file *s, loff_t *pos)
{
	unsigned int cpu = cpumask_next(*pos - 2, cpu_possible_mask);

	if (cpu >= nr_cpu_ids)
		return NULL;

	*pos = cpu + 1;

	return per_cpu_ptr(seq_file_net(s)->ct.stat, cpu);
}

static void *cpu_start(struct seq_file *s, loff_t *pos)
{
	return *pos ? cpu_from(s, pos) : SEQ_START_TOKEN;
}

static void *cpu_next(struct seq_file *s, void *v, loff_t *pos)
{
	++*pos;

	return cpu_from(s, pos);
}

static void cpu_stop(struct seq_file *s, void *v)
{
}

static int cpu_show(struct seq_file *s, void *v)
{
	const struct ip_conntrack_stat *stat = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(s, "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n");
		return 0;
	}

	/* Columns of zeros are of events that the kernel ceased to count. */
	seq_printf(s, "%08x  %08x %08x %08x %08x %08x %08x %08x ",
		   nf_conntrack_count(seq_file_net(s)),
		   READ_ONCE(stat->clash_resolve), READ_ONCE(stat->found), 0,
		   READ_ONCE(stat->invalid), 0, 0, READ_ONCE(stat->chaintoolong));
	seq_printf(s, "%08x %08x %08x %08x %08x  %08x %08x %08x %08x\n",
		   READ_ONCE(stat->insert), READ_ONCE(stat->insert_failed),
		   READ_ONCE(stat->drop), READ_ONCE(stat->early_drop),
		   READ_ONCE(stat->error), READ_ONCE(stat->expect_new),
		   READ_ONCE(stat->expect_create), READ_ONCE(stat->expect_delete),
		   READ_ONCE(stat->search_restart));

	return 0;
}

const struct seq_operations ctng_proc_stat_ops = {
	.start	= cpu_start,
	.next	= cpu_next,
	.stop	= cpu_stop,
	.show	= cpu_show,
};
