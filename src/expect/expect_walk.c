// SPDX-License-Identifier: GPL-2.0-only
/* Removing many expectations: a master's, a namespace's, by a predicate. */

#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "expect.h"

/**
 * nf_ct_remove_expectations - forget all that a connection expects
 * @ct: the master. Called when it leaves the table, and again when its last
 *	reference is gone: until then a packet of it may have made new ones.
 *
 * The lock is taken even if the list looks empty: who unlinks the last one
 * still works on the master after that.
 *
 * Context: BH or process; takes nf_conntrack_expect_lock.
 */
void nf_ct_remove_expectations(struct nf_conn *ct)
{
	struct nf_conn_help *help = nfct_help(ct);
	struct nf_conntrack_expect *exp;
	struct hlist_node *next;

	if (!help)
		return;

	spin_lock_bh(&nf_conntrack_expect_lock);
	hlist_for_each_entry_safe(exp, next, &help->expectations, lnode)
		nf_ct_unlink_expect(exp);
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

struct walk {
	const struct net	*net;	/* NULL: all namespaces */
	bool			(*iter)(struct nf_conntrack_expect *exp, void *data);
	void			*data;
	u32			portid;
	int			report;
};

static void walk_bucket(struct hlist_head *bucket, const struct walk *w)
{
	struct nf_conntrack_expect *exp;
	struct hlist_node *next;

	spin_lock_bh(&nf_conntrack_expect_lock);
	hlist_for_each_entry_safe(exp, next, bucket, hnode) {
		if (w->net && !net_eq(w->net, nf_ct_exp_net(exp)))
			continue;
		if (w->iter(exp, w->data))
			nf_ct_unlink_expect_report(exp, w->portid, w->report);
	}
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

/* Nothing moves between buckets, so one at a time is enough. */
static void walk_table(const struct walk *w)
{
	unsigned int i;

	might_sleep();
	for (i = 0; i < nf_ct_expect_hsize; i++) {
		if (!hlist_empty(&nf_ct_expect_hash[i]))
			walk_bucket(&nf_ct_expect_hash[i], w);
		cond_resched();
	}
}

/**
 * nf_ct_expect_iterate_destroy - remove expectations in all namespaces
 * @iter: says true for those to be removed; called under the lock.
 * @data: for @iter.
 *
 * Context: may sleep.
 */
void nf_ct_expect_iterate_destroy(bool (*iter)(struct nf_conntrack_expect *e,
					       void *data), void *data)
{
	const struct walk w = { .iter = iter, .data = data };

	walk_table(&w);
}

/**
 * nf_ct_expect_iterate_net - remove expectations of a namespace
 * @net: the namespace.
 * @iter: says true for those to be removed; called under the lock.
 * @data: for @iter.
 * @portid: netlink port of who asked for it, or 0.
 * @report: whether that one wants the events.
 *
 * Context: may sleep.
 */
void nf_ct_expect_iterate_net(struct net *net,
			      bool (*iter)(struct nf_conntrack_expect *e,
					   void *data),
			      void *data, u32 portid, int report)
{
	const struct walk w = {
		.net	= net,
		.iter	= iter,
		.data	= data,
		.portid	= portid,
		.report	= report,
	};

	walk_table(&w);
}
