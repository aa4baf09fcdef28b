// SPDX-License-Identifier: GPL-2.0-only
/* UDP (RFC 768) and UDP-Lite (RFC 3828). */

#include <linux/netfilter.h>
#include <linux/udp.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "nlattr.h"
#include "proto.h"

/* A flow that is answered for longer than this is more than a query and its reply. */
#define STREAM_AFTER	(2 * HZ)

static const unsigned int default_timeouts[UDP_CT_MAX] = {
	[UDP_CT_UNREPLIED]	= 30 * HZ,
	[UDP_CT_REPLIED]	= 120 * HZ,
};

#define DEFAULT_OFFLOAD_TIMEOUT	(30 * HZ)

static const struct udphdr *get_header(const struct ctng_pkt *pkt, struct udphdr *buf)
{
	return skb_header_pointer(pkt->skb, pkt->dataoff, sizeof(*buf), buf);
}

/* Only what comes in from outside needs the check: the rest is our own. */
static bool verify_checksum(const struct ctng_pkt *pkt)
{
	return pkt->state->hook == NF_INET_PRE_ROUTING &&
	       READ_ONCE(pkt->state->net->ct.sysctl_checksum);
}

static enum ctng_fate check_udp(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	unsigned int len = pkt->skb->len - pkt->dataoff;
	const struct udphdr *uh;
	struct udphdr buf;

	uh = get_header(pkt, &buf);
	if (!uh)
		return ctng_invalid(pkt, ct, CTNG_R_SHORT_HEADER, "short packet");

	if (ntohs(uh->len) > len || ntohs(uh->len) < sizeof(*uh))
		return ctng_invalid(pkt, ct, CTNG_R_UDP_LENGTH,
				    "truncated/malformed packet");

	/* zero: the sender made none */
	if (uh->check && verify_checksum(pkt) &&
	    nf_checksum(pkt->skb, pkt->state->hook, pkt->dataoff, IPPROTO_UDP, pkt->l3num))
		return ctng_invalid(pkt, ct, CTNG_R_CHECKSUM, "bad checksum");

	return CTNG_TRACK;
}

static void set_assured(struct nf_conn *ct)
{
	unsigned long status = READ_ONCE(ct->status);

	/* an entry that lost a race for its tuple lasts no longer than it has to */
	if (status & (IPS_ASSURED | IPS_NAT_CLASH))
		return;

	if (!test_and_set_bit(IPS_ASSURED_BIT, &ct->status))
		nf_conntrack_event_cache(IPCT_ASSURED, ct);
}

/*
 * An answered flow lasts no longer than an unanswered one until it proves to be a
 * stream: otherwise each query to a name server would stay for minutes.
 */
static enum ctng_fate udp_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	unsigned int *timeouts, timeout;
	bool stream = false;

	if (unlikely(check_udp(ct, pkt) != CTNG_TRACK))
		return CTNG_INVALID;

	if (!nf_ct_is_confirmed(ct))
		ct->proto.udp.stream_ts = jiffies + STREAM_AFTER;

	timeouts = ctng_proto_timeouts(&ctng_proto_udp, ct);
	timeout = READ_ONCE(timeouts[UDP_CT_UNREPLIED]);
	if (test_bit(IPS_SEEN_REPLY_BIT, &ct->status) &&
	    time_after(jiffies, ct->proto.udp.stream_ts)) {
		timeout = READ_ONCE(timeouts[UDP_CT_REPLIED]);
		stream = true;
	}

	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, timeout);

	if (stream)
		set_assured(ct);

	return CTNG_TRACK;
}

/*
 * The length field is the coverage: how much the checksum, which is not optional,
 * is of; zero for all (RFC 3828, 3.1).
 */
