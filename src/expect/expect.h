/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Expectations: connections that a helper has announced; and the helpers.
 *
 * An expectation lives in two lists, both under nf_conntrack_expect_lock: a
 * bucket of nf_ct_expect_hash (readers under RCU) and its master's
 * nf_conn_help.expectations. It is in both or in neither. The two together own
 * one reference. It owns none on its master: a master that goes away takes its
 * expectations along (nf_ct_remove_expectations()), so exp->master may be
 * followed only under the lock while the expectation is linked, or by somebody
 * who holds a reference on the master.
 */
#ifndef CTNG_EXPECT_H
#define CTNG_EXPECT_H

#include <linux/list.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_helper.h>

/* for the core */
int ctng_expect_init(void);
void ctng_expect_exit(void);
int ctng_expect_init_net(struct net *net);
void ctng_expect_exit_net(struct net *net);
int ctng_helper_init(void);
void ctng_helper_exit(void);

struct nf_conntrack_expect *
ctng_expect_claim(struct nf_conn *ct, const struct nf_conn *tmpl,
		  const struct nf_conntrack_tuple *tuple);

unsigned int ctng_help(const struct nf_conntrack_helper *helper, struct sk_buff *skb,
		       unsigned int protoff, struct nf_conn *ct,
		       enum ip_conntrack_info ctinfo);

/* between the files of this folder */
int ctng_expect_table_init(void);
void ctng_expect_table_exit(void);
void ctng_expect_expire_exit(void);

struct hlist_head *ctng_expect_bucket(const struct net *net,
				      const struct nf_conntrack_tuple *tuple);
bool ctng_expect_matches(const struct nf_conntrack_expect *exp,
			 const struct net *net,
			 const struct nf_conntrack_zone *zone,
			 const struct nf_conntrack_tuple *tuple);
void ctng_expect_link(struct nf_conntrack_expect *exp,
		      struct nf_conn_help *help);
void ctng_expect_due(u32 deadline);

/* Under nf_conntrack_expect_lock; both list nodes are in the same state. */
static inline bool ctng_expect_linked(const struct nf_conntrack_expect *exp)
{
	return !hlist_unhashed(&exp->hnode);
}

/*
 * A helper on its way out has left the registry, but expectations and packets
 * may still know it. Whoever is about to make it known further asks here, under
 * rcu_read_lock(): nf_conntrack_helper_unregister() waits for a grace period
 * after the answer has become false.
 */
static inline bool
ctng_helper_registered(const struct nf_conntrack_helper *helper)
{
	return !hlist_unhashed_lockless(&helper->hnode);
}

#endif /* CTNG_EXPECT_H */
