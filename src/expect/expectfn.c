// SPDX-License-Identifier: GPL-2.0-only
/* Names for the functions that expectations call, so that netlink can say them. */

#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "expect.h"

/* Writers hold nf_conntrack_expect_lock, readers are under RCU. */
static LIST_HEAD(expectfns);

/**
 * nf_ct_helper_expectfn_register - name a function
 * @n: the function and its name.
 *
 * Context: BH or process.
 */
void nf_ct_helper_expectfn_register(struct nf_ct_helper_expectfn *n)
{
	spin_lock_bh(&nf_conntrack_expect_lock);
	list_add_rcu(&n->head, &expectfns);
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

/**
 * nf_ct_helper_expectfn_unregister - forget the name
 * @n: the function and its name; its owner waits for a grace period and calls
 *	nf_ct_helper_expectfn_destroy() before it goes.
 *
 * Context: BH or process.
 */
void nf_ct_helper_expectfn_unregister(struct nf_ct_helper_expectfn *n)
{
	spin_lock_bh(&nf_conntrack_expect_lock);
	list_del_rcu(&n->head);
	spin_unlock_bh(&nf_conntrack_expect_lock);
}

static bool calls(struct nf_conntrack_expect *exp, void *data)
{
	const struct nf_ct_helper_expectfn *n = data;

	return exp->expectfn == n->expectfn;
}

/**
 * nf_ct_helper_expectfn_destroy - remove the expectations that call a function
 * @n: the function and its name, unregistered.
 *
 * Context: may sleep.
 */
void nf_ct_helper_expectfn_destroy(const struct nf_ct_helper_expectfn *n)
{
	nf_ct_expect_iterate_destroy(calls, (void *)n);
}

/**
 * nf_ct_helper_expectfn_find_by_name - find a function by its name
 * @name: the name.
 *
 * Context: under rcu_read_lock().
 * Return: the function and its name, or NULL.
 */
struct nf_ct_helper_expectfn *
nf_ct_helper_expectfn_find_by_name(const char *name)
{
	struct nf_ct_helper_expectfn *n;

	list_for_each_entry_rcu(n, &expectfns, head)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

/**
 * nf_ct_helper_expectfn_find_by_symbol - find the name of a function
 * @symbol: its address.
 *
 * Context: under rcu_read_lock().
 * Return: the function and its name, or NULL.
 */
struct nf_ct_helper_expectfn *
nf_ct_helper_expectfn_find_by_symbol(const void *symbol)
{
	struct nf_ct_helper_expectfn *n;

	list_for_each_entry_rcu(n, &expectfns, head)
		if (n->expectfn == symbol)
			return n;
	return NULL;
}
