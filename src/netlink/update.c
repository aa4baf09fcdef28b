// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to a connection that is there. What a request asks for is checked as a whole,
 * against the connection too, before the first part of it is applied.
 */

#include <linux/slab.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_labels.h>

#include "../core/status.h"
#include "conn.h"

/* What is to become of the helper. */
enum helper_change {
	HELPER_KEEP,
	HELPER_TELL,	/* it gets CTA_HELP_INFO */
	HELPER_REMOVE,
};

/**
 * struct update - a change, as far as it depends on the connection
 * @change: what the attributes say.
 * @helper: what is to become of the helper.
 * @info: what it is to be told.
 */
struct update {
	struct ctng_nl_change	change;
	enum helper_change	helper;
	struct nlattr		*info;
};

static int check_helper(struct nf_conn *ct, struct update *update,
			struct netlink_ext_ack *extack)
{
	const struct nlattr *attr = update->change.cda[CTA_HELP];
	const struct nf_conn_help *help = nfct_help(ct);
	const struct nf_conntrack_helper *helper, *has;
	const char *name;
	int err;

	if (!attr)
		return 0;

	err = ctng_nl_parse_helper(attr, &name, &update->info, extack);
	if (err)
		return err;

	has = help ? rcu_dereference(help->helper) : NULL;
	if (ct->master) {
		if (has && !strcmp(has->name, name))
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, attr, "The helper of an expected connection stays");
		return -EBUSY;
	}

	if (!*name) {
		update->helper = HELPER_REMOVE;
		return 0;
	}

	helper = __nf_conntrack_helper_find(name, nf_ct_l3num(ct), nf_ct_protonum(ct));
	if (!helper) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "There is no such helper");
		return -EOPNOTSUPP;
	}
	if (!help) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "A connection gets its helper when it is made");
		return -EOPNOTSUPP;
	}
	if (helper != has) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "The helper of a connection can't be replaced");
		return -EBUSY;
	}
	update->helper = HELPER_TELL;

	return 0;
}

static int apply_helper(struct nf_conn *ct, const struct update *update)
{
	struct nf_conn_help *help = nfct_help(ct);
	const struct nf_conntrack_helper *helper;

	if (!help)
		return 0;

	switch (update->helper) {
	case HELPER_KEEP:
		break;
	case HELPER_REMOVE:
		nf_ct_remove_expectations(ct);
		RCU_INIT_POINTER(help->helper, NULL);
		break;
	case HELPER_TELL:
		helper = rcu_dereference(help->helper);
		if (update->info && helper && helper->from_nlattr)
			return helper->from_nlattr(update->info, ct);
		break;
	}

	return 0;
}

static int check_timeout(const struct nf_conn *ct, const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;

	if (test_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "The timeout of this connection is fixed");
		return -EPERM;
	}

	return test_bit(IPS_DYING_BIT, &ct->status) ? -ETIME : 0;
}

static int check_labels(const struct nf_conn *ct, const struct ctng_nl_change *change,
			struct netlink_ext_ack *extack)
{
	if (!change->cda[CTA_LABELS] || nf_ct_labels_find(ct))
		return 0;

	NL_SET_ERR_MSG_ATTR(extack, change->cda[CTA_LABELS],
			    "This connection has no room for labels");

	return -ENOSPC;
}

/* Asks the protocol, on a copy of its state, what it will say. */
static int check_protoinfo(struct nf_conn *ct, struct ctng_nl_change *change,
			   struct netlink_ext_ack *extack)
{
	struct nf_conn *copy;
	int err;

	if (!change->cda[CTA_PROTOINFO])
		return 0;

	copy = kzalloc(sizeof(*copy), GFP_ATOMIC);
	if (!copy)
		return -ENOMEM;

	spin_lock_init(&copy->lock);
	copy->tuplehash[IP_CT_DIR_ORIGINAL].tuple = *nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL);
	spin_lock_bh(&ct->lock);
	copy->proto = ct->proto;
	spin_unlock_bh(&ct->lock);

	err = ctng_nl_apply_protoinfo(copy, change);
	kfree(copy);
	if (err)
		NL_SET_ERR_MSG_ATTR(extack, change->cda[CTA_PROTOINFO],
				    "The protocol does not take this state");

	return err;
}

