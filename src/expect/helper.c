// SPDX-License-Identifier: GPL-2.0-only
/* The registry of helpers. */

#include <linux/errno.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "../core/packet.h"
#include "expect.h"

/* Writers hold the mutex, readers are under RCU. */
static DEFINE_MUTEX(helper_mutex);
struct hlist_head *nf_ct_helper_hash __read_mostly;
unsigned int nf_ct_helper_hsize __read_mostly;

/* A few dozen helpers at most, and none is looked up per packet. */
static struct hlist_head *helper_bucket(const struct nf_conntrack_tuple *tuple)
{
	u32 key = (u32)tuple->src.l3num << 8 ^ tuple->dst.protonum ^
		  (__force u16)tuple->src.u.all;

	return &nf_ct_helper_hash[key % nf_ct_helper_hsize];
}

static bool serves(const struct nf_conntrack_helper *helper, const char *name,
		   u16 l3num, u8 protonum)
{
	return (helper->tuple.src.l3num == l3num ||
		helper->tuple.src.l3num == NFPROTO_UNSPEC) &&
	       helper->tuple.dst.protonum == protonum &&
	       !strcmp(helper->name, name);
}

/**
 * __nf_conntrack_helper_find - find a helper by name
 * @name: its name.
 * @l3num: the family that it must serve.
 * @protonum: the layer 4 protocol that it must serve.
 *
 * Context: under rcu_read_lock(), which is all that keeps the result alive.
 * Return: the helper, or NULL.
 */
struct nf_conntrack_helper *
__nf_conntrack_helper_find(const char *name, u16 l3num, u8 protonum)
{
	struct nf_conntrack_helper *helper;
	unsigned int i;

	for (i = 0; i < nf_ct_helper_hsize; i++)
		hlist_for_each_entry_rcu(helper, &nf_ct_helper_hash[i], hnode)
			if (serves(helper, name, l3num, protonum))
				return helper;
	return NULL;
}

static struct nf_conntrack_helper *
helper_get(const char *name, u16 l3num, u8 protonum, bool *found)
{
	struct nf_conntrack_helper *helper;

	rcu_read_lock();
	helper = __nf_conntrack_helper_find(name, l3num, protonum);
	*found = helper;
	if (helper && !try_module_get(helper->me))
		helper = NULL;
	if (helper && !refcount_inc_not_zero(&helper->refcnt)) {
		module_put(helper->me);
		helper = NULL;
	}
	rcu_read_unlock();
	return helper;
}

/**
 * nf_conntrack_helper_try_module_get - get a helper, loading it if need be
 * @name: its name.
 * @l3num: the family that it must serve.
 * @protonum: the layer 4 protocol that it must serve.
 *
 * Context: may sleep.
 * Return: the helper with a reference on it and its module, or NULL.
 */
struct nf_conntrack_helper *
nf_conntrack_helper_try_module_get(const char *name, u16 l3num, u8 protonum)
{
	struct nf_conntrack_helper *helper;
	bool found;

	helper = helper_get(name, l3num, protonum, &found);
	if (!found && !request_module("nfct-helper-%s", name))
		helper = helper_get(name, l3num, protonum, &found);
	return helper;
}

/**
 * nf_conntrack_helper_put - undo nf_conntrack_helper_try_module_get()
 * @helper: the helper.
 *
 * Context: any.
 */
void nf_conntrack_helper_put(struct nf_conntrack_helper *helper)
{
	refcount_dec(&helper->refcnt);
	module_put(helper->me);
}

/**
 * nf_ct_helper_init - fill in a helper
 * @helper: what to fill in; zeroed by the caller.
 * @l3num: family that it serves.
 * @protonum: layer 4 protocol that it serves.
 * @name: its name, and its NAT half's after a prefix.
 * @default_port: the port that its protocol usually has.
 * @spec_port: the port that this one is for; if another, @id is added to the
 *	name.
 * @id: number of this one among its module's.
 * @exp_pol: policies, one for each class.
 * @expect_class_max: the highest class.
 * @help: called with each packet of a connection that has the helper.
 * @from_nlattr: takes private data from netlink, or NULL.
 * @module: owner.
 *
 * Context: any.
 */
void nf_ct_helper_init(struct nf_conntrack_helper *helper,
		       u16 l3num, u16 protonum, const char *name,
		       u16 default_port, u16 spec_port, u32 id,
		       const struct nf_conntrack_expect_policy *exp_pol,
		       u32 expect_class_max,
		       int (*help)(struct sk_buff *skb, unsigned int protoff,
				   struct nf_conn *ct,
				   enum ip_conntrack_info ctinfo),
		       int (*from_nlattr)(struct nlattr *attr,
					  struct nf_conn *ct),
		       struct module *module)
{
	helper->tuple.src.l3num = l3num;
	helper->tuple.src.u.all = htons(spec_port);
	helper->tuple.dst.protonum = protonum;
	helper->expect_policy = exp_pol;
	helper->expect_class_max = expect_class_max;
	helper->help = help;
	helper->from_nlattr = from_nlattr;
	helper->me = module;

	if (spec_port == default_port)
		snprintf(helper->name, sizeof(helper->name), "%s", name);
	else
		snprintf(helper->name, sizeof(helper->name), "%s-%u", name, id);
	snprintf(helper->nat_mod_name, sizeof(helper->nat_mod_name),
		 NF_NAT_HELPER_PREFIX "%s", name);
}

static int check_policies(const struct nf_conntrack_helper *helper)
{
	unsigned int class;

	if (WARN_ON(!helper->expect_policy ||
		    helper->expect_class_max >= NF_CT_MAX_EXPECT_CLASSES ||
		    strnlen(helper->name, sizeof(helper->name)) ==
		    sizeof(helper->name)))
		return -EINVAL;

	/* nf_conn_help.expecting[] counts no further */
	for (class = 0; class <= helper->expect_class_max; class++)
		if (helper->expect_policy[class].max_expected >
		    NF_CT_EXPECT_MAX_CNT)
			return -EINVAL;
	return 0;
}

