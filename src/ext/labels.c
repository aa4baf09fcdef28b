// SPDX-License-Identifier: GPL-2.0-only
/*
 * Labels: 128 bits that rules set on a connection. New connections have room for them
 * in namespaces where a rule uses them.
 */
#include <linux/spinlock.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_labels.h>

#include "compat.h"
#include "ext.h"

#define LABEL_WORDS	(NF_CT_LABELS_MAX_SIZE / sizeof(u32))

/* Writers of net->ct.labels_used, of all namespaces. */
static DEFINE_SPINLOCK(labels_lock);

/* True if the word changed. Other CPUs may be changing other bits of it. */
static bool replace_word(u32 *word, u32 keep, u32 flip)
{
	u32 old = READ_ONCE(*word), new;

	do {
		new = (old & keep) ^ flip;
		if (new == old)
			return false;
	} while (!try_cmpxchg(word, &old, new));
	return true;
}

/**
 * nf_connlabels_replace() - change some of a connection's labels
 * @ct: the connection
 * @data: the new bits, in 32-bit words
 * @mask: which bits to replace, as many words; NULL: all
 * @words: number of words; the labels beyond them are cleared
 *
 * Raises the event IPCT_LABEL if something changed.
 *
 * Context: any.
 * Return: 0; -ENOSPC if @ct has no room for labels.
 */
int nf_connlabels_replace(struct nf_conn *ct, const u32 *data, const u32 *mask,
			  unsigned int words)
{
	struct nf_conn_labels *labels = nf_ct_labels_find(ct);
	bool changed = false;
	unsigned int i;
	u32 *word;

	if (!labels)
		return -ENOSPC;

	word = (u32 *)labels->bits;
	words = min_t(unsigned int, words, LABEL_WORDS);
	for (i = 0; i < words; i++)
		changed |= replace_word(&word[i], mask ? ~mask[i] : 0, data[i]);
	for (; i < LABEL_WORDS; i++)
		replace_word(&word[i], 0, 0);

	if (changed)
		nf_conntrack_event_cache(IPCT_LABEL, ct);
	return 0;
}

/**
 * nf_connlabels_get() - a rule that uses labels comes
 * @net: its namespace, whose new connections have labels from now on
 * @bit: the highest label that it uses
 *
 * Context: any.
 * Return: 0; -ERANGE if there is no such label.
 */
int nf_connlabels_get(struct net *net, unsigned int bit)
{
	if (bit > XT_CONNLABEL_MAXBIT)
		return -ERANGE;

	spin_lock_bh(&labels_lock);
	ctng_labels_used_add(net, 1);
	spin_unlock_bh(&labels_lock);
	return 0;
}

/**
 * nf_connlabels_put() - a rule that uses labels goes
 * @net: its namespace
 *
 * Context: any.
 */
void nf_connlabels_put(struct net *net)
{
	spin_lock_bh(&labels_lock);
	ctng_labels_used_add(net, -1);
	spin_unlock_bh(&labels_lock);
}
