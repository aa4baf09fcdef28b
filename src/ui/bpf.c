// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF programs at XDP and tc may do with connections: find, make and change them.
 *
 * The verifier sees to it that each pointer handed out here comes back once. It tells a
 * connection in the making (struct nf_conn___init) from one of the table by its type.
 */

#include <net/netfilter/nf_conntrack_bpf.h>

#if IS_ENABLED(CONFIG_DEBUG_INFO_BTF_MODULES)
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/sock.h>
#include <net/xdp.h>

#include <compat.h>

#include "bpf.h"

#define OPTS_WITHOUT_ZONE	offsetof(struct bpf_ct_opts, ct_zone_dir)

/* A question of a program, understood. */
struct query {
	struct net			*net;
	struct nf_conntrack_zone	zone;
	struct nf_conntrack_tuple	tuple;
};

static int read_zone(struct nf_conntrack_zone *zone, const struct bpf_ct_opts *opts, u32 size)
{
	*zone = nf_ct_zone_dflt;
	if (size == OPTS_WITHOUT_ZONE)
		return opts->ct_zone_id ? -EINVAL : 0;
	if (size != sizeof(*opts) || memchr_inv(opts->reserved, 0, sizeof(opts->reserved)))
		return -EINVAL;

	nf_ct_zone_init(zone, opts->ct_zone_id, opts->ct_zone_dir ?: NF_CT_DEFAULT_ZONE_DIR, 0);

	return 0;
}

static int read_tuple(struct nf_conntrack_tuple *to, const struct bpf_sock_tuple *from, u32 size,
		      u8 l4proto)
{
	memset(to, 0, sizeof(*to));
	if (l4proto != IPPROTO_TCP && l4proto != IPPROTO_UDP)
		return -EPROTO;

	switch (size) {
	case sizeof(from->ipv4):
		to->src.l3num = NFPROTO_IPV4;
		to->src.u3.ip = from->ipv4.saddr;
		to->dst.u3.ip = from->ipv4.daddr;
		to->src.u.all = from->ipv4.sport;
		to->dst.u.all = from->ipv4.dport;
		break;
	case sizeof(from->ipv6):
		to->src.l3num = NFPROTO_IPV6;
		memcpy(&to->src.u3, from->ipv6.saddr, sizeof(from->ipv6.saddr));
		memcpy(&to->dst.u3, from->ipv6.daddr, sizeof(from->ipv6.daddr));
		to->src.u.all = from->ipv6.sport;
		to->dst.u.all = from->ipv6.dport;
		break;
	default:
		return -EAFNOSUPPORT;
	}
	to->dst.protonum = l4proto;
	to->dst.dir = IP_CT_DIR_ORIGINAL;

	return 0;
}

/* On success the namespace has a reference more. */
static int read_query(struct query *query, struct net *net, const struct bpf_sock_tuple *tuple,
		      u32 tuple_size, const struct bpf_ct_opts *opts, u32 opts_size)
{
	int err;

	if (!tuple || opts->netns_id < BPF_F_CURRENT_NETNS)
		return -EINVAL;

	err = read_zone(&query->zone, opts, opts_size) ?:
	      read_tuple(&query->tuple, tuple, tuple_size, opts->l4proto);
	if (err)
		return err;

	query->net = opts->netns_id < 0 ? get_net(net) : get_net_ns_by_id(net, opts->netns_id);

	return query->net ? 0 : -ENONET;
}

/* Too short a struct has no place for the error. */
static void *failed(struct bpf_ct_opts *opts, u32 opts_size, int err)
{
	if (opts && opts_size >= offsetofend(struct bpf_ct_opts, error))
		opts->error = err;

	return NULL;
}

static struct nf_conn *lookup(struct net *net, const struct bpf_sock_tuple *tuple, u32 tuple_size,
			      struct bpf_ct_opts *opts, u32 opts_size)
{
	struct nf_conntrack_tuple_hash *h;
	struct query query;
	int err;

	if (!opts || opts_size < OPTS_WITHOUT_ZONE)
		return failed(opts, opts_size, -EINVAL);

	err = read_query(&query, net, tuple, tuple_size, opts, opts_size);
	if (err)
		return failed(opts, opts_size, err);

	h = nf_conntrack_find_get(query.net, &query.zone, &query.tuple);
	put_net(query.net);
	if (!h)
		return failed(opts, opts_size, -ENOENT);

	opts->dir = NF_CT_DIRECTION(h);

	return nf_ct_tuplehash_to_ctrack(h);
}

static struct nf_conn___init *alloc(struct net *net, const struct bpf_sock_tuple *tuple,
				    u32 tuple_size, struct bpf_ct_opts *opts, u32 opts_size)
{
	struct nf_conntrack_tuple reply;
	struct query query;
	struct nf_conn *ct;
	int err;

	if (!opts || opts_size < OPTS_WITHOUT_ZONE)
		return failed(opts, opts_size, -EINVAL);

	err = read_query(&query, net, tuple, tuple_size, opts, opts_size);
	if (err)
		return failed(opts, opts_size, err);

	nf_ct_invert_tuple(&reply, &query.tuple);
	ct = nf_conntrack_alloc(query.net, &query.zone, &query.tuple, &reply, GFP_ATOMIC);
	put_net(query.net);
	if (IS_ERR(ct))
		return failed(opts, opts_size, PTR_ERR(ct));

	memset(&ct->proto, 0, sizeof(ct->proto));
	__nf_ct_set_timeout(ct, 10 * HZ);

	return (struct nf_conn___init *)ct;
}

