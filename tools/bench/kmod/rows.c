// SPDX-License-Identifier: GPL-2.0-only
/* The rows of the benchmark: what is done with each flow, and how long it takes. */

#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_nat.h>
#include <net/tcp.h>

#include "bench.h"

/* So many closed connections linger before churn() removes them. */
#define LINGER		4096

typedef int (*bench_op)(struct bench *b, u32 flow);

/* Removed by churn() when as many came after them. */
static struct nf_conn *lingering[LINGER];

/*
 * A number below 1 << @bits for each number below it, in an order that neither a cache nor
 * a prefetcher foresees.
 */
static u32 scatter(u32 i, unsigned int bits)
{
	u32 mask = (1U << bits) - 1;

	i = i * 0x9e3779b1 & mask;
	i ^= i >> (bits / 2);
	i = i * 0x85ebca6b & mask;
	i ^= i >> (bits / 2);

	return i;
}

static int okfn(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

/* Runs the hooks that the namespace has registered, as the stack does. */
static __always_inline int run_hook(struct bench *b, unsigned int hook)
{
	struct net_device *lo = b->net->loopback_dev;
	struct net_device *in = hook == NF_INET_PRE_ROUTING ? lo : NULL;
	struct net_device *out = hook == NF_INET_PRE_ROUTING ? NULL : lo;

	if (b->class->pf == NFPROTO_IPV4)
		return nf_hook(NFPROTO_IPV4, hook, b->net, NULL, b->skb, in, out, okfn);

	return nf_hook(NFPROTO_IPV6, hook, b->net, NULL, b->skb, in, out, okfn);
}

/* The packet was dropped, which took one of its two references; it is written anew. */
static __cold void dropped(struct bench *b)
{
	b->errors++;
	skb_get(b->skb);
	nf_reset_ct(b->skb);
}

static void translate(struct bench *b, struct nf_conn *ct)
{
	struct nf_nat_range2 range = {
		.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED,
		.min_proto.all = htons(8443),
		.max_proto.all = htons(8443),
	};

	if (b->class->pf == NFPROTO_IPV4) {
		range.min_addr.ip = htonl(0xc0a80101);
	} else {
		range.min_addr.ip6[0] = htonl(0xfd000002);
		range.min_addr.ip6[3] = htonl(2);
	}
	range.max_addr = range.min_addr;
	if (nf_nat_setup_info(ct, &range, NF_NAT_MANIP_DST) != NF_ACCEPT)
		b->errors++;
}

/*
 * The packet through the tracker, from the hook where it comes in to the one where it goes
 * out; it has to be accepted, and belong to a connection in the state @want, or to none
 * if that is IP_CT_UNTRACKED.
 */
static __always_inline void track(struct bench *b, enum ip_conntrack_info want)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct;

	if (run_hook(b, NF_INET_PRE_ROUTING) != 1) {
		dropped(b);
		return;
	}

	ct = nf_ct_get(b->skb, &ctinfo);
	if (want == IP_CT_UNTRACKED ? !!ct : !ct || ctinfo != want)
		b->errors++;
	if (b->class->nat && want == IP_CT_NEW && ct)
		translate(b, ct);

	if (run_hook(b, NF_INET_POST_ROUTING) != 1)
		dropped(b);
}

static __always_inline void pass(struct bench *b, const struct bench_pkt *pkt,
				 enum ip_conntrack_info want)
{
	bench_write(b, pkt);
	track(b, want);
}

static __always_inline int write_hit(struct bench *b, u32 flow)
{
	struct bench_pkt pkt = bench_data_pkt(flow, b->round);

	bench_write(b, &pkt);

	return 0;
}

static __always_inline int op_hit(struct bench *b, u32 flow)
{
	track(b, b->round & 1 ? IP_CT_ESTABLISHED_REPLY : IP_CT_ESTABLISHED);
	nf_reset_ct(b->skb);

	return 0;
}

static __always_inline int op_forward(struct bench *b, u32 flow)
{
	struct bench_pkt pkt = bench_data_pkt(flow, b->round);

	return bench_forward(b, &pkt);
}

static __always_inline int write_new(struct bench *b, u32 flow)
{
	struct bench_pkt pkt = bench_open_pkt(flow, 0);

	bench_write(b, &pkt);

	return 0;
}

static __always_inline int op_new(struct bench *b, u32 flow)
{
	track(b, IP_CT_NEW);
	nf_reset_ct(b->skb);

	return 0;
}

static __always_inline int op_reply(struct bench *b, u32 flow)
{
	struct bench_pkt pkt = bench_open_pkt(flow, 1);

	pass(b, &pkt, IP_CT_ESTABLISHED_REPLY);
	nf_reset_ct(b->skb);

	pkt = bench_open_pkt(flow, 2);
	pass(b, &pkt, IP_CT_ESTABLISHED);
	nf_reset_ct(b->skb);

	return 0;
}

