// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/stat/nf_conntrack_ng: a namespace's connections and its table in numbers.
 * Each line is a name and a number, or several of each. To count the connections it
 * walks over all of them.
 */

#include <linux/in.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seq_file_net.h>
#include <linux/slab.h>

#include "../core/conn.h"
#include "../net.h"
#include "../proto/proto.h"
#include "ui.h"

#define BATCH	32

/* Protocols that have a line of their own; the last is for all others. */
static const struct {
	const char	*name;
	u8		l4num;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "udplite", IPPROTO_UDPLITE },
	{ "icmp", IPPROTO_ICMP },
	{ "icmpv6", IPPROTO_ICMPV6 },
	{ "sctp", IPPROTO_SCTP },
	{ "dccp", IPPROTO_DCCP },
	{ "gre", IPPROTO_GRE },
	{ "other", 0 },
};

/**
 * struct tally - what the walk counts
 * @all: connections of a protocol.
 * @unreplied: of those, without an answer so far.
 * @assured: of those, assured.
 * @offloaded: of those, in the hands of a flow table.
 * @state: by the number of the protocol's state.
 */
struct tally {
	unsigned int	all;
	unsigned int	unreplied;
	unsigned int	assured;
	unsigned int	offloaded;
	unsigned int	state[CTNG_STATES_MAX];
};

static unsigned int row_of(u8 l4num)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(protocols) - 1; i++)
		if (protocols[i].l4num == l4num)
			break;

	return i;
}

static void count_conn(struct tally *tallies, const struct nf_conn *ct)
{
	const struct ctng_proto *proto = ctng_proto_find(nf_ct_protonum(ct));
	struct tally *tally = &tallies[row_of(nf_ct_protonum(ct))];
	unsigned long status = READ_ONCE(ct->status);
	u8 state;

	tally->all++;
	tally->unreplied += !(status & IPS_SEEN_REPLY);
	tally->assured += !!(status & IPS_ASSURED);
	tally->offloaded += !!(status & (IPS_OFFLOAD | IPS_HW_OFFLOAD));
	if (proto->state) {
		state = proto->state(ct);
		tally->state[min_t(u8, state, CTNG_STATES_MAX - 1)]++;
	}
}

static void count_all(struct ctng_net *cnet, struct tally *tallies)
{
	struct nf_conn *batch[BATCH];
	struct ctng_cursor cursor = {};
	unsigned int n;

	while (!ctng_cursor_done(&cursor)) {
		rcu_read_lock();
		n = ctng_table_collect(&cnet->table, &cursor, batch, BATCH);
		rcu_read_unlock();
		/* hashed anew under way: what was counted is counted again */
		if (cursor.again) {
			cursor.again = false;
			memset(tallies, 0, ARRAY_SIZE(protocols) * sizeof(*tallies));
		}
		while (n) {
			count_conn(tallies, batch[--n]);
			nf_ct_put(batch[n]);
		}
		cond_resched();
	}
}

static void show_states(struct seq_file *s, const struct tally *tally, u8 l4num)
{
	const struct ctng_proto *proto = ctng_proto_find(l4num);
	const char *name;
	u8 i;

	if (!proto->state)
		return;

	for (i = 0; i < CTNG_STATES_MAX && (name = proto->state_name(i)); i++)
		if (tally->state[i])
			seq_printf(s, " %s %u", name, tally->state[i]);
}

static void show_connections(struct seq_file *s, struct ctng_net *cnet,
			     struct tally *tallies)
{
	unsigned int scale = ctng_timeout_scale(cnet), i;

	seq_printf(s, "connections %u\n", atomic_read(&cnet->abi.count));
	seq_printf(s, "maximum %u\n", ctng_limit(cnet));
	seq_printf(s, "adaptive start %u end %u timeouts-in-force %u.%u%%\n",
		   ctng_adaptive_start(cnet), ctng_adaptive_end(cnet),
		   scale * 100 / CTNG_SCALE_FULL, scale * 1000 / CTNG_SCALE_FULL % 10);

	count_all(cnet, tallies);
	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!tallies[i].all)
			continue;
		seq_printf(s, "protocol %s %u unreplied %u assured %u offloaded %u",
			   protocols[i].name, tallies[i].all, tallies[i].unreplied,
			   tallies[i].assured, tallies[i].offloaded);
		show_states(s, &tallies[i], protocols[i].l4num);
		seq_putc(s, '\n');
	}
}

static void show_table(struct seq_file *s, struct ctng_net *cnet)
{
	struct ctng_table_stats stats;
	unsigned int i;

	ctng_table_stats(&cnet->table, &stats);
	seq_printf(s, "buckets %u\n", stats.buckets);
	seq_puts(s, "occupancy");
	for (i = 0; i < CTNG_OCCUPANCY; i++)
		seq_printf(s, " %u%s %u", i, i == CTNG_OCCUPANCY - 1 ? "+" : "",
			   stats.with[i]);
	seq_putc(s, '\n');
	seq_printf(s, "longest %u lines\n", stats.longest);
	seq_printf(s, "memory table %llu connections %llu\n", stats.bytes,
		   (u64)atomic_read(&cnet->abi.count) * ctng_conn_size());
	seq_printf(s, "resizes %u\n", stats.resizes);
	seq_printf(s, "rehashes %u\n", stats.rehashes);
}

static void show_reasons(struct seq_file *s, const struct ctng_net *cnet)
{
	unsigned int reason, cpu;
	u64 n;

	for (reason = CTNG_R_NONE + 1; reason < CTNG_R_MAX; reason++) {
		n = 0;
		for_each_possible_cpu(cpu)
			n += READ_ONCE(per_cpu_ptr(cnet->reasons, cpu)->n[reason]);
		seq_printf(s, "reason %s %llu\n", ctng_reason_names[reason], n);
	}
}

/**
 * ctng_proc_summary() - print the file
 * @s: where to.
 * @v: not used.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ctng_proc_summary(struct seq_file *s, void *v)
{
	struct ctng_net *cnet = ctng_pernet(seq_file_single_net(s));
	struct tally *tallies = kcalloc(ARRAY_SIZE(protocols), sizeof(*tallies), GFP_KERNEL);

	if (!tallies)
		return -ENOMEM;

	show_connections(s, cnet, tallies);
	show_table(s, cnet);
	show_reasons(s, cnet);
	kfree(tallies);

	return 0;
}
