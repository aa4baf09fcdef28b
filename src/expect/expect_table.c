// SPDX-License-Identifier: GPL-2.0-only
/* The hash table of expectations: finding, linking, unlinking. */

#include <linux/jhash.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netns/hash.h>

#include "../net.h"
#include "expect.h"

/* Buckets per connection bucket, and expectations per bucket, by default. */
#define CONN_BUCKETS_PER_BUCKET	256
#define MAX_PER_BUCKET		4

unsigned int nf_ct_expect_hsize __read_mostly;
unsigned int nf_ct_expect_max __read_mostly;
struct hlist_head *nf_ct_expect_hash __read_mostly;

/*
 * Guards both lists of every expectation, nf_conn_help.expecting[] and
 * nf_conntrack_net.expect_count. Taken with BH off.
 */
spinlock_t nf_conntrack_expect_lock __cacheline_aligned_in_smp =
	__SPIN_LOCK_UNLOCKED(nf_conntrack_expect_lock);

static u32 expect_seed __read_mostly;

module_param_named(expect_hashsize, nf_ct_expect_hsize, uint, 0400);

/**
 * ctng_expect_bucket - where an expectation for a tuple would be
 * @net: namespace of the connection or expectation.
 * @tuple: what is expected or has come.
 *
 * Only the destination counts: it is the part that no mask can leave open, so
 * whatever matches or clashes meets in one bucket.
 *
 * Context: any.
 * Return: the bucket.
 */
struct hlist_head *ctng_expect_bucket(const struct net *net,
				      const struct nf_conntrack_tuple *tuple)
{
	u32 hash, rest;

	hash = jhash2((const u32 *)tuple->dst.u3.all,
		      ARRAY_SIZE(tuple->dst.u3.all), expect_seed);
	rest = (__force u16)tuple->dst.u.all | (u32)tuple->dst.protonum << 16 |
	       (u32)tuple->src.l3num << 24;
	hash = jhash_3words(hash, rest, net_hash_mix(net), expect_seed);
	return &nf_ct_expect_hash[reciprocal_scale(hash, nf_ct_expect_hsize)];
}

/**
 * ctng_expect_matches - does a tuple fulfil an expectation?
 * @exp: the expectation.
 * @net: namespace of the tuple.
 * @zone: its zone; expectations know no direction, only the id counts.
 * @tuple: the tuple.
 *
 * Context: any; the caller keeps @exp alive.
 * Return: true if it does, and the expectation has not expired.
 */
bool ctng_expect_matches(const struct nf_conntrack_expect *exp,
			 const struct net *net,
			 const struct nf_conntrack_zone *zone,
			 const struct nf_conntrack_tuple *tuple)
{
	return nf_ct_tuple_mask_cmp(tuple, &exp->tuple, &exp->mask) &&
	       net_eq(net, read_pnet(&exp->net)) &&
	       nf_ct_exp_zone_equal_any(exp, zone) &&
	       !nf_ct_exp_is_expired(exp);
}

/**
 * __nf_ct_expect_find - find the expectation that a tuple would fulfil
 * @net: namespace.
 * @zone: zone.
 * @tuple: original tuple of a connection that may come.
 *
 * Context: under rcu_read_lock(), which is all that keeps the result alive.
 * Return: the expectation without a reference, or NULL.
 */
struct nf_conntrack_expect *
__nf_ct_expect_find(struct net *net, const struct nf_conntrack_zone *zone,
		    const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_expect *exp;

	/* A stale zero only means that the other CPU's insertion came later. */
	if (!READ_ONCE(ctng_pernet(net)->abi.expect_count))
		return NULL;

	hlist_for_each_entry_rcu(exp, ctng_expect_bucket(net, tuple), hnode)
		if (ctng_expect_matches(exp, net, zone, tuple))
			return exp;
	return NULL;
}

