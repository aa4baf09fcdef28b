// SPDX-License-Identifier: GPL-2.0-only
/* Requests to make a connection, or to change the one that is there. */

#include <linux/kmod.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_timestamp.h>
#include <net/netfilter/nf_nat.h>

#include "conn.h"

/* What may have changed, whatever the request was about. */
#define CHANGED	(BIT(IPCT_REPLY) | BIT(IPCT_ASSURED) | BIT(IPCT_HELPER) |	\
		 BIT(IPCT_PROTOINFO) | BIT(IPCT_SEQADJ) | BIT(IPCT_MARK) |	\
		 BIT(IPCT_SYNPROXY))

/**
 * struct request - a request for a new connection
 * @info: the request.
 * @change: what the connection is to be.
 * @tuple: its tuples.
 * @zone: its zone.
 * @helper_name: name of its helper, or NULL.
 * @helper_info: what the helper is to be told, or NULL.
 */
struct request {
	const struct nfnl_info		*info;
	struct ctng_nl_change		change;
	struct nf_conntrack_tuple	tuple[IP_CT_DIR_MAX];
	struct nf_conntrack_zone	zone;
	const char			*helper_name;
	struct nlattr			*helper_info;
};

static int parse(struct request *request, const struct nlattr * const cda[])
{
	struct netlink_ext_ack *extack = request->info->extack;
	u8 family = request->info->nfmsg->nfgen_family;
	struct nf_conntrack_tuple *tuple = request->tuple;
	int err;

	if (!cda[CTA_TUPLE_ORIG] || !cda[CTA_TUPLE_REPLY] || !cda[CTA_TIMEOUT]) {
		NL_SET_ERR_MSG(extack, "A new connection needs two tuples and a timeout");
		return -EINVAL;
	}

	err = ctng_nl_parse_zone(cda[CTA_ZONE], &request->zone, extack) ?:
	      ctng_nl_parse_tuple(cda[CTA_TUPLE_ORIG], family, CTNG_NL_WHOLE_TUPLE,
				  &tuple[IP_CT_DIR_ORIGINAL], IP_CT_DIR_ORIGINAL,
				  &request->zone, extack) ?:
	      ctng_nl_parse_tuple(cda[CTA_TUPLE_REPLY], family, CTNG_NL_WHOLE_TUPLE,
				  &tuple[IP_CT_DIR_REPLY], IP_CT_DIR_REPLY,
				  &request->zone, extack) ?:
	      ctng_nl_change_parse(&request->change, cda, extack);
	if (!err && cda[CTA_HELP])
		err = ctng_nl_parse_helper(cda[CTA_HELP], &request->helper_name,
					   &request->helper_info, extack);
	if (err)
		return err;

	if (tuple[IP_CT_DIR_ORIGINAL].dst.protonum != tuple[IP_CT_DIR_REPLY].dst.protonum) {
		NL_SET_ERR_MSG_ATTR(extack, cda[CTA_TUPLE_REPLY],
				    "The tuples are of different protocols");
		return -EINVAL;
	}

	return 0;
}

static bool helper_is_there(const struct request *request)
{
	const struct nf_conntrack_tuple *tuple = &request->tuple[IP_CT_DIR_ORIGINAL];
	bool found;

	rcu_read_lock();
	found = __nf_conntrack_helper_find(request->helper_name, tuple->src.l3num,
					   tuple->dst.protonum);
	rcu_read_unlock();

	return found;
}

/*
 * Loads the modules that the connection needs. A module that registers with nfnetlink
 * takes the subsystem's mutex, so it is let go meanwhile, and this module held.
 */
static void load_modules(const struct request *request)
{
	const struct nlattr * const *cda = request->change.cda;
	bool nat = (cda[CTA_NAT_SRC] || cda[CTA_NAT_DST]) && !rcu_access_pointer(nf_nat_hook);
	bool helper = request->helper_name && !helper_is_there(request);

	if (!nat && !helper)
		return;

	__module_get(THIS_MODULE);
	nfnl_unlock(NFNL_SUBSYS_CTNETLINK);
	if (nat)
		request_module("nf-nat");
	if (helper)
		request_module("nfct-helper-%s", request->helper_name);
	nfnl_lock(NFNL_SUBSYS_CTNETLINK);
	module_put(THIS_MODULE);
}

