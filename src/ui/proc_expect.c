// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/nf_conntrack_expect: one line for each connection expected.
 *
 * To seq_file one item is a bucket of the table of expectations, whose number
 * never changes, so that nothing has to be kept between two reads.
 */

#include <linux/rculist.h>
#include <linux/seq_file_net.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "ui.h"

static void print_flags(struct seq_file *s, unsigned int flags)
{
	static const struct {
		unsigned int	flag;
		const char	*name;
	} known[] = {
		{ NF_CT_EXPECT_PERMANENT,	"PERMANENT" },
		{ NF_CT_EXPECT_INACTIVE,	"INACTIVE" },
		{ NF_CT_EXPECT_USERSPACE,	"USERSPACE" },
	};
	const char *separator = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!(flags & known[i].flag))
			continue;
		seq_printf(s, "%s%s", separator, known[i].name);
		separator = ",";
	}
	if (*separator)
		seq_putc(s, ' ');
}

static void print_helper(struct seq_file *s, const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_helper *helper = rcu_dereference(exp->helper);
	const char *class;

	if (!helper)
		return;

	class = helper->expect_policy[exp->class].name;
	seq_puts(s, helper->name);
	if (*class)
		seq_printf(s, "/%s", class);
}

static void print_expect(struct seq_file *s, const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_tuple *tuple = &exp->tuple;
	s32 left = READ_ONCE(exp->timeout) - nfct_time_stamp;

	seq_printf(s, "%d l3proto = %u proto=%u ", max(left, 0) / HZ,
		   tuple->src.l3num, tuple->dst.protonum);
	print_tuple(s, tuple, nf_ct_l4proto_find(tuple->dst.protonum));
	print_flags(s, READ_ONCE(exp->flags));
	print_helper(s, exp);
	seq_putc(s, '\n');
}

static void *buckets_start(struct seq_file *s, loff_t *pos)
{
	return *pos < nf_ct_expect_hsize ? pos : NULL;
}

static void *buckets_next(struct seq_file *s, void *v, loff_t *pos)
{
	++*pos;

	return buckets_start(s, pos);
}

static void buckets_stop(struct seq_file *s, void *v)
{
}

static int buckets_show(struct seq_file *s, void *v)
{
	const loff_t *bucket = v;
	struct nf_conntrack_expect *exp;

	rcu_read_lock();
	hlist_for_each_entry_rcu(exp, &nf_ct_expect_hash[*bucket], hnode) {
		if (net_eq(nf_ct_exp_net(exp), seq_file_net(s)) &&
		    !nf_ct_exp_is_expired(exp))
			print_expect(s, exp);
	}
	rcu_read_unlock();

	return 0;
}

const struct seq_operations ctng_proc_expect_ops = {
	.start	= buckets_start,
	.next	= buckets_next,
	.stop	= buckets_stop,
	.show	= buckets_show,
};