/*
 * Two kernel helpers for one port make no sense. Those in user space have no
 * port, only a name.
 */
static bool conflict(const struct nf_conntrack_helper *cur,
		     const struct nf_conntrack_helper *me)
{
	if (serves(cur, me->name, me->tuple.src.l3num, me->tuple.dst.protonum))
		return true;
	return !(me->flags & NF_CT_HELPER_F_USERSPACE) &&
	       cur->tuple.src.l3num == me->tuple.src.l3num &&
	       cur->tuple.dst.protonum == me->tuple.dst.protonum &&
	       cur->tuple.src.u.all == me->tuple.src.u.all;
}

/**
 * nf_conntrack_helper_register - make a helper known
 * @me: the helper; it stays until nf_conntrack_helper_unregister().
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of that name serves the same family and protocol
 *	already, or another one the same port; -EINVAL if it is filled in badly.
 */
int nf_conntrack_helper_register(struct nf_conntrack_helper *me)
{
	struct nf_conntrack_helper *cur;
	unsigned int i;
	int err;

	err = check_policies(me);
	if (err)
		return err;

	mutex_lock(&helper_mutex);
	for (i = 0; i < nf_ct_helper_hsize; i++) {
		hlist_for_each_entry(cur, &nf_ct_helper_hash[i], hnode) {
			if (conflict(cur, me)) {
				err = -EBUSY;
				goto unlock;
			}
		}
	}
	refcount_set(&me->refcnt, 1);
	hlist_add_head_rcu(&me->hnode, helper_bucket(&me->tuple));
unlock:
	mutex_unlock(&helper_mutex);
	return err;
}

static bool expect_uses(struct nf_conntrack_expect *exp, void *data)
{
	const struct nf_conntrack_helper *me = data;

	return rcu_access_pointer(exp->helper) == me ||
	       rcu_access_pointer(exp->assign_helper) == me;
}

static int unhelp(struct nf_conn *ct, void *data)
{
	struct nf_conn_help *help = nfct_help(ct);

	if (help && rcu_access_pointer(help->helper) == data) {
		nf_conntrack_event(IPCT_HELPER, ct);
		RCU_INIT_POINTER(help->helper, NULL);
	}
	return 0;
}

/**
 * nf_conntrack_helper_unregister - make a helper unknown, everywhere
 * @me: the helper; no one has a reference from
 *	nf_conntrack_helper_try_module_get(). Nothing calls or reads it any more
 *	when this returns.
 *
 * Context: may sleep.
 */
void nf_conntrack_helper_unregister(struct nf_conntrack_helper *me)
{
	mutex_lock(&helper_mutex);
	hlist_del_init_rcu(&me->hnode);
	mutex_unlock(&helper_mutex);

	/*
	 * After this all see ctng_helper_registered() false: no connection and no
	 * expectation gets the helper that had not got it before.
	 */
	synchronize_rcu();

	nf_ct_expect_iterate_destroy(expect_uses, me);
	/* takes care of connections not in the table, too */
	nf_ct_iterate_destroy(unhelp, me);

	/* packets inside of me->help(), and readers of exp->helper */
	synchronize_rcu();
}

/**
 * nf_conntrack_helpers_register - make several helpers known, or none
 * @helper: array of them.
 * @n: how many.
 *
 * Context: may sleep.
 * Return: 0 or what nf_conntrack_helper_register() said.
 */
int nf_conntrack_helpers_register(struct nf_conntrack_helper *helper,
				  unsigned int n)
{
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		err = nf_conntrack_helper_register(&helper[i]);
		if (err) {
			nf_conntrack_helpers_unregister(helper, i);
			return err;
		}
	}
	return 0;
}

/**
 * nf_conntrack_helpers_unregister - make several helpers unknown
 * @helper: array of them.
 * @n: how many.
 *
 * Context: may sleep.
 */
void nf_conntrack_helpers_unregister(struct nf_conntrack_helper *helper,
				     unsigned int n)
{
	while (n--)
		nf_conntrack_helper_unregister(&helper[n]);
}

/**
 * ctng_help - let a helper see a packet
 * @helper: the helper.
 * @skb: the packet.
 * @protoff: offset of its layer 4 header.
 * @ct: its connection.
 * @ctinfo: its direction and state.
 *
 * Context: packet path, under rcu_read_lock().
 * Return: the helper's verdict; NF_DROP is counted.
 */
unsigned int ctng_help(const struct nf_conntrack_helper *helper, struct sk_buff *skb,
		       unsigned int protoff, struct nf_conn *ct,
		       enum ip_conntrack_info ctinfo)
{
	unsigned int verdict = helper->help(skb, protoff, ct, ctinfo);

	if ((verdict & NF_VERDICT_MASK) == NF_DROP)
		ctng_count(nf_ct_net(ct), CTNG_R_HELPER);

	return verdict;
}

/**
 * ctng_helper_init - set up the registry, once for the module
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int ctng_helper_init(void)
{
	nf_ct_helper_hsize = 1;	/* which becomes a page */
	nf_ct_helper_hash = nf_ct_alloc_hashtable(&nf_ct_helper_hsize, 0);
	return nf_ct_helper_hash ? 0 : -ENOMEM;
}

/**
 * ctng_helper_exit - undo ctng_helper_init()
 *
 * Context: may sleep; no helper is registered, as their modules use this one.
 */
void ctng_helper_exit(void)
{
	kvfree(nf_ct_helper_hash);
}
