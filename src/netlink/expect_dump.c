// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps of expectations: of a namespace, or of one master.
 *
 * The expectations of a bucket, or of a master, are pinned together before the first of
 * them is told of, and unpinned one by one. So each one that lives throughout comes exactly
 * once, whatever is linked and unlinked around it, and no lock is held while a message is
 * built.
 */

#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_helper.h>

#include "expect.h"

/**
 * struct dump - where a dump stands; one process at a time works on it
 * @l3num: family asked for, or NFPROTO_UNSPEC.
 * @master: the only master asked for, with a reference, or NULL.
 * @bucket: the next one to be pinned; with @master, whether its were.
 * @size: room in @pinned.
 * @n: how many are in @pinned.
 * @next: the next to tell of; those before it are unpinned.
 * @pinned: the expectations of one bucket or of the master.
 */
struct dump {
	u8				l3num;
	struct nf_conn			*master;
	unsigned int			bucket;
	unsigned int			size;
	unsigned int			n;
	unsigned int			next;
	struct nf_conntrack_expect	**pinned;
};

static bool wanted(const struct dump *d, struct net *net, struct nf_conntrack_expect *exp)
{
	return net_eq(nf_ct_exp_net(exp), net) &&
	       (!d->l3num || exp->tuple.src.l3num == d->l3num);
}

/* Pin it if there is room; count it anyway. */
static void add(struct dump *d, struct net *net, struct nf_conntrack_expect *exp,
		unsigned int *found)
{
	if (!wanted(d, net, exp))
		return;
	if ((*found)++ < d->size && ctng_nl_expect_pin(exp))
		d->pinned[d->n++] = exp;
}

static unsigned int pin_all(struct dump *d, struct net *net)
{
	struct nf_conntrack_expect *exp;
	struct nf_conn_help *help;
	unsigned int found = 0;

	spin_lock_bh(&nf_conntrack_expect_lock);
	if (d->master) {
		help = nfct_help(d->master);
		if (help)
			hlist_for_each_entry(exp, &help->expectations, lnode)
				add(d, net, exp, &found);
	} else {
		hlist_for_each_entry(exp, &nf_ct_expect_hash[d->bucket], hnode)
			add(d, net, exp, &found);
	}
	spin_unlock_bh(&nf_conntrack_expect_lock);

	return found;
}

static void unpin_rest(struct dump *d)
{
	while (d->next < d->n)
		ctng_nl_expect_unpin(d->pinned[d->next++]);
	d->next = 0;
	d->n = 0;
}

/* Pin the next bucket; more room is made until all of it fits. */
static int fetch(struct dump *d, struct net *net)
{
	struct nf_conntrack_expect **more;
	unsigned int found;

	d->next = 0;
	d->n = 0;
	for (;;) {
		found = pin_all(d, net);
		if (found <= d->size)
			break;

		unpin_rest(d);
		more = kvmalloc_array(2 * found, sizeof(*more), GFP_KERNEL);
		if (!more)
			return -ENOMEM;
		kvfree(d->pinned);
		d->pinned = more;
		d->size = 2 * found;
	}
	d->bucket++;

	return 0;
}

static bool more_buckets(const struct dump *d)
{
	return d->bucket < (d->master ? 1 : nf_ct_expect_hsize);
}

/* Tell of what is pinned. Return: whether all of it fitted into the message. */
static bool tell(struct dump *d, struct sk_buff *skb, const struct netlink_callback *cb)
{
	struct nf_conntrack_expect *exp;
	int err;

	for (; d->next < d->n; d->next++) {
		exp = d->pinned[d->next];
		err = 0;
		rcu_read_lock();
		if (!nf_ct_exp_is_expired(exp))
			err = ctng_nl_put_expect_msg(skb, exp, NETLINK_CB(cb->skb).portid,
						     cb->nlh->nlmsg_seq, NLM_F_MULTI,
						     IPCTNL_MSG_EXP_NEW);
		rcu_read_unlock();
		if (err)
			return false;
		ctng_nl_expect_unpin(exp);
	}

	return true;
}

static int dump_some(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct dump *d = cb->data;
	int err;

	while (tell(d, skb, cb) && more_buckets(d)) {
		if (!d->master && hlist_empty(&nf_ct_expect_hash[d->bucket])) {
			d->bucket++;
			continue;
		}
		err = fetch(d, net);
		if (err)
			return err;
		cond_resched();
	}

	return skb->len;
}

static int dump_done(struct netlink_callback *cb)
{
	struct dump *d = cb->data;

	unpin_rest(d);
	kvfree(d->pinned);
	if (d->master)
		nf_ct_put(d->master);
	kfree(d);

	return 0;
}

static int dump_start(struct netlink_callback *cb)
{
	struct dump *request = cb->data, *d;

	d = kmemdup(request, sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	/* the reference is the dump's from here on */
	request->master = NULL;
	cb->data = d;

	return 0;
}

/**
 * ctng_nl_expect_dump() - tell of all expectations, or of those of one master
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_dump(struct sk_buff *skb, const struct nfnl_info *info,
			const struct nlattr * const cda[])
{
	struct dump request = { .l3num = info->nfmsg->nfgen_family };
	struct netlink_dump_control c = {
		.start	= dump_start,
		.dump	= dump_some,
		.done	= dump_done,
		.data	= &request,
	};
	struct nf_conntrack_zone zone;
	struct nf_conn *master;
	int err;

	if (cda[CTA_EXPECT_MASTER]) {
		err = ctng_nl_parse_zone(cda[CTA_EXPECT_ZONE], &zone, info->extack);
		if (err)
			return err;
		master = ctng_nl_expect_master(info, cda, &zone);
		if (IS_ERR(master))
			return PTR_ERR(master);
		request.master = master;
	}

	err = netlink_dump_start(info->sk, skb, info->nlh, &c);
	if (request.master)
		nf_ct_put(request.master);

	return err;
}
