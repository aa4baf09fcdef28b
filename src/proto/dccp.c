// SPDX-License-Identifier: GPL-2.0-only
/* DCCP (RFC 4340): a packet on its way through a connection. */

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/seq_file.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "compat.h"
#include "../trace/events.h"
#include "dccp.h"
#include "proto.h"

/* Maximum segment lifetime, RFC 4340 section 3.4 */
#define MSL	(120 * HZ)

static const char *const state_names[DCCP_STATES] = {
	[CT_DCCP_NONE]		= "NONE",
	[CT_DCCP_REQUEST]	= "REQUEST",
	[CT_DCCP_RESPOND]	= "RESPOND",
	[CT_DCCP_PARTOPEN]	= "PARTOPEN",
	[CT_DCCP_OPEN]		= "OPEN",
	[CT_DCCP_CLOSEREQ]	= "CLOSEREQ",
	[CT_DCCP_CLOSING]	= "CLOSING",
	[CT_DCCP_TIMEWAIT]	= "TIMEWAIT",
};

/* RFC 4340 section 8 gives those of the handshake and of the end. */
static const unsigned int default_timeouts[CT_DCCP_MAX + 1] = {
	[CT_DCCP_NONE]		= 2 * MSL,
	[CT_DCCP_REQUEST]	= 2 * MSL,
	[CT_DCCP_RESPOND]	= 4 * MSL,
	[CT_DCCP_PARTOPEN]	= 4 * MSL,
	[CT_DCCP_OPEN]		= 12 * 60 * 60 * HZ,
	[CT_DCCP_CLOSEREQ]	= 64 * HZ,
	[CT_DCCP_CLOSING]	= 64 * HZ,
	[CT_DCCP_TIMEWAIT]	= 2 * MSL,
};

/* RFC 4340 section 5.1: who may use the short sequence numbers (X = 0). */
static bool may_be_short(u8 type)
{
	return type == DCCP_PKT_DATA || type == DCCP_PKT_ACK || type == DCCP_PKT_DATAACK;
}

/* What is wrong with the lengths, in words for the log; NULL if nothing is. */
static const char *length_fault(const struct dccp_hdr *header, unsigned int len)
{
	unsigned int doff = header->dccph_doff * 4;

	if (doff < sizeof(*header) || doff > len)
		return "data offset out of bounds";
	if (header->dccph_cscov && (header->dccph_cscov - 1) * 4 > len)
		return "checksum covers more than there is";

	return NULL;
}

/* The same for the type; it is believed only if the checksum is right. */
static const char *type_fault(const struct dccp_hdr *header)
{
	if (header->dccph_type >= DCCP_PKT_INVALID)
		return "reserved packet type";
	if (!header->dccph_x && !may_be_short(header->dccph_type))
		return "sequence number too short for this type";

	return NULL;
}

/*
 * A partial coverage is counted from the start of the header, as in every kernel so
 * far. RFC 4340 section 9.2 counts it from the start of the data, so a packet that
 * was made to the letter of it fails here.
 */
static bool checksum_is_right(const struct ctng_pkt *pkt, const struct dccp_hdr *header)
{
	unsigned int covered = pkt->skb->len - pkt->dataoff;

	if (pkt->state->hook != NF_INET_PRE_ROUTING ||
	    !READ_ONCE(pkt->state->net->ct.sysctl_checksum))
		return true;
	if (header->dccph_cscov)
		covered = (header->dccph_cscov - 1) * 4;

	return !nf_checksum_partial(pkt->skb, pkt->state->hook, pkt->dataoff, covered,
				    IPPROTO_DCCP, pkt->l3num);
}

/* The numbers are all that counts of the rest, but the rest has to be there. */
static bool read_numbers(const struct ctng_pkt *pkt, const struct dccp_hdr *header,
			 struct dccp_facts *facts)
{
	unsigned int offset = pkt->dataoff + sizeof(*header);
	unsigned int len = dccp_packet_hdr_len(header->dccph_type);
	struct dccp_hdr_response rest;
	struct dccp_hdr_ext ext;