static int set_helper(struct nf_conn *ct, const struct request *request)
{
	const struct nlattr *attr = request->change.cda[CTA_HELP];
	struct nf_conntrack_helper *helper;
	struct nf_conn_help *help;
	int err;

	if (!request->helper_name)
		return 0;

	helper = __nf_conntrack_helper_find(request->helper_name, nf_ct_l3num(ct),
					    nf_ct_protonum(ct));
	if (!helper) {
		NL_SET_ERR_MSG_ATTR(request->info->extack, attr, "There is no such helper");
		return -EOPNOTSUPP;
	}

	help = nf_ct_helper_ext_add(ct, GFP_ATOMIC);
	if (!help)
		return -ENOMEM;

	RCU_INIT_POINTER(help->helper, helper);
	if (!helper->from_nlattr)
		return 0;

	/*
	 * FTP's has to know that it begins in the middle, whether or not there is something
	 * to tell it. Others insist on that, which is no reason to do without the helper.
	 */
	err = helper->from_nlattr(request->helper_info, ct);

	return request->helper_info ? err : 0;
}

static int set_nat(struct nf_conn *ct, const struct request *request)
{
	const struct nlattr * const *cda = request->change.cda;
	const struct nf_nat_hook *nat;

	if (!cda[CTA_NAT_SRC] && !cda[CTA_NAT_DST])
		return 0;

	nat = rcu_dereference(nf_nat_hook);
	if (!nat) {
		NL_SET_ERR_MSG(request->info->extack, "NAT takes the module nf_nat");
		return -EOPNOTSUPP;
	}

	return nat->parse_nat_setup(ct, NF_NAT_MANIP_DST, cda[CTA_NAT_DST]) ?:
	       nat->parse_nat_setup(ct, NF_NAT_MANIP_SRC, cda[CTA_NAT_SRC]);
}

/* Gives room for all that may be set later, which is only possible now. */
static void add_extensions(struct nf_conn *ct)
{
	struct nf_conn_tstamp *tstamp;

	nf_ct_acct_ext_add(ct, GFP_ATOMIC);
	nf_ct_ecache_ext_add(ct, 0, 0, GFP_ATOMIC);
	nf_ct_labels_ext_add(ct);
	nfct_seqadj_ext_add(ct);
	nfct_synproxy_ext_add(ct);

	tstamp = nf_ct_tstamp_ext_add(ct, GFP_ATOMIC);
	if (tstamp)
		tstamp->start = ktime_get_real_ns();
}

static int set_master(struct nf_conn *ct, const struct request *request)
{
	const struct nlattr *attr = request->change.cda[CTA_TUPLE_MASTER];
	const struct nfnl_info *info = request->info;
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_tuple tuple;
	int err;

	if (!attr)
		return 0;

	err = ctng_nl_parse_tuple(attr, info->nfmsg->nfgen_family, CTNG_NL_WHOLE_TUPLE, &tuple,
				  IP_CT_DIR_REPLY, NULL, info->extack);
	if (err)
		return err;

	h = nf_conntrack_find_get(info->net, &request->zone, &tuple);
	if (!h) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "There is no such master");
		return -ENOENT;
	}
	__set_bit(IPS_EXPECTED_BIT, &ct->status);
	ct->master = nf_ct_tuplehash_to_ctrack(h);

	return 0;
}

/* Everything before the connection enters the table; nobody else sees it yet. */
static int prepare(struct nf_conn *ct, struct request *request)
{
	const struct nlattr * const *cda = request->change.cda;
	struct netlink_ext_ack *extack = request->info->extack;
	int err;

	ct->timeout = min_t(u64, (u64)ntohl(nla_get_be32(cda[CTA_TIMEOUT])) * HZ, INT_MAX);

	err = set_helper(ct, request) ?: set_nat(ct, request);
	if (err)
		return err;

	add_extensions(ct);

	/* Programs send the status that the connection will have. */
	__set_bit(IPS_CONFIRMED_BIT, &ct->status);
	err = ctng_nl_check_status(ct, cda[CTA_STATUS], extack);
	if (err)
		return err;
	if (cda[CTA_STATUS])
		__nf_ct_change_status(ct, ntohl(nla_get_be32(cda[CTA_STATUS])), 0);

	ctng_nl_apply_seqadj(ct, &request->change);
	ctng_nl_apply_synproxy(ct, &request->change);
	ctng_nl_apply_mark(ct, &request->change);
	/* Where nobody uses labels there is no room for them, which is no error. */
	ctng_nl_apply_labels(ct, &request->change);

	err = ctng_nl_apply_protoinfo(ct, &request->change);
	if (err) {
		NL_SET_ERR_MSG_ATTR(extack, cda[CTA_PROTOINFO],
				    "The protocol does not take this state");
		return err;
	}

	return set_master(ct, request);
}

