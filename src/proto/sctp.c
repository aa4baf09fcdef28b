// SPDX-License-Identifier: GPL-2.0-only
/* SCTP (RFC 9260): a packet on its way through a connection. */

#include <linux/crc32.h>
#include <linux/crc32c.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/sctp.h>
#include <linux/seq_file.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "../trace/events.h"
#include "proto.h"
#include "sctp.h"

static const char *const state_names[SCTP_STATES] = {
	[SCTP_CONNTRACK_NONE]			= "NONE",
	[SCTP_CONNTRACK_CLOSED]			= "CLOSED",
	[SCTP_CONNTRACK_COOKIE_WAIT]		= "COOKIE_WAIT",
	[SCTP_CONNTRACK_COOKIE_ECHOED]		= "COOKIE_ECHOED",
	[SCTP_CONNTRACK_ESTABLISHED]		= "ESTABLISHED",
	[SCTP_CONNTRACK_SHUTDOWN_SENT]		= "SHUTDOWN_SENT",
	[SCTP_CONNTRACK_SHUTDOWN_RECD]		= "SHUTDOWN_RECD",
	[SCTP_CONNTRACK_SHUTDOWN_ACK_SENT]	= "SHUTDOWN_ACK_SENT",
	[SCTP_CONNTRACK_HEARTBEAT_SENT]		= "HEARTBEAT_SENT",
};

/*
 * An idle path still has its heartbeats, so a path that is silent for longer than
 * it takes to give it up (HB.Interval * Path.Max.Retrans + RTO.Max, section
 * 16 of RFC 9260) is gone, even if the association was shut down over another.
 */
static const unsigned int default_timeouts[SCTP_CONNTRACK_MAX] = {
	[SCTP_CONNTRACK_NONE]			= 10 * HZ,
	[SCTP_CONNTRACK_CLOSED]			= 10 * HZ,
	[SCTP_CONNTRACK_COOKIE_WAIT]		= 3 * HZ,
	[SCTP_CONNTRACK_COOKIE_ECHOED]		= 3 * HZ,
	[SCTP_CONNTRACK_ESTABLISHED]		= (30 * 5 + 60) * HZ,
	[SCTP_CONNTRACK_SHUTDOWN_SENT]		= 3 * HZ,
	[SCTP_CONNTRACK_SHUTDOWN_RECD]		= 3 * HZ,
	[SCTP_CONNTRACK_SHUTDOWN_ACK_SENT]	= 3 * HZ,
	[SCTP_CONNTRACK_HEARTBEAT_SENT]		= 30 * HZ,
};

/**
 * struct walk - a walk over the chunks of a packet
 * @skb: the packet.
 * @offset: of the chunk in hand.
 * @next: of the one behind it.
 * @header: header of the chunk in hand.
 */
struct walk {
	const struct sk_buff	*skb;
	unsigned int		offset;
	unsigned int		next;
	struct sctp_chunkhdr	header;
};

static struct walk walk_begin(const struct ctng_pkt *pkt)
{
	return (struct walk) {
		.skb = pkt->skb,
		.next = pkt->dataoff + sizeof(struct sctphdr),
	};
}

/*
 * Each step advances by a chunk header's size or more, so the packet's length
 * bounds the walk, whatever the chunks' lengths claim. A chunk may claim more
 * than there is, then it is the last one.
 */
static bool walk_next(struct walk *walk)
{
	walk->offset = walk->next;
	if (skb_copy_bits(walk->skb, walk->offset, &walk->header, sizeof(walk->header)))
		return false;
	walk->next += ALIGN(ntohs(walk->header.length), 4);

	return true;
}

/* RFC 9260 section 6.10: what must be alone in its packet, and what must come first. */
#define ALONE	(BIT(SCTP_KIND_INIT) | BIT(SCTP_KIND_INIT_ACK) | BIT(SCTP_KIND_SHUTDOWN_COMPLETE))
#define FIRST	(ALONE | BIT(SCTP_KIND_COOKIE_ECHO) | BIT(SCTP_KIND_COOKIE_ACK))

