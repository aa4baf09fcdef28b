// SPDX-License-Identifier: GPL-2.0-only
/*
 * Letting an expectation in: what it clashes with, what it replaces, and how
 * many of them there may be.
 */

#include <linux/net.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../net.h"
#include "compat.h"
#include "expect.h"

/* Is there a connection that would fulfil both? */
static bool overlap(const struct nf_conntrack_expect *a,
		    const struct nf_conntrack_expect *b)
{
	struct nf_conntrack_tuple_mask both;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(both.src.u3.all); i++)
		both.src.u3.all[i] = a->mask.src.u3.all[i] &
				     b->mask.src.u3.all[i];
	both.src.u.all = a->mask.src.u.all & b->mask.src.u.all;

	return nf_ct_tuple_mask_cmp(&a->tuple, &b->tuple, &both);
}

static bool same_wish(const struct nf_conntrack_expect *a,
		      const struct nf_conntrack_expect *b)
{
	return nf_ct_tuple_equal(&a->tuple, &b->tuple) &&
	       nf_ct_tuple_mask_equal(&a->mask, &b->mask);
}

/*
 * Compares a newcomer with those that are there. Its twin, the same wish for the
 * same master and class, is to be replaced by it. Those met on the way that have
 * expired are in nobody's way.
 */
static int find_clash(struct nf_conntrack_expect *exp, unsigned int flags,
		      struct nf_conntrack_expect **twin)
{
	struct net *net = nf_ct_exp_net(exp);
	struct nf_conntrack_expect *old;
	struct hlist_node *next;

	*twin = NULL;
	hlist_for_each_entry_safe(old, next,
				  ctng_expect_bucket(net, &exp->tuple), hnode) {
		if (!net_eq(net, nf_ct_exp_net(old)) ||
		    !nf_ct_exp_zone_equal_any(old, &exp->zone))
			continue;

		if (nf_ct_exp_is_expired(old)) {
			nf_ct_unlink_expect(old);
			continue;
		}

		if (same_wish(old, exp) &&
		    (old->master == exp->master ||
		     (flags & NF_CT_EXP_F_SKIP_MASTER))) {
			if (old->master != exp->master ||
			    old->class != exp->class)
				return -EALREADY;
			*twin = old;
		} else if (overlap(old, exp)) {
			return -EBUSY;
		}
	}
	return 0;
}

/*
 * The master's helper sets the limits, even for an expectation that someone else
 * has made (a rule, user space).
 */
static const struct nf_conntrack_expect_policy *
policy_of(const struct nf_conntrack_expect *exp)
{
	const struct nf_conn_help *help = nfct_help(exp->master);
	const struct nf_conntrack_helper *helper;

	helper = rcu_dereference(help->helper);
	if (!helper || exp->class > helper->expect_class_max)
		return NULL;
	return &helper->expect_policy[exp->class];
}

/* New ones go to the head of the master's list: the oldest is the last. */
static void evict_oldest(struct nf_conn_help *help, unsigned int class)
{
	struct nf_conntrack_expect *exp, *oldest = NULL;

	hlist_for_each_entry(exp, &help->expectations, lnode)
		if (exp->class == class)
			oldest = exp;
	if (oldest)
		nf_ct_unlink_expect(oldest);
}

static int make_room(struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_expect_policy *policy = policy_of(exp);
	struct nf_conn_help *help = nfct_help(exp->master);
	unsigned int limit = 0;

	/* the policies of a user space helper change at any time */
	if (policy)
		limit = READ_ONCE(policy->max_expected);
	/* no limit asked for: what the counter can hold */
	if (!limit)
		limit = NF_CT_EXPECT_MAX_CNT;

	if (help->expecting[exp->class] >= limit)
		nf_ct_expectation_gc(help);
	if (help->expecting[exp->class] >= limit)
		evict_oldest(help, exp->class);

	if (ctng_pernet(nf_ct_exp_net(exp))->abi.expect_count >=
	    READ_ONCE(nf_ct_expect_max)) {
		net_warn_ratelimited("nf_conntrack: expectation table full\n");
		return -EMFILE;
	}
	return 0;
}

