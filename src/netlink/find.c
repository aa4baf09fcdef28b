// SPDX-License-Identifier: GPL-2.0-only
/* Requests about one connection, or about all of a kind: get, delete, flush. */

#include <net/netfilter/nf_conntrack_core.h>

#include "conn.h"

/**
 * ctng_nl_find() - find the connection that a request names
 * @info: the request.
 * @cda: its attributes: CTA_TUPLE_ORIG or, failing that, CTA_TUPLE_REPLY; CTA_ZONE.
 * @zone: set to the zone that was looked in.
 *
 * Context: process.
 * Return: the connection, with a reference; NULL if there is none; ERR_PTR(-errno).
 */
struct nf_conn *ctng_nl_find(const struct nfnl_info *info, const struct nlattr * const cda[],
			     struct nf_conntrack_zone *zone)
{
	enum ip_conntrack_dir dir = cda[CTA_TUPLE_ORIG] ? IP_CT_DIR_ORIGINAL : IP_CT_DIR_REPLY;
	const struct nlattr *attr = cda[CTA_TUPLE_ORIG] ?: cda[CTA_TUPLE_REPLY];
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_tuple tuple;
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack, "The request has no tuple");
		return ERR_PTR(-EINVAL);
	}

	err = ctng_nl_parse_zone(cda[CTA_ZONE], zone, info->extack) ?:
	      ctng_nl_parse_tuple(attr, info->nfmsg->nfgen_family, CTNG_NL_WHOLE_TUPLE, &tuple,
				  dir, zone, info->extack);
	if (err)
		return ERR_PTR(err);

	h = nf_conntrack_find_get(info->net, zone, &tuple);

	return h ? nf_ct_tuplehash_to_ctrack(h) : NULL;
}

static struct nf_conn *must_find(const struct nfnl_info *info, const struct nlattr * const cda[])
{
	struct nf_conntrack_zone zone;

	return ctng_nl_find(info, cda, &zone) ?: ERR_PTR(-ENOENT);
}

static int reply(struct sk_buff *skb, const struct nfnl_info *info, struct nf_conn *ct,
		 struct ctng_nl_counted *counted)
{
	u32 portid = NETLINK_CB(skb).portid;
	struct sk_buff *msg;
	size_t size;
	int err;

	rcu_read_lock();
	size = nlmsg_total_size(sizeof(struct nfgenmsg)) + ctng_nl_size_conn(ct);
	rcu_read_unlock();

	msg = nlmsg_new(max_t(size_t, size, NLMSG_DEFAULT_SIZE), GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	rcu_read_lock();
	err = ctng_nl_fill(msg, portid, info->nlh->nlmsg_seq, 0, ct, 0, counted);
	rcu_read_unlock();
	if (err) {
		nlmsg_free(msg);
		return err;
	}

	return nfnetlink_unicast(msg, info->net, portid);
}

/**
 * ctng_nl_get() - IPCTNL_MSG_CT_GET and _GET_CTRZERO: tell one connection, or dump
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_get(struct sk_buff *skb, const struct nfnl_info *info,
		const struct nlattr * const cda[])
{
	bool zero = NFNL_MSG_TYPE(info->nlh->nlmsg_type) == IPCTNL_MSG_CT_GET_CTRZERO;
	struct ctng_nl_counted counted;
	struct nf_conn *ct;
	int err;

	if (info->nlh->nlmsg_flags & NLM_F_DUMP)
		return ctng_nl_dump_table(skb, info, cda);

	ct = must_find(info, cda);
	if (IS_ERR(ct))
		return PTR_ERR(ct);

	err = reply(skb, info, ct, &counted);
	if (!err && zero)
		ctng_nl_zero_counters(ct, &counted);
	nf_ct_put(ct);

	return err;
}

static int flush_wants(struct nf_conn *ct, void *data)
{
	return !data || ctng_nl_filter_match(data, ct);
}

static int flush(struct sk_buff *skb, const struct nfnl_info *info,
		 const struct nlattr * const cda[])
{
	/* Without a filter for tuples old programs give a family and mean any. */
	u8 family = info->nfmsg->version || cda[CTA_FILTER] ? info->nfmsg->nfgen_family :
							      NFPROTO_UNSPEC;
	struct nf_ct_iter_data iter_data = {
		.net	= info->net,
		.portid	= NETLINK_CB(skb).portid,
		.report	= nlmsg_report(info->nlh),
	};
	struct ctng_nl_filter filter;
	int err;

	if (ctng_nl_has_filter(family, cda)) {
		rcu_read_lock();
		err = ctng_nl_filter_parse(&filter, family, cda, info->extack);
		rcu_read_unlock();
		if (err)
			return err;
		iter_data.data = &filter;
	}
	nf_ct_iterate_cleanup_net(flush_wants, &iter_data);

	return 0;
}

/**
 * ctng_nl_delete() - IPCTNL_MSG_CT_DELETE: delete one connection, or all that a filter takes
 * @skb: the request.
 * @info: about it.
 * @cda: its attributes. With CTA_FILTER, or without a tuple, it is about all of a kind.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_delete(struct sk_buff *skb, const struct nfnl_info *info,
		   const struct nlattr * const cda[])
{
	struct nf_conn *ct;
	int err = 0;

	if (cda[CTA_FILTER] || (!cda[CTA_TUPLE_ORIG] && !cda[CTA_TUPLE_REPLY]))
		return flush(skb, info, cda);

	ct = must_find(info, cda);
	if (IS_ERR(ct))
		return PTR_ERR(ct);

	if (cda[CTA_ID] && nla_get_be32(cda[CTA_ID]) != (__force __be32)nf_ct_get_id(ct)) {
		NL_SET_ERR_MSG_ATTR(info->extack, cda[CTA_ID],
				    "The connection with this tuple is another one");
		err = -ENOENT;
	} else {
		nf_ct_delete(ct, NETLINK_CB(skb).portid, nlmsg_report(info->nlh));
	}
	nf_ct_put(ct);

	return err;
}