static void change_timeout(struct nf_conn *ct, const struct nlattr *attr)
{
	if (attr)
		__nf_ct_change_timeout(ct, (u64)ntohl(nla_get_be32(attr)) * HZ);
}

/**
 * ctng_nl_update() - change a connection as a request says
 * @ct: the connection; confirmed.
 * @cda: attributes of the request.
 * @extack: gets the reason of an error.
 *
 * Either all of it is done or nothing.
 *
 * Context: under RCU; process.
 * Return: 0 or -errno.
 */
int ctng_nl_update(struct nf_conn *ct, const struct nlattr * const cda[],
		   struct netlink_ext_ack *extack)
{
	struct update update = {};
	int err;

	if (cda[CTA_NAT_SRC] || cda[CTA_NAT_DST] || cda[CTA_TUPLE_MASTER]) {
		NL_SET_ERR_MSG(extack, "NAT and master are decided when a connection is made");
		return -EOPNOTSUPP;
	}

	err = ctng_nl_change_parse(&update.change, cda, extack) ?:
	      check_helper(ct, &update, extack) ?:
	      check_timeout(ct, cda[CTA_TIMEOUT], extack) ?:
	      ctng_nl_check_status(ct, cda[CTA_STATUS], extack) ?:
	      check_protoinfo(ct, &update.change, extack) ?:
	      check_labels(ct, &update.change, extack) ?:
	      apply_helper(ct, &update);
	if (err)
		return err;

	change_timeout(ct, cda[CTA_TIMEOUT]);
	if (cda[CTA_STATUS])
		__nf_ct_change_status(ct, ntohl(nla_get_be32(cda[CTA_STATUS])), 0);
	ctng_nl_apply_protoinfo(ct, &update.change);
	ctng_nl_apply_mark(ct, &update.change);
	ctng_nl_apply_seqadj(ct, &update.change);
	ctng_nl_apply_synproxy(ct, &update.change);
	ctng_nl_apply_labels(ct, &update.change);

	return 0;
}

/**
 * ctng_nl_check_status() - may the status be set so?
 * @ct: the connection.
 * @attr: CTA_STATUS or NULL.
 * @extack: gets the reason of an error.
 *
 * Context: any.
 * Return: 0 or -EBUSY.
 */
int ctng_nl_check_status(const struct nf_conn *ct, const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	if (!attr || ctng_status_allowed(READ_ONCE(ct->status), ntohl(nla_get_be32(attr))))
		return 0;

	NL_SET_ERR_MSG_ATTR(extack, attr, "The status has bits that the tracker alone changes");

	return -EBUSY;
}

/**
 * ctng_nl_update_queued() - change the connection of a packet that is in a queue
 * @ct: the connection, confirmed or not.
 * @cda: attributes: timeout, status, helper, mark and labels count.
 *
 * Programs send the whole status back as they got it, so bits that they may not change
 * are left alone without an error.
 *
 * Context: under RCU; any.
 * Return: 0 or -errno; then nothing is changed.
 */
int ctng_nl_update_queued(struct nf_conn *ct, const struct nlattr * const cda[])
{
	struct update update = {};
	u32 status;
	int err;

	err = ctng_nl_change_parse(&update.change, cda, NULL) ?:
	      check_helper(ct, &update, NULL) ?:
	      check_timeout(ct, cda[CTA_TIMEOUT], NULL) ?:
	      check_labels(ct, &update.change, NULL) ?:
	      apply_helper(ct, &update);
	if (err)
		return err;

	change_timeout(ct, cda[CTA_TIMEOUT]);
	if (cda[CTA_STATUS]) {
		status = ntohl(nla_get_be32(cda[CTA_STATUS]));
		__nf_ct_change_status(ct, status, ~status);
	}
	ctng_nl_apply_mark(ct, &update.change);
	ctng_nl_apply_labels(ct, &update.change);

	return 0;
}