static struct net *skb_net(const struct __sk_buff *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx;

	return skb->dev ? dev_net(skb->dev) : sock_net(skb->sk);
}

static struct net *xdp_net(const struct xdp_md *ctx)
{
	return dev_net(((const struct xdp_buff *)ctx)->rxq->dev);
}

/**
 * bpf_xdp_ct_alloc() - a program at XDP makes a connection
 * @xdp_ctx: its packet, whose device is in the program's namespace.
 * @bpf_tuple: the original tuple.
 * @tuple__sz: size of its IPv4 or IPv6 half.
 * @opts: where, and what protocol; see struct bpf_ct_opts.
 * @opts__sz: size of @opts, with the zone or without.
 *
 * Context: softirq, under RCU.
 * Return: the connection, which has yet to be inserted, or NULL.
 */
__bpf_kfunc struct nf_conn___init *
bpf_xdp_ct_alloc(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		 struct bpf_ct_opts *opts, u32 opts__sz)
{
	return alloc(xdp_net(xdp_ctx), bpf_tuple, tuple__sz, opts, opts__sz);
}

/**
 * bpf_xdp_ct_lookup() - a program at XDP looks for a connection
 * @xdp_ctx: its packet, whose device is in the program's namespace.
 * @bpf_tuple: a tuple of either direction.
 * @tuple__sz: size of its IPv4 or IPv6 half.
 * @opts: where, and what protocol; see struct bpf_ct_opts.
 * @opts__sz: size of @opts, with the zone or without.
 *
 * Context: softirq, under RCU.
 * Return: the connection, with a reference, or NULL.
 */
__bpf_kfunc struct nf_conn *
bpf_xdp_ct_lookup(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		  struct bpf_ct_opts *opts, u32 opts__sz)
{
	return lookup(xdp_net(xdp_ctx), bpf_tuple, tuple__sz, opts, opts__sz);
}

/**
 * bpf_skb_ct_alloc() - a program at tc makes a connection
 * @skb_ctx: its packet.
 * @bpf_tuple: the original tuple.
 * @tuple__sz: size of its IPv4 or IPv6 half.
 * @opts: where, and what protocol; see struct bpf_ct_opts.
 * @opts__sz: size of @opts, with the zone or without.
 *
 * Context: softirq or BH off, under RCU.
 * Return: the connection, which has yet to be inserted, or NULL.
 */
__bpf_kfunc struct nf_conn___init *
bpf_skb_ct_alloc(struct __sk_buff *skb_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		 struct bpf_ct_opts *opts, u32 opts__sz)
{
	return alloc(skb_net(skb_ctx), bpf_tuple, tuple__sz, opts, opts__sz);
}

/**
 * bpf_skb_ct_lookup() - a program at tc looks for a connection
 * @skb_ctx: its packet.
 * @bpf_tuple: a tuple of either direction.
 * @tuple__sz: size of its IPv4 or IPv6 half.
 * @opts: where, and what protocol; see struct bpf_ct_opts.
 * @opts__sz: size of @opts, with the zone or without.
 *
 * Context: softirq or BH off, under RCU.
 * Return: the connection, with a reference, or NULL.
 */
__bpf_kfunc struct nf_conn *
bpf_skb_ct_lookup(struct __sk_buff *skb_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		  struct bpf_ct_opts *opts, u32 opts__sz)
{
	return lookup(skb_net(skb_ctx), bpf_tuple, tuple__sz, opts, opts__sz);
}

/**
 * bpf_ct_insert_entry() - put the connection that a program made into the table
 * @nfct_i: the connection; is given up in any case.
 *
 * Context: under RCU.
 * Return: the connection, with a reference, or NULL if a tuple of it is taken, or for want
 * of memory.
 */
__bpf_kfunc struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *nfct_i)
{
	struct nf_conn *ct = (struct nf_conn *)nfct_i;

	if (!nf_conntrack_hash_check_insert(ct))
		return ct;

	/* It may have been in the table for a moment. */
	if (nf_ct_is_dying(ct))
		nf_ct_put(ct);
	else
		nf_conntrack_free(ct);

	return NULL;
}

/**
 * bpf_ct_release() - a program lets go of a connection
 * @nfct: the connection.
 *
 * Context: any.
 */
__bpf_kfunc void bpf_ct_release(struct nf_conn *nfct)
{
	nf_ct_put(nfct);
}

/**
 * bpf_ct_set_timeout() - set the timeout of a connection in the making
 * @nfct_i: the connection.
 * @timeout: in milliseconds, from the insertion on.
 *
 * Context: any.
 */
