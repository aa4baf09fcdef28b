/* SPDX-License-Identifier: GPL-2.0-only */
/* What conntrack-ng keeps for each network namespace. */
#ifndef CTNG_NET_H
#define CTNG_NET_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netns/generic.h>

#include "core/pressure.h"
#include "core/reason.h"
#include "core/reserve.h"
#include "table/table.h"

struct ctng_reasons {
	u64 n[CTNG_R_MAX];
};

/**
 * struct ctng_net - per-namespace state
 * @abi: the part that the kernel's headers fix. abi.count is the number of
 *	connections, confirmed or not; abi.users4, users6 and users_bridge are under
 *	the hook mutex; abi.expect_count under nf_conntrack_expect_lock.
 * @table: the confirmed connections.
 * @expire_work: removes what expired, see core/expire.c.
 * @expire_lock: protects @expire_next and the timer of @expire_work.
 * @expire_next: when @expire_work runs next in jiffies32, 0 for not at all;
 *	looked at without the lock too.
 * @idle_since: since when the table is far too large, in jiffies, or 0; only
 *	@expire_work uses it.
 * @limits: how much the namespace may hold.
 * @sweep_next: before when, in jiffies, the table is not searched from end to end
 *	again; only @expire_work uses it.
 * @evict_tick: in which tick, in jiffies32, no connection was found last that could make
 *	room; READ_ONCE, WRITE_ONCE.
 * @evict_failed: how often in that tick, likewise.
 * @reserved: tuples that NAT has chosen for connections not confirmed yet.
 * @reserved_seed: of the hash used there; immutable.
 * @reasons: how often each reason came up; statistics, read without a lock.
 */
struct ctng_net {
	struct nf_conntrack_net		abi;
	struct ctng_table		table;
	struct delayed_work		expire_work;
	spinlock_t			expire_lock;	/* expire_next and timer */
	u32				expire_next;
	unsigned long			idle_since;
	unsigned long			sweep_next;
	struct ctng_limits		limits;
	u32				evict_tick;
	unsigned int			evict_failed;
	struct ctng_reserved		*reserved;
	u32				reserved_seed;
	struct ctng_reasons __percpu	*reasons;
};

static inline struct ctng_net *ctng_pernet(const struct net *net)
{
	return net_generic(net, nf_conntrack_net_id);
}

/* The same for who reads under RCU anyway, as packets do. */
static inline struct ctng_net *ctng_pernet_rcu(const struct net *net)
{
	return rcu_dereference(net->gen)->ptr[nf_conntrack_net_id];
}

#endif /* CTNG_NET_H */
