// SPDX-License-Identifier: GPL-2.0-only
/* Allocating and freeing connections and templates. */

#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/rculist_nulls.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../ext/ext.h"
#include "../net.h"
#include "../proto/proto.h"
#include "conn.h"
#include "packet.h"

/*
 * The most connections that a namespace may hold, and the size that an
 * administrator asked for. Written by sysctl and module parameter, read
 * anywhere with READ_ONCE().
 */
unsigned int nf_conntrack_max __read_mostly;
unsigned int nf_conntrack_htable_size __read_mostly;

unsigned int nf_conntrack_net_id __read_mostly;

static struct kmem_cache *conn_cache __read_mostly;
static siphash_aligned_key_t id_key;

/* A slot of the table and skb->_nfct both keep something in the low bits. */
#define CONN_ALIGN	64

/**
 * ctng_conn_init() - make the cache that connections come from
 *
 * Context: module load.
 * Return: 0 or -ENOMEM.
 */
int ctng_conn_init(void)
{
	BUILD_BUG_ON(CONN_ALIGN <= NFCT_INFOMASK);
	/* templates come from kmalloc() */
	BUILD_BUG_ON(ARCH_KMALLOC_MINALIGN <= NFCT_INFOMASK);

	get_random_bytes(&id_key, sizeof(id_key));
	conn_cache = kmem_cache_create("nf_conntrack", sizeof(struct nf_conn),
				       CONN_ALIGN, SLAB_TYPESAFE_BY_RCU, NULL);

	return conn_cache ? 0 : -ENOMEM;
}

/**
 * ctng_conn_exit() - free the cache; no connection is left
 *
 * Context: module unload, may sleep.
 */
void ctng_conn_exit(void)
{
	kmem_cache_destroy(conn_cache);
}

/**
 * ctng_conn_size() - how much memory a connection takes, without extensions
 *
 * Return: the size in bytes.
 */
unsigned int ctng_conn_size(void)
{
	return kmem_cache_size(conn_cache);
}

/* Says so, now and then, and whose connections they are for the most part. */
static void tell_full(struct net *net)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	struct nf_conntrack_tuple top;
	unsigned int held, sampled;

	if (!__ratelimit(&limit))
		return;

	held = ctng_top_holder(net, &top, &sampled);
	if (!held)
		pr_warn("nf_conntrack: table full, dropping packet\n");
	else if (top.src.l3num == NFPROTO_IPV4)
		pr_warn("nf_conntrack: table full, dropping packet (%u of %u connections looked at are from %pI4)\n",
			held, sampled, &top.src.u3.ip);
	else
		pr_warn("nf_conntrack: table full, dropping packet (%u of %u connections looked at are from %pI6c)\n",
			held, sampled, &top.src.u3.ip6);
}

/* Counts one more connection in; makes room at the maximum. */
static bool conn_admit(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);
	unsigned int max = ctng_limit(cnet);
	unsigned int count = atomic_inc_return(&cnet->abi.count);

	if (likely(count <= max || !max)) {
		if (unlikely(count > ctng_adaptive_start(cnet) && ctng_adaptive_on(cnet)))
			ctng_expire_arm(cnet, nfct_time_stamp);
		return true;
	}

	if (ctng_evict_one(net))
		return true;

	atomic_dec(&cnet->abi.count);
	ctng_count(net, CTNG_R_TABLE_FULL);
	tell_full(net);

	return false;
}

/**
 * nf_conntrack_alloc() - make a connection that is not in the table
 * @net: its namespace.
 * @zone: its zone.
 * @orig: tuple of its first packet.
 * @repl: tuple of the answers.
 * @gfp: allocation flags.
 *
 * Context: any.
 * Return: the connection, whose reference count is zero, so that nobody who
 * finds its memory by an old slot can take it, see ctng_conn_publish();
 * ERR_PTR(-ENOMEM) without memory or room.
 */
struct nf_conn *nf_conntrack_alloc(struct net *net,
				   const struct nf_conntrack_zone *zone,
				   const struct nf_conntrack_tuple *orig,
				   const struct nf_conntrack_tuple *repl,
				   gfp_t gfp)
{
	struct nf_conn *ct;

	if (!conn_admit(net))
		return ERR_PTR(-ENOMEM);

	ct = kmem_cache_alloc(conn_cache, gfp);
	if (!ct) {
		atomic_dec(&nf_ct_pernet(net)->count);
		ctng_count(net, CTNG_R_NO_MEMORY);
		return ERR_PTR(-ENOMEM);
	}
	/*
	 * A slot of the table is no pointer that kmemleak knows. What got lost is still
	 * noticed, when its cache is destroyed.
	 */
	kmemleak_not_leak(ct);

	spin_lock_init(&ct->lock);
	ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple = *orig;
	memset(&ct->tuplehash[IP_CT_DIR_ORIGINAL].hnnode, 0,
	       sizeof(ct->tuplehash[IP_CT_DIR_ORIGINAL].hnnode));
	ct->tuplehash[IP_CT_DIR_REPLY].tuple = *repl;
	memset(&ct->tuplehash[IP_CT_DIR_REPLY].hnnode, 0,
	       sizeof(ct->tuplehash[IP_CT_DIR_REPLY].hnnode));
	ct->status = 0;
	WRITE_ONCE(ct->timeout, 0);
	write_pnet(&ct->ct_net, net);
	memset_after(ct, 0, __nfct_init_offset);
	nf_ct_zone_add(ct, zone);
	refcount_set(&ct->ct_general.use, 0);

	return ct;
}

