// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what happens to connections and expectations, told to the netlink groups.
 *
 * A listener whose buffer is full loses the event and gets ENOBUFS, unless it asked for
 * reliable delivery (NETLINK_BROADCAST_ERROR with NETLINK_NO_ENOBUFS): then the event is
 * handed back, to come again with the next one, and a connection that ends waits until its
 * DESTROY event has got through.
 */

#include <linux/atomic.h>
#include <linux/module.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "expect.h"

/* What a full buffer costs is counted with the socket, in /proc/net/netlink. */
static atomic_long_t events_lost;

static int events_lost_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%ld\n", atomic_long_read(&events_lost));
}

static int events_lost_set(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops events_lost_ops = {
	.set = events_lost_set,
	.get = events_lost_get,
};

module_param_cb(events_lost, &events_lost_ops, NULL, 0444);
__MODULE_PARM_TYPE(events_lost, "long");
MODULE_PARM_DESC(events_lost, "Events that nobody was told of for want of memory.");

/*
 * Tell of it, or tell the listeners that they miss something.
 * Return: 0, or -ENOBUFS if a listener with reliable delivery did not get it.
 */
static int broadcast(struct net *net, struct sk_buff *msg, u32 portid, u32 group, int report)
{
	int err;

	if (!msg) {
		if (nfnetlink_set_err(net, 0, group, -ENOBUFS) > 0)
			return -ENOBUFS;
		atomic_long_inc(&events_lost);
		return 0;
	}

	err = nfnetlink_send(msg, net, portid, group, report, GFP_ATOMIC);
	return err == -ENOBUFS || err == -EAGAIN ? -ENOBUFS : 0;
}

static u32 group_of(unsigned int events)
{
	if (events & BIT(IPCT_DESTROY))
		return NFNLGRP_CONNTRACK_DESTROY;
	if (events & (BIT(IPCT_NEW) | BIT(IPCT_RELATED)))
		return NFNLGRP_CONNTRACK_NEW;
	return events ? NFNLGRP_CONNTRACK_UPDATE : NFNLGRP_NONE;
}

/* One that has run out has none to tell. */
static int put_timeout(struct sk_buff *msg, const struct nf_conn *ct)
{
	return nf_ct_expires(ct) < HZ ? 0 : ctng_nl_put_timeout(msg, ct);
}

/* What is left to know of a connection that has ended. */
static int put_end(struct sk_buff *msg, struct nf_conn *ct)
{
	return ctng_nl_put_counters(msg, ct, NULL) ?:
	       ctng_nl_put_timestamp(msg, ct) ?:
	       ctng_nl_put_protoinfo(msg, ct, true);
}

/* What has happened to one that lives, and its helper always. */
static int put_changes(struct sk_buff *msg, struct nf_conn *ct, unsigned int events)
{
	int err = 0;

	if (events & BIT(IPCT_PROTOINFO))
		err = ctng_nl_put_protoinfo(msg, ct, false);
	if (!err)
		err = ctng_nl_put_helper(msg, ct) ?:
		      ctng_nl_put_secctx(msg, ct);
	if (!err && events & BIT(IPCT_LABEL))
		err = ctng_nl_put_labels(msg, ct);
	if (!err && events & BIT(IPCT_RELATED))
		err = ctng_nl_put_master(msg, ct);
	if (!err && events & BIT(IPCT_SEQADJ))
		err = ctng_nl_put_seqadj(msg, ct);
	if (!err && events & BIT(IPCT_SYNPROXY))
		err = ctng_nl_put_synproxy(msg, ct);

	return err;
}

static int put_event(struct sk_buff *msg, unsigned int events, struct nf_conn *ct)
{
	return ctng_nl_put_tuples(msg, ct) ?:
	       ctng_nl_put_id(msg, ct) ?:
	       ctng_nl_put_status(msg, ct) ?:
	       put_timeout(msg, ct) ?:
	       (events & BIT(IPCT_DESTROY) ? put_end(msg, ct) :
					     put_changes(msg, ct, events)) ?:
	       ctng_nl_put_mark(msg, ct, events & BIT(IPCT_MARK));
}

static struct sk_buff *conn_message(unsigned int events, u32 group,
				    const struct nf_ct_event *item)
{
	struct nf_conn *ct = item->ct;
	struct nlmsghdr *nlh;
	struct sk_buff *msg;
	int type, flags;

	msg = nlmsg_new(NLMSG_ALIGN(sizeof(struct nfgenmsg)) + ctng_nl_size_conn(ct),
			GFP_ATOMIC);
	if (!msg)
		return NULL;

	type = group == NFNLGRP_CONNTRACK_DESTROY ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW;
	flags = group == NFNLGRP_CONNTRACK_NEW ? NLM_F_CREATE | NLM_F_EXCL : 0;
	nlh = nfnl_msg_put(msg, item->portid, 0, nfnl_msg_type(NFNL_SUBSYS_CTNETLINK, type),
			   flags, nf_ct_l3num(ct), NFNETLINK_V0, 0);
	if (!nlh || put_event(msg, events, ct)) {
		nlmsg_free(msg);
		return NULL;
	}
	nlmsg_end(msg, nlh);

	return msg;
}

/* Called under RCU, from packets with BH off or from processes. */
static int conn_event(unsigned int events, const struct nf_ct_event *item)
{
	struct net *net = nf_ct_net(item->ct);
	u32 group = group_of(events);

	if (!group || (!item->report && !nfnetlink_has_listeners(net, group)))
		return 0;

	return broadcast(net, conn_message(events, group, item), item->portid, group,
			 item->report);
}

static struct sk_buff *expect_message(u32 group, const struct nf_exp_event *item)
{
	bool new = group == NFNLGRP_CONNTRACK_EXP_NEW;
	struct sk_buff *msg;

	msg = nlmsg_new(ctng_nl_size_expect_msg(item->exp), GFP_ATOMIC);
	if (!msg)
		return NULL;

	if (ctng_nl_put_expect_msg(msg, item->exp, item->portid, 0,
				   new ? NLM_F_CREATE | NLM_F_EXCL : 0,
				   new ? IPCTNL_MSG_EXP_NEW : IPCTNL_MSG_EXP_DELETE)) {
		nlmsg_free(msg);
		return NULL;
	}

	return msg;
}

/* Called under RCU and nf_conntrack_expect_lock, so the master is there. */
static int expect_event(unsigned int events, const struct nf_exp_event *item)
{
	struct net *net = nf_ct_exp_net(item->exp);
	u32 group;

	group = events & BIT(IPEXP_DESTROY) ? NFNLGRP_CONNTRACK_EXP_DESTROY :
					      NFNLGRP_CONNTRACK_EXP_NEW;
	if (!item->report && !nfnetlink_has_listeners(net, group))
		return 0;

	/* Nobody sends it again. */
	broadcast(net, expect_message(group, item), item->portid, group, item->report);
	return 0;
}

static const struct nf_ct_event_notifier notifier = {
	.ct_event	= conn_event,
	.exp_event	= expect_event,
};

/**
 * ctng_nl_events_init_net() - tell of what happens in a namespace from now on
 * @net: the namespace.
 *
 * Context: may sleep.
 */
void ctng_nl_events_init_net(struct net *net)
{
	nf_conntrack_register_notifier(net, &notifier);
}

/**
 * ctng_nl_events_exit_net() - don't tell any more
 * @net: the namespace; its netlink socket is there until a grace period has passed, and
 *	so is this module.
 *
 * Context: may sleep.
 */
void ctng_nl_events_exit_net(struct net *net)
{
	nf_conntrack_unregister_notifier(net);
}
