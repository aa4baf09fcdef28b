// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two packets of a new flow race: each got an unconfirmed connection of its own
 * and one of them is in the table first. (A resolver that sends an A and an
 * AAAA query from one socket is the usual case.) The other packet need not be
 * lost.
 */

#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "../ext/ext.h"
#include "../net.h"
#include "../proto/proto.h"
#include "../trace/events.h"
#include "confirm.h"
#include "conn.h"
#include "packet.h"

/* How long an entry of a lost clash may wait for its answer. */
#define CLASH_TIMEOUT	HZ

static bool tuples_match(const struct nf_conn *a, const struct nf_conn *b, bool mirrored)
{
	return nf_ct_tuple_equal(nf_ct_tuple(a, IP_CT_DIR_ORIGINAL), nf_ct_tuple(b, mirrored)) &&
	       nf_ct_tuple_equal(nf_ct_tuple(a, IP_CT_DIR_REPLY), nf_ct_tuple(b, !mirrored));
}

/* Their first packets went the same way, or towards each other. */
static bool same_flow(const struct nf_conn *a, const struct nf_conn *b)
{
	return (tuples_match(a, b, false) || tuples_match(a, b, true)) &&
	       nf_ct_zone_equal(a, nf_ct_zone(b), IP_CT_DIR_ORIGINAL) &&
	       nf_ct_zone_equal(a, nf_ct_zone(b), IP_CT_DIR_REPLY);
}

/* What the loser counted so far goes to the winner. */
static void merge_acct(struct nf_conn *winner, const struct nf_conn *loser,
		       enum ip_conntrack_dir dir)
{
	struct nf_conn_acct *acct = nf_conn_acct_find(loser);

	if (acct)
		nf_ct_acct_add(winner, dir, 1,
			       atomic64_read(&acct->counter[dir].bytes));
}

/* The packet goes on with the winner's connection, if that has the same NAT, or none. */
static bool join_winner(struct sk_buff *skb, struct nf_conn *winner)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *loser = nf_ct_get(skb, &ctinfo);

	if (nf_ct_is_dying(winner))
		return false;
	if (READ_ONCE(winner->status) & IPS_NAT_DONE_MASK && !same_flow(winner, loser))
		return false;

	refcount_inc(&winner->ct_general.use);
	merge_acct(winner, loser, CTINFO2DIR(ctinfo));
	nf_ct_set(skb, winner, ctinfo);
	nf_ct_put(loser);

	return true;
}

/*
 * NAT sent the two packets to different places, so each needs an entry for its
 * answer. The loser's stands in the table with its reply tuple alone, for long
 * enough to let that answer back. Whoever lost before it, in the same flow, may have
 * such an entry, which is good for both.
 */
static bool insert_reply_only(struct sk_buff *skb)
{
	struct nf_conntrack_tuple_hash *other;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *loser = nf_ct_get(skb, &ctinfo), *ct;
	bool joined;
	int err;

	WRITE_ONCE(loser->timeout, CLASH_TIMEOUT);
	set_bit(IPS_FIXED_TIMEOUT_BIT, &loser->status);
	set_bit(IPS_NAT_CLASH_BIT, &loser->status);

	err = ctng_confirm_insert(loser, CTNG_REPLY_ONLY, &other);
	if (err == -EEXIST) {
		ct = nf_ct_tuplehash_to_ctrack(other);
		joined = same_flow(ct, loser) && join_winner(skb, ct);
		nf_ct_put(ct);
		return joined;
	}
	if (err)
		return false;

	if (ctng_ext_confirmed(loser))
		return true;
	nf_ct_kill(loser);

	return false;
}

/**
 * ctng_clash_resolve() - save a packet whose connection was confirmed by another
 * @skb: the packet, with its unconfirmed connection.
 * @winner: tuple of the entry that has a tuple of it; the caller's reference
 *	stays the caller's.
 *
 * Context: any, under RCU.
 * Return: 0, or -EEXIST if the packet has to be dropped.
 */
int ctng_clash_resolve(struct sk_buff *skb, struct nf_conntrack_tuple_hash *winner)
{
	struct nf_conn *ct = nf_ct_tuplehash_to_ctrack(winner);
	struct nf_conn *loser = (struct nf_conn *)skb_nfct(skb);
	const struct ctng_proto *proto = ctng_proto_find(nf_ct_protonum(loser));
	struct net *net = nf_ct_net(loser);

	if (!proto->abi->allow_clash && !proto->same_start)
		return -EEXIST;

	/* A protocol that looks at more than ports needs one connection for both packets. */
	if (proto->same_start ? !proto->same_start(ct, loser) || !join_winner(skb, ct) :
				!join_winner(skb, ct) && !insert_reply_only(skb))
		return -EEXIST;

	trace_ct_clash(ct, 1);
	ctng_count(net, CTNG_R_CLASH_RESOLVED);
	NF_CT_STAT_INC_ATOMIC(net, clash_resolve);

	return 0;
}
