// SPDX-License-Identifier: GPL-2.0-only
/* What extensions a new connection gets, and where they end. */
#include <linux/slab.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_synproxy.h>
#include <net/netfilter/nf_conntrack_timestamp.h>

#include "ext.h"

/**
 * ctng_ext_setup() - give a new connection what settings and template ask for
 * @ct: a new, unconfirmed connection that nobody else knows
 * @tmpl: the template of its first packet or NULL
 *
 * Accounting, timestamps and labels are best effort. Not so SYNPROXY, whose sequence
 * numbers would be wrong, and events: who counts on them must not miss a
 * connection.
 *
 * Context: packet context, rcu_read_lock() held.
 * Return: 0 or -ENOMEM.
 */
int ctng_ext_setup(struct nf_conn *ct, const struct nf_conn *tmpl)
{
	const struct nf_conntrack_ecache *ecache = NULL;

	if (tmpl) {
		if (!nf_ct_add_synproxy(ct, tmpl))
			return -ENOMEM;
		ctng_timeout_inherit(ct, tmpl);
		ecache = nf_ct_ecache_find(tmpl);
	}

	nf_ct_acct_ext_add(ct, GFP_ATOMIC);
	nf_ct_tstamp_ext_add(ct, GFP_ATOMIC);
	nf_ct_labels_ext_add(ct);

	if (!nf_ct_ecache_ext_add(ct, ecache ? ecache->ctmask : 0,
				  ecache ? ecache->expmask : 0, GFP_ATOMIC))
		return -ENOMEM;
	return 0;
}

/**
 * ctng_ext_free() - release a connection's extensions and what they hold
 * @ct: a connection or template that nobody refers to any more
 *
 * Context: any; does not sleep.
 */
void ctng_ext_free(struct nf_conn *ct)
{
	ctng_timeout_free(ct);
	kfree(ct->ext);
	ct->ext = NULL;
}

/**
 * ctng_ext_init_net() - the settings of a new namespace
 * @net: the namespace
 *
 * Context: process.
 */
void ctng_ext_init_net(struct net *net)
{
	net->ct.sysctl_acct = ctng_default_acct;
	net->ct.sysctl_tstamp = ctng_default_tstamp;
	net->ct.sysctl_events = CTNG_EVENTS_AUTO;
	ctng_ecache_init_net(net);
}

/**
 * ctng_ext_exit_net() - end of a namespace
 * @net: the namespace; its packets, and the listeners to its events, are gone
 *
 * Drops the connections that were kept for the redelivery of their end. They count as
 * connections of @net: call this before waiting for the count to become zero.
 *
 * Context: process, may sleep.
 */
void ctng_ext_exit_net(struct net *net)
{
	ctng_ecache_exit_net(net);
}
