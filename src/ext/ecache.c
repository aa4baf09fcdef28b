// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what happens to a connection is collected in its event cache and
 * told to the namespace's listener (ctnetlink) when the packet in hand is done with.
 *
 * Locks: a listener comes and goes under listener_mutex and is called under RCU. cache and
 * missed of struct nf_conntrack_ecache are changed by atomic operations only.
 */
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_expect.h>

#include "ext.h"

static DEFINE_MUTEX(listener_mutex);

/**
 * nf_conntrack_register_notifier() - listen to the events of a namespace
 * @net: the namespace; it can have one listener at a time
 * @nb: what to call
 *
 * Context: process, may sleep.
 */
void nf_conntrack_register_notifier(struct net *net,
				    const struct nf_ct_event_notifier *nb)
{
	mutex_lock(&listener_mutex);
	WARN_ON_ONCE(rcu_access_pointer(net->ct.nf_conntrack_event_cb));
	rcu_assign_pointer(net->ct.nf_conntrack_event_cb,
			   (struct nf_ct_event_notifier *)nb);
	mutex_unlock(&listener_mutex);
}

/**
 * nf_conntrack_unregister_notifier() - stop listening
 * @net: the namespace
 *
 * The listener may be called until an RCU grace period has passed.
 *
 * Context: process, may sleep.
 */
void nf_conntrack_unregister_notifier(struct net *net)
{
	mutex_lock(&listener_mutex);
	RCU_INIT_POINTER(net->ct.nf_conntrack_event_cb, NULL);
	mutex_unlock(&listener_mutex);
}

/**
 * nf_ct_ecache_ext_add() - make a connection report its events
 * @ct: an unconfirmed connection or a template
 * @ctmask: which events (1 << IPCT_*); with @expmask zero too, all
 * @expmask: which events of its expectations (1 << IPEXP_*)
 * @gfp: how to allocate
 *
 * Only what a rule asks for explicitly overrules the sysctl nf_conntrack_events = 0. With
 * 2 (auto) nothing is spent while nobody listens anywhere.
 *
 * Context: any; may sleep if @gfp may.
 * Return: false if memory is short; true otherwise, also if no event cache is wanted.
 */
bool nf_ct_ecache_ext_add(struct nf_conn *ct, u16 ctmask, u16 expmask, gfp_t gfp)
{
	u8 setting = READ_ONCE(nf_ct_net(ct)->ct.sysctl_events);
	bool all = !ctmask && !expmask;
	struct nf_conntrack_ecache *e;

	if (setting == CTNG_EVENTS_OFF && all)
		return true;
	if (setting == CTNG_EVENTS_AUTO && !READ_ONCE(nf_ctnetlink_has_listener))
		return true;

	e = nf_ct_ext_add(ct, NF_CT_EXT_ECACHE, gfp);
	if (!e)
		return false;
	e->ctmask = all ? U16_MAX : ctmask;
	e->expmask = all ? U16_MAX : expmask;
	return true;
}

static void missed_add(struct nf_conntrack_ecache *e, u32 events)
{
	u32 old = READ_ONCE(e->missed);

	do {
		if ((old | events) == old)
			return;
	} while (!try_cmpxchg(&e->missed, &old, old | events));
}

/* Tell the listener of @events and of all that it missed before. */
static int notify(struct nf_conntrack_ecache *e, unsigned int events,
		  const struct nf_ct_event *item)
{
	const struct nf_ct_event_notifier *listener;
	unsigned int missed;
	int err = 0;

	if (!((events | READ_ONCE(e->missed)) & READ_ONCE(e->ctmask)))
		return 0;

	rcu_read_lock();
	listener = rcu_dereference(nf_ct_net(item->ct)->ct.nf_conntrack_event_cb);
	if (listener) {
		missed = READ_ONCE(e->missed) ? xchg(&e->missed, 0) : 0;
		err = listener->ct_event(events | missed, item);
		if (err < 0)
			missed_add(e, events | missed);
	}
	rcu_read_unlock();
	return min(err, 0);
}

/**
 * nf_conntrack_eventmask_report() - tell the listener of something right now
 * @eventmask: what happened (1 << IPCT_*)
 * @ct: the connection; nothing happens if it has no event cache or is not confirmed
 * @portid: netlink port of the process that did it, or zero
 * @report: did that process ask to be told, too?
 *
 * Context: any.
 * Return: 0, also if nobody wants to know; negative if the listener could not take it.
 */
int nf_conntrack_eventmask_report(unsigned int eventmask, struct nf_conn *ct,
				  u32 portid, int report)
{
	struct nf_conntrack_ecache *e = nf_ct_ecache_find(ct);
	struct nf_ct_event item = {
		.ct	= ct,
		.report	= report,
	};
	int err;

	if (!e || !nf_ct_is_confirmed(ct))
		return 0;

	item.portid = READ_ONCE(e->portid) ? : portid;
	err = notify(e, eventmask, &item);

	/* Who destroyed it is to be told when the event is delivered in the end. */
	if (err < 0 && eventmask & BIT(IPCT_DESTROY) && !READ_ONCE(e->portid))
		WRITE_ONCE(e->portid, portid);
	return err;
}

/**
 * nf_ct_deliver_cached_events() - tell the listener of what is in the event cache
 * @ct: a connection; unless it is confirmed and alive its events wait
 *
 * Context: packet context or process.
 */
void nf_ct_deliver_cached_events(struct nf_conn *ct)
{
	struct nf_conntrack_ecache *e = nf_ct_ecache_find(ct);
	struct nf_ct_event item = { .ct = ct };

	if (!e || !nf_ct_is_confirmed(ct) || nf_ct_is_dying(ct))
		return;

	/* Most packets raise no event: leave the cache line shared. */
	if (READ_ONCE(e->cache) || READ_ONCE(e->missed))
		notify(e, xchg(&e->cache, 0), &item);
}

/**
 * nf_ct_expect_event_report() - tell the listener what happened to an expectation
 * @event: IPEXP_*
 * @exp: the expectation
 * @portid: netlink port of the process that did it, or zero
 * @report: did that process ask to be told, too?
 *
 * Context: any; nf_conntrack_expect_lock may be held.
 */
void nf_ct_expect_event_report(enum ip_conntrack_expect_events event,
			       struct nf_conntrack_expect *exp,
			       u32 portid, int report)
{
	const struct nf_conntrack_ecache *e = nf_ct_ecache_find(exp->master);
	const struct nf_ct_event_notifier *listener;
	struct nf_exp_event item = {
		.exp	= exp,
		.portid	= portid,
		.report	= report,
	};

	if (!e || !(e->expmask & BIT(event)))
		return;

	rcu_read_lock();
	listener = rcu_dereference(nf_ct_exp_net(exp)->ct.nf_conntrack_event_cb);
	if (listener)
		listener->exp_event(BIT(event), &item);
	rcu_read_unlock();
}
