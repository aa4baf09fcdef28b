// SPDX-License-Identifier: GPL-2.0-only
/* The NAT halves of helpers, by name, so that a rule can keep one loaded. */

#include <linux/errno.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>

#include "expect.h"

/* Writers hold the mutex, readers are under RCU. */
static DEFINE_MUTEX(nat_helper_mutex);
static LIST_HEAD(nat_helpers);

/**
 * nf_nat_helper_register - make the NAT half of a helper known
 * @nat: the NAT half.
 *
 * Context: may sleep.
 */
void nf_nat_helper_register(struct nf_conntrack_nat_helper *nat)
{
	mutex_lock(&nat_helper_mutex);
	list_add_rcu(&nat->list, &nat_helpers);
	mutex_unlock(&nat_helper_mutex);
}

/**
 * nf_nat_helper_unregister - make the NAT half of a helper unknown
 * @nat: the NAT half; its owner waits for a grace period before it goes.
 *
 * Context: may sleep.
 */
void nf_nat_helper_unregister(struct nf_conntrack_nat_helper *nat)
{
	mutex_lock(&nat_helper_mutex);
	list_del_rcu(&nat->list);
	mutex_unlock(&nat_helper_mutex);
}

static struct nf_conntrack_nat_helper *find(const char *mod_name)
{
	struct nf_conntrack_nat_helper *nat;

	list_for_each_entry_rcu(nat, &nat_helpers, list)
		if (!strcmp(nat->mod_name, mod_name))
			return nat;
	return NULL;
}

/* Asks for the module to load by giving its name in @wanted, "" if none. */
static int nat_helper_get(const char *name, u16 l3num, u8 protonum,
			  char wanted[NF_CT_HELPER_NAME_LEN])
{
	const struct nf_conntrack_nat_helper *nat;
	const struct nf_conntrack_helper *helper;
	int err = -ENOENT;

	wanted[0] = '\0';
	rcu_read_lock();
	helper = __nf_conntrack_helper_find(name, l3num, protonum);
	if (!helper)
		goto unlock;

	nat = find(helper->nat_mod_name);
	if (!nat)
		strscpy(wanted, helper->nat_mod_name, NF_CT_HELPER_NAME_LEN);
	else if (try_module_get(nat->module))
		err = 0;
unlock:
	rcu_read_unlock();
	return err;
}

/**
 * nf_nat_helper_try_module_get - get the NAT half of a helper, loading it if
 *	need be
 * @name: the helper's name.
 * @l3num: the family that it must serve.
 * @protonum: the layer 4 protocol that it must serve.
 *
 * Context: may sleep.
 * Return: 0, or -ENOENT if the helper or its NAT half is not there.
 */
int nf_nat_helper_try_module_get(const char *name, u16 l3num, u8 protonum)
{
	char wanted[NF_CT_HELPER_NAME_LEN];
	int err;

	err = nat_helper_get(name, l3num, protonum, wanted);
	if (err && wanted[0]) {
		request_module("%s", wanted);
		err = nat_helper_get(name, l3num, protonum, wanted);
	}
	return err;
}

/**
 * nf_nat_helper_put - undo nf_nat_helper_try_module_get()
 * @helper: the helper whose NAT half it is.
 *
 * Context: any.
 */
void nf_nat_helper_put(struct nf_conntrack_helper *helper)
{
	const struct nf_conntrack_nat_helper *nat;

	/* A module in use cannot have unregistered. */
	rcu_read_lock();
	nat = find(helper->nat_mod_name);
	if (!WARN_ON_ONCE(!nat))
		module_put(nat->module);
	rcu_read_unlock();
}