static bool survey(const struct ctng_pkt *pkt, struct sctp_facts *facts)
{
	struct walk walk = walk_begin(pkt);
	u32 kind;

	facts->kinds = 0;
	facts->data = false;

	while (walk_next(&walk)) {
		kind = BIT(ctng_sctp_classify(walk.header.type));
		if (!walk.header.length || (facts->kinds & ALONE) ||
		    (facts->kinds && (kind & FIRST)))
			return false;
		facts->kinds |= kind;
		facts->data |= walk.header.type == SCTP_CID_DATA;
	}

	return facts->kinds;
}

static bool read_chunk(const struct walk *walk, struct sctp_part *chunk)
{
	struct sctp_init_chunk init;

	chunk->kind = ctng_sctp_classify(walk->header.type);
	/* in ABORT and SHUTDOWN COMPLETE, where it is looked at */
	chunk->reflected = walk->header.flags & SCTP_CHUNK_FLAG_T;
	if (chunk->kind != SCTP_KIND_INIT && chunk->kind != SCTP_KIND_INIT_ACK)
		return true;

	if (skb_copy_bits(walk->skb, walk->offset, &init, sizeof(init)))
		return false;
	chunk->init_tag = init.init_hdr.init_tag;

	return true;
}

static __wsum crc_update(const void *data, int len, __wsum crc)
{
	return (__force __wsum)crc32c((__force u32)crc, data, len);
}

static __wsum crc_combine(__wsum crc, __wsum of_block, int offset, int len)
{
	return (__force __wsum)__crc32c_le_combine((__force u32)crc, (__force u32)of_block,
						   len);
}

/* RFC 9260 appendix A */
static const struct skb_checksum_ops crc_ops = {
	.update		= crc_update,
	.combine	= crc_combine,
};

/*
 * The header is summed up as if its checksum were zero instead of writing the
 * zero there: others may see the same data.
 */
static __le32 checksum_of(const struct ctng_pkt *pkt, struct sctphdr header)
{
	unsigned int body = pkt->dataoff + sizeof(header);
	__wsum crc;

	header.checksum = 0;
	crc = crc_update(&header, sizeof(header), ~(__wsum)0);
	crc = __skb_checksum(pkt->skb, body, pkt->skb->len - body, crc, &crc_ops);

	return cpu_to_le32(~(__force u32)crc);
}

/* What we send ourselves, or what the hardware has checked, needs no check. */
static bool checksum_is_right(const struct ctng_pkt *pkt, const struct sctphdr *header)
{
	if (pkt->state->hook != NF_INET_PRE_ROUTING ||
	    !READ_ONCE(pkt->state->net->ct.sysctl_checksum) ||
	    pkt->skb->ip_summed != CHECKSUM_NONE)
		return true;

	if (checksum_of(pkt, *header) != header->checksum)
		return false;
	pkt->skb->ip_summed = CHECKSUM_UNNECESSARY;

	return true;
}

static enum ctng_fate look_at(const struct nf_conn *ct, const struct ctng_pkt *pkt,
			      struct sctp_facts *facts)
{
	const struct sctphdr *header;
	struct sctphdr buf;

	header = skb_header_pointer(pkt->skb, pkt->dataoff, sizeof(buf), &buf);
	if (!header)
		return ctng_invalid(pkt, ct, CTNG_R_SHORT_HEADER, "SCTP header incomplete");
	if (!checksum_is_right(pkt, header))
		return ctng_invalid(pkt, ct, CTNG_R_CHECKSUM, "SCTP checksum wrong");
	if (!survey(pkt, facts))
		return ctng_invalid(pkt, ct, CTNG_R_SCTP_CHUNK, "SCTP chunks malformed");

