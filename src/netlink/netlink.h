/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nf_conntrack_netlink.ko: connections and expectations as netlink messages.
 *
 * Attributes out are ctng_nl_put_*(), attributes in ctng_nl_parse_*(); both know
 * nothing of messages. What is done for a request is in the ctng_nl_conn_*() and
 * ctng_nl_expect_*() functions, one for each message type.
 */
#ifndef CTNG_NETLINK_H
#define CTNG_NETLINK_H

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netlink.h>

#include <compat.h>

/*
 * Attributes out. Each puts what the connection has of its kind, and nothing if it
 * has none.
 *
 * Context: under RCU, any.
 * Return: 0, or -EMSGSIZE if the message is full; then a part of the attribute may
 * be in it, and the message is to be trimmed or given up.
 */

/**
 * ctng_nl_put_be32() - put a number, as nla_put_be32() does but in a fraction of its time
 * @skb: the message.
 * @attr: which attribute it is.
 * @value: the number.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
static inline int ctng_nl_put_be32(struct sk_buff *skb, int attr, __be32 value)
{
	struct {
		struct nlattr	attr;
		__be32		value;
	} *at;

	if (unlikely(skb_tailroom(skb) < sizeof(*at)))
		return -EMSGSIZE;

	at = __skb_put(skb, sizeof(*at));
	at->attr.nla_len = sizeof(*at);
	at->attr.nla_type = attr;
	at->value = value;

	return 0;
}

/* put_tuple.c */
int ctng_nl_put_tuple(struct sk_buff *skb, int attr,
		      const struct nf_conntrack_tuple *tuple);
int ctng_nl_put_tuple_zone(struct sk_buff *skb, int attr,
			   const struct nf_conntrack_tuple *tuple,
			   const struct nf_conntrack_zone *zone,
			   enum ip_conntrack_dir dir);
int ctng_nl_put_zone(struct sk_buff *skb, int attr,
		     const struct nf_conntrack_zone *zone);
int ctng_nl_put_tuples(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_master(struct sk_buff *skb, const struct nf_conn *ct);
size_t ctng_nl_size_tuple(u8 l3num, u8 protonum);

/* put_conn.c */
int ctng_nl_put_status(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_timeout(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_mark(struct sk_buff *skb, const struct nf_conn *ct, bool even_zero);
int ctng_nl_put_id(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_use(struct sk_buff *skb, const struct nf_conn *ct, unsigned int own);
int ctng_nl_put_protoinfo(struct sk_buff *skb, struct nf_conn *ct, bool destroy);
int ctng_nl_put_helper(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_secctx(struct sk_buff *skb, const struct nf_conn *ct);
size_t ctng_nl_size_conn(const struct nf_conn *ct);

/* put_ext.c */

/**
 * struct ctng_nl_counted - counters as they were put into a message
 * @packets: per direction.
 * @bytes: per direction.
 */
struct ctng_nl_counted {
	u64	packets[IP_CT_DIR_MAX];
	u64	bytes[IP_CT_DIR_MAX];
};

int ctng_nl_put_counters(struct sk_buff *skb, const struct nf_conn *ct,
			 struct ctng_nl_counted *counted);
void ctng_nl_zero_counters(struct nf_conn *ct, const struct ctng_nl_counted *counted);
int ctng_nl_put_timestamp(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_labels(struct sk_buff *skb, const struct nf_conn *ct);
int ctng_nl_put_seqadj(struct sk_buff *skb, struct nf_conn *ct);
int ctng_nl_put_synproxy(struct sk_buff *skb, const struct nf_conn *ct);
size_t ctng_nl_size_ext(const struct nf_conn *ct);

/*
 * Attributes in. The attributes of the message itself were checked against
 * ctng_nl_conn_policy; those inside them are checked here.
 */
extern const struct nla_policy ctng_nl_conn_policy[CTA_MAX + 1];

/*
 * Parts of a tuple, as CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS name them and
 * nf_conntrack_l4proto.nlattr_to_tuple takes them.
 */
#define CTNG_NL_IP_SRC		BIT(0)
#define CTNG_NL_IP_DST		BIT(1)
#define CTNG_NL_ZONE		BIT(2)
#define CTNG_NL_PROTO_NUM	BIT(3)
#define CTNG_NL_SRC_PORT	BIT(4)
#define CTNG_NL_DST_PORT	BIT(5)
#define CTNG_NL_ICMP_TYPE	BIT(6)
#define CTNG_NL_ICMP_CODE	BIT(7)
#define CTNG_NL_ICMP_ID		BIT(8)
#define CTNG_NL_ICMPV6_TYPE	BIT(9)
#define CTNG_NL_ICMPV6_CODE	BIT(10)
#define CTNG_NL_ICMPV6_ID	BIT(11)
#define CTNG_NL_WHOLE_TUPLE	GENMASK(11, 0)

/* parse_tuple.c */
int ctng_nl_parse_tuple(const struct nlattr *attr, u8 l3num, u32 parts,
			struct nf_conntrack_tuple *tuple,
			enum ip_conntrack_dir dir, struct nf_conntrack_zone *zone,
			struct netlink_ext_ack *extack);
int ctng_nl_parse_zone(const struct nlattr *attr, struct nf_conntrack_zone *zone,
		       struct netlink_ext_ack *extack);

/* parse_conn.c */
int ctng_nl_parse_helper(const struct nlattr *attr, const char **name,
			 struct nlattr **info, struct netlink_ext_ack *extack);

/* update.c: also for packets in a queue */
int ctng_nl_update(struct nf_conn *ct, const struct nlattr * const cda[],
		   struct netlink_ext_ack *extack);
int ctng_nl_update_queued(struct nf_conn *ct, const struct nlattr * const cda[]);

/*
 * The parts that main.c registers. The subsystem of the connections is there first,
 * then that of the expectations, the events of each namespace and the glue.
 */

/* conn.c */
extern const struct nfnetlink_subsystem ctng_nl_conn_subsys;

/* expect_*.c */
extern const struct nfnetlink_subsystem ctng_nl_expect_subsys;

/* events.c */
void ctng_nl_events_init_net(struct net *net);
void ctng_nl_events_exit_net(struct net *net);

/* glue.c: for nfnetlink_queue and nfnetlink_log */
void ctng_nl_glue_set(void);
void ctng_nl_glue_clear(void);

#endif /* CTNG_NETLINK_H */