/**
 * nf_ct_expect_find_get - find the expectation that a tuple would fulfil
 * @net: namespace.
 * @zone: zone.
 * @tuple: original tuple of a connection that may come.
 *
 * Context: any.
 * Return: the expectation with a reference, or NULL.
 */
struct nf_conntrack_expect *
nf_ct_expect_find_get(struct net *net, const struct nf_conntrack_zone *zone,
		      const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_expect *exp;

	rcu_read_lock();
	exp = __nf_ct_expect_find(net, zone, tuple);
	if (exp && !refcount_inc_not_zero(&exp->use))
		exp = NULL;
	rcu_read_unlock();
	return exp;
}

static void count_expects(struct net *net, int delta)
{
	unsigned int *count = &ctng_pernet(net)->abi.expect_count;

	/* written under the lock, read without it */
	WRITE_ONCE(*count, *count + delta);
}

/**
 * ctng_expect_link - put an expectation into both lists
 * @exp: the expectation, not linked; the lists take a reference of their own.
 * @help: the master's extension.
 *
 * An expectation may be linked again as soon as it has been unlinked. A reader
 * that stands on it meanwhile goes on in the new bucket and may miss what the
 * old one holds: no worse for it than to have come before an insertion.
 *
 * Context: nf_conntrack_expect_lock held.
 */
void ctng_expect_link(struct nf_conntrack_expect *exp,
		      struct nf_conn_help *help)
{
	struct net *net = nf_ct_exp_net(exp);

	lockdep_nfct_expect_lock_held();

	refcount_inc(&exp->use);
	WRITE_ONCE(exp->flags, exp->flags & ~NF_CT_EXPECT_DEAD);

	help->expecting[exp->class]++;
	hlist_add_head_rcu(&exp->lnode, &help->expectations);
	hlist_add_head_rcu(&exp->hnode, ctng_expect_bucket(net, &exp->tuple));
	count_expects(net, 1);
	NF_CT_STAT_INC(net, expect_create);
	ctng_expect_due(exp->timeout);
}

/**
 * nf_ct_unlink_expect_report - take an expectation out of both lists
 * @exp: the expectation; nothing happens if it is not linked. The reference of
 *	the lists is dropped.
 * @portid: netlink port of who asked for it, or 0.
 * @report: whether that one wants the event.
 *
 * Context: nf_conntrack_expect_lock held.
 */
void nf_ct_unlink_expect_report(struct nf_conntrack_expect *exp,
				u32 portid, int report)
{
	struct net *net = nf_ct_exp_net(exp);

	lockdep_nfct_expect_lock_held();

	if (!ctng_expect_linked(exp))
		return;

	WRITE_ONCE(exp->flags, exp->flags | NF_CT_EXPECT_DEAD);
	nfct_help(exp->master)->expecting[exp->class]--;
	hlist_del_init_rcu(&exp->lnode);
	hlist_del_init_rcu(&exp->hnode);
	count_expects(net, -1);
	NF_CT_STAT_INC(net, expect_delete);

	nf_ct_expect_event_report(IPEXP_DESTROY, exp, portid, report);
	nf_ct_expect_put(exp);
}

/**
 * ctng_expect_table_init - allocate the table
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int ctng_expect_table_init(void)
{
	if (!nf_ct_expect_hsize)
		nf_ct_expect_hsize = max(nf_conntrack_htable_size /
					 CONN_BUCKETS_PER_BUCKET, 1U);
	nf_ct_expect_max = nf_ct_expect_hsize * MAX_PER_BUCKET;

	expect_seed = get_random_u32();
	nf_ct_expect_hash = nf_ct_alloc_hashtable(&nf_ct_expect_hsize, 0);
	return nf_ct_expect_hash ? 0 : -ENOMEM;
}

/**
 * ctng_expect_table_exit - free the table, which is empty
 *
 * Context: may sleep.
 */
void ctng_expect_table_exit(void)
{
	kvfree(nf_ct_expect_hash);
}
