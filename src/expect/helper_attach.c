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
 * Context: as @gfp says; no one else works on @ct.
 * Return: the extension, without a helper yet, or NULL.
 */
struct nf_conn_help *nf_ct_helper_ext_add(struct nf_conn *ct, gfp_t gfp)
{
	struct nf_conn_help *help;

	help = nf_ct_ext_add(ct, NF_CT_EXT_HELPER, gfp);
	if (help)
		INIT_HLIST_HEAD(&help->expectations);
	return help;
}

/**
 * __nf_ct_try_assign_helper - give a connection its template's helper
 * @ct: unconfirmed.
 * @tmpl: the template, or NULL.
 * @flags: how to allocate.
 *
 * A helper comes from a rule and from nowhere else: without one in the template
 * the connection has none, unless a rule has given it one before (IPS_HELPER).
 *
 * Context: as @flags says, under rcu_read_lock(); no one else works on @ct.
 * Return: 0, or -ENOMEM.
 */
int __nf_ct_try_assign_helper(struct nf_conn *ct, struct nf_conn *tmpl,
			      gfp_t flags)
{
	struct nf_conntrack_helper *helper = NULL, *has;
	struct nf_conn_help *help;

	if (test_bit(IPS_HELPER_BIT, &ct->status))
		return 0;

	help = tmpl ? nfct_help(tmpl) : NULL;
	if (help) {
		helper = rcu_dereference(help->helper);
		set_bit(IPS_HELPER_BIT, &ct->status);
	}

	help = nfct_help(ct);
	if (!helper) {
		if (help)
			RCU_INIT_POINTER(help->helper, NULL);
		return 0;
	}

	if (!help) {
		help = nf_ct_helper_ext_add(ct, flags);
		if (!help)
			return -ENOMEM;
	} else {
		/* what help->data holds is for a helper of the same kind only */
		has = rcu_dereference(help->helper);
		if (has && has->help != helper->help) {
			RCU_INIT_POINTER(help->helper, NULL);
			return 0;
		}
	}

	rcu_assign_pointer(help->helper, helper);
	return 0;
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