static void report(struct nf_conn *ct, unsigned int events, struct sk_buff *skb,
		   const struct nfnl_info *info, const struct nlattr * const cda[])
{
	if (cda[CTA_LABELS])
		events |= BIT(IPCT_LABEL);

	nf_conntrack_eventmask_report(events | CHANGED, ct, NETLINK_CB(skb).portid,
				      nlmsg_report(info->nlh));
}

static void discard(struct nf_conn *ct)
{
	/* It was in the table for a moment, and is like any other that was. */
	if (nf_ct_is_dying(ct)) {
		nf_ct_put(ct);
		return;
	}

	if (ct->master)
		nf_ct_put(ct->master);
	nf_conntrack_free(ct);
}

static int create(struct sk_buff *skb, struct request *request)
{
	const struct nlattr * const *cda = request->change.cda;
	struct nf_conn *ct;
	int err;

	ct = nf_conntrack_alloc(request->info->net, &request->zone,
				&request->tuple[IP_CT_DIR_ORIGINAL],
				&request->tuple[IP_CT_DIR_REPLY], GFP_ATOMIC);
	if (IS_ERR(ct))
		return PTR_ERR(ct);

	err = prepare(ct, request) ?: nf_conntrack_hash_check_insert(ct);
	if (err) {
		discard(ct);
		return err;
	}

	report(ct, ct->master ? BIT(IPCT_RELATED) : BIT(IPCT_NEW), skb, request->info, cda);
	nf_ct_put(ct);

	return 0;
}

static int create_request(struct sk_buff *skb, const struct nfnl_info *info,
			  const struct nlattr * const cda[])
{
	struct request request = { .info = info };
	int err;

	err = parse(&request, cda);
	if (err)
		return err;

	load_modules(&request);

	rcu_read_lock();
	err = create(skb, &request);
	rcu_read_unlock();

	return err;
}

static int update_request(struct sk_buff *skb, const struct nfnl_info *info,
			  const struct nlattr * const cda[], struct nf_conn *ct)
{
	int err;

	rcu_read_lock();
	err = ctng_nl_update(ct, cda, info->extack);
	if (!err)
		report(ct, 0, skb, info, cda);
	rcu_read_unlock();

	return err;
}

/* The tuple that is not needed to find the connection has to be one nevertheless. */
static int check_reply(const struct nfnl_info *info, const struct nlattr * const cda[],
		       struct nf_conntrack_zone *zone)
{
	struct nf_conntrack_tuple tuple;

	if (!cda[CTA_TUPLE_ORIG] || !cda[CTA_TUPLE_REPLY])
		return 0;

	return ctng_nl_parse_tuple(cda[CTA_TUPLE_REPLY], info->nfmsg->nfgen_family,
				   CTNG_NL_WHOLE_TUPLE, &tuple, IP_CT_DIR_REPLY, zone,
				   info->extack);
}

/**
 * ctng_nl_new() - IPCTNL_MSG_CT_NEW: make a connection, or change it
 * @skb: the request.
 * @info: about it: NLM_F_CREATE to make one that is not there, NLM_F_EXCL to refuse
 *	one that is.
 * @cda: its attributes.
 *
 * Context: process, under the subsystem's mutex.
 * Return: 0 or -errno.
 */
int ctng_nl_new(struct sk_buff *skb, const struct nfnl_info *info,
		const struct nlattr * const cda[])
{
	struct nf_conntrack_zone zone;
	struct nf_conn *ct = NULL;
	int err;

	if (cda[CTA_TUPLE_ORIG] || cda[CTA_TUPLE_REPLY])
		ct = ctng_nl_find(info, cda, &zone);
	if (IS_ERR(ct))
		return PTR_ERR(ct);

	err = check_reply(info, cda, &zone);
	if (!ct) {
		if (!err && !(info->nlh->nlmsg_flags & NLM_F_CREATE))
			err = -ENOENT;
		return err ?: create_request(skb, info, cda);
	}

	if (!err && info->nlh->nlmsg_flags & NLM_F_EXCL)
		err = -EEXIST;
	if (!err)
		err = update_request(skb, info, cda, ct);
	nf_ct_put(ct);

	return err;
}
