// SPDX-License-Identifier: GPL-2.0-only
/* Finding what a request about expectations is about. */

#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "expect.h"

/**
 * ctng_nl_expect_pin() - keep an expectation and its master
 * @exp: the expectation; under RCU or with a reference.
 *
 * An expectation owns no reference on its master. While it is linked the master's memory
 * stays, as it would have to unlink it first; its reference count may be zero.
 *
 * Context: nf_conntrack_expect_lock held.
 * Return: true if both have a reference more; false if they are about to go.
 */
bool ctng_nl_expect_pin(struct nf_conntrack_expect *exp)
{
	lockdep_nfct_expect_lock_held();

	if (hlist_unhashed(&exp->hnode) || nf_ct_exp_is_expired(exp) ||
	    !refcount_inc_not_zero(&exp->master->ct_general.use))
		return false;

	refcount_inc(&exp->use);
	return true;
}

/**
 * ctng_nl_expect_unpin() - undo ctng_nl_expect_pin()
 * @exp: the expectation.
 *
 * Context: any, without nf_conntrack_expect_lock: the master may end here.
 */
void ctng_nl_expect_unpin(struct nf_conntrack_expect *exp)
{
	struct nf_conn *master = exp->master;

	nf_ct_expect_put(exp);
	nf_ct_put(master);
}

/**
 * ctng_nl_expect_key() - read by what an expectation is to be found
 * @info: about the request.
 * @cda: its attributes. CTA_EXPECT_MASTER stands in for a CTA_EXPECT_TUPLE that is not
 *	there; clients say both.
 * @tuple: set to the original tuple of the connection that is expected.
 * @zone: set to its zone.
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ctng_nl_expect_key(const struct nfnl_info *info, const struct nlattr * const cda[],
		       struct nf_conntrack_tuple *tuple, struct nf_conntrack_zone *zone)
{
	const struct nlattr *attr = cda[CTA_EXPECT_TUPLE] ? : cda[CTA_EXPECT_MASTER];
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack, "Which expectation? There is no CTA_EXPECT_TUPLE");
		return -EINVAL;
	}

	err = ctng_nl_parse_zone(cda[CTA_EXPECT_ZONE], zone, info->extack);
	if (err)
		return err;

	return ctng_nl_parse_tuple(attr, info->nfmsg->nfgen_family, CTNG_NL_WHOLE_TUPLE,
				   tuple, IP_CT_DIR_ORIGINAL, NULL, info->extack);
}

/**
 * ctng_nl_expect_master() - find the connection that CTA_EXPECT_MASTER names
 * @info: about the request.
 * @cda: its attributes.
 * @zone: zone of the connection.
 *
 * Context: any.
 * Return: the connection with a reference, or an error pointer.
 */
struct nf_conn *ctng_nl_expect_master(const struct nfnl_info *info,
				      const struct nlattr * const cda[],
				      const struct nf_conntrack_zone *zone)
{
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_tuple tuple;
	int err;

	err = ctng_nl_parse_tuple(cda[CTA_EXPECT_MASTER], info->nfmsg->nfgen_family,
				  CTNG_NL_WHOLE_TUPLE, &tuple, IP_CT_DIR_ORIGINAL, NULL,
				  info->extack);
	if (err)
		return ERR_PTR(err);

	h = nf_conntrack_find_get(info->net, zone, &tuple);
	if (!h) {
		NL_SET_ERR_MSG_ATTR(info->extack, cda[CTA_EXPECT_MASTER],
				    "There is no such master connection");
		return ERR_PTR(-ENOENT);
	}

	return nf_ct_tuplehash_to_ctrack(h);
}