	facts->dir = ctng_pkt_dir(pkt);
	facts->vtag = header->vtag;

	return CTNG_TRACK;
}

/**
 * struct outcome - what became of a packet under ct->lock
 * @fault: why it is invalid, CTNG_R_NONE if it isn't.
 * @chunk: type of the last chunk.
 * @before: state of the connection before that chunk.
 * @state: the same in the end.
 * @moved: the state has changed.
 * @established: it went through ESTABLISHED on the way.
 * @hold: don't prolong the connection.
 */
struct outcome {
	enum ctng_reason	fault;
	u8			chunk;
	enum sctp_conntrack	before;
	enum sctp_conntrack	state;
	bool			moved;
	bool			established;
	bool			hold;
};

static void settle(struct outcome *out, struct ip_ct_sctp *assoc,
		   const struct sctp_facts *facts, const struct sctp_part *chunk)
{
	enum sctp_step step = ctng_sctp_step(assoc, facts, chunk);

	out->state = assoc->state;

	switch (step) {
	case SCTP_STEP_STAY:
		break;
	case SCTP_STEP_MOVE:
		out->moved = true;
		out->established |= out->state == SCTP_CONNTRACK_ESTABLISHED;
		break;
	case SCTP_STEP_HOLD:
		out->hold = true;
		break;
	case SCTP_STEP_BAD_TAG:
		out->fault = CTNG_R_SCTP_VTAG;
		break;
	case SCTP_STEP_BAD_STATE:
		out->fault = CTNG_R_SCTP_STATE;
		break;
	}
}

/* Chunks count in their order, and those before a bad one have counted. */
static void step_through(struct ip_ct_sctp *assoc, const struct ctng_pkt *pkt,
			 const struct sctp_facts *facts, struct outcome *out)
{
	struct walk walk = walk_begin(pkt);
	struct sctp_part chunk;

	out->state = assoc->state;
	if (!ctng_sctp_tag_fits(assoc, facts)) {
		out->fault = CTNG_R_SCTP_VTAG;
		return;
	}

	while (!out->fault && walk_next(&walk)) {
		out->chunk = walk.header.type;
		out->before = assoc->state;
		chunk.held = out->hold;
		if (!read_chunk(&walk, &chunk)) {
			out->fault = CTNG_R_SCTP_CHUNK;
			return;
		}
		settle(out, assoc, facts, &chunk);
	}
}

static enum ctng_fate explain(const struct nf_conn *ct, const struct ctng_pkt *pkt,
			      const struct sctp_facts *facts, const struct outcome *out)
{
	const char *dir = facts->dir == IP_CT_DIR_ORIGINAL ? "original" : "reply";

	/*
	 * What no connection begins with is not worth a line: scans are full of it. A tag
	 * that nobody has chosen yet is.
	 */
	if (!nf_ct_is_confirmed(ct) && ctng_sctp_tag_fits(&ct->proto.sctp, facts)) {
		ctng_count(pkt->state->net, out->fault);
		return CTNG_INVALID;
	}

	switch (out->fault) {
	case CTNG_R_SCTP_VTAG:
		return ctng_invalid(pkt, ct, out->fault,
				    "verification tag 0x%08x is wrong in %s direction",
				    ntohl(facts->vtag), dir);
	case CTNG_R_SCTP_STATE:
		return ctng_invalid(pkt, ct, out->fault,
				    "chunk %u can't come in %s in %s direction",
				    out->chunk, state_names[out->before], dir);
	default:
		return ctng_invalid(pkt, ct, out->fault, "chunk %u incomplete", out->chunk);
	}
}

static enum ctng_fate sctp_packet(struct nf_conn *ct, struct ctng_pkt *pkt)
{
	struct outcome out = { .fault = CTNG_R_NONE };
	struct sctp_facts facts;

	if (look_at(ct, pkt, &facts) != CTNG_TRACK)
		return CTNG_INVALID;