	BUILD_BUG_ON(sizeof(rest) < sizeof(struct dccp_hdr_reset));
	BUILD_BUG_ON(offsetof(struct dccp_hdr_response, dccph_resp_ack));

	facts->seq = 0;
	facts->ack = 0;

	if (header->dccph_x) {
		if (skb_copy_bits(pkt->skb, offset, &ext, sizeof(ext)))
			return false;
		facts->seq = (u64)ntohs(header->dccph_seq) << 32 | ntohl(ext.dccph_seq_low);
		offset += sizeof(ext);
	}

	if (skb_copy_bits(pkt->skb, offset, &rest, len))
		return false;
	if (facts->type == DCCP_PKT_ACK)
		facts->ack = (u64)ntohs(rest.dccph_resp_ack.dccph_ack_nr_high) << 32 |
			     ntohl(rest.dccph_resp_ack.dccph_ack_nr_low);

	return true;
}

static enum ctng_fate look_at(const struct nf_conn *ct, const struct ctng_pkt *pkt,
			      struct dccp_facts *facts)
{
	const struct dccp_hdr *header;
	struct dccp_hdr buf;
	const char *fault;

	header = skb_header_pointer(pkt->skb, pkt->dataoff, sizeof(buf), &buf);
	if (!header) {
		ctng_invalid(pkt, ct, CTNG_R_SHORT_HEADER, "header incomplete");
		return CTNG_SHORT_DCCP_FATE;
	}
	fault = length_fault(header, pkt->skb->len - pkt->dataoff);
	if (fault)
		return ctng_invalid(pkt, ct, CTNG_R_DCCP_HEADER, "%s", fault);
	if (!checksum_is_right(pkt, header))
		return ctng_invalid(pkt, ct, CTNG_R_CHECKSUM, "bad checksum");
	fault = type_fault(header);
	if (fault)
		return ctng_invalid(pkt, ct, CTNG_R_DCCP_HEADER, "%s", fault);

	facts->dir = ctng_pkt_dir(pkt);
	facts->type = header->dccph_type;
	if (!read_numbers(pkt, header, facts)) {
		ctng_invalid(pkt, ct, CTNG_R_DCCP_HEADER, "header of type %u incomplete",
			     facts->type);
		return CTNG_SHORT_DCCP_FATE;
	}

	return CTNG_TRACK;
}

/* Returns the state that the connection is in afterwards. */
static u8 step(struct nf_conn *ct, const struct dccp_facts *facts, enum dccp_step *what)
{
	u8 state;

	spin_lock_bh(&ct->lock);
	*what = ctng_dccp_step(&ct->proto.dccp, facts);
	state = ct->proto.dccp.state;
	spin_unlock_bh(&ct->lock);

	return state;
}

static enum ctng_fate settle(struct nf_conn *ct, const struct ctng_pkt *pkt,
			     const struct dccp_facts *facts)
{
	unsigned int *timeouts = ctng_proto_timeouts(&ctng_proto_dccp, ct);
	enum dccp_step what;
	u8 state;

	state = step(ct, facts, &what);

	switch (what) {
	case DCCP_STEP_BAD_STATE:
		return ctng_invalid(pkt, ct, CTNG_R_DCCP_STATE,
				    "type %u can't come in %s in %s direction",
				    facts->type, state_names[state],
				    facts->dir == IP_CT_DIR_ORIGINAL ? "original" : "reply");
	case DCCP_STEP_IGNORE:
		nf_ct_l4proto_log_invalid(pkt->skb, ct, pkt->state, "type %u ignored in %s",
					  facts->type, state_names[state]);
		return CTNG_TRACK;
	case DCCP_STEP_ANSWERED:
		/* no event of its own: that of the state tells */
		set_bit(IPS_ASSURED_BIT, &ct->status);
		fallthrough;
	case DCCP_STEP_MOVE:
		trace_ct_update(ct, state);
		nf_conntrack_event_cache(IPCT_PROTOINFO, ct);
		fallthrough;
	case DCCP_STEP_STAY:
		break;
	}

	nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(timeouts[state]));

	return CTNG_TRACK;
}

