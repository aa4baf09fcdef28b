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

static const struct nf_conntrack_expect_policy *
policy_of(const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_helper *helper;

	helper = rcu_dereference_check(exp->helper,
				       lockdep_is_held(&nf_conntrack_expect_lock));
	return helper ? &helper->expect_policy[exp->class] : NULL;
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

static int make_room(struct nf_conntrack_expect *exp, struct nf_conn_help *help)
{
	const struct nf_conntrack_expect_policy *policy = policy_of(exp);
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
	if (help->expecting[exp->class] >= limit)
		return -EMFILE;

	if (ctng_pernet(nf_ct_exp_net(exp))->abi.expect_count >=
	    READ_ONCE(nf_ct_expect_max)) {
		net_warn_ratelimited("nf_conntrack: expectation table full\n");
		return -EMFILE;
	}
	return 0;
}

static void start_timeout(struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_expect_policy *policy = policy_of(exp);
	u64 ttl;

	/* without a policy the creator has set it */
	if (!policy)
		return;

	ttl = (u64)READ_ONCE(policy->timeout) * HZ;
	WRITE_ONCE(exp->timeout,
		   nfct_time_stamp + (u32)min_t(u64, ttl, S32_MAX));
}

static bool helper_leaves(const struct nf_conntrack_expect *exp)
{
	const struct nf_conntrack_helper *helper, *assign;
	bool leaves;

	rcu_read_lock();
	helper = rcu_dereference(exp->helper);
	assign = rcu_dereference(exp->assign_helper);
	leaves = (helper && !ctng_helper_registered(helper)) ||
		 (assign && !ctng_helper_registered(assign));
	rcu_read_unlock();
	return leaves;
}

/* May it come in? Nothing has changed when the answer is no. */
static int admit(struct nf_conntrack_expect *exp, unsigned int flags,
		 struct nf_conntrack_expect **twin)
{
	if (!nfct_help(exp->master) || helper_leaves(exp))
		return -ESHUTDOWN;
	return find_clash(exp, flags, twin);
}

static int insert(struct nf_conntrack_expect *exp,
		  struct nf_conntrack_expect *twin, u32 portid, int report)
{
	struct nf_conn_help *help = nfct_help(exp->master);
	int err;

	if (twin)
		nf_ct_unlink_expect(twin);

	err = make_room(exp, help);
	if (err)
		return err;

	start_timeout(exp);
	ctng_expect_link(exp, help);
	nf_ct_expect_event_report(IPEXP_NEW, exp, portid, report);
	return 0;
}

/**
 * nf_ct_expect_related_report - expect a connection
 * @exp: the expectation; the caller keeps its own reference.
 * @portid: netlink port of who asked for it, or 0.
 * @report: whether that one wants the event.
 * @flags: NF_CT_EXP_F_SKIP_MASTER: the same wish of another master is not a
 *	clash.
 *
 * Context: BH or process, under rcu_read_lock(); takes
 *	nf_conntrack_expect_lock.
 * Return: 0; -EALREADY if the same is expected in another class (or, with
 *	NF_CT_EXP_F_SKIP_MASTER, by another master), -EBUSY if a connection could
 *	fulfil this and another one, -EMFILE if there are too many, -ESHUTDOWN if
 *	the master has no helper extension or the helper is about to leave.
 */
int nf_ct_expect_related_report(struct nf_conntrack_expect *exp,
				u32 portid, int report, unsigned int flags)
{
	struct nf_conntrack_expect *twin;
	int err;

	spin_lock_bh(&nf_conntrack_expect_lock);
	err = admit(exp, flags, &twin);
	if (!err)
		err = insert(exp, twin, portid, report);
	spin_unlock_bh(&nf_conntrack_expect_lock);
	return err;
}

#ifdef CTNG_HAVE_EXPECT_PAIR
/**
 * nf_ct_expect_related_pair - expect two connections, or neither
 * @expect: the two expectations, of one master; see
 *	nf_ct_expect_related_report().
 * @flags: see there.
 *
 * Context: BH or process, under rcu_read_lock(); takes
 *	nf_conntrack_expect_lock.
 * Return: 0, or what either of them failed with.
 */
int nf_ct_expect_related_pair(struct nf_conntrack_expect *expect[],
			      unsigned int flags)
{
	struct nf_conntrack_expect *twin[2];
	int err;

	spin_lock_bh(&nf_conntrack_expect_lock);
	err = admit(expect[0], flags, &twin[0]);
	if (!err)
		err = admit(expect[1], flags, &twin[1]);
	if (err)
		goto unlock;

	err = insert(expect[0], twin[0], 0, 0);
	if (err)
		goto unlock;
	err = insert(expect[1], twin[1], 0, 0);
	if (err)
		nf_ct_unlink_expect(expect[0]);
unlock:
	spin_unlock_bh(&nf_conntrack_expect_lock);
	return err;
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
