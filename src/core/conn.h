/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a connection, from the first packet to the last reference. */
#ifndef CTNG_CONN_H
#define CTNG_CONN_H

#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "reason.h"

/*
 * Who holds a reference to a connection: each packet that carries it, the
 * table while it is confirmed, each child connection to its master, and
 * whoever looks at it at the moment. The last one to let go frees it.
 *
 *   ctng_conn_new()   -> unconfirmed, belongs to one packet
 *   __nf_conntrack_confirm() -> confirmed, in the table
 *   nf_ct_delete()    -> dying, out of the table
 *   nf_ct_destroy()   -> freed; the memory may be another connection's at once
 */

/**
 * ctng_span() - the timeout that a connection was last given
 * @ct: the connection; not a template.
 *
 * It lies in what no protocol uses of their union, so that a connection takes no more than
 * in-tree: with the slab's own word these are 256 bytes, four cache lines.
 *
 * Return: where it is kept, in jiffies; for READ_ONCE and WRITE_ONCE.
 */
static inline u32 *ctng_span(const struct nf_conn *ct)
{
	BUILD_BUG_ON(sizeof(ct->proto) - sizeof(ct->proto.tcp) < sizeof(u32));
	BUILD_BUG_ON(sizeof(ct->proto.sctp) > sizeof(ct->proto.tcp) ||
		     sizeof(ct->proto.dccp) > sizeof(ct->proto.tcp) ||
		     sizeof(ct->proto.gre) > sizeof(ct->proto.tcp) ||
		     sizeof(ct->proto.udp) > sizeof(ct->proto.tcp));

	return (u32 *)((char *)&ct->proto + sizeof(ct->proto.tcp));
}

/**
 * ctng_is_listed() - is a connection among those that users are told of?
 * @ct: the connection.
 *
 * One that lost a clash waits for a single answer: its flow is the winner's connection, and
 * to be told of once.
 */
static inline bool ctng_is_listed(const struct nf_conn *ct)
{
	return !test_bit(IPS_NAT_CLASH_BIT, &ct->status);
}

/* conn.c */
int ctng_conn_init(void);
unsigned int ctng_conn_size(void);
void ctng_conn_exit(void);
void ctng_conn_publish(struct nf_conn *ct);

/* evict.c */
bool ctng_evict_one(struct net *net);
unsigned int ctng_top_holder(struct net *net, struct nf_conntrack_tuple *tuple,
			     unsigned int *sampled);

/* expire.c */
struct ctng_net;
void ctng_expire_init_net(struct net *net);
void ctng_expire_exit_net(struct net *net);
void ctng_expire_arm(struct ctng_net *cnet, u32 deadline);

/* remove.c */
bool ctng_kill(struct nf_conn *ct, enum ctng_reason reason);
void ctng_flush_nets(struct list_head *net_exit_list);

/* resize.c */
unsigned int ctng_resize_floor(void);
int ctng_resize_all(unsigned int slots);

/* clash.c */
int ctng_clash_resolve(struct sk_buff *skb, struct nf_conntrack_tuple_hash *winner);

/* tuple.c */
bool ctng_l4_offset(const struct sk_buff *skb, unsigned int nhoff, u8 l3num,
		    unsigned int *dataoff, u8 *l4num);
bool ctng_tuple_get(const struct sk_buff *skb, unsigned int nhoff,
		    unsigned int dataoff, u8 l3num, u8 l4num, struct net *net,
		    struct nf_conntrack_tuple *tuple);

/* new.c */
struct nf_conn *ctng_conn_new(struct net *net, struct nf_conn *tmpl,
			      const struct nf_conntrack_tuple *tuple,
			      struct sk_buff *skb);

/* nfct_hook.c */
void ctng_nfct_hook_set(void);
void ctng_nfct_hook_clear(void);

#endif /* CTNG_CONN_H */
