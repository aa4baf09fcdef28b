/* SPDX-License-Identifier: GPL-2.0-only */
/* What ICMP and ICMPv6 share: queries with their answers, and error messages. */
#ifndef CTNG_ICMP_H
#define CTNG_ICMP_H

#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

#include "../core/packet.h"

/* The part that both have in common; only queries have an identifier. */
struct ctng_icmp_header {
	u8	type;
	u8	code;
	__be16	checksum;
	__be16	id;
	__be16	sequence;
};

/**
 * struct ctng_icmp_query - a kind of query
 * @query: type of the question, which starts a connection.
 * @answer: type of the answer to it.
 */
struct ctng_icmp_query {
	u8	query;
	u8	answer;
};

/**
 * struct ctng_icmp_family - how ICMP and ICMPv6 differ
 * @queries: the queries, the most frequent one first.
 * @n: how many.
 * @attr_id: netlink attribute of the identifier.
 * @attr_type: of the type.
 * @attr_code: of the code.
 * @flag_id: bit of the identifier in a request that names parts of a tuple.
 * @flag_type: of the type.
 * @flag_code: of the code.
 */
struct ctng_icmp_family {
	const struct ctng_icmp_query	*queries;
	unsigned int			n;
	int				attr_id;
	int				attr_type;
	int				attr_code;
	u32				flag_id;
	u32				flag_type;
	u32				flag_code;
};

static inline const struct ctng_icmp_header *
ctng_icmp_header(const struct sk_buff *skb, unsigned int dataoff, struct ctng_icmp_header *buf)
{
	return skb_header_pointer(skb, dataoff, sizeof(*buf), buf);
}

bool ctng_icmp_is_query(const struct ctng_icmp_family *family, u8 type);
bool ctng_icmp_tuple(const struct sk_buff *skb, unsigned int dataoff,
		     struct net *net, struct nf_conntrack_tuple *tuple);
bool ctng_icmp_invert(const struct ctng_icmp_family *family,
		      struct nf_conntrack_tuple *inverse,
		      const struct nf_conntrack_tuple *orig);
int ctng_icmp_to_nlattr(const struct ctng_icmp_family *family, struct sk_buff *skb,
			const struct nf_conntrack_tuple *tuple);
int ctng_icmp_from_nlattr(const struct ctng_icmp_family *family, struct nlattr *tb[],
			  struct nf_conntrack_tuple *tuple, u32 flags);
unsigned int ctng_icmp_nlattr_size(void);

enum ctng_fate ctng_icmp_related(struct ctng_pkt *pkt, const struct nf_conn *tmpl,
				 unsigned int quote);

#endif /* CTNG_ICMP_H */
