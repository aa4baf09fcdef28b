// SPDX-License-Identifier: GPL-2.0-only
/* A new connection arrives: was it expected, and by whom? */

#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../net.h"
#include "expect.h"

static struct nf_conntrack_expect *
find_active(struct net *net, const struct nf_conntrack_zone *zone,
	    const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_expect *exp;

	hlist_for_each_entry(exp, ctng_expect_bucket(net, tuple), hnode)
		if (!(exp->flags & NF_CT_EXPECT_INACTIVE) &&
		    ctng_expect_matches(exp, net, zone, tuple))
			return exp;
	return NULL;
}

/**
 * nf_ct_find_expectation - take the expectation that a connection fulfils
 * @net: its namespace.
 * @zone: its zone.
 * @tuple: its original tuple.
 * @unlink: whether it uses the expectation up. One that is permanent, or only
 *	looked at because the connection may never be committed, stays.
 *
 * A master that is not confirmed may yet be dropped, and one that is dying can
 * have no more children; neither's expectation counts.
 *
 * Context: BH off; nf_conntrack_expect_lock held.
 * Return: the expectation, with a reference on it and one on its master, or
 *	NULL.
 */
struct nf_conntrack_expect *
nf_ct_find_expectation(struct net *net, const struct nf_conntrack_zone *zone,
		       const struct nf_conntrack_tuple *tuple, bool unlink)
{
	struct nf_conntrack_expect *exp;
	struct nf_conn *master;

	lockdep_nfct_expect_lock_held();

	exp = find_active(net, zone, tuple);
	if (!exp)
		return NULL;

	/*
	 * The master's memory stays, as it would have to take this expectation
	 * out first. Its reference count may be zero all the same.
	 */
	master = exp->master;
	if (!nf_ct_is_confirmed(master) || nf_ct_is_dying(master) ||
	    !refcount_inc_not_zero(&master->ct_general.use))
		return NULL;

	refcount_inc(&exp->use);
	if (unlink && !(exp->flags & NF_CT_EXPECT_PERMANENT))
		nf_ct_unlink_expect(exp);
	return exp;
}

static void inherit(struct nf_conn *ct, const struct nf_conntrack_expect *exp)
{
	struct nf_conntrack_helper *helper;
	struct nf_conn_help *help;

	__set_bit(IPS_EXPECTED_BIT, &ct->status);
	/* the reference from nf_ct_find_expectation() */
	ct->master = exp->master;
	ct->mark = READ_ONCE(exp->master->mark);
	ct->secmark = exp->master->secmark;

	helper = rcu_dereference(exp->assign_helper);
	if (!helper || !ctng_helper_registered(helper))
		return;

	/* Without memory it does without a helper, but remains expected. */
	help = nf_ct_helper_ext_add(ct, GFP_ATOMIC);
	if (help)
		rcu_assign_pointer(help->helper, helper);
}

/**
 * ctng_expect_claim - make a new connection the child of who expects it
 * @ct: new, unconfirmed, seen by no one else.
 * @tmpl: template of its first packet, or NULL. An unconfirmed template is a
 *	look-up that leaves the expectation for the packet that will be committed.
 * @tuple: original tuple of @ct.
 *
 * Context: BH off, under rcu_read_lock(); takes nf_conntrack_expect_lock if the
 *	namespace expects anything.
 * Return: the expectation, to be put after calling its function, or NULL.
 */
struct nf_conntrack_expect *
ctng_expect_claim(struct nf_conn *ct, const struct nf_conn *tmpl,
		  const struct nf_conntrack_tuple *tuple)
{
	struct net *net = nf_ct_net(ct);
	struct nf_conntrack_expect *exp;

	if (!READ_ONCE(ctng_pernet(net)->abi.expect_count))
		return NULL;

	spin_lock_bh(&nf_conntrack_expect_lock);
	exp = nf_ct_find_expectation(net, nf_ct_zone(ct), tuple,
				     !tmpl || nf_ct_is_confirmed(tmpl));
	if (exp) {
		inherit(ct, exp);
		NF_CT_STAT_INC(net, expect_new);
	}
	spin_unlock_bh(&nf_conntrack_expect_lock);
	return exp;
}
