/* SPDX-License-Identifier: GPL-2.0-only */
/* The messages about connections; private to them. */
#ifndef CTNG_NETLINK_CONN_H
#define CTNG_NETLINK_CONN_H

#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_synproxy.h>

#include "../core/walk.h"
#include "netlink.h"

/* filter.c */

/**
 * struct ctng_nl_filter - which connections a dump or a flush is about
 * @family: address family, or NFPROTO_UNSPEC for any.
 * @by_id: only the one with @id.
 * @by_zone: only those with the number @zone, for whichever directions.
 * @id: as ctng_nl_put_id() tells it.
 * @zone: number of a zone.
 * @mark: value of the bits @mark_mask of the mark.
 * @mark_mask: which bits of the mark count.
 * @status: value of the bits @status_mask of the status.
 * @status_mask: which bits of the status count.
 * @dir: per direction, which parts of the tuple have to be those of @dir.tuple,
 *	and the zone of the direction.
 */
struct ctng_nl_filter {
	u8		family;
	bool		by_id;
	bool		by_zone;
	__be32		id;
	u16		zone;
	u32		mark;
	u32		mark_mask;
	u32		status;
	u32		status_mask;
	struct {
		u32				parts;
		u16				zone;
		struct nf_conntrack_tuple	tuple;
	} dir[IP_CT_DIR_MAX];
};

bool ctng_nl_has_filter(u8 family, const struct nlattr * const cda[]);
int ctng_nl_filter_parse(struct ctng_nl_filter *filter, u8 family,
			 const struct nlattr * const cda[], struct netlink_ext_ack *extack);
bool ctng_nl_filter_match(const struct ctng_nl_filter *filter, const struct nf_conn *ct);

/* fill.c */
int ctng_nl_fill(struct sk_buff *skb, u32 portid, u32 seq, unsigned int flags,
		 struct nf_conn *ct, unsigned int own_refs,
		 struct ctng_nl_counted *counted);

/* dump.c */
int ctng_nl_dump_table(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[]);
int ctng_nl_dump_dying(struct sk_buff *skb, const struct nfnl_info *info,
		       const struct nlattr * const cda[]);
int ctng_nl_dump_unconfirmed(struct sk_buff *skb, const struct nfnl_info *info,
			     const struct nlattr * const cda[]);

/* find.c */
struct nf_conn *ctng_nl_find(const struct nfnl_info *info, const struct nlattr * const cda[],
			     struct nf_conntrack_zone *zone);
int ctng_nl_get(struct sk_buff *skb, const struct nfnl_info *info,
		const struct nlattr * const cda[]);
int ctng_nl_delete(struct sk_buff *skb, const struct nfnl_info *info,
		   const struct nlattr * const cda[]);

/* new.c */
int ctng_nl_new(struct sk_buff *skb, const struct nfnl_info *info,
		const struct nlattr * const cda[]);

/* parse_conn.c: what a connection is to be changed to */

/**
 * struct ctng_nl_change - attributes that were checked, to be applied to a connection
 * @cda: the attributes.
 * @protoinfo: the parts of CTA_PROTOINFO.
 * @seqadj: per direction, whether there are adjustments, and which.
 * @has_synproxy: whether @synproxy is to be set.
 * @synproxy: what the SYN proxy has to remember.
 * @label_words: 32-bit words of labels to set; those behind are cleared.
 */
struct ctng_nl_change {
	const struct nlattr * const	*cda;
	struct nlattr			*protoinfo[CTA_PROTOINFO_MAX + 1];
	bool				has_seqadj[IP_CT_DIR_MAX];
	struct nf_ct_seqadj		seqadj[IP_CT_DIR_MAX];
	bool				has_synproxy;
	struct nf_conn_synproxy		synproxy;
	unsigned int			label_words;
};

int ctng_nl_change_parse(struct ctng_nl_change *change, const struct nlattr * const cda[],
			 struct netlink_ext_ack *extack);
int ctng_nl_apply_protoinfo(struct nf_conn *ct, struct ctng_nl_change *change);
void ctng_nl_apply_mark(struct nf_conn *ct, const struct ctng_nl_change *change);
void ctng_nl_apply_seqadj(struct nf_conn *ct, const struct ctng_nl_change *change);
void ctng_nl_apply_synproxy(struct nf_conn *ct, const struct ctng_nl_change *change);
int ctng_nl_apply_labels(struct nf_conn *ct, const struct ctng_nl_change *change);

/* update.c */
int ctng_nl_check_status(const struct nf_conn *ct, const struct nlattr *attr,
			 struct netlink_ext_ack *extack);

/* stats.c */
int ctng_nl_stats_cpu(struct sk_buff *skb, const struct nfnl_info *info,
		      const struct nlattr * const cda[]);
int ctng_nl_stats(struct sk_buff *skb, const struct nfnl_info *info,
		  const struct nlattr * const cda[]);

#endif /* CTNG_NETLINK_CONN_H */
