// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a request wants a connection to be. Everything is read and checked first, so
 * that what is wrong is refused before anything is changed; then it is applied.
 */

#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_labels.h>

#include "conn.h"

static const struct nla_policy help_policy[CTA_HELP_MAX + 1] = {
	[CTA_HELP_NAME]		= { .type = NLA_NUL_STRING, .len = NF_CT_HELPER_NAME_LEN - 1 },
};

static const struct nla_policy protoinfo_policy[CTA_PROTOINFO_MAX + 1] = {
	[CTA_PROTOINFO_TCP]	= { .type = NLA_NESTED },
	[CTA_PROTOINFO_DCCP]	= { .type = NLA_NESTED },
	[CTA_PROTOINFO_SCTP]	= { .type = NLA_NESTED },
};

static const struct nla_policy seqadj_policy[CTA_SEQADJ_MAX + 1] = {
	[CTA_SEQADJ_CORRECTION_POS]	= { .type = NLA_U32 },
	[CTA_SEQADJ_OFFSET_BEFORE]	= { .type = NLA_U32 },
	[CTA_SEQADJ_OFFSET_AFTER]	= { .type = NLA_U32 },
};

static const struct nla_policy synproxy_policy[CTA_SYNPROXY_MAX + 1] = {
	[CTA_SYNPROXY_ISN]	= { .type = NLA_U32 },
	[CTA_SYNPROXY_ITS]	= { .type = NLA_U32 },
	[CTA_SYNPROXY_TSOFF]	= { .type = NLA_U32 },
};

/**
 * ctng_nl_parse_helper() - read which helper a connection is to have
 * @attr: CTA_HELP.
 * @name: set to the name, which may be empty.
 * @info: set to CTA_HELP_INFO or NULL.
 * @extack: gets the reason of an error.
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ctng_nl_parse_helper(const struct nlattr *attr, const char **name,
			 struct nlattr **info, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_HELP_MAX + 1];
	int err;

	err = nla_parse_nested_deprecated(tb, CTA_HELP_MAX, attr, help_policy, extack);
	if (err)
		return err;

	if (!tb[CTA_HELP_NAME]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "The helper has no CTA_HELP_NAME");
		return -EINVAL;
	}
	*name = nla_data(tb[CTA_HELP_NAME]);
	*info = tb[CTA_HELP_INFO];

	return 0;
}

static int parse_seqadj(const struct nlattr *attr, struct nf_ct_seqadj *seq,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_SEQADJ_MAX + 1];
	int err;

	err = nla_parse_nested_deprecated(tb, CTA_SEQADJ_MAX, attr, seqadj_policy, extack);
	if (err)
		return err;

	if (!tb[CTA_SEQADJ_CORRECTION_POS] || !tb[CTA_SEQADJ_OFFSET_BEFORE] ||
	    !tb[CTA_SEQADJ_OFFSET_AFTER]) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "A sequence adjustment has a position and two offsets");
		return -EINVAL;
	}
	seq->correction_pos = ntohl(nla_get_be32(tb[CTA_SEQADJ_CORRECTION_POS]));
	seq->offset_before = ntohl(nla_get_be32(tb[CTA_SEQADJ_OFFSET_BEFORE]));
	seq->offset_after = ntohl(nla_get_be32(tb[CTA_SEQADJ_OFFSET_AFTER]));

	return 0;
}

static int parse_synproxy(const struct nlattr *attr, struct nf_conn_synproxy *synproxy,
			  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CTA_SYNPROXY_MAX + 1];
	int err;

	err = nla_parse_nested_deprecated(tb, CTA_SYNPROXY_MAX, attr, synproxy_policy, extack);
	if (err)
		return err;

	if (!tb[CTA_SYNPROXY_ISN] || !tb[CTA_SYNPROXY_ITS] || !tb[CTA_SYNPROXY_TSOFF]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "CTA_SYNPROXY has three parts");
		return -EINVAL;
	}
	synproxy->isn = ntohl(nla_get_be32(tb[CTA_SYNPROXY_ISN]));
	synproxy->its = ntohl(nla_get_be32(tb[CTA_SYNPROXY_ITS]));
	synproxy->tsoff = ntohl(nla_get_be32(tb[CTA_SYNPROXY_TSOFF]));

	return 0;
}

static int parse_labels(const struct nlattr * const cda[], unsigned int *words,
			struct netlink_ext_ack *extack)
{
	const struct nlattr *labels = cda[CTA_LABELS], *mask = cda[CTA_LABELS_MASK];
	unsigned int len = nla_len(labels);

	if (len % sizeof(u32)) {
		NL_SET_ERR_MSG_ATTR(extack, labels, "Labels come in words of 32 bits");
		return -EINVAL;
	}
	if (mask && (!len || nla_len(mask) != len)) {
		NL_SET_ERR_MSG_ATTR(extack, mask, "The mask has not the length of the labels");
		return -EINVAL;
	}
	*words = len / sizeof(u32);

	return 0;
}

/**
 * ctng_nl_change_parse() - read and check what a connection is to be
 * @change: set.
 * @cda: attributes of the request; they have to stay while @change is used.
 * @extack: gets the reason of an error.
 *
 * It depends on no connection, and reads only what has an inside of its own.
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ctng_nl_change_parse(struct ctng_nl_change *change, const struct nlattr * const cda[],
			 struct netlink_ext_ack *extack)
{
	static const u8 seq_attr[] = {
		[IP_CT_DIR_ORIGINAL]	= CTA_SEQ_ADJ_ORIG,
		[IP_CT_DIR_REPLY]	= CTA_SEQ_ADJ_REPLY,
	};
	enum ip_conntrack_dir dir;
	int err = 0;

	memset(change, 0, sizeof(*change));
	change->cda = cda;

	if (cda[CTA_PROTOINFO])
		err = nla_parse_nested_deprecated(change->protoinfo, CTA_PROTOINFO_MAX,
						  cda[CTA_PROTOINFO], protoinfo_policy, extack);

	for (dir = IP_CT_DIR_ORIGINAL; dir < IP_CT_DIR_MAX && !err; dir++) {
		change->has_seqadj[dir] = cda[seq_attr[dir]];
		if (change->has_seqadj[dir])
			err = parse_seqadj(cda[seq_attr[dir]], &change->seqadj[dir], extack);
	}

	change->has_synproxy = cda[CTA_SYNPROXY];
	if (!err && change->has_synproxy)
		err = parse_synproxy(cda[CTA_SYNPROXY], &change->synproxy, extack);
	if (!err && cda[CTA_LABELS])
		err = parse_labels(cda, &change->label_words, extack);

	return err;
}

/**
 * ctng_nl_apply_protoinfo() - set the state that the protocol keeps
 * @ct: the connection.
 * @change: with the state.
 *
 * Context: any; takes ct->lock.
 * Return: 0, or -errno if the protocol does not take it; then nothing is changed.
 */