/* A packet of no connection that makes none. */
static __always_inline int write_miss(struct bench *b, u32 flow)
{
	struct bench_pkt pkt = { .flow = flow, .flags = TCPHDR_RST, .seq = 1 };

	bench_write(b, &pkt);

	return 0;
}

static __always_inline int op_miss(struct bench *b, u32 flow)
{
	track(b, IP_CT_UNTRACKED);
	nf_reset_ct(b->skb);

	return 0;
}

static void remove(struct nf_conn *ct)
{
	if (!ct)
		return;
	nf_ct_kill(ct);
	nf_ct_put(ct);
}

/* A whole TCP connection, and the removal of an earlier one. */
static __always_inline int op_churn(struct bench *b, u32 flow)
{
	struct bench_pkt pkt;
	unsigned int step;

	write_new(b, flow);
	op_new(b, flow);
	op_reply(b, flow);
	for (step = 0; step < 3; step++) {
		pkt = bench_close_pkt(flow, step);
		pass(b, &pkt, step == 1 ? IP_CT_ESTABLISHED_REPLY : IP_CT_ESTABLISHED);
		if (step < 2)
			nf_reset_ct(b->skb);
	}

	remove(lingering[flow % LINGER]);
	lingering[flow % LINGER] = (struct nf_conn *)skb_nfct(b->skb);
	b->skb->_nfct = 0;

	return 0;
}

