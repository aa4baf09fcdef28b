// SPDX-License-Identifier: GPL-2.0-only
/* What is attached to a connection as netlink attributes: counters, times, labels. */

#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_synproxy.h>
#include <net/netfilter/nf_conntrack_timestamp.h>

#include "netlink.h"

static int put_counter(struct sk_buff *skb, int attr, u64 packets, u64 bytes)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_be64(skb, CTA_COUNTERS_PACKETS, cpu_to_be64(packets), CTA_COUNTERS_PAD) ||
	    nla_put_be64(skb, CTA_COUNTERS_BYTES, cpu_to_be64(bytes), CTA_COUNTERS_PAD))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_counters() - put packets and bytes of both directions
 * @skb: the message.
 * @ct: the connection; nothing is put if it is not accounted.
 * @counted: set to what was put; may be NULL.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_counters(struct sk_buff *skb, const struct nf_conn *ct,
			 struct ctng_nl_counted *counted)
{
	static const u8 attr[] = {
		[IP_CT_DIR_ORIGINAL]	= CTA_COUNTERS_ORIG,
		[IP_CT_DIR_REPLY]	= CTA_COUNTERS_REPLY,
	};
	const struct nf_conn_acct *acct = nf_conn_acct_find(ct);
	enum ip_conntrack_dir dir;
	u64 packets, bytes;
	int err = 0;

	if (counted)
		memset(counted, 0, sizeof(*counted));
	if (!acct)
		return 0;

	for (dir = IP_CT_DIR_ORIGINAL; dir < IP_CT_DIR_MAX && !err; dir++) {
		packets = atomic64_read(&acct->counter[dir].packets);
		bytes = atomic64_read(&acct->counter[dir].bytes);
		err = put_counter(skb, attr[dir], packets, bytes);
		if (counted) {
			counted->packets[dir] = packets;
			counted->bytes[dir] = bytes;
		}
	}

	return err;
}

/**
 * ctng_nl_zero_counters() - start to count anew from what was told
 * @ct: the connection.
 * @counted: from ctng_nl_put_counters(), in a message that is on its way.
 *
 * Packets counted meanwhile are kept for the next time.
 *
 * Context: any.
 */
void ctng_nl_zero_counters(struct nf_conn *ct, const struct ctng_nl_counted *counted)
{
	struct nf_conn_acct *acct = nf_conn_acct_find(ct);
	enum ip_conntrack_dir dir;

	if (!acct)
		return;

	for (dir = IP_CT_DIR_ORIGINAL; dir < IP_CT_DIR_MAX; dir++) {
		atomic64_sub(counted->packets[dir], &acct->counter[dir].packets);
		atomic64_sub(counted->bytes[dir], &acct->counter[dir].bytes);
	}
}

/**
 * ctng_nl_put_timestamp() - put when a connection started and stopped
 * @skb: the message.
 * @ct: the connection.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_timestamp(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conn_tstamp *tstamp = nf_conn_tstamp_find(ct);
	struct nlattr *nest;

	if (!tstamp)
		return 0;

	nest = nla_nest_start(skb, CTA_TIMESTAMP);
	if (!nest || nla_put_be64(skb, CTA_TIMESTAMP_START, cpu_to_be64(tstamp->start),
				  CTA_TIMESTAMP_PAD))
		return -EMSGSIZE;
	if (tstamp->stop && nla_put_be64(skb, CTA_TIMESTAMP_STOP, cpu_to_be64(tstamp->stop),
					 CTA_TIMESTAMP_PAD))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_labels() - put the labels
 * @skb: the message.
 * @ct: the connection; nothing is put if none is set.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_labels(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conn_labels *labels = nf_ct_labels_find(ct);

	if (!labels || bitmap_empty(labels->bits, NF_CT_LABELS_MAX_SIZE * BITS_PER_BYTE))
		return 0;

	return nla_put(skb, CTA_LABELS, sizeof(labels->bits), labels->bits);
}

static int put_seqadj_dir(struct sk_buff *skb, int attr, const struct nf_ct_seqadj *seq)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_be32(skb, CTA_SEQADJ_CORRECTION_POS, htonl(seq->correction_pos)) ||
	    nla_put_be32(skb, CTA_SEQADJ_OFFSET_BEFORE, htonl(seq->offset_before)) ||
	    nla_put_be32(skb, CTA_SEQADJ_OFFSET_AFTER, htonl(seq->offset_after)))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_put_seqadj() - put how sequence numbers are adjusted
 * @skb: the message.
 * @ct: the connection; nothing is put unless some are (IPS_SEQ_ADJUST).
 *
 * Context: any; takes ct->lock.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_seqadj(struct sk_buff *skb, struct nf_conn *ct)
{
	struct nf_ct_seqadj seq[IP_CT_DIR_MAX];
	struct nf_conn_seqadj *seqadj;

	if (!(READ_ONCE(ct->status) & IPS_SEQ_ADJUST))
		return 0;

	seqadj = nfct_seqadj(ct);
	if (!seqadj)
		return 0;

	spin_lock_bh(&ct->lock);
	memcpy(seq, seqadj->seq, sizeof(seq));
	spin_unlock_bh(&ct->lock);

	return put_seqadj_dir(skb, CTA_SEQ_ADJ_ORIG, &seq[IP_CT_DIR_ORIGINAL]) ?:
	       put_seqadj_dir(skb, CTA_SEQ_ADJ_REPLY, &seq[IP_CT_DIR_REPLY]);
}

/**
 * ctng_nl_put_synproxy() - put what the SYN proxy has to remember
 * @skb: the message.
 * @ct: the connection.
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ctng_nl_put_synproxy(struct sk_buff *skb, const struct nf_conn *ct)
{
	const struct nf_conn_synproxy *synproxy = nfct_synproxy(ct);
	struct nlattr *nest;

	if (!synproxy)
		return 0;

	nest = nla_nest_start(skb, CTA_SYNPROXY);
	if (!nest ||
	    nla_put_be32(skb, CTA_SYNPROXY_ISN, htonl(READ_ONCE(synproxy->isn))) ||
	    nla_put_be32(skb, CTA_SYNPROXY_ITS, htonl(READ_ONCE(synproxy->its))) ||
	    nla_put_be32(skb, CTA_SYNPROXY_TSOFF, htonl(READ_ONCE(synproxy->tsoff))))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);

	return 0;
}

/**
 * ctng_nl_size_ext() - room for the attributes of this file
 * @ct: the connection.
 *
 * Context: any.
 * Return: the size in bytes.
 */
size_t ctng_nl_size_ext(const struct nf_conn *ct)
{
	size_t size = 0;

	if (nf_ct_ext_exist(ct, NF_CT_EXT_ACCT))
		size += 2 * (nla_total_size(0) + 2 * nla_total_size_64bit(sizeof(__be64)));
	if (nf_ct_ext_exist(ct, NF_CT_EXT_TSTAMP))
		size += nla_total_size(0) + 2 * nla_total_size_64bit(sizeof(__be64));
	if (nf_ct_ext_exist(ct, NF_CT_EXT_LABELS))
		size += nla_total_size(NF_CT_LABELS_MAX_SIZE);
	if (nf_ct_ext_exist(ct, NF_CT_EXT_SEQADJ))
		size += 2 * (nla_total_size(0) + 3 * nla_total_size(sizeof(__be32)));
	if (nf_ct_ext_exist(ct, NF_CT_EXT_SYNPROXY))
		size += nla_total_size(0) + 3 * nla_total_size(sizeof(__be32));

	return size;
}