	if (!nf_ct_is_confirmed(ct)) {
		if (!ctng_sctp_may_start(&facts)) {
			ctng_count(pkt->state->net, CTNG_R_SCTP_STATE);
			return CTNG_INVALID;
		}
		ctng_sctp_start(&ct->proto.sctp, &facts);
	}

	spin_lock_bh(&ct->lock);
	step_through(&ct->proto.sctp, pkt, &facts, &out);
	spin_unlock_bh(&ct->lock);

	if (out.moved) {
		trace_ct_update(ct, READ_ONCE(ct->proto.sctp.state));
		nf_conntrack_event_cache(IPCT_PROTOINFO, ct);
	}
	if (out.established && !test_and_set_bit(IPS_ASSURED_BIT, &ct->status))
		nf_conntrack_event_cache(IPCT_ASSURED, ct);
	if (out.fault)
		return explain(ct, pkt, &facts, &out);

	if (!out.hold) {
		unsigned int *timeouts = ctng_proto_timeouts(&ctng_proto_sctp, ct);

		nf_ct_refresh_acct(ct, pkt->ctinfo, pkt->skb, READ_ONCE(timeouts[out.state]));
	}

	return CTNG_TRACK;
}

static unsigned int *sctp_timeouts(struct net *net)
{
	return nf_sctp_pernet(net)->timeouts;
}

static void sctp_init_net(struct net *net)
{
	memcpy(sctp_timeouts(net), default_timeouts, sizeof(default_timeouts));
}

/* An association that is being shut down is the least loss in a full table. */
static bool sctp_can_early_drop(const struct nf_conn *ct)
{
	switch (READ_ONCE(ct->proto.sctp.state)) {
	case SCTP_CONNTRACK_SHUTDOWN_SENT:
	case SCTP_CONNTRACK_SHUTDOWN_RECD:
	case SCTP_CONNTRACK_SHUTDOWN_ACK_SENT:
		return true;
	default:
		return false;
	}
}

static u8 sctp_state(const struct nf_conn *ct)
{
	return READ_ONCE(ct->proto.sctp.state);
}

static const char *sctp_state_name(u8 state)
{
	return state < SCTP_STATES ? state_names[state] : NULL;
}

static void sctp_print(struct seq_file *s, struct nf_conn *ct)
{
	seq_printf(s, "%s ", state_names[READ_ONCE(ct->proto.sctp.state)]);
}

const struct nf_conntrack_l4proto nf_conntrack_l4proto_sctp = {
	.l4proto		= IPPROTO_SCTP,
	.nlattr_size		= CTNG_SCTP_NLATTR_SIZE,
	.can_early_drop		= sctp_can_early_drop,
	.to_nlattr		= ctng_sctp_to_nlattr,
	.from_nlattr		= ctng_sctp_from_nlattr,
	.tuple_to_nlattr	= nf_ct_port_tuple_to_nlattr,
	.nlattr_tuple_size	= nf_ct_port_nlattr_tuple_size,
	.nlattr_to_tuple	= nf_ct_port_nlattr_to_tuple,
	.nla_policy		= nf_ct_port_nla_policy,
	.ctnl_timeout		= {
		.nlattr_to_obj	= ctng_sctp_timeouts_from_nlattr,
		.obj_to_nlattr	= ctng_sctp_timeouts_to_nlattr,
		.obj_size	= sizeof(default_timeouts),
		.nlattr_max	= CTA_TIMEOUT_SCTP_MAX,
		.nla_policy	= ctng_sctp_timeout_policy,
	},
	.print_conntrack	= sctp_print,
};

const struct ctng_proto ctng_proto_sctp = {
	.abi		= &nf_conntrack_l4proto_sctp,
	.packet		= sctp_packet,
	.timeouts	= sctp_timeouts,
	.init_net	= sctp_init_net,
	.state		= sctp_state,
	.state_name	= sctp_state_name,
};
