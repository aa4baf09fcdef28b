// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dying list: connections that have ended, but whose listener could not be told yet. They
 * wait here, with the reference that the table had, until it takes the event.
 *
 * The list and its links (tuplehash[IP_CT_DIR_REPLY].hnnode) are under dying_lock.
 * ecache_dwork_pending says that the worker waits for better times and may be woken up early.
 */
#include <linux/compiler.h>
#include <linux/rculist.h>
#include <linux/rculist_nulls.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "../net.h"
#include "ext.h"

/* How long a listener that could not take an event is left alone. */
#define REDELIVER_DELAY		(HZ / 10)

/**
 * nf_conn_pernet_ecache() - a namespace's dying list
 * @net: the namespace
 *
 * Context: any.
 * Return: the dying list, its lock and its worker.
 */
struct nf_conntrack_net_ecache *nf_conn_pernet_ecache(const struct net *net)
{
	return &ctng_pernet(net)->abi.ecache;
}

/**
 * nf_conntrack_ecache_work() - tell the worker how delivery goes
 * @net: the namespace
 * @state: NFCT_ECACHE_DESTROY_FAIL: an event was not delivered, try again in a while;
 *	NFCT_ECACHE_DESTROY_SENT: an event was delivered, try again now
 *
 * Context: any.
 */
void nf_conntrack_ecache_work(struct net *net, enum nf_ct_ecache_state state)
{
	struct delayed_work *dwork = &nf_conn_pernet_ecache(net)->dwork;

	switch (state) {
	case NFCT_ECACHE_DESTROY_FAIL:
		WRITE_ONCE(net->ct.ecache_dwork_pending, true);
		queue_delayed_work(system_power_efficient_wq, dwork, REDELIVER_DELAY);
		break;
	case NFCT_ECACHE_DESTROY_SENT:
		WRITE_ONCE(net->ct.ecache_dwork_pending, false);
		mod_delayed_work(system_power_efficient_wq, dwork, 0);
		break;
	}
}

static void dying_push(struct nf_conntrack_net_ecache *ecache, struct nf_conn *ct)
{
	spin_lock_bh(&ecache->dying_lock);
	hlist_nulls_add_head(&ct->tuplehash[IP_CT_DIR_REPLY].hnnode,
			     &ecache->dying_list);
	spin_unlock_bh(&ecache->dying_lock);
}

/* Take the first one out, with its reference; NULL if there is none. */
static struct nf_conn *dying_pop(struct nf_conntrack_net_ecache *ecache)
{
	struct hlist_nulls_node *first;
	struct nf_conn *ct = NULL;

	spin_lock_bh(&ecache->dying_lock);
	first = ecache->dying_list.first;
	if (!is_a_nulls(first)) {
		/* a dump asks whether it is still in the list */
		hlist_nulls_del_init_rcu(first);
		ct = container_of(first, struct nf_conn,
				  tuplehash[IP_CT_DIR_REPLY].hnnode);
	}
	spin_unlock_bh(&ecache->dying_lock);
	return ct;
}

static void redeliver(struct work_struct *work)
{
	struct nf_conntrack_net_ecache *ecache =
		container_of(to_delayed_work(work), struct nf_conntrack_net_ecache, dwork);
	struct nf_conn *ct;

	while ((ct = dying_pop(ecache))) {
		if (nf_conntrack_event(IPCT_DESTROY, ct) < 0) {
			struct net *net = nf_ct_net(ct);

			dying_push(ecache, ct);
			nf_conntrack_ecache_work(net, NFCT_ECACHE_DESTROY_FAIL);
			return;
		}
		nf_ct_put(ct);
		cond_resched();
	}
}

/**
 * ctng_ecache_defer_destroy() - the listener was not told of this connection's end: keep it
 * @ct: a connection that was removed from the table, whose reference it still has
 *
 * Context: any.
 */
void ctng_ecache_defer_destroy(struct nf_conn *ct)
{
	struct net *net = nf_ct_net(ct);

	/* After the push @ct is the worker's, if that runs already. */
	dying_push(nf_conn_pernet_ecache(net), ct);
	nf_conntrack_ecache_work(net, NFCT_ECACHE_DESTROY_FAIL);
}

/**
 * ctng_ecache_init_net() - prepare a namespace's dying list
 * @net: the namespace
 *
 * Context: process.
 */
void ctng_ecache_init_net(struct net *net)
{
	struct nf_conntrack_net_ecache *ecache = nf_conn_pernet_ecache(net);

	spin_lock_init(&ecache->dying_lock);
	INIT_HLIST_NULLS_HEAD(&ecache->dying_list, 0);
	INIT_DELAYED_WORK(&ecache->dwork, redeliver);
	net->ct.ecache_dwork_pending = false;
}

/**
 * ctng_ecache_exit_net() - drop what a namespace's listener was never told of
 * @net: the namespace; its listener is gone
 *
 * Context: process, may sleep.
 */
void ctng_ecache_exit_net(struct net *net)
{
	struct nf_conntrack_net_ecache *ecache = nf_conn_pernet_ecache(net);
	struct nf_conn *ct;

	cancel_delayed_work_sync(&ecache->dwork);
	while ((ct = dying_pop(ecache)))
		nf_ct_put(ct);
}