static int cmp_u32(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Nanoseconds for each batch. */
struct timing {
	u32	*batch;
	u32	batches;
	u32	ops;
	u64	sum;
};

static int timing_init(struct timing *t, u32 ops)
{
	*t = (struct timing) { .ops = ops };
	t->batch = kvcalloc(DIV_ROUND_UP(ops, BENCH_BATCH), sizeof(u32), GFP_KERNEL);

	return t->batch ? 0 : -ENOMEM;
}

/*
 * All of the time, and that of the batch in the middle: it is free of what the host did
 * meanwhile, and of what comes now and then only.
 */
static void timing_show(struct timing *t, struct bench *b, struct seq_file *out)
{
	u64 median;

	sort(t->batch, t->batches, sizeof(u32), cmp_u32, NULL);
	median = t->batches ? (u64)t->batch[t->batches / 2] * 100 / BENCH_BATCH : 0;
	seq_printf(out, "median=%llu.%02llu mean=%llu ops=%u errors=%u\n",
		   div_u64(median, 100), median % 100, div_u64(t->sum, t->ops), t->ops,
		   b->errors);
	kvfree(t->batch);
}

static __always_inline u32 flow_of(u32 i, u32 first, u32 count, bool scattered)
{
	return first + (scattered ? scatter(i, ilog2(count)) : i);
}

/*
 * Does @op with @count flows from @first on, a power of two of them if they are scattered.
 * Packets that @write has written lie in the cache when the time begins, as a network card
 * puts them there.
 */
static __always_inline void each(struct bench *b, struct timing *t, bench_op write,
				 bench_op op, u32 first, u32 count, bool scattered)
{
	u32 i, k, n;
	u64 start;

	for (i = 0; i < count; i += n) {
		n = min_t(u32, BENCH_BATCH, count - i);
		rcu_read_lock();
		local_bh_disable();
		for (k = 0; write && k < n; k++) {
			b->skb = b->ring[k];
			write(b, flow_of(i + k, first, count, scattered));
		}
		start = ktime_get_ns();
		for (k = 0; k < n; k++) {
			b->skb = b->ring[k];
			op(b, flow_of(i + k, first, count, scattered));
		}
		start = ktime_get_ns() - start;
		local_bh_enable();
		rcu_read_unlock();

		t->sum += start;
		if (n == BENCH_BATCH)
			t->batch[t->batches++] = start;
		cond_resched();
	}
}

/* Packets of established flows, as often as @passes says, in random order. */
static __always_inline int passes_of(struct bench *b, struct timing *t, bench_op write,
				     bench_op op, u32 first, u32 count, u32 passes)
{
	if (!is_power_of_2(count) || timing_init(t, count * passes))
		return -EINVAL;

	for (; passes; passes--) {
		each(b, t, write, op, first, count, true);
		b->round++;
	}

	return 0;
}

static int row_hit(struct bench *b, struct seq_file *out, u32 first, u32 count, u32 passes)
{
	struct timing t;
	int err = passes_of(b, &t, write_hit, op_hit, first, count, passes);

	if (!err)
		timing_show(&t, b, out);

	return err;
}

/* What the router did not send has been dropped. */
static int row_forward(struct bench *b, struct seq_file *out, u32 first, u32 count, u32 passes)
{
	int err = b->class->pf == NFPROTO_IPV4 ? bench_ports_get(b) : -EINVAL;
	struct timing t;
	u64 before;

	if (err)
		return err;

	before = bench_ports_sent(b);
	err = passes_of(b, &t, NULL, op_forward, first, count, passes);
	b->errors = count * passes - (bench_ports_sent(b) - before);
	bench_ports_put(b);
	if (!err)
		timing_show(&t, b, out);

	return err;
}

static __always_inline int row_once(struct bench *b, struct seq_file *out, bench_op write,
				    bench_op op, u32 first, u32 count)
{
	struct timing t;

	if (timing_init(&t, count))
		return -ENOMEM;

	each(b, &t, write, op, first, count, false);
	timing_show(&t, b, out);

	return 0;
}

static int row_churn(struct bench *b, struct seq_file *out, u32 first, u32 count)
{
	unsigned int i;
	int err = row_once(b, out, NULL, op_churn, first, count);

	for (i = 0; i < LINGER; i++) {
		local_bh_disable();
		remove(lingering[i]);
		local_bh_enable();
		lingering[i] = NULL;
	}

	return err;
}

/**
 * bench_mark() - where a debugger knows that a packet begins and ends
 */
noinline void bench_mark(void)
{
	barrier();
}

/* A single packet of an established flow, for who counts its instructions one by one. */
static int row_step(struct bench *b, u32 flow)
{
	rcu_read_lock();
	local_bh_disable();
	write_hit(b, flow);
	bench_mark();
	op_hit(b, flow);
	bench_mark();
	local_bh_enable();
	rcu_read_unlock();
	b->round++;

	return 0;
}

/* Times a walk over the table, which asks about one connection after the other. */
struct flush {
	struct timing	timing;
	u64		start;
	u32		seen;
};

static int iter_all(struct nf_conn *ct, void *data)
{
	struct flush *f = data;
	struct timing *t = &f->timing;
	u64 now;

	if (++f->seen % BENCH_BATCH == 0 && f->seen / BENCH_BATCH <= t->ops / BENCH_BATCH) {
		now = ktime_get_ns();
		t->batch[t->batches++] = now - f->start;
		f->start = now;
	}

	return 1;
}

static int row_flush(struct bench *b, struct seq_file *out)
{
	struct flush f = {};
	struct nf_ct_iter_data data = { .net = b->net, .data = &f };
	u64 start;

	if (timing_init(&f.timing, max(nf_conntrack_count(b->net), 1U)))
		return -ENOMEM;

	start = ktime_get_ns();
	f.start = start;
	nf_ct_iterate_cleanup_net(iter_all, &data);
	f.timing.sum = ktime_get_ns() - start;
	if (nf_conntrack_count(b->net))
		b->errors++;
	timing_show(&f.timing, b, out);

	return 0;
}

/**
 * bench_row() - do what a row of the benchmark says
 * @b: the benchmark.
 * @out: for the result.
 * @row: new: the first packet of each flow; reply: the next two; hit: packets of
 *	established flows, @passes for each, in random order; forward: such
 *	packets through a router; step: one of
 *	these, between two calls of bench_mark(); miss: packets
 *	that belong to no connection; churn: connections from SYN to the end;
 *	flush: remove all connections, whatever the class.
 * @first: number of the first flow.
 * @count: of flows; for hit and forward a power of two.
 * @passes: see there.
 *
 * Context: process, may sleep.
 * Return: 0 or an error; with packets that were not judged as they should, -EPROTO.
 */
int bench_row(struct bench *b, struct seq_file *out, const char *row, u32 first, u32 count,
	      u32 passes)
{
	int err = -EINVAL;

	if (!strcmp(row, "flush"))
		err = row_flush(b, out);
	else if (!count)
		return err;
	else if (!strcmp(row, "hit"))
		err = row_hit(b, out, first, count, passes);
	else if (!strcmp(row, "forward"))
		err = row_forward(b, out, first, count, passes);
	else if (!strcmp(row, "new"))
		err = row_once(b, out, write_new, op_new, first, count);
	else if (!strcmp(row, "step"))
		err = row_step(b, first);
	else if (!strcmp(row, "reply"))
		err = row_once(b, out, NULL, op_reply, first, count);
	else if (b->class->l4num != IPPROTO_TCP)
		return err;
	else if (!strcmp(row, "miss"))
		err = row_once(b, out, write_miss, op_miss, first, count);
	else if (!strcmp(row, "churn"))
		err = row_churn(b, out, first, count);

	return err ?: b->errors ? -EPROTO : 0;
}
