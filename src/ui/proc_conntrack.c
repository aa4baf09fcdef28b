// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/nf_conntrack: one line for each connection of the namespace.
 *
 * To seq_file one item is a batch of connections, one bucket nearly always, and
 * is printed as a whole or not at all. Between two reads only the place in the
 * table is kept, no entry: a program that has the file open and sleeps keeps
 * nothing alive, and each connection that lives throughout is shown exactly once,
 * resizes included.
 */

#include <linux/in.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/security.h>
#include <linux/seq_file_net.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_timestamp.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../core/conn.h"
#include "../net.h"
#include "ui.h"

/* A bucket has eight slots; more are in it only after a run of bad luck. */
#define BATCH	16

/**
 * struct walk - an open file
 * @p: for seq_file_net(), which wants to be first.
 * @here: where the batch in hand begins.
 * @next: where the next one begins.
 * @n: entries in @batch.
 * @batch: the batch in hand, with references, while a read is under way.
 */
struct walk {
	struct seq_net_private	p;
	struct ctng_cursor	here;
	struct ctng_cursor	next;
	unsigned int		n;
	struct nf_conn		*batch[BATCH];
};

const unsigned int ctng_proc_conntrack_state_size = sizeof(struct walk);

static const char *l3_name(u8 l3num)
{
	switch (l3num) {
	case NFPROTO_IPV4:	return "ipv4";
	case NFPROTO_IPV6:	return "ipv6";
	default:		return "unknown";
	}
}

static const char *l4_name(u8 l4num)
{
	switch (l4num) {
	case IPPROTO_ICMP:	return "icmp";
	case IPPROTO_TCP:	return "tcp";
	case IPPROTO_UDP:	return "udp";
	case IPPROTO_DCCP:	return "dccp";
	case IPPROTO_GRE:	return "gre";
	case IPPROTO_ICMPV6:	return "icmpv6";
	case IPPROTO_SCTP:	return "sctp";
	case IPPROTO_UDPLITE:	return "udplite";
	default:		return "unknown";
	}
}

static void print_dir(struct seq_file *s, const struct nf_conn *ct,
		      const struct nf_conntrack_l4proto *l4proto,
		      enum ip_conntrack_dir dir)
{
	static const char * const zone_name[] = {
		[IP_CT_DIR_ORIGINAL]	= "zone-orig",
		[IP_CT_DIR_REPLY]	= "zone-reply",
	};
	const struct nf_conntrack_zone *zone = nf_ct_zone(ct);
	const struct nf_conn_acct *acct = nf_conn_acct_find(ct);

	print_tuple(s, nf_ct_tuple(ct, dir), l4proto);

	if (zone->dir == BIT(dir))
		seq_printf(s, "%s=%u ", zone_name[dir], zone->id);
	if (acct)
		seq_printf(s, "packets=%llu bytes=%llu ",
			   (u64)atomic64_read(&acct->counter[dir].packets),
			   (u64)atomic64_read(&acct->counter[dir].bytes));
}

static void print_status(struct seq_file *s, unsigned long status)
{
	if (status & IPS_HW_OFFLOAD)
		seq_puts(s, "[HW_OFFLOAD] ");
	else if (status & IPS_OFFLOAD)
		seq_puts(s, "[OFFLOAD] ");
	else if (status & IPS_ASSURED)
		seq_puts(s, "[ASSURED] ");
}

static void print_secctx(struct seq_file *s, const struct nf_conn *ct)
{
	char *label;
	u32 len;

	if (security_secid_to_secctx(READ_ONCE(ct->secmark), &label, &len))
		return;

	seq_printf(s, "secctx=%s ", label);
	security_release_secctx(label, len);
}

static void print_age(struct seq_file *s, const struct nf_conn *ct)
{
	const struct nf_conn_tstamp *tstamp = nf_conn_tstamp_find(ct);
	s64 age;

	if (!tstamp)
		return;

	/* The wall clock may have been set back meanwhile. */
	age = ktime_get_real_ns() - tstamp->start;
	seq_printf(s, "delta-time=%llu ", div_u64(max_t(s64, age, 0), NSEC_PER_SEC));
}

static void print_conn(struct seq_file *s, struct nf_conn *ct, unsigned int scale)
{
	const struct nf_conntrack_l4proto *l4proto;
	unsigned long status = READ_ONCE(ct->status);
	u8 l3num = nf_ct_l3num(ct), l4num = nf_ct_protonum(ct);

	l4proto = nf_ct_l4proto_find(l4num);
	seq_printf(s, "%-8s %u %-8s %u ", l3_name(l3num), l3num, l4_name(l4num), l4num);

	/* While the flow table has it, the time that is left means nothing. */
	if (!(status & IPS_OFFLOAD))
		seq_printf(s, "%u ", max(ctng_time_left(ct, scale), 0) / HZ);

	if (l4proto->print_conntrack)
		l4proto->print_conntrack(s, ct);

	print_dir(s, ct, l4proto, IP_CT_DIR_ORIGINAL);
	if (!(status & IPS_SEEN_REPLY))
		seq_puts(s, "[UNREPLIED] ");
	print_dir(s, ct, l4proto, IP_CT_DIR_REPLY);

	print_status(s, status);
	seq_printf(s, "mark=%u ", READ_ONCE(ct->mark));
	print_secctx(s, ct);
	if (nf_ct_zone(ct)->dir == NF_CT_DEFAULT_ZONE_DIR)
		seq_printf(s, "zone=%u ", nf_ct_zone(ct)->id);
	print_age(s, ct);
	seq_printf(s, "use=%u\n", refcount_read(&ct->ct_general.use));
}

static void *walk_take(struct seq_file *s)
{
	struct walk *walk = s->private;

	walk->next = walk->here;
	rcu_read_lock();
	walk->n = ctng_table_collect(&ctng_pernet(seq_file_net(s))->table,
				     &walk->next, walk->batch, BATCH);
	rcu_read_unlock();

	return walk->n ? walk : NULL;
}

static void walk_drop(struct walk *walk)
{
	while (walk->n)
		nf_ct_put(walk->batch[--walk->n]);
}

static void *walk_start(struct seq_file *s, loff_t *pos)
{
	struct walk *walk = s->private;

	/* seq_file asks for the start, or for where it stood. */
	if (!*pos)
		walk->here = (struct ctng_cursor){};

	return walk_take(s);
}

static void *walk_next(struct seq_file *s, void *v, loff_t *pos)
{
	struct walk *walk = v;

	walk_drop(walk);
	walk->here = walk->next;
	++*pos;

	return walk_take(s);
}

static void walk_stop(struct seq_file *s, void *v)
{
	walk_drop(s->private);
}

static int walk_show(struct seq_file *s, void *v)
{
	unsigned int scale = ctng_timeout_scale(ctng_pernet(seq_file_net(s)));
	const struct walk *walk = v;
	struct nf_conn *ct;
	unsigned int i;

	for (i = 0; i < walk->n && !seq_has_overflowed(s); i++) {
		ct = walk->batch[i];
		/* On its way out, or about to be found expired. */
		if (ctng_is_listed(ct) && !nf_ct_is_dying(ct) && !nf_ct_should_gc(ct))
			print_conn(s, ct, scale);
	}

	return 0;
}

const struct seq_operations ctng_proc_conntrack_ops = {
	.start	= walk_start,
	.next	= walk_next,
	.stop	= walk_stop,
	.show	= walk_show,
};