int ctng_nl_apply_protoinfo(struct nf_conn *ct, struct ctng_nl_change *change)
{
	const struct nf_conntrack_l4proto *l4proto = nf_ct_l4proto_find(nf_ct_protonum(ct));

	if (!change->cda[CTA_PROTOINFO] || !l4proto->from_nlattr)
		return 0;

	return l4proto->from_nlattr(change->protoinfo, ct);
}

/**
 * ctng_nl_apply_mark() - set the mark, or some of its bits
 * @ct: the connection.
 * @change: with the mark. Bits within the mask are cleared, then those of the value
 *	are flipped.
 *
 * Context: any.
 */
void ctng_nl_apply_mark(struct nf_conn *ct, const struct ctng_nl_change *change)
{
	const struct nlattr *mask = change->cda[CTA_MARK_MASK];
	u32 keep = 0;

	if (!change->cda[CTA_MARK])
		return;

	if (mask)
		keep = ~ntohl(nla_get_be32(mask));
	WRITE_ONCE(ct->mark, (READ_ONCE(ct->mark) & keep) ^
			     ntohl(nla_get_be32(change->cda[CTA_MARK])));
}

/**
 * ctng_nl_apply_seqadj() - set how sequence numbers are adjusted
 * @ct: the connection; if it has no room for that nothing happens.
 * @change: with the adjustments.
 *
 * Context: any; takes ct->lock.
 */
void ctng_nl_apply_seqadj(struct nf_conn *ct, const struct ctng_nl_change *change)
{
	struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);
	enum ip_conntrack_dir dir;

	if (!seqadj)
		return;

	spin_lock_bh(&ct->lock);
	for (dir = IP_CT_DIR_ORIGINAL; dir < IP_CT_DIR_MAX; dir++) {
		if (!change->has_seqadj[dir])
			continue;
		seqadj->seq[dir] = change->seqadj[dir];
		set_bit(IPS_SEQ_ADJUST_BIT, &ct->status);
	}
	spin_unlock_bh(&ct->lock);
}

/**
 * ctng_nl_apply_synproxy() - set what the SYN proxy has to remember
 * @ct: the connection; if it has no room for that nothing happens.
 * @change: with the values.
 *
 * Context: any.
 */
void ctng_nl_apply_synproxy(struct nf_conn *ct, const struct ctng_nl_change *change)
{
	struct nf_conn_synproxy *synproxy = nfct_synproxy(ct);

	if (!synproxy || !change->has_synproxy)
		return;

	WRITE_ONCE(synproxy->isn, change->synproxy.isn);
	WRITE_ONCE(synproxy->its, change->synproxy.its);
	WRITE_ONCE(synproxy->tsoff, change->synproxy.tsoff);
}

/**
 * ctng_nl_apply_labels() - set the labels, or some of them
 * @ct: the connection.
 * @change: with the labels, and perhaps a mask.
 *
 * Context: any.
 * Return: 0, -ENOSPC if @ct has no room for labels.
 */
int ctng_nl_apply_labels(struct nf_conn *ct, const struct ctng_nl_change *change)
{
	const struct nlattr *mask = change->cda[CTA_LABELS_MASK];

	if (!change->cda[CTA_LABELS])
		return 0;

	return nf_connlabels_replace(ct, nla_data(change->cda[CTA_LABELS]),
				     mask ? nla_data(mask) : NULL, change->label_words);
}