/* The policy's time comes on top of what the creator has given. */
static void start_timeout(struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_expect_policy *policy = policy_of(exp);
	s64 left;

	if (!policy)
		return;

	left = (s32)(exp->timeout - nfct_time_stamp);
	left += (u64)READ_ONCE(policy->timeout) * HZ;
	WRITE_ONCE(exp->timeout, nfct_time_stamp + (u32)min_t(s64, left, S32_MAX));
}

static bool helper_leaves(const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_helper *helper, *assign;

	helper = rcu_dereference(exp->helper);
	assign = rcu_dereference(exp->assign_helper);
	return (helper && !ctng_helper_registered(helper)) ||
	       (assign && !ctng_helper_registered(assign));
}

/*
 * All of them or none. They are compared with those that are there, not with each
 * other, and the limits are those for one: nobody evicts his own companion.
 */
static int insert(struct nf_conntrack_expect *exp[], unsigned int n,
		  u32 portid, int report, unsigned int flags)
{
	struct nf_conntrack_expect *twin[2];
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		if (!nfct_help(exp[i]->master) || helper_leaves(exp[i]))
			return -ESHUTDOWN;
		err = find_clash(exp[i], flags, &twin[i]);
		if (err)
			return err;
	}

	for (i = 0; i < n; i++) {
		if (twin[i])
			nf_ct_unlink_expect(twin[i]);
		err = make_room(exp[i]);
		if (err)
			return err;
	}

	for (i = 0; i < n; i++) {
		start_timeout(exp[i]);
		ctng_expect_link(exp[i], nfct_help(exp[i]->master));
		nf_ct_expect_event_report(IPEXP_NEW, exp[i], portid, report);
	}
	return 0;
}

static int insert_locked(struct nf_conntrack_expect *exp[], unsigned int n,
			 u32 portid, int report, unsigned int flags)
{
	int err;

	rcu_read_lock();
	spin_lock_bh(&nf_conntrack_expect_lock);
	err = insert(exp, n, portid, report, flags);
	spin_unlock_bh(&nf_conntrack_expect_lock);
	rcu_read_unlock();
	return err;
}

/**
 * nf_ct_expect_related_report - expect a connection
 * @exp: the expectation; the caller keeps its own reference.
 * @portid: netlink port of who asked for it, or 0.
 * @report: whether that one wants the event.
 * @flags: NF_CT_EXP_F_SKIP_MASTER: the same wish of another master is not a
 *	clash.
 *
 * Context: BH or process; takes nf_conntrack_expect_lock.
 * Return: 0; -EALREADY if the same is expected in another class (or, with
 *	NF_CT_EXP_F_SKIP_MASTER, by another master), -EBUSY if a connection could
 *	fulfil this and another one, -EMFILE if there are too many, -ESHUTDOWN if
 *	the master has no helper extension or the helper is about to leave.
 */
int nf_ct_expect_related_report(struct nf_conntrack_expect *exp,
				u32 portid, int report, unsigned int flags)
{
	return insert_locked(&exp, 1, portid, report, flags);
}

#ifdef CTNG_HAVE_EXPECT_PAIR
/**
 * nf_ct_expect_related_pair - expect two connections, or neither
 * @expect: the two expectations.
 * @flags: see nf_ct_expect_related_report().
 *
 * Context: BH or process; takes nf_conntrack_expect_lock.
 * Return: as nf_ct_expect_related_report(), for the first that fails.
 */
int nf_ct_expect_related_pair(struct nf_conntrack_expect *expect[],
			      unsigned int flags)
{
	return insert_locked(expect, 2, 0, 0, flags);
}
#endif /* CTNG_HAVE_EXPECT_PAIR */

/**
 * nf_ct_unexpect_related - expect it no longer
 * @exp: the expectation; it may have been fulfilled or have expired meanwhile.
 *
 * Context: BH or process; takes nf_conntrack_expect_lock.
 */
void nf_ct_unexpect_related(struct nf_conntrack_expect *exp)
{
	spin_lock_bh(&nf_conntrack_expect_lock);
	nf_ct_unlink_expect(exp);
	spin_unlock_bh(&nf_conntrack_expect_lock);
}
