// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps of connections: of the table, and of the dying list.
 *
 * Between two parts of a dump only the place in the table is kept, no connection: a
 * program that asks for a dump and sleeps keeps nothing alive.
 */

#include <linux/slab.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "../core/conn.h"
#include "conn.h"

/**
 * struct dump - a dump of the table under way
 * @cursor: the first connection not yet told.
 * @zero: counters start anew from what is told.
 * @filtered: @filter counts.
 * @filter: which connections to tell.
 */
struct dump {
	struct ctng_cursor	cursor;
	bool			zero;
	bool			filtered;
	struct ctng_nl_filter	filter;
};

/* What a request for a dump of the table brings to its start. */
struct dump_request {
	const struct nlattr * const	*cda;
	struct netlink_ext_ack		*extack;
	bool				zero;
};

static int dump_start(struct netlink_callback *cb)
{
	const struct dump_request *request = cb->data;
	const struct nfgenmsg *nfmsg = nlmsg_data(cb->nlh);
	struct dump *dump;
	int err = 0;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;

	dump->zero = request->zero;
	dump->filtered = ctng_nl_has_filter(nfmsg->nfgen_family, request->cda);
	if (dump->filtered) {
		rcu_read_lock();
		err = ctng_nl_filter_parse(&dump->filter, nfmsg->nfgen_family, request->cda,
					   request->extack);
		rcu_read_unlock();
	}
	if (err) {
		kfree(dump);
		return err;
	}
	cb->data = dump;

	return 0;
}

static int dump_done(struct netlink_callback *cb)
{
	kfree(cb->data);

	return 0;
}

/* Whether to tell a connection; one that expired is removed, as a packet would do it. */
static bool dump_wants(const struct dump *dump, struct nf_conn *ct)
{
	if (nf_ct_is_expired(ct)) {
		if (nf_ct_should_gc(ct))
			nf_ct_kill(ct);
		return false;
	}

	if (!ctng_is_listed(ct))
		return false;

	return !dump->filtered || ctng_nl_filter_match(&dump->filter, ct);
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb, struct nf_conn *ct,
		    struct ctng_nl_counted *counted)
{
	const struct dump *dump = cb->data;
	int err;

	rcu_read_lock();
	err = ctng_nl_fill(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   dump->filtered ? NLM_F_DUMP_FILTERED : 0, ct, 1, counted);
	rcu_read_unlock();

	return err;
}

/*
 * Tells a batch, in the order of positions; if it does not fit the cursor is set back.
 * Those of one position are told together or not at all.
 */
static int dump_batch(struct sk_buff *skb, struct netlink_callback *cb,
		      struct nf_conn **batch, unsigned int n)
{
	struct ctng_nl_counted counted[CTNG_WALK_BATCH];
	bool told[CTNG_WALK_BATCH] = {};
	struct dump *dump = cb->data;
	unsigned int i, fit = n, len = skb->len;
	u32 pos = 0, next;
	int err = 0;

	for (i = 0; i < n; i++) {
		next = ctng_walk_position(batch[i]);
		if (next != pos)
			len = skb->len;
		pos = next;

		if (!dump_wants(dump, batch[i]))
			continue;
		err = dump_one(skb, cb, batch[i], &counted[i]);
		if (err)
			break;
		told[i] = true;
	}

	if (err) {
		nlmsg_trim(skb, skb->data + len);
		ctng_walk_back(&dump->cursor, batch[i]);
		for (fit = i; fit && ctng_walk_position(batch[fit - 1]) == pos; fit--)
			;
	}

	for (i = 0; dump->zero && i < fit; i++) {
		if (told[i])
			ctng_nl_zero_counters(batch[i], &counted[i]);
	}

	return err;
}

/* Whether the dump was disturbed, as a sequence number that may not change. */
enum { WHOLE = 1, TWICE };

static int dump_table(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nf_conn *batch[CTNG_WALK_BATCH];
	struct net *net = sock_net(skb->sk);
	struct dump *dump = cb->data;
	unsigned int i, n;
	int err = 0;

	cb->prev_seq = WHOLE;
	while (!err && !ctng_cursor_done(&dump->cursor)) {
		n = ctng_walk(net, &dump->cursor, batch, ARRAY_SIZE(batch));
		err = dump_batch(skb, cb, batch, n);
		for (i = 0; i < n; i++)
			nf_ct_put(batch[i]);
		cond_resched();
	}

	/* Told twice, perhaps: then the last message says so (NLM_F_DUMP_INTR). */
	cb->seq = dump->cursor.again ? TWICE : WHOLE;

	/* A message that has no other in front of it will not fit next time either. */
	return skb->len ?: err;
}

