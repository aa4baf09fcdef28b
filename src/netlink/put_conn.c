// SPDX-License-Identifier: GPL-2.0-only
/* What every connection has, and its helper, as netlink attributes. */

#include <linux/security.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "netlink.h"

/**
 * ctng_nl_put_status() - put the status bits
 * @skb: the message.
 * @ct: the connection.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_status(struct sk_buff *skb, const struct nf_conn *ct)
{
	return ctng_nl_put_be32(skb, CTA_STATUS, htonl(READ_ONCE(ct->status)));
}

/**
 * ctng_nl_put_timeout() - put how many seconds a connection has left
 * @skb: the message.
 * @ct: the connection; one that is not confirmed has a timeout that did not start yet.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_timeout(struct sk_buff *skb, const struct nf_conn *ct)
{
	u32 left = nf_ct_is_confirmed(ct) ? nf_ct_expires(ct) : READ_ONCE(ct->timeout);

	return ctng_nl_put_be32(skb, CTA_TIMEOUT, htonl(left / HZ));
}

/**
 * ctng_nl_put_mark() - put the mark
 * @skb: the message.
 * @ct: the connection.
 * @even_zero: also if there is none.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_mark(struct sk_buff *skb, const struct nf_conn *ct, bool even_zero)
{
	u32 mark = READ_ONCE(ct->mark);

	if (!mark && !even_zero)
		return 0;

	return ctng_nl_put_be32(skb, CTA_MARK, htonl(mark));
}

/**
 * ctng_nl_put_id() - put the number that tells a connection from its successors
 * @skb: the message.
 * @ct: the connection.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_id(struct sk_buff *skb, const struct nf_conn *ct)
{
	return ctng_nl_put_be32(skb, CTA_ID, (__force __be32)nf_ct_get_id(ct));
}

/**
 * ctng_nl_put_use() - put the number of references
 * @skb: the message.
 * @ct: the connection.
 * @own: references of the caller's, which are not to be told.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_use(struct sk_buff *skb, const struct nf_conn *ct, unsigned int own)
{
	return ctng_nl_put_be32(skb, CTA_USE, htonl(refcount_read(&ct->ct_general.use) - own));
}

/**
 * ctng_nl_put_protoinfo() - put the state that the protocol keeps
 * @skb: the message.
 * @ct: the connection; nothing is put for a protocol without a state.
 * @destroy: it has ended: less is of interest.
 *
 * Context: any; takes ct->lock.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_protoinfo(struct sk_buff *skb, struct nf_conn *ct, bool destroy)
{
	const struct nf_conntrack_l4proto *l4proto = nf_ct_l4proto_find(nf_ct_protonum(ct));
	struct nlattr *nest;

	if (!l4proto->to_nlattr)
		return 0;

	nest = nla_nest_start(skb, CTA_PROTOINFO);
	if (!nest || l4proto->to_nlattr(skb, nest, ct, destroy))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_helper() - put the name of the helper, and what it has to say
 * @skb: the message.
 * @ct: the connection.
 *
 * Context: under RCU.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_helper(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conn_help *help = nfct_help(ct);
	const struct nf_conntrack_helper *helper;
	struct nlattr *nest;

	helper = help ? rcu_dereference(help->helper) : NULL;
	if (!helper)
		return 0;

	nest = nla_nest_start(skb, CTA_HELP);
	if (!nest || nla_put_string(skb, CTA_HELP_NAME, helper->name))
		return -EMSGSIZE;

	if (helper->to_nlattr && helper->to_nlattr(skb, ct))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_secctx() - put the security context
 * @skb: the message.
 * @ct: the connection; nothing is put if it has none, or if no security module
 *	knows it.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_secctx(struct sk_buff *skb, const struct nf_conn *ct)
{
	u32 secid = READ_ONCE(ct->secmark), len;
	struct nlattr *nest;
	char *label;
	int err;

	if (!secid || security_secid_to_secctx(secid, &label, &len))
		return 0;

	err = -EMSGSIZE;
	nest = nla_nest_start(skb, CTA_SECCTX);
	if (nest && !nla_put_string(skb, CTA_SECCTX_NAME, label)) {
		nla_nest_end(skb, nest);
		err = 0;
	}
	security_release_secctx(label, len);

	return err;
}

static size_t size_secctx(const struct nf_conn *ct)
{
	u32 secid = READ_ONCE(ct->secmark), len;

	if (!secid || security_secid_to_secctx(secid, NULL, &len))
		return 0;

	return nla_total_size(0) + nla_total_size(len + 1);
}

static size_t size_helper(const struct nf_conn *ct)
{
	const struct nf_conn_help *help = nfct_help(ct);
	const struct nf_conntrack_helper *helper;

	helper = help ? rcu_dereference(help->helper) : NULL;
	if (!helper)
		return 0;

	return nla_total_size(0) + nla_total_size(NF_CT_HELPER_NAME_LEN) +
	       nla_total_size(helper->data_len);	/* CTA_HELP_INFO */
}

/**
 * ctng_nl_size_conn() - room for all attributes of a connection
 * @ct: the connection.
 *
 * It may get more of them meanwhile: a message may turn out too small nevertheless.
 *
 * Context: under RCU.
 * Return: the size in bytes, without the message's own header.
 */
size_t ctng_nl_size_conn(const struct nf_conn *ct)
{
	const struct nf_conntrack_l4proto *l4proto = nf_ct_l4proto_find(nf_ct_protonum(ct));
	size_t size = 2 * ctng_nl_size_tuple(nf_ct_l3num(ct), nf_ct_protonum(ct));

	if (ct->master)
		size += ctng_nl_size_tuple(nf_ct_l3num(ct->master),
					   nf_ct_protonum(ct->master));

	return size +
	       nla_total_size(sizeof(__be16)) +		/* CTA_ZONE */
	       5 * nla_total_size(sizeof(__be32)) +	/* status, timeout, mark, id, use */
	       nla_total_size(l4proto->nlattr_size) +	/* CTA_PROTOINFO */
	       size_helper(ct) + size_secctx(ct) + ctng_nl_size_ext(ct);
}
