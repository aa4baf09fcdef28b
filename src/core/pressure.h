/* SPDX-License-Identifier: GPL-2.0-only */
/* How full a namespace is, and what that makes of its timeouts. */
#ifndef CTNG_PRESSURE_H
#define CTNG_PRESSURE_H

#include <net/netfilter/nf_conntrack.h>

struct ctng_net;

/* Timeouts in force, as parts of what they are set to. */
#define CTNG_SCALE_FULL		1024U

/* A threshold that follows the maximum. */
#define CTNG_FOLLOW		(-1)

/**
 * struct ctng_limits - how much a namespace may hold, and from when on it hurries
 * @max: most connections, by the namespace's own administrator; 0 for the host's limit.
 * @start: with how many connections timeouts begin to shrink; 0: never;
 *	CTNG_FOLLOW: with a part of the maximum.
 * @end: with how many they would be down to nothing, likewise.
 * @floor: what the timeout of an assured connection is never scaled below, in jiffies.
 * @evict_assured: an established connection may have to make room at the maximum
 *	however short it was idle.
 *
 * Written by sysctl, read anywhere with READ_ONCE().
 */
struct ctng_limits {
	unsigned int	max;
	int		start;
	int		end;
	unsigned int	floor;
	u8		evict_assured;
};

void ctng_limits_init(struct ctng_limits *limits);
unsigned int ctng_limit(const struct ctng_net *cnet);
unsigned int ctng_adaptive_start(const struct ctng_net *cnet);
unsigned int ctng_adaptive_end(const struct ctng_net *cnet);
bool ctng_adaptive_on(const struct ctng_net *cnet);
void ctng_limits_changed(struct ctng_net *cnet);
void ctng_limits_changed_all(void);
unsigned int ctng_timeout_scale(const struct ctng_net *cnet);
u32 ctng_idle(const struct nf_conn *ct);
s32 ctng_time_left(const struct nf_conn *ct, unsigned int scale);

#endif /* CTNG_PRESSURE_H */
