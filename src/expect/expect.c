// SPDX-License-Identifier: GPL-2.0-only
/* The life of an expectation: allocated, filled in, counted, freed. */

#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../net.h"
#include "expect.h"

static struct kmem_cache *expect_cache __read_mostly;

/**
 * nf_ct_expect_alloc - make an expectation for a master
 * @me: the master; the caller holds a reference on it as long as it uses the
 *	expectation.
 *
 * All zero but for the master, its namespace and zone, and a timeout of now, to
 * which a creator without a policy adds its own.
 *
 * Context: any; GFP_ATOMIC.
 * Return: the expectation with one reference, or NULL.
 */
struct nf_conntrack_expect *nf_ct_expect_alloc(struct nf_conn *me)
{
	struct nf_conntrack_expect *exp;

	exp = kmem_cache_zalloc(expect_cache, GFP_ATOMIC);
	if (!exp)
		return NULL;

	exp->master = me;
	exp->zone = *nf_ct_zone(me);
	exp->timeout = nfct_time_stamp;
	write_pnet(&exp->net, nf_ct_net(me));
	refcount_set(&exp->use, 1);
	return exp;
}

/* Addresses are 16 bytes everywhere; what a family has less of is zero. */
static void set_addr(union nf_inet_addr *to, const union nf_inet_addr *from,
		     u8 family)
{
	memset(to, 0, sizeof(*to));
	if (family == NFPROTO_IPV4)
		to->ip = from->ip;
	else
		to->in6 = from->in6;
}

static void set_addr_mask(union nf_inet_addr *mask, u8 family)
{
	memset(mask, 0, sizeof(*mask));
	memset(mask, 0xff, family == NFPROTO_IPV4 ? sizeof(mask->ip) :
						    sizeof(mask->in6));
}

/**
 * nf_ct_expect_init - say what an expectation waits for
 * @exp: fresh from nf_ct_expect_alloc(), not yet seen by anyone else.
 * @class: index into the helper's policies.
 * @family: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @saddr: source address, NULL for any.
 * @daddr: destination address.
 * @proto: layer 4 protocol.
 * @src: source port or key, NULL for any.
 * @dst: destination port or key.
 *
 * The helper is the master's; the child gets none, no function is called and no
 * flag is set until the caller says otherwise.
 *
 * Context: any, under rcu_read_lock().
 */
void nf_ct_expect_init(struct nf_conntrack_expect *exp, unsigned int class,
		       u8 family, const union nf_inet_addr *saddr,
		       const union nf_inet_addr *daddr,
		       u8 proto, const __be16 *src, const __be16 *dst)
{
	const struct nf_conn_help *help = nfct_help(exp->master);
	struct nf_conntrack_helper *helper = NULL;

	memset(&exp->tuple, 0, sizeof(exp->tuple));
	memset(&exp->mask, 0, sizeof(exp->mask));

	exp->tuple.src.l3num = family;
	exp->tuple.dst.protonum = proto;
	set_addr(&exp->tuple.dst.u3, daddr, family);
	exp->tuple.dst.u.all = *dst;
	if (saddr) {
		set_addr(&exp->tuple.src.u3, saddr, family);
		set_addr_mask(&exp->mask.src.u3, family);
	}
	if (src) {
		exp->tuple.src.u.all = *src;
		exp->mask.src.u.all = htons(0xffff);
	}

	if (help)
		helper = rcu_dereference(help->helper);
	rcu_assign_pointer(exp->helper, helper);
	RCU_INIT_POINTER(exp->assign_helper, NULL);

	exp->flags = 0;
	exp->class = class;
	exp->expectfn = NULL;
	/* What the NAT helpers do not fill in must not reach user space. */
	memset(&exp->saved_addr, 0, sizeof(exp->saved_addr));
	memset(&exp->saved_proto, 0, sizeof(exp->saved_proto));
	exp->dir = IP_CT_DIR_ORIGINAL;
}

static void free_expect(struct rcu_head *head)
{
	kmem_cache_free(expect_cache,
			container_of(head, struct nf_conntrack_expect, rcu));
}

/**
 * nf_ct_expect_put - drop a reference
 * @exp: the expectation; freed after a grace period with its last reference.
 *
 * Context: any.
 */
void nf_ct_expect_put(struct nf_conntrack_expect *exp)
{
	if (refcount_dec_and_test(&exp->use))
		call_rcu(&exp->rcu, free_expect);
}

/**
 * ctng_expect_init - set up expectations, once for the module
 *
 * Context: may sleep; after nf_conntrack_htable_size has its value.
 * Return: 0 or -ENOMEM.
 */
int ctng_expect_init(void)
{
	int err;

	expect_cache = KMEM_CACHE(nf_conntrack_expect, 0);
	if (!expect_cache)
		return -ENOMEM;

	err = ctng_expect_table_init();
	if (err)
		kmem_cache_destroy(expect_cache);
	return err;
}

/**
 * ctng_expect_exit - undo ctng_expect_init()
 *
 * Context: may sleep; all namespaces are gone, and so are all expectations.
 */
void ctng_expect_exit(void)
{
	ctng_expect_expire_exit();
	/* free_expect() is our code and frees into our cache */
	rcu_barrier();
	ctng_expect_table_exit();
	kmem_cache_destroy(expect_cache);
}

/**
 * ctng_expect_init_net - a namespace begins: it expects nothing
 * @net: the namespace.
 *
 * Context: may sleep.
 * Return: 0.
 */
int ctng_expect_init_net(struct net *net)
{
	ctng_pernet(net)->abi.expect_count = 0;
	return 0;
}

/**
 * ctng_expect_exit_net - a namespace ends
 * @net: the namespace; its connections are gone and took along what they
 *	expected.
 *
 * Context: may sleep.
 */
void ctng_expect_exit_net(struct net *net)
{
	WARN_ON_ONCE(ctng_pernet(net)->abi.expect_count);
}
