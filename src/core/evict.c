// SPDX-License-Identifier: GPL-2.0-only
/* Making room in a namespace that holds as many connections as it may. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "../net.h"
#include "../trace/events.h"
#include "conn.h"
#include "packet.h"

/* How many entries are looked at for one packet, and how often: bounds on the work. */
#define EVICT_SAMPLE	32
#define EVICT_TRIES	4

/* What an entry is worth, least first. */
enum worth {
	WORTH_EXPIRED,
	WORTH_UNREPLIED,
	WORTH_UNASSURED,
	WORTH_CLOSING,
	WORTH_IDLE,
	WORTH_KEEPING,
};

/* Has an established connection been idle for long enough to make room? */
static bool may_go(const struct ctng_net *cnet, const struct nf_conn *ct)
{
	if (READ_ONCE(cnet->limits.evict_assured))
		return true;

	return ctng_adaptive_on(cnet) && ctng_idle(ct) >= READ_ONCE(cnet->limits.floor);
}

static enum worth worth_of(const struct ctng_net *cnet, const struct nf_conn *ct)
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

	return may_go(cnet, ct) ? WORTH_IDLE : WORTH_KEEPING;
}

/*
 * Of those worth the same, the one that was idle longest. So a flood displaces its
 * own older connections, and one that has just begun gets its time to be answered.
 */
static struct nf_conn *choose(const struct ctng_net *cnet, struct nf_conn **batch,
			      unsigned int n, enum worth *least)
{
	struct nf_conn *victim = NULL;
	enum worth worth;
	u32 idle, longest = 0;
	unsigned int i;

	*least = WORTH_KEEPING;
	for (i = 0; i < n; i++) {
		worth = worth_of(cnet, batch[i]);
		idle = ctng_idle(batch[i]);
		if (worth > *least || worth == WORTH_KEEPING)
			continue;
		if (worth == *least && idle <= longest)
			continue;
		*least = worth;
		longest = idle;
		victim = batch[i];
	}

	return victim;
}

static void put_batch(struct nf_conn **batch, unsigned int n)
{
	while (n)
		nf_ct_put(batch[--n]);
}

static bool evict_of_sample(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);
	struct nf_conn *batch[EVICT_SAMPLE], *victim;
	enum worth worth;
	bool done = false;
	unsigned int n;

	rcu_read_lock();
	n = ctng_table_sample(&cnet->table, batch, EVICT_SAMPLE);
	victim = choose(cnet, batch, n, &worth);
	if (victim && worth == WORTH_EXPIRED) {
		done = ctng_kill(victim, CTNG_R_EXPIRED);
	} else if (victim && ctng_kill(victim, CTNG_R_EARLY_DROP)) {
		done = true;
		trace_ct_early_drop(victim, ctng_idle(victim));
		NF_CT_STAT_INC_ATOMIC(net, early_drop);
	}
	put_batch(batch, n);
	rcu_read_unlock();

	return done;
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
	unsigned int tries = EVICT_TRIES;

	while (tries--)
		if (evict_of_sample(net))
			return true;

	return false;
}

static bool same_source(const struct nf_conn *a, const struct nf_conn *b)
{
	const struct nf_conntrack_tuple *x = nf_ct_tuple(a, IP_CT_DIR_ORIGINAL);
	const struct nf_conntrack_tuple *y = nf_ct_tuple(b, IP_CT_DIR_ORIGINAL);

	return x->src.l3num == y->src.l3num && nf_inet_addr_cmp(&x->src.u3, &y->src.u3);
}

/**
 * ctng_top_holder() - whose are most of the connections of a random sample?
 * @net: the namespace.
 * @tuple: set to the original tuple of one of them; its source is the answer.
 * @sampled: set to the size of the sample.
 *
 * Context: any, without bucket locks.
 * Return: how many of the sample are of that source; 0 if the sample is empty.
 */
unsigned int ctng_top_holder(struct net *net, struct nf_conntrack_tuple *tuple,
			     unsigned int *sampled)
{
	unsigned int i, k, held, most = 0;
	struct nf_conn *batch[EVICT_SAMPLE];

	rcu_read_lock();
	*sampled = ctng_table_sample(&ctng_pernet(net)->table, batch, EVICT_SAMPLE);
	for (i = 0; i < *sampled; i++) {
		for (held = 0, k = 0; k < *sampled; k++)
			held += same_source(batch[i], batch[k]);
		if (held > most) {
			most = held;
			*tuple = *nf_ct_tuple(batch[i], IP_CT_DIR_ORIGINAL);
		}
	}
	put_batch(batch, *sampled);
	rcu_read_unlock();

	return most;
}