static enum ctng_fate dccp_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	struct dccp_facts facts;
	enum ctng_fate fate;

	fate = look_at(ct, pkt, &facts);
	if (fate != CTNG_TRACK)
		return fate;

	if (!nf_ct_is_confirmed(ct)) {
		if (!ctng_dccp_may_start(&facts))
			return ctng_invalid(pkt, ct, CTNG_R_DCCP_STATE,
					    "no connection begins with type %u", facts.type);
		ctng_dccp_start(&ct->proto.dccp);
	} else if (facts.type == DCCP_PKT_RESET &&
		   !test_bit(IPS_SEEN_REPLY_BIT, &ct->status)) {
		/* refused, or given up before it was answered: nothing to wait for */
		nf_ct_kill_acct(ct, pkt->ctinfo, pkt->skb);
		return CTNG_TRACK;
	}

	return settle(ct, pkt, &facts);
}

static unsigned int *dccp_timeouts(struct net *net)
{
	return nf_dccp_pernet(net)->dccp_timeout;
}

/*
 * dccp_loose is there to be read and set. It would allow to pick up a connection in the
 * middle, but there is no packet other than a Request that could start one.
 */
static void dccp_init_net(struct net *net)
{
	struct nf_dccp_net *dn = nf_dccp_pernet(net);

	memcpy(dn->dccp_timeout, default_timeouts, sizeof(default_timeouts));
	dn->dccp_loose = 1;
}

/* A connection that is being closed is the least loss in a full table. */
static bool dccp_can_early_drop(const struct nf_conn *ct)
{
	switch (READ_ONCE(ct->proto.dccp.state)) {
	case CT_DCCP_CLOSEREQ:
	case CT_DCCP_CLOSING:
	case CT_DCCP_TIMEWAIT:
		return true;
	default:
		return false;
	}
}

static u8 dccp_state(const struct nf_conn *ct)
{
	return READ_ONCE(ct->proto.dccp.state);
}

static const char *dccp_state_name(u8 state)
{
	return state < DCCP_STATES ? state_names[state] : NULL;
}

static void dccp_print(struct seq_file *s, struct nf_conn *ct)
{
	seq_printf(s, "%s ", state_names[READ_ONCE(ct->proto.dccp.state)]);
}

const struct nf_conntrack_l4proto nf_conntrack_l4proto_dccp = {
	.l4proto		= IPPROTO_DCCP,
	.nlattr_size		= CTNG_DCCP_NLATTR_SIZE,
	.can_early_drop		= dccp_can_early_drop,
	.to_nlattr		= ctng_dccp_to_nlattr,
	.from_nlattr		= ctng_dccp_from_nlattr,
	.tuple_to_nlattr	= nf_ct_port_tuple_to_nlattr,
	.nlattr_tuple_size	= nf_ct_port_nlattr_tuple_size,
	.nlattr_to_tuple	= nf_ct_port_nlattr_to_tuple,
	.nla_policy		= nf_ct_port_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= ctng_dccp_timeouts_from_nlattr,
		.obj_to_nlattr	= ctng_dccp_timeouts_to_nlattr,
		.obj_size	= sizeof(default_timeouts),
		.nlattr_max	= CTA_TIMEOUT_DCCP_MAX,
		.nla_policy	= ctng_dccp_timeout_policy,
	},
	.print_conntrack	= dccp_print,
};

const struct ctng_proto ctng_proto_dccp = {
	.abi		= &nf_conntrack_l4proto_dccp,
	.packet		= dccp_packet,
	.timeouts	= dccp_timeouts,
	.init_net	= dccp_init_net,
	.state		= dccp_state,
	.state_name	= dccp_state_name,
};
