// SPDX-License-Identifier: GPL-2.0-only
/* How connections leave the table: one by one, by a filter, with a namespace. */

#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include <compat.h>

#include "../ext/ext.h"
#include "../net.h"
#include "../trace/events.h"
#include "conn.h"
#include "packet.h"

#define WALK_BATCH	32

static bool delete(struct nf_conn *ct, u32 portid, int report, enum ctng_reason reason)
{
	struct net *net = nf_ct_net(ct);
	bool was_in, told;

	if (test_and_set_bit(IPS_DYING_BIT, &ct->status))
		return false;

	ctng_count(net, reason);
	trace_ct_destroy(ct, reason);
	ctng_tstamp_stop(ct);
	told = nf_conntrack_event_report(IPCT_DESTROY, ct, portid, report) >= 0;
	/* may take connections along that its helper expected */
	nf_ct_helper_destroy(ct);

	rcu_read_lock();
	was_in = ctng_table_remove(&ctng_pernet(net)->table, ct);
	rcu_read_unlock();
	nf_ct_remove_expectations(ct);

	if (unlikely(!told && was_in)) {
		/* keeps the table's reference until the event got through */
		ctng_ecache_defer_destroy(ct);
		return false;
	}

	if (nf_conntrack_ecache_dwork_pending(net))
		nf_conntrack_ecache_work(net, NFCT_ECACHE_DESTROY_SENT);
	if (was_in)
		nf_ct_put(ct);

	return true;
}

/**
 * nf_ct_delete() - take a connection out of the table
 * @ct: the connection; the caller holds a reference.
 * @portid: netlink port of who asked for it, or 0.
 * @report: whether that one wants an answer.
 *
 * Context: any, BH or process, without bucket locks.
 * Return: true if it was this call that did it; false if it was dying before,
 * or its DESTROY event has to be sent again later.
 */
bool nf_ct_delete(struct nf_conn *ct, u32 portid, int report)
{
	return delete(ct, portid, report, CTNG_R_REMOVED);
}

/**
 * ctng_kill() - take a connection out of the table, for a reason of this module's
 * @ct: the connection; the caller holds a reference.
 * @reason: why; counted.
 *
 * Context: as nf_ct_delete().
 * Return: as nf_ct_delete().
 */
bool ctng_kill(struct nf_conn *ct, enum ctng_reason reason)
{
	return delete(ct, 0, 0, reason);
}

/**
 * nf_ct_kill_acct() - account a packet to a connection, and take that out of the table
 * @ct: the connection; the caller holds a reference.
 * @ctinfo: direction of the packet.
 * @skb: the packet.
 *
 * Context: as nf_ct_delete().
 * Return: as nf_ct_delete().
 */
bool nf_ct_kill_acct(struct nf_conn *ct, enum ip_conntrack_info ctinfo,
		     const struct sk_buff *skb)
{
	nf_ct_acct_update(ct, CTINFO2DIR(ctinfo), skb->len);

	return nf_ct_delete(ct, 0, 0);
}

/* Calls @iter for one entry, as its users expect: under RCU with BH off. */
static bool iter_wants(int (*iter)(struct nf_conn *ct, void *data),
		       struct nf_conn *ct, void *data)
{
	bool wants;

	rcu_read_lock();
	local_bh_disable();
	wants = iter(ct, data);
	local_bh_enable();
	rcu_read_unlock();

	return wants;
}

/**
 * nf_ct_iterate_cleanup_net() - remove the connections of a namespace by a filter
 * @iter: true for those to be removed; called under RCU with BH off.
 * @iter_data: the namespace, what @iter gets, and who asked for it.
 *
 * Context: process, may sleep.
 */
void nf_ct_iterate_cleanup_net(int (*iter)(struct nf_conn *i, void *data),
			       const struct nf_ct_iter_data *iter_data)
{
	struct ctng_table *t = &ctng_pernet(iter_data->net)->table;
	struct nf_conn *batch[WALK_BATCH];
	struct ctng_cursor cursor = {};
	unsigned int i, n;

	might_sleep();

	while (!ctng_cursor_done(&cursor)) {
		if (!nf_conntrack_count(iter_data->net))
			return;

		rcu_read_lock();
		n = ctng_table_collect(t, &cursor, batch, WALK_BATCH);
		rcu_read_unlock();

		for (i = 0; i < n; i++) {
			if (iter_wants(iter, batch[i], iter_data->data))
				nf_ct_delete(batch[i], iter_data->portid,
					     iter_data->report);
			nf_ct_put(batch[i]);
		}
		cond_resched();
	}
}

/**
 * nf_ct_iterate_destroy() - remove connections everywhere, for a module that goes
 * @iter: true for those to be removed; called under RCU with BH off.
 * @data: what it gets.
 *
 * Connections not yet confirmed cannot be found. Those that use an extension
 * will not be confirmed any more: the generation of the extensions changes.
 *
 * Context: process, may sleep; takes net_rwsem.
 */
void nf_ct_iterate_destroy(int (*iter)(struct nf_conn *i, void *data), void *data)
{
	struct nf_ct_iter_data iter_data = { .data = data };
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (nf_conntrack_count(net))
			nf_queue_nf_hook_drop(net);
	}
	up_read(&net_rwsem);

	ctng_ext_bump_generation();
	/* Packets that saw the old generation are confirmed, or gone, after this. */
	synchronize_net();

	down_read(&net_rwsem);
	for_each_net(net) {
		iter_data.net = net;
		nf_ct_iterate_cleanup_net(iter, &iter_data);
	}
	up_read(&net_rwsem);

	/* Readers that still see an entry, and through it the caller's code. */
	synchronize_rcu();
}

static int iter_all(struct nf_conn *ct, void *data)
{
	return 1;
}

/**
 * ctng_flush_nets() - empty the tables of namespaces that go away
 * @net_exit_list: the namespaces; no hook of theirs runs any more.
 *
 * Returns when each of their connections is freed: also those that packets
 * still in some queue carry.
 *
 * Context: process, may sleep.
 */
void ctng_flush_nets(struct list_head *net_exit_list)
{
	struct nf_ct_iter_data iter_data = {};
	struct net *net;
	bool busy;

	/* Packets that were under way are through, or in a queue, after this. */
	synchronize_net();

	do {
		busy = false;
		list_for_each_entry(net, net_exit_list, exit_list) {
			iter_data.net = net;
			nf_ct_iterate_cleanup_net(iter_all, &iter_data);
			/* what waits for its DESTROY event waits in vain */
			ctng_ext_exit_net(net);
			busy |= nf_conntrack_count(net);
		}
		if (busy)
			schedule_timeout_uninterruptible(1);
	} while (busy);
}
