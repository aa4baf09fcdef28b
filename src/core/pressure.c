// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adaptive timeouts: the fuller a namespace, the shorter its timeouts in force, so
 * that idle connections leave before the table is full.
 *
 * No deadline is ever rewritten. An entry keeps the deadline that its last packet
 * set, and the timeout that led to it; the scale of the moment is applied to that
 * timeout when somebody asks whether the entry is over. So all timeouts are back as
 * soon as the pressure is gone.
 */

#include <linux/math64.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "../net.h"
#include "conn.h"

/* The thresholds where nobody chose any, in percent of the maximum. */
#define START_PERCENT	60
#define END_PERCENT	120

#define DEFAULT_FLOOR	(300 * HZ)

/**
 * ctng_limits_init() - the limits of a new namespace
 * @limits: set to the defaults.
 */
void ctng_limits_init(struct ctng_limits *limits)
{
	limits->start = CTNG_FOLLOW;
	limits->end = CTNG_FOLLOW;
	limits->floor = DEFAULT_FLOOR;
}

/**
 * ctng_limit() - how many connections a namespace may hold
 * @cnet: the namespace.
 *
 * Context: any.
 * Return: the lower one of its own limit and the host's; 0 for no limit.
 */
unsigned int ctng_limit(const struct ctng_net *cnet)
{
	unsigned int host = READ_ONCE(nf_conntrack_max);
	unsigned int own = READ_ONCE(cnet->limits.max);

	if (!own || (host && host < own))
		return host;

	return own;
}

/*
 * Whoever sets one threshold, or changes the maximum later, shall not turn scaling off
 * unawares. So the other one, as long as it follows, keeps its distance: they are one to
 * two, as by default, where the maximum puts them the wrong way round.
 */

static unsigned int of_limit(const struct ctng_net *cnet, unsigned int percent)
{
	return min_t(u64, (u64)ctng_limit(cnet) * percent / 100, INT_MAX);
}

/**
 * ctng_adaptive_start() - with how many connections timeouts begin to shrink
 * @cnet: the namespace.
 *
 * Context: any.
 * Return: the number; 0 if they never do.
 */
unsigned int ctng_adaptive_start(const struct ctng_net *cnet)
{
	int set = READ_ONCE(cnet->limits.start);
	int end = READ_ONCE(cnet->limits.end);
	unsigned int start;

	if (set != CTNG_FOLLOW)
		return set;

	start = of_limit(cnet, START_PERCENT);
	if (end > 0 && (!start || start >= end))
		return end / 2;

	return start;
}

/**
 * ctng_adaptive_end() - with how many connections timeouts would be down to nothing
 * @cnet: the namespace.
 *
 * Context: any.
 * Return: the number; 0 if timeouts never shrink.
 */
unsigned int ctng_adaptive_end(const struct ctng_net *cnet)
{
	int start = READ_ONCE(cnet->limits.start);
	int set = READ_ONCE(cnet->limits.end);
	unsigned int end;

	if (set != CTNG_FOLLOW)
		return set;

	end = of_limit(cnet, END_PERCENT);
	if (start > 0 && end <= start)
		return min(2U * start, (unsigned int)INT_MAX);

	return end;
}

/**
 * ctng_adaptive_on() - do timeouts depend on how full the namespace is?
 * @cnet: the namespace.
 *
 * Context: any.
 */
bool ctng_adaptive_on(const struct ctng_net *cnet)
{
	unsigned int start = ctng_adaptive_start(cnet);

	return start && start < ctng_adaptive_end(cnet);
}

/**
 * ctng_timeout_scale() - what part of their timeouts connections have at the moment
 * @cnet: the namespace.
 *
 * Context: any.
 * Return: CTNG_SCALE_FULL for all of it, down to 0.
 */
unsigned int ctng_timeout_scale(const struct ctng_net *cnet)
{
	unsigned int count = atomic_read(&cnet->abi.count);
	unsigned int start = ctng_adaptive_start(cnet);
	unsigned int end = ctng_adaptive_end(cnet);

	if (!start || start >= end || count <= start)
		return CTNG_SCALE_FULL;
	if (count >= end)
		return 0;

	return div_u64((u64)(end - count) * CTNG_SCALE_FULL, end - start);
}

/**
 * ctng_limits_changed() - what ctng_timeout_scale() looks at was written
 * @cnet: the namespace that it is about, whether or not it is its own.
 *
 * The worker that removes what expired may sleep until the first unscaled deadline.
 *
 * Context: any, without bucket locks.
 */
void ctng_limits_changed(struct ctng_net *cnet)
{
	if (ctng_timeout_scale(cnet) < CTNG_SCALE_FULL)
		ctng_expire_arm(cnet, nfct_time_stamp);
}

/**
 * ctng_limits_changed_all() - likewise for the host's limit
 *
 * Context: process, may sleep; takes net_rwsem.
 */
void ctng_limits_changed_all(void)
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net)
		ctng_limits_changed(ctng_pernet(net));
	up_read(&net_rwsem);
}

/**
 * ctng_idle() - how long ago a connection's timeout was started last
 * @ct: the connection, confirmed.
 *
 * Context: any.
 * Return: the time in jiffies.
 */
u32 ctng_idle(const struct nf_conn *ct)
{
	s32 left = READ_ONCE(ct->timeout) - nfct_time_stamp;
	s64 idle = (s64)READ_ONCE(*ctng_span(ct)) - left;

	return max_t(s64, idle, 0);
}

/**
 * ctng_time_left() - how long a connection lives on without a packet
 * @ct: the connection, confirmed.
 * @scale: what part of the timeouts is in force.
 *
 * Context: any.
 * Return: the time in jiffies; zero or less if it is over.
 */
s32 ctng_time_left(const struct nf_conn *ct, unsigned int scale)
{
	unsigned long status = READ_ONCE(ct->status);
	s32 left = READ_ONCE(ct->timeout) - nfct_time_stamp;
	u32 span, limit, floor;

	/* An offloaded connection is idle only in the eyes of this module. */
	if (likely(scale == CTNG_SCALE_FULL) || status & (IPS_OFFLOAD | IPS_HW_OFFLOAD))
		return left;

	span = READ_ONCE(*ctng_span(ct));
	limit = (u64)span * scale / CTNG_SCALE_FULL;
	if (status & IPS_ASSURED) {
		floor = READ_ONCE(ctng_pernet(nf_ct_net(ct))->limits.floor);
		limit = max(limit, min(span, floor));
	}

	return min_t(s64, left, (s64)limit - ctng_idle(ct));
}
