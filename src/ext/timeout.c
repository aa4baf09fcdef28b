// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timeout policies: a rule may replace a connection's timeouts by a set of its own.
 *
 * References on a policy: its owner (nfnetlink_cttimeout or nft_ct) has one, each
 * extension that points to it has one, and a template that found it by name has
 * another one, together with one on the owner's module, both of which only the owner's
 * ->timeout_put() can drop.
 */
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_timeout.h>

#include "ext.h"

const struct nf_ct_timeout_hooks __rcu *nf_ct_timeout_hook __read_mostly;

/* Take the policy out of an extension; the extension's reference is the caller's then. */
static struct nf_ct_timeout *timeout_detach(struct nf_conn_timeout *ext)
{
	return (struct nf_ct_timeout __force *)xchg(&ext->timeout, NULL);
}

static void timeout_release(struct nf_ct_timeout *timeout)
{
	if (timeout && refcount_dec_and_test(&timeout->refcnt))
		kfree_rcu(timeout, rcu);
}

static int timeout_check(const struct nf_ct_timeout *timeout, u8 l3num, u8 l4num,
			 const char *name)
{
	if (timeout->l3num != l3num) {
		pr_info_ratelimited("timeout policy \"%s\" is for address family %u, not %u\n",
				    name, timeout->l3num, l3num);
		return -EINVAL;
	}
	if (timeout->l4proto->l4proto != l4num) {
		pr_info_ratelimited("timeout policy \"%s\" is for protocol %u, not %u\n",
				    name, timeout->l4proto->l4proto, l4num);
		return -EINVAL;
	}
	return 0;
}

/**
 * nf_ct_set_timeout() - make a template carry a timeout policy
 * @net: namespace of the policy
 * @ct: the template
 * @l3num: address family that the policy must be for
 * @l4num: protocol that the policy must be for
 * @timeout_name: name of the policy
 *
 * Undone by nf_ct_destroy_timeout().
 *
 * Context: process or softirq; does not sleep.
 * Return: 0; -ENOENT if there is no such policy, -EINVAL if it is for something else,
 * -ENOMEM.
 */
int nf_ct_set_timeout(struct net *net, struct nf_conn *ct, u8 l3num, u8 l4num,
		      const char *timeout_name)
{
	const struct nf_ct_timeout_hooks *hooks;
	struct nf_ct_timeout *timeout;
	int err;

	rcu_read_lock();
	err = -ENOENT;
	hooks = rcu_dereference(nf_ct_timeout_hook);
	if (!hooks) {
		pr_info_ratelimited("no timeout policies: nfnetlink_cttimeout is not loaded\n");
		goto out;
	}

	timeout = hooks->timeout_find_get(net, timeout_name);
	if (!timeout) {
		pr_info_ratelimited("no such timeout policy \"%s\"\n", timeout_name);
		goto out;
	}

	err = timeout_check(timeout, l3num, l4num, timeout_name);
	if (!err && !nf_ct_timeout_ext_add(ct, timeout, GFP_ATOMIC))
		err = -ENOMEM;
	if (err)
		hooks->timeout_put(timeout);
out:
	rcu_read_unlock();
	return err;
}

/**
 * nf_ct_destroy_timeout() - undo nf_ct_set_timeout()
 * @ct: the template
 *
 * Context: process or softirq; does not sleep.
 */
void nf_ct_destroy_timeout(struct nf_conn *ct)
{
	struct nf_conn_timeout *ext = ctng_ext_raw(ct, NF_CT_EXT_TIMEOUT);
	const struct nf_ct_timeout_hooks *hooks;
	struct nf_ct_timeout *timeout;

	timeout = ext ? timeout_detach(ext) : NULL;
	if (!timeout)
		return;

	rcu_read_lock();
	/* The owner's module cannot go before this: we hold a reference on it. */
	hooks = rcu_dereference(nf_ct_timeout_hook);
	if (!WARN_ON_ONCE(!hooks))
		hooks->timeout_put(timeout);
	rcu_read_unlock();
	timeout_release(timeout);
}

static int timeout_forget(struct nf_conn *ct, void *data)
{
	struct nf_conn_timeout *ext = ctng_ext_raw(ct, NF_CT_EXT_TIMEOUT);
	struct nf_ct_timeout *timeout = data;

	if (ext && (!timeout || rcu_access_pointer(ext->timeout) == timeout))
		timeout_release(timeout_detach(ext));
	return 0;	/* the connection stays */
}

/**
 * nf_ct_untimeout() - a timeout policy goes: its connections go back to the defaults
 * @net: the namespace
 * @timeout: the policy; NULL: all of them
 *
 * Connections that are not yet confirmed keep it, with the reference that they hold.
 *
 * Context: process, may sleep.
 */
void nf_ct_untimeout(struct net *net, struct nf_ct_timeout *timeout)
{
	struct nf_ct_iter_data iter = {
		.net	= net,
		.data	= timeout,
	};

	nf_ct_iterate_cleanup_net(timeout_forget, &iter);
}

/**
 * ctng_timeout_inherit() - a new connection takes its template's timeout policy
 * @ct: a new, unconfirmed connection
 * @tmpl: the template
 *
 * Context: packet context, rcu_read_lock() held.
 */
void ctng_timeout_inherit(struct nf_conn *ct, const struct nf_conn *tmpl)
{
	const struct nf_conn_timeout *ext = nf_ct_timeout_find(tmpl);

	if (ext)
		nf_ct_timeout_ext_add(ct, rcu_dereference(ext->timeout), GFP_ATOMIC);
}

/**
 * ctng_timeout_free() - a connection ends: drop its reference on a timeout policy
 * @ct: a connection or template that nobody refers to any more
 *
 * Context: any; does not sleep.
 */
void ctng_timeout_free(struct nf_conn *ct)
{
	struct nf_conn_timeout *ext = ctng_ext_raw(ct, NF_CT_EXT_TIMEOUT);

	if (ext)
		timeout_release(timeout_detach(ext));
}
