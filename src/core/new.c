// SPDX-License-Identifier: GPL-2.0-only
/* The first packet of a flow makes a connection. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../expect/expect.h"
#include "../ext/ext.h"
#include "../trace/events.h"
#include "conn.h"

/**
 * ctng_conn_new() - make the connection that a packet starts
 * @net: the namespace.
 * @tmpl: what a rule says of it (zone, helper, timeouts, events), or NULL.
 * @tuple: tuple of the packet.
 * @skb: the packet.
 *
 * Context: softirq or BH off, under RCU.
 * Return: the connection, unconfirmed, with one reference, for the packet;
 * NULL if nothing can answer to such a packet; ERR_PTR(-ENOMEM) without memory
 * or room in the namespace.
 */
struct nf_conn *ctng_conn_new(struct net *net, struct nf_conn *tmpl,
			      const struct nf_conntrack_tuple *tuple,
			      struct sk_buff *skb)
{
	const struct nf_conntrack_zone *zone;
	struct nf_conntrack_expect *exp;
	struct nf_conntrack_tuple reply;
	struct nf_conntrack_zone tmp;
	struct nf_conn *ct;

	if (!nf_ct_invert_tuple(&reply, tuple))
		return NULL;

	zone = nf_ct_zone_tmpl(tmpl, skb, &tmp);
	ct = nf_conntrack_alloc(net, zone, tuple, &reply, GFP_ATOMIC);
	if (IS_ERR(ct))
		return ct;

	if (ctng_ext_setup(ct, tmpl)) {
		nf_conntrack_free(ct);
		return ERR_PTR(-ENOMEM);
	}

	exp = ctng_expect_claim(ct, tmpl, tuple);
	if (!exp)
		__nf_ct_try_assign_helper(ct, tmpl, GFP_ATOMIC);

	ctng_conn_publish(ct);
	trace_ct_new(ct, 0);

	if (exp) {
		if (exp->expectfn)
			exp->expectfn(ct, exp);
		nf_ct_expect_put(exp);
	}

	return ct;
}