__bpf_kfunc void bpf_ct_set_timeout(struct nf_conn___init *nfct_i, u32 timeout)
{
	__nf_ct_set_timeout(&nfct_i->ct, msecs_to_jiffies(timeout));
}

/**
 * bpf_ct_change_timeout() - set the timeout of a connection of the table
 * @nfct: the connection.
 * @timeout: in milliseconds, from now on.
 *
 * Context: any.
 * Return: 0, -EPERM if it is fixed, -ETIME if the connection is dying.
 */
__bpf_kfunc int bpf_ct_change_timeout(struct nf_conn *nfct, u32 timeout)
{
	return __nf_ct_change_timeout(nfct, msecs_to_jiffies(timeout));
}

/**
 * bpf_ct_set_status() - set status bits of a connection in the making
 * @nfct_i: the connection.
 * @status: the bits.
 *
 * Context: any.
 * Return: 0, or -EBUSY for bits that the tracker alone changes.
 */
__bpf_kfunc int bpf_ct_set_status(const struct nf_conn___init *nfct_i, u32 status)
{
	return nf_ct_change_status_common((struct nf_conn *)nfct_i, status);
}

/**
 * bpf_ct_change_status() - set status bits of a connection of the table
 * @nfct: the connection.
 * @status: the bits.
 *
 * Context: any.
 * Return: 0, or -EBUSY for bits that the tracker alone changes.
 */
__bpf_kfunc int bpf_ct_change_status(struct nf_conn *nfct, u32 status)
{
	return nf_ct_change_status_common(nfct, status);
}

BTF_KFUNCS_START(kfuncs)
BTF_ID_FLAGS(func, bpf_xdp_ct_alloc, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_xdp_ct_lookup, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_skb_ct_alloc, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_skb_ct_lookup, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_ct_insert_entry, KF_ACQUIRE | KF_RET_NULL | KF_RELEASE)
BTF_ID_FLAGS(func, bpf_ct_release, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_ct_set_timeout, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_ct_change_timeout, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_ct_set_status, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_ct_change_status, KF_TRUSTED_ARGS)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set kfunc_set = {
	.owner	= THIS_MODULE,
	.set	= &kfuncs,
};

BTF_ID_LIST(conn_types)
BTF_ID(struct, nf_conn)
BTF_ID(struct, nf_conn___init)

/* Programs may read all of a connection, and write its mark. */
static int may_write(struct bpf_verifier_log *log, const struct btf *btf,
		     const struct btf_type *type, int off, int size)
{
	if (type != btf_type_by_id(btf, conn_types[0]) &&
	    type != btf_type_by_id(btf, conn_types[1])) {
		bpf_log(log, "only read is supported\n");
		return -EACCES;
	}

#if IS_ENABLED(CONFIG_NF_CONNTRACK_MARK)
	if (off == offsetof(struct nf_conn, mark)) {
		if (size <= sizeof_field(struct nf_conn, mark))
			return 0;
		bpf_log(log, "write access at off %d with size %d beyond the member of nf_conn\n",
			off, size);
		return -EACCES;
	}
#endif
	bpf_log(log, "no write support to nf_conn at off %d\n", off);

	return -EACCES;
}

#ifdef CTNG_HAVE_BTF_ACCESS_REG
static int struct_access(struct bpf_verifier_log *log, const struct bpf_reg_state *reg,
			 int off, int size)
{
	return may_write(log, reg->btf, btf_type_by_id(reg->btf, reg->btf_id), off, size);
}
#else
static int struct_access(struct bpf_verifier_log *log, const struct btf *btf,
			 const struct btf_type *type, int off, int size,
			 enum bpf_access_type access, u32 *next_id, enum bpf_type_flag *flag)
{
	return may_write(log, btf, type, off, size);
}
#endif

/**
 * register_nf_conntrack_bpf() - offer the functions to programs
 *
 * Without types of its own the module goes without: it was built where none were to be had.
 *
 * Context: process, in the module's init.
 * Return: 0, or an error of BPF's.
 */
int register_nf_conntrack_bpf(void)
{
	int err;

	if (!THIS_MODULE->btf_data_size || !kfuncs.cnt) {
		pr_info("nf_conntrack: built without types (BTF), no functions for BPF\n");
		return 0;
	}

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &kfunc_set) ?:
	      register_btf_kfunc_id_set(BPF_PROG_TYPE_SCHED_CLS, &kfunc_set);
	if (err)
		return err;

	mutex_lock(&nf_conn_btf_access_lock);
	nfct_btf_struct_access = struct_access;
	mutex_unlock(&nf_conn_btf_access_lock);

	return 0;
}

/**
 * cleanup_nf_conntrack_bpf() - no program is loaded any more that writes to connections
 *
 * Programs that use the functions hold the module.
 *
 * Context: process.
 */
void cleanup_nf_conntrack_bpf(void)
{
	mutex_lock(&nf_conn_btf_access_lock);
	if (nfct_btf_struct_access == struct_access)
		nfct_btf_struct_access = NULL;
	mutex_unlock(&nf_conn_btf_access_lock);
}

#endif /* CONFIG_DEBUG_INFO_BTF_MODULES */