/**
 * ctng_nl_dump_table() - IPCTNL_MSG_CT_GET and _GET_CTRZERO: tell the connections
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes, which may be a filter.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_dump_table(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[])
{
	struct dump_request request = {
		.cda	= cda,
		.extack	= info->extack,
		.zero	= NFNL_MSG_TYPE(info->nlh->nlmsg_type) == IPCTNL_MSG_CT_GET_CTRZERO,
	};
	struct netlink_dump_control c = {
		.start	= dump_start,
		.dump	= dump_table,
		.done	= dump_done,
		.data	= &request,
	};

	return netlink_dump_start(info->sk, skb, info->nlh, &c);
}

/*
 * The dying list grows and shrinks at its head. So if the connection that was told last
 * has left it, then all those in front of it, too, and what is left was not told yet;
 * a few in front may have come since.
 */
static unsigned int collect_dying(struct net *net, const struct nf_conn *last,
				  struct nf_conn **batch, unsigned int max)
{
	struct nf_conntrack_net_ecache *ecache = nf_conn_pernet_ecache(net);
	const struct hlist_nulls_node *here;
	struct hlist_nulls_node *node;
	unsigned int n = 0;

	spin_lock_bh(&ecache->dying_lock);
	here = last ? &last->tuplehash[IP_CT_DIR_REPLY].hnnode : NULL;
	node = here && here->pprev ? here->next : ecache->dying_list.first;
	for (; n < max && !is_a_nulls(node); node = node->next) {
		batch[n] = container_of(node, struct nf_conn,
					tuplehash[IP_CT_DIR_REPLY].hnnode);
		refcount_inc(&batch[n++]->ct_general.use);
	}
	spin_unlock_bh(&ecache->dying_lock);

	return n;
}

static int dump_dying_one(struct sk_buff *skb, struct netlink_callback *cb, struct nf_conn *ct)
{
	const struct nfgenmsg *nfmsg = nlmsg_data(cb->nlh);
	int err;

	if (nfmsg->nfgen_family && nfmsg->nfgen_family != nf_ct_l3num(ct))
		return 0;

	rcu_read_lock();
	err = ctng_nl_fill(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, 0, ct, 1, NULL);
	rcu_read_unlock();

	return err;
}

/* cb->data is the connection that was told last, with a reference. */
static int dump_dying(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nf_conn *batch[CTNG_WALK_BATCH], *last = cb->data;
	unsigned int i, n;
	int err = 0;

	do {
		n = collect_dying(sock_net(skb->sk), last, batch, ARRAY_SIZE(batch));
		for (i = 0; i < n; i++) {
			if (!err)
				err = dump_dying_one(skb, cb, batch[i]);
			if (err) {
				nf_ct_put(batch[i]);
				continue;
			}
			if (last)
				nf_ct_put(last);
			last = batch[i];
		}
		cond_resched();
	} while (n && !err);
	cb->data = last;

	return skb->len ?: err;
}

static int dump_dying_done(struct netlink_callback *cb)
{
	if (cb->data)
		nf_ct_put(cb->data);

	return 0;
}

/**
 * ctng_nl_dump_dying() - IPCTNL_MSG_CT_GET_DYING: tell those whose end is not yet known
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_dump_dying(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[])
{
	struct netlink_dump_control c = {
		.dump	= dump_dying,
		.done	= dump_dying_done,
	};

	if (!(info->nlh->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;

	return netlink_dump_start(info->sk, skb, info->nlh, &c);
}

static int dump_nothing(struct sk_buff *skb, struct netlink_callback *cb)
{
	return 0;
}

/**
 * ctng_nl_dump_unconfirmed() - IPCTNL_MSG_CT_GET_UNCONFIRMED: no list of those is kept
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_dump_unconfirmed(struct sk_buff *skb, const struct nfnl_info *info,
			     const struct nlattr * const cda[])
{
	struct netlink_dump_control c = { .dump = dump_nothing };

	if (!(info->nlh->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;

	return netlink_dump_start(info->sk, skb, info->nlh, &c);
}
