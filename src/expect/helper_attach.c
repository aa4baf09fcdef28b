// SPDX-License-Identifier: GPL-2.0-only
/* A connection and its helper: getting one, losing it, complaining about it. */

#include <linux/rculist.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_log.h>

#include "expect.h"

/**
 * nf_ct_helper_ext_add - give a connection room for a helper
 * @ct: unconfirmed or a template.
 * @gfp: how to allocate.
 *
 * From here on no template changes the choice (IPS_HELPER).
 *
 * Context: as @gfp says; no one else works on @ct.
 * Return: the extension, without a helper yet, or NULL.
 */
struct nf_conn_help *nf_ct_helper_ext_add(struct nf_conn *ct, gfp_t gfp)
{
	struct nf_conn_help *help;

	help = nf_ct_ext_add(ct, NF_CT_EXT_HELPER, gfp);
	if (help) {
		INIT_HLIST_HEAD(&help->expectations);
		set_bit(IPS_HELPER_BIT, &ct->status);
	}
	return help;
}

/**
 * __nf_ct_try_assign_helper - give a connection its template's helper
 * @ct: unconfirmed.
 * @tmpl: the template, or NULL.
 * @flags: how to allocate.
 *
 * A helper comes from a rule and from nowhere else. The first one to say keeps
 * it: an extension that is there already, with or without a helper, stays.
 *
 * Context: packet path: @flags must not sleep; no one else works on @ct.
 * Return: 0, or -ENOMEM.
 */
int __nf_ct_try_assign_helper(struct nf_conn *ct, struct nf_conn *tmpl,
			      gfp_t flags)
{
	struct nf_conntrack_helper *helper;
	struct nf_conn_help *help;
	int err = 0;

	if (!tmpl || test_bit(IPS_HELPER_BIT, &ct->status))
		return 0;

	help = nfct_help(tmpl);
	if (!help)
		return 0;

	rcu_read_lock();
	helper = rcu_dereference(help->helper);
	if (helper) {
		help = nf_ct_helper_ext_add(ct, flags);
		if (help)
			rcu_assign_pointer(help->helper, helper);
		else
			err = -ENOMEM;
	}
	rcu_read_unlock();
	return err;
}

/**
 * nf_ct_helper_destroy - tell the helper that its connection ends
 * @ct: the connection, on its way out.
 *
 * Context: any.
 */
void nf_ct_helper_destroy(struct nf_conn *ct)
{
	const struct nf_conntrack_helper *helper;
	const struct nf_conn_help *help = nfct_help(ct);

	if (!help)
		return;

	rcu_read_lock();
	helper = rcu_dereference(help->helper);
	if (helper && helper->destroy)
		helper->destroy(ct);
	rcu_read_unlock();
}

/**
 * nf_ct_helper_log - log that a helper drops a packet, and why
 * @skb: the packet.
 * @ct: its connection.
 * @fmt: the reason, as for printk().
 *
 * Context: packet path, under rcu_read_lock().
 */
void nf_ct_helper_log(struct sk_buff *skb, const struct nf_conn *ct,
		      const char *fmt, ...)
{
	const struct nf_conn_help *help = nfct_help(ct);
	const struct nf_conntrack_helper *helper;
	struct va_format vaf;
	va_list args;

	/* It may have been unregistered while it works on this packet. */
	helper = help ? rcu_dereference(help->helper) : NULL;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	nf_log_packet(nf_ct_net(ct), nf_ct_l3num(ct), 0, skb, NULL, NULL, NULL,
		      "nf_ct_%s: dropping packet: %pV ",
		      helper ? helper->name : "helper", &vaf);
	va_end(args);
}
