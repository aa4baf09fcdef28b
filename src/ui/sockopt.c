// SPDX-License-Identifier: GPL-2.0-only
/*
 * getsockopt(SO_ORIGINAL_DST) and IP6T_SO_ORIGINAL_DST: a proxy asks where the
 * connection that a rule redirected to it was going to.
 */

#include <linux/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "sockopt.h"

/* Both protocols are asked for by the socket's own tuple, as answers see it. */
static bool tracked_protocol(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP || sk->sk_protocol == IPPROTO_SCTP;
}

static struct nf_conn *conn_of(struct sock *sk, const struct nf_conntrack_tuple *tuple)
{
	struct nf_conntrack_tuple_hash *h;

	h = nf_conntrack_find_get(sock_net(sk), &nf_ct_zone_dflt, tuple);

	return h ? nf_ct_tuplehash_to_ctrack(h) : NULL;
}

static int get_v4(struct sock *sk, int optval, void __user *user, int *len)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct nf_conntrack_tuple tuple = {
		.src.l3num	= PF_INET,
		.dst.protonum	= sk->sk_protocol,
	};
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const struct nf_conntrack_tuple *orig;
	struct nf_conn *ct;

	if (!tracked_protocol(sk))
		return -ENOPROTOOPT;
	if (*len < 0 || (unsigned int)*len < sizeof(sin))
		return -EINVAL;

	lock_sock(sk);
	tuple.src.u3.ip = inet->inet_rcv_saddr;
	tuple.src.u.tcp.port = inet->inet_sport;
	tuple.dst.u3.ip = inet->inet_daddr;
	tuple.dst.u.tcp.port = inet->inet_dport;
	release_sock(sk);

	ct = conn_of(sk, &tuple);
	if (!ct)
		return -ENOENT;

	orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	sin.sin_port = orig->dst.u.tcp.port;
	sin.sin_addr.s_addr = orig->dst.u3.ip;
	nf_ct_put(ct);

	return copy_to_user(user, &sin, sizeof(sin)) ? -EFAULT : 0;
}

static int get_v6(struct sock *sk, int optval, void __user *user, int *len)
{
	const struct ipv6_pinfo *inet6 = inet6_sk(sk);
	const struct inet_sock *inet = inet_sk(sk);
	struct nf_conntrack_tuple tuple = {
		.src.l3num	= PF_INET6,
		.dst.protonum	= sk->sk_protocol,
	};
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	const struct nf_conntrack_tuple *orig;
	struct nf_conn *ct;
	__be32 flowinfo;
	int bound_dev;

	if (!tracked_protocol(sk))
		return -ENOPROTOOPT;
	if (*len < 0 || (unsigned int)*len < sizeof(sin6))
		return -EINVAL;

	lock_sock(sk);
	tuple.src.u3.in6 = sk->sk_v6_rcv_saddr;
	tuple.src.u.tcp.port = inet->inet_sport;
	tuple.dst.u3.in6 = sk->sk_v6_daddr;
	tuple.dst.u.tcp.port = inet->inet_dport;
	bound_dev = sk->sk_bound_dev_if;
	flowinfo = inet6->flow_label & IPV6_FLOWINFO_MASK;
	release_sock(sk);

	ct = conn_of(sk, &tuple);
	if (!ct)
		return -ENOENT;

	orig = nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	sin6.sin6_port = orig->dst.u.tcp.port;
	sin6.sin6_addr = orig->dst.u3.in6;
	sin6.sin6_flowinfo = flowinfo;
	sin6.sin6_scope_id = ipv6_iface_scope_id(&sin6.sin6_addr, bound_dev);
	nf_ct_put(ct);

	return copy_to_user(user, &sin6, sizeof(sin6)) ? -EFAULT : 0;
}

static struct nf_sockopt_ops original_dst_v4 = {
	.pf		= PF_INET,
	.get_optmin	= SO_ORIGINAL_DST,
	.get_optmax	= SO_ORIGINAL_DST + 1,
	.get		= get_v4,
	.owner		= THIS_MODULE,
};

static struct nf_sockopt_ops original_dst_v6 = {
	.pf		= NFPROTO_IPV6,
	.get_optmin	= IP6T_SO_ORIGINAL_DST,
	.get_optmax	= IP6T_SO_ORIGINAL_DST + 1,
	.get		= get_v6,
	.owner		= THIS_MODULE,
};

/**
 * ctng_sockopt_init() - offer the two options
 *
 * Context: module load.
 * Return: 0 or an error.
 */
int ctng_sockopt_init(void)
{
	int err;

	err = nf_register_sockopt(&original_dst_v4);
	if (err)
		return err;

	err = nf_register_sockopt(&original_dst_v6);
	if (err)
		nf_unregister_sockopt(&original_dst_v4);

	return err;
}

/**
 * ctng_sockopt_exit() - take the two options back
 *
 * Context: module unload, may sleep.
 */
void ctng_sockopt_exit(void)
{
	nf_unregister_sockopt(&original_dst_v6);
	nf_unregister_sockopt(&original_dst_v4);
}
