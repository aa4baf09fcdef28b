// SPDX-License-Identifier: GPL-2.0-only
/* Making room in a namespace that holds as many connections as it may. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "../net.h"
#include "../trace/events.h"
#include "conn.h"
#include "packet.h"

/*
 * How many entries are looked at for one packet, and how often: bounds on the work. In a
 * flood a few are enough, since nearly all are worth nothing.
 */
#define EVICT_FEW	8
#define EVICT_SAMPLE	32
#define EVICT_TRIES	4

/*
 * How many searches may fail in a tick, before all other packets of the tick are refused
 * without one. That is 2000 a second, each of 128 entries and less than 10 us: 2 % of one
 * CPU whatever comes, and enough for 700 new connections a second where one entry in 400
 * may go.
 */
#define EVICT_FAILURES	DIV_ROUND_UP(2000, HZ)

/* An unreplied entry that is as old as this, or the oldest of so many, is no loss. */
#define EVICT_SURE_AGE	HZ
#define EVICT_SURE_OF	4

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

/**
 * struct choice - the entry of a sample that is to make room
 * @victim: the entry, or NULL.
 * @worth: what it is worth.
 * @idle: how long it was idle, in jiffies.
 * @equals: how many of the sample are worth the same, itself included.
 */
struct choice {
	struct nf_conn	*victim;
	enum worth	worth;
	u32		idle;
	unsigned int	equals;
};

/*
 * Of those worth the same, the one that was idle longest. So a flood displaces its
 * own older connections, and one that has just begun gets its time to be answered.
 */
static void choose(const struct ctng_net *cnet, struct nf_conn **batch, unsigned int n,
		   struct choice *choice)
{
	enum worth worth;
	unsigned int i;
	u32 idle;

	*choice = (struct choice) { .worth = WORTH_KEEPING };
	for (i = 0; i < n; i++) {
		worth = worth_of(cnet, batch[i]);
		if (worth > choice->worth || worth == WORTH_KEEPING)
			continue;
		idle = ctng_idle(batch[i]);
		if (worth < choice->worth)
			*choice = (struct choice) { .worth = worth };
		choice->equals++;
		if (!choice->victim || idle > choice->idle) {
			choice->victim = batch[i];
			choice->idle = idle;
		}
	}
}

/* Would a look at more of them find no better one? */
static bool is_sure(const struct choice *choice)
{
	return choice->worth == WORTH_EXPIRED ||
	       (choice->worth == WORTH_UNREPLIED &&
		(choice->equals >= EVICT_SURE_OF || choice->idle >= EVICT_SURE_AGE));
}

static void put_batch(struct nf_conn **batch, unsigned int n)
{
	while (n)
		nf_ct_put(batch[--n]);
}

static bool evict_of_sample(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);
	struct nf_conn *batch[EVICT_SAMPLE];
	struct choice choice;
	bool done = false;
	unsigned int n;

	rcu_read_lock();
	n = ctng_table_sample(&cnet->table, batch, EVICT_FEW);
	choose(cnet, batch, n, &choice);
	if (!is_sure(&choice)) {
		n += ctng_table_sample(&cnet->table, batch + n, EVICT_SAMPLE - n);
		choose(cnet, batch, n, &choice);
	}

	if (choice.victim && choice.worth == WORTH_EXPIRED) {
		done = ctng_kill(choice.victim, CTNG_R_EXPIRED);
	} else if (choice.victim && ctng_kill(choice.victim, CTNG_R_EARLY_DROP)) {
		done = true;
		trace_ct_early_drop(choice.victim, choice.idle);
		NF_CT_STAT_INC_ATOMIC(net, early_drop);
	}
	put_batch(batch, n);
	rcu_read_unlock();

	return done;
}

/*
 * CPUs that do this at once may lose a count, or refuse a packet too many. So be it: what
 * is refused must cost little.
 */
static bool may_search(const struct ctng_net *cnet)
{
	return READ_ONCE(cnet->evict_tick) != nfct_time_stamp ||
	       READ_ONCE(cnet->evict_failed) < EVICT_FAILURES;
}

static void search_failed(struct ctng_net *cnet)
{
	u32 now = nfct_time_stamp;

	if (READ_ONCE(cnet->evict_tick) != now) {
		WRITE_ONCE(cnet->evict_failed, 0);
		WRITE_ONCE(cnet->evict_tick, now);
	}
	WRITE_ONCE(cnet->evict_failed, READ_ONCE(cnet->evict_failed) + 1);
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
	struct ctng_net *cnet = ctng_pernet(net);
	unsigned int tries = EVICT_TRIES;

	if (!may_search(cnet))
		return false;

	while (tries--)
		if (evict_of_sample(net))
			return true;
	search_failed(cnet);

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
