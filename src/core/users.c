// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who needs connection tracking in a namespace: the hooks are there as long as
 * somebody does, rule sets mostly.
 */

#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_bridge.h>

#include "../net.h"
#include "../proto/proto.h"
#include "hooks.h"

/* Protects the users_* counts of all namespaces, and bridge. */
static DEFINE_MUTEX(users_mutex);

/* The hooks of nf_conntrack_bridge.ko, while it is loaded. */
static struct nf_ct_bridge_info *bridge;

static int family_start(struct net *net, unsigned int *users,
			const struct nf_hook_ops *ops, int (*defrag)(struct net *net),
			void (*defrag_stop)(struct net *net))
{
	int err;

	lockdep_assert_held(&users_mutex);

	if (*users) {
		(*users)++;
		return 0;
	}

	err = defrag(net);
	if (err)
		return err;

	err = nf_register_net_hooks(net, ops, CTNG_HOOKS);
	if (err) {
		defrag_stop(net);
		return err;
	}
	*users = 1;

	return 0;
}

static void family_stop(struct net *net, unsigned int *users,
			const struct nf_hook_ops *ops,
			void (*defrag_stop)(struct net *net))
{
	lockdep_assert_held(&users_mutex);

	if (!*users || --*users)
		return;

	nf_unregister_net_hooks(net, ops, CTNG_HOOKS);
	defrag_stop(net);
}

static int bridge_start(struct net *net)
{
	unsigned int *users = &nf_ct_pernet(net)->users_bridge;
	int err;

	lockdep_assert_held(&users_mutex);

	if (!bridge) {
		mutex_unlock(&users_mutex);
		request_module("nf_conntrack_bridge");
		mutex_lock(&users_mutex);
	}
	if (!bridge || !try_module_get(bridge->me))
		return -EPROTO;

	if (!*users) {
		err = nf_register_net_hooks(net, bridge->ops, bridge->ops_size);
		if (err) {
			module_put(bridge->me);
			return err;
		}
	}
	(*users)++;

	return 0;
}

static void bridge_stop(struct net *net)
{
	unsigned int *users = &nf_ct_pernet(net)->users_bridge;

	lockdep_assert_held(&users_mutex);

	if (!bridge || !*users)
		return;

	if (!--*users)
		nf_unregister_net_hooks(net, bridge->ops, bridge->ops_size);
	module_put(bridge->me);
}

static int resync_windows(struct nf_conn *ct, void *data)
{
	const u8 *l3num = data;

	if (nf_ct_protonum(ct) == IPPROTO_TCP && nf_ct_l3num(ct) == *l3num)
		ctng_tcp_resync(ct);

	return 0;
}

/* The hooks of a family come back: packets went by meanwhile, unseen. */
static void resync(struct net *net, u8 l3num)
{
	struct nf_ct_iter_data iter_data = { .net = net, .data = &l3num };

	nf_ct_iterate_cleanup_net(resync_windows, &iter_data);
}

static int family_get(struct net *net, u8 nfproto)
{
	struct nf_conntrack_net *cnet = nf_ct_pernet(net);
	bool fresh = false;
	int err = -EPROTO;

	mutex_lock(&users_mutex);
	switch (nfproto) {
	case NFPROTO_IPV4:
		fresh = !cnet->users4;
		err = family_start(net, &cnet->users4, ctng_hooks_v4,
				   nf_defrag_ipv4_enable, nf_defrag_ipv4_disable);
		break;
	case NFPROTO_IPV6:
		fresh = !cnet->users6;
		err = family_start(net, &cnet->users6, ctng_hooks_v6,
				   nf_defrag_ipv6_enable, nf_defrag_ipv6_disable);
		break;
	case NFPROTO_BRIDGE:
		err = bridge_start(net);
		break;
	}
	mutex_unlock(&users_mutex);

	if (!err && fresh)
		resync(net, nfproto);

	return err;
}

static void family_put(struct net *net, u8 nfproto)
{
	struct nf_conntrack_net *cnet = nf_ct_pernet(net);

	mutex_lock(&users_mutex);
	switch (nfproto) {
	case NFPROTO_IPV4:
		family_stop(net, &cnet->users4, ctng_hooks_v4, nf_defrag_ipv4_disable);
		break;
	case NFPROTO_IPV6:
		family_stop(net, &cnet->users6, ctng_hooks_v6, nf_defrag_ipv6_disable);
		break;
	case NFPROTO_BRIDGE:
		bridge_stop(net);
		break;
	}
	mutex_unlock(&users_mutex);
}

/* The families behind one that a rule set may ask for. */
static unsigned int families_of(u8 nfproto, u8 families[3])
{
	unsigned int n = 0;

	switch (nfproto) {
	case NFPROTO_BRIDGE:
		families[n++] = NFPROTO_BRIDGE;
		fallthrough;
	case NFPROTO_INET:
		families[n++] = NFPROTO_IPV4;
		families[n++] = NFPROTO_IPV6;
		break;
	default:
		families[n++] = nfproto;
	}

	return n;
}

/**
 * nf_ct_netns_get() - switch connection tracking on in a namespace
 * @net: the namespace.
 * @nfproto: NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET or NFPROTO_BRIDGE.
 *
 * Context: process, may sleep.
 * Return: 0, to be undone by nf_ct_netns_put(); -EPROTO for another family or
 * without nf_conntrack_bridge.ko; an error from registering hooks.
 */
int nf_ct_netns_get(struct net *net, u8 nfproto)
{
	unsigned int i, n;
	u8 families[3];
	int err;

	n = families_of(nfproto, families);
	for (i = 0; i < n; i++) {
		err = family_get(net, families[i]);
		if (err)
			goto undo;
	}

	return 0;
undo:
	while (i--)
		family_put(net, families[i]);

	return err;
}

/**
 * nf_ct_netns_put() - undo nf_ct_netns_get()
 * @net: the namespace.
 * @nfproto: as it was given there.
 *
 * Context: process, may sleep.
 */
void nf_ct_netns_put(struct net *net, u8 nfproto)
{
	unsigned int n;
	u8 families[3];

	n = families_of(nfproto, families);
	while (n--)
		family_put(net, families[n]);
}

/**
 * nf_ct_bridge_register() - nf_conntrack_bridge.ko is there
 * @info: its hooks.
 *
 * Context: process, may sleep.
 */
void nf_ct_bridge_register(struct nf_ct_bridge_info *info)
{
	WARN_ON(bridge);
	mutex_lock(&users_mutex);
	bridge = info;
	mutex_unlock(&users_mutex);
}

/**
 * nf_ct_bridge_unregister() - nf_conntrack_bridge.ko goes away
 * @info: its hooks; no namespace uses them.
 *
 * Context: process, may sleep.
 */
void nf_ct_bridge_unregister(struct nf_ct_bridge_info *info)
{
	WARN_ON(!bridge);
	mutex_lock(&users_mutex);
	bridge = NULL;
	mutex_unlock(&users_mutex);
}