static enum ctng_fate check_udplite(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	unsigned int len = pkt->skb->len - pkt->dataoff, coverage;
	const struct udphdr *uh;
	struct udphdr buf;

	uh = get_header(pkt, &buf);
	if (!uh)
		return ctng_invalid(pkt, ct, CTNG_R_SHORT_HEADER, "short packet");

	coverage = ntohs(uh->len) ?: len;
	if (coverage < sizeof(*uh) || coverage > len)
		return ctng_invalid(pkt, ct, CTNG_R_UDP_COVERAGE,
				    "invalid checksum coverage");

	if (!uh->check)
		return ctng_invalid(pkt, ct, CTNG_R_CHECKSUM, "checksum missing");

	/* RFC 3828, 3.2: the pseudo header has UDP-Lite's own number */
	if (verify_checksum(pkt) &&
	    nf_checksum_partial(pkt->skb, pkt->state->hook, pkt->dataoff, coverage,
				IPPROTO_UDPLITE, pkt->l3num))
		return ctng_invalid(pkt, ct, CTNG_R_CHECKSUM, "bad checksum");

	return CTNG_TRACK;
}

static enum ctng_fate udplite_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	unsigned int *timeouts;

	if (unlikely(check_udplite(ct, pkt) != CTNG_TRACK))
		return CTNG_INVALID;

	timeouts = ctng_proto_timeouts(&ctng_proto_udplite, ct);
	if (!test_bit(IPS_SEEN_REPLY_BIT, &ct->status)) {
		nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb,
				   READ_ONCE(timeouts[UDP_CT_UNREPLIED]));
		return CTNG_TRACK;
	}

	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(timeouts[UDP_CT_REPLIED]));
	set_assured(ct);

	return CTNG_TRACK;
}

static unsigned int *udp_timeouts(struct net *net)
{
	return nf_udp_pernet(net)->timeouts;
}

static void udp_init_net(struct net *net)
{
	struct nf_udp_net *un = nf_udp_pernet(net);

	memcpy(un->timeouts, default_timeouts, sizeof(un->timeouts));
	un->offload_timeout = DEFAULT_OFFLOAD_TIMEOUT;
}

static int udp_timeouts_from_nlattr(struct nlattr *tb[], struct net *net, void *data)
{
	unsigned int *defaults = udp_timeouts(net);

	ctng_timeouts_from_nlattr(tb, data ?: defaults, defaults, UDP_CT_MAX);

	return 0;
}

static int udp_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	return ctng_timeouts_to_nlattr(skb, data, UDP_CT_MAX);
}

/* The attributes of both protocols have the same numbers. */
static_assert(UDP_CT_UNREPLIED + 1 == CTA_TIMEOUT_UDP_UNREPLIED);
static_assert(UDP_CT_REPLIED + 1 == CTA_TIMEOUT_UDP_REPLIED);
static_assert(UDP_CT_UNREPLIED + 1 == CTA_TIMEOUT_UDPLITE_UNREPLIED);
static_assert(UDP_CT_REPLIED + 1 == CTA_TIMEOUT_UDPLITE_REPLIED);

#define UDP_ABI(number)							\
	.l4proto		= (number),				\
	.allow_clash		= true,					\
	.tuple_to_nlattr	= nf_ct_port_tuple_to_nlattr,		\
	.nlattr_to_tuple	= nf_ct_port_nlattr_to_tuple,		\
	.nlattr_tuple_size	= nf_ct_port_nlattr_tuple_size,		\
	.nla_policy		= nf_ct_port_nla_policy,		\
	.ctnl_timeout		= {					\
		.nlattr_to_obj	= udp_timeouts_from_nlattr,		\
		.obj_to_nlattr	= udp_timeouts_to_nlattr,		\
		.obj_size	= sizeof(unsigned int) * UDP_CT_MAX,	\
		.nlattr_max	= UDP_CT_MAX,				\
		.nla_policy	= ctng_timeout_nla_policy,		\
	}

const struct nf_conntrack_l4proto nf_conntrack_l4proto_udp = {
	UDP_ABI(IPPROTO_UDP),
};

const struct nf_conntrack_l4proto nf_conntrack_l4proto_udplite = {
	UDP_ABI(IPPROTO_UDPLITE),
};

const struct ctng_proto ctng_proto_udp = {
	.abi		= &nf_conntrack_l4proto_udp,
	.packet		= udp_packet,
	.timeouts	= udp_timeouts,
	.init_net	= udp_init_net,
};

/* Its timeouts are those of UDP. */
const struct ctng_proto ctng_proto_udplite = {
	.abi		= &nf_conntrack_l4proto_udplite,
	.packet		= udplite_packet,
	.timeouts	= udp_timeouts,
};