/**
 * ctng_conn_publish() - give a new connection its first reference
 * @ct: from nf_conntrack_alloc(), complete.
 *
 * From here on a reader that comes by an old slot may take a reference for a
 * moment, and finds by IPS_CONFIRMED that this is not what it looks for.
 */
void ctng_conn_publish(struct nf_conn *ct)
{
	/* Pairs with smp_acquire__after_ctrl_dep() in slot_get(). */
	smp_wmb();
	refcount_set(&ct->ct_general.use, 1);
}

/**
 * nf_conntrack_free() - free a connection that nobody refers to
 * @ct: the connection; its reference count is zero.
 *
 * Context: any, BH or process.
 */
void nf_conntrack_free(struct nf_conn *ct)
{
	struct net *net = nf_ct_net(ct);
	const struct nf_nat_hook *nat_hook;

	WARN_ON(refcount_read(&ct->ct_general.use));

	if (READ_ONCE(ct->status) & IPS_SRC_NAT_DONE) {
		rcu_read_lock();
		nat_hook = rcu_dereference(nf_nat_hook);
		if (nat_hook)
			nat_hook->remove_nat_bysrc(ct);
		rcu_read_unlock();
	}

	ctng_ext_free(ct);
	kmem_cache_free(conn_cache, ct);

	/* After the last use of @net: its exit waits for the count to be zero. */
	smp_mb__before_atomic();
	atomic_dec(&nf_ct_pernet(net)->count);
}

/**
 * nf_ct_destroy() - the last reference to a connection or template is gone
 * @nfct: the connection.
 *
 * Context: any, BH or process.
 */
void nf_ct_destroy(struct nf_conntrack *nfct)
{
	struct nf_conn *ct = nf_ct_to_nf_conn(nfct);
	const struct ctng_proto *proto;

	WARN_ON(refcount_read(&nfct->use));

	if (unlikely(nf_ct_is_template(ct))) {
		nf_ct_tmpl_free(ct);
		return;
	}

	/* A helper may expect something of a connection that never got confirmed. */
	nf_ct_remove_expectations(ct);

	if (ct->master) {
		proto = ctng_proto_find(nf_ct_protonum(ct));
		if (proto->child_gone)
			proto->child_gone(ct);
		nf_ct_put(ct->master);
	}

	nf_conntrack_free(ct);
}

/**
 * nf_ct_tmpl_alloc() - make a template, which tells how to track a packet
 * @net: namespace of the rule.
 * @zone: zone that its packets get.
 * @flags: allocation flags.
 *
 * Return: the template with one reference, or NULL.
 */
struct nf_conn *nf_ct_tmpl_alloc(struct net *net,
				 const struct nf_conntrack_zone *zone,
				 gfp_t flags)
{
	struct nf_conn *tmpl = kzalloc(sizeof(*tmpl), flags);

	if (!tmpl)
		return NULL;

	tmpl->status = IPS_TEMPLATE;
	write_pnet(&tmpl->ct_net, net);
	nf_ct_zone_add(tmpl, zone);
	refcount_set(&tmpl->ct_general.use, 1);

	return tmpl;
}

/**
 * nf_ct_tmpl_free() - free a template
 * @tmpl: the template; nobody refers to it.
 */
void nf_ct_tmpl_free(struct nf_conn *tmpl)
{
	kfree(tmpl->ext);
	kfree(tmpl);
}

/**
 * nf_ct_get_id() - a number for a connection to tell user space
 * @ct: the connection.
 *
 * It tells nothing of kernel addresses, and stays the same as long as the
 * connection is confirmed.
 *
 * Return: the number.
 */
u32 nf_ct_get_id(const struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	u64 tuple = siphash(orig, offsetof(struct nf_conntrack_tuple, dst.dir), &id_key);

	return siphash_3u64((unsigned long)ct, (unsigned long)ct->master, tuple, &id_key);
}

/**
 * nf_conntrack_count() - number of connections of a namespace
 * @net: the namespace.
 *
 * Return: the number, those that are not yet confirmed included.
 */
u32 nf_conntrack_count(const struct net *net)
{
	return atomic_read(&nf_ct_pernet(net)->count);
}

/**
 * nf_ct_alloc_hashtable() - allocate heads for a hash table of somebody else
 * @sizep: number of heads asked for; set to the number that fills whole pages.
 * @nulls: heads are of the nulls kind.
 *
 * Context: may sleep.
 * Return: the heads, to be freed by kvfree(), or NULL.
 */
void *nf_ct_alloc_hashtable(unsigned int *sizep, int nulls)
{
	struct hlist_nulls_head *head;
	unsigned int i, n;

	BUILD_BUG_ON(sizeof(struct hlist_nulls_head) != sizeof(struct hlist_head));

	if (*sizep > UINT_MAX - PAGE_SIZE)
		return NULL;

	n = roundup(*sizep, PAGE_SIZE / sizeof(*head));
	head = kvcalloc(n, sizeof(*head), GFP_KERNEL);
	if (!head)
		return NULL;

	for (i = 0; nulls && i < n; i++)
		INIT_HLIST_NULLS_HEAD(&head[i], i);
	*sizep = n;

	return head;
}
