// SPDX-License-Identifier: GPL-2.0-only
/* Making room in a namespace that holds as many connections as it may. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "../net.h"
#include "conn.h"
#include "packet.h"

/* How many entries are looked at for one packet: a bound on the work. */
#define EVICT_SAMPLE	32

/* What an entry is worth, least first. */
enum worth {
	WORTH_EXPIRED,
	WORTH_UNREPLIED,
	WORTH_UNASSURED,
	WORTH_CLOSING,
	WORTH_KEEPING,
};

static enum worth worth_of(const struct nf_conn *ct)
{
	unsigned long status = READ_ONCE(ct->status);
	const struct nf_conntrack_l4proto *l4proto;

	if (status & (IPS_DYING | IPS_OFFLOAD | IPS_HW_OFFLOAD))
		return WORTH_KEEPING;
	if (nf_ct_is_expired(ct))
		return WORTH_EXPIRED;
	if (!(status & IPS_SEEN_REPLY))
		return status & IPS_ASSURED ? WORTH_KEEPING : WORTH_UNREPLIED;
	if (!(status & IPS_ASSURED))
		return WORTH_UNASSURED;

	l4proto = nf_ct_l4proto_find(nf_ct_protonum(ct));
	if (l4proto->can_early_drop && l4proto->can_early_drop(ct))
		return WORTH_CLOSING;

	return WORTH_KEEPING;
}

/**
 * ctng_evict_one() - remove the connection least worth keeping of a random sample
 * @net: the namespace.
 *
 * Context: any, without bucket locks.
 * Return: true if one was removed.
 */
bool ctng_evict_one(struct net *net)
{
	struct nf_conn *batch[EVICT_SAMPLE], *victim = NULL;
	enum worth least = WORTH_KEEPING, worth;
	unsigned int i, n;
	bool done = false;

	rcu_read_lock();
	n = ctng_table_sample(&ctng_pernet(net)->table, batch, EVICT_SAMPLE);
	for (i = 0; i < n; i++) {
		worth = worth_of(batch[i]);
		if (worth < least) {
			least = worth;
			victim = batch[i];
		}
	}

	if (victim && nf_ct_delete(victim, 0, 0)) {
		done = true;
		if (least != WORTH_EXPIRED) {
			ctng_count(net, CTNG_R_EARLY_DROP);
			NF_CT_STAT_INC_ATOMIC(net, early_drop);
		}
	}

	for (i = 0; i < n; i++)
		nf_ct_put(batch[i]);
	rcu_read_unlock();

	return done;
}
