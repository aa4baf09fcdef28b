// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of SCTP (RFC 9260): states and verification tags. Nothing in here
 * knows of packets, locks or timers.
 */

#include <linux/sctp.h>

#include "sctp.h"

/*
 * Legend. A state tells what was seen on this path, which need not be the only
 * one of the association: a path that comes in later starts with a HEARTBEAT.
 *
 *	no	NONE			nothing seen yet
 *	cl	CLOSED			an INIT waits for its answer, or all is over
 *	cw	COOKIE_WAIT		INIT ACK seen, the cookie is on its way
 *	ce	COOKIE_ECHOED		COOKIE ECHO seen
 *	es	ESTABLISHED		COOKIE ACK seen, or a HEARTBEAT was answered
 *	ss	SHUTDOWN_SENT		SHUTDOWN in original direction
 *	sr	SHUTDOWN_RECD		SHUTDOWN in reply direction
 *	sa	SHUTDOWN_ACK_SENT	SHUTDOWN ACK in either direction
 *	hs	HEARTBEAT_SENT		first chunk on this path was a HEARTBEAT
 *	--				cannot be
 */
#define no SCTP_CONNTRACK_NONE
#define cl SCTP_CONNTRACK_CLOSED
#define cw SCTP_CONNTRACK_COOKIE_WAIT
#define ce SCTP_CONNTRACK_COOKIE_ECHOED
#define es SCTP_CONNTRACK_ESTABLISHED
#define ss SCTP_CONNTRACK_SHUTDOWN_SENT
#define sr SCTP_CONNTRACK_SHUTDOWN_RECD
#define sa SCTP_CONNTRACK_SHUTDOWN_ACK_SENT
#define hs SCTP_CONNTRACK_HEARTBEAT_SENT
#define __ SCTP_CONNTRACK_MAX

/* Next state by direction, kind of chunk, and state. */
static const u8 transitions[IP_CT_DIR_MAX][SCTP_KINDS][SCTP_STATES] = {
[IP_CT_DIR_ORIGINAL] = {
				     /*	no  cl  cw  ce  es  ss  sr  sa  hs */
	/* 5.1 A, 5.2: a restart is the endpoints' affair until somebody has shut down */
	[SCTP_KIND_INIT]			= { cl, cl, cw, ce, es, cl, cl, sa, cw },
	/* 5.2.3: unexpected here, endpoints discard it */
	[SCTP_KIND_INIT_ACK]		= { cl, cl, cw, ce, es, ss, sr, sa, cl },
	/* 9.1 */
	[SCTP_KIND_ABORT]			= { cl, cl, cl, cl, cl, cl, cl, cl, cl },
	/* 9.2: the first SHUTDOWN tells who started it, also if both do */
	[SCTP_KIND_SHUTDOWN]		= { cl, cl, cw, ce, ss, ss, sr, sa, cl },
	[SCTP_KIND_SHUTDOWN_ACK]		= { sa, cl, cw, ce, es, sa, sa, sa, sa },
	/* 3.3.10: no change, except to a stale cookie, which only the answer can tell */
	[SCTP_KIND_ERROR]			= { cl, cl, cw, ce, es, ss, sr, sa, cl },
	/* 5.1 C, and the same from both sides after a collision, 5.2.4 */
	[SCTP_KIND_COOKIE_ECHO]		= { cl, cl, ce, ce, es, ss, sr, sa, cl },
	/* 5.1 D */
	[SCTP_KIND_COOKIE_ACK]		= { cl, cl, cw, es, es, ss, sr, sa, cl },
	/* 9.2: comes after the SHUTDOWN ACK only */
	[SCTP_KIND_SHUTDOWN_COMPLETE]	= { cl, cl, cw, ce, es, ss, sr, cl, cl },
	/* 8.3: probes a path */
	[SCTP_KIND_HEARTBEAT]		= { hs, cl, cw, ce, es, ss, sr, sa, hs },
	[SCTP_KIND_HEARTBEAT_ACK]		= { cl, cl, cw, ce, es, ss, sr, sa, hs },
	[SCTP_KIND_OTHER]			= { no, cl, cw, ce, es, ss, sr, sa, hs },
},
[IP_CT_DIR_REPLY] = {
				     /*	no  cl  cw  ce  es  ss  sr  sa  hs */
	/* 5.2.1, 5.2.2: a collision */
	[SCTP_KIND_INIT]			= { __, cl, cw, ce, es, ss, sr, sa, __ },
	/* 5.1 B */
	[SCTP_KIND_INIT_ACK]		= { __, cw, cw, ce, es, ss, sr, sa, __ },
	[SCTP_KIND_ABORT]			= { __, cl, cl, cl, cl, cl, cl, cl, __ },
	[SCTP_KIND_SHUTDOWN]		= { __, cl, cw, ce, sr, ss, sr, sa, __ },
	[SCTP_KIND_SHUTDOWN_ACK]		= { __, cl, cw, ce, es, sa, sa, sa, __ },
	/* 5.2.6: stale cookie, the handshake starts over */
	[SCTP_KIND_ERROR]			= { __, cl, cw, cl, es, ss, sr, sa, __ },
	[SCTP_KIND_COOKIE_ECHO]		= { __, cl, ce, ce, es, ss, sr, sa, __ },
	[SCTP_KIND_COOKIE_ACK]		= { __, cl, cw, es, es, ss, sr, sa, __ },
	[SCTP_KIND_SHUTDOWN_COMPLETE]	= { __, cl, cw, ce, es, ss, sr, cl, __ },
	[SCTP_KIND_HEARTBEAT]		= { __, cl, cw, ce, es, ss, sr, sa, hs },
	/* 8.3: the path works both ways */
	[SCTP_KIND_HEARTBEAT_ACK]		= { __, cl, cw, ce, es, ss, sr, sa, es },
	[SCTP_KIND_OTHER]			= { no, cl, cw, ce, es, ss, sr, sa, hs },
},
};

/* RFC 9260 section 8.4: what to discard when it comes out of the blue. */
#define NEVER_FIRST	(BIT(SCTP_KIND_ABORT) | BIT(SCTP_KIND_COOKIE_ACK) |		\
			 BIT(SCTP_KIND_SHUTDOWN_COMPLETE) | BIT(SCTP_KIND_OTHER))

/*
 * RFC 9260 section 8.5.1: with one of these in the packet, the tag need not be
 * the receiver's; where it matters, tag_of_chunk_fits() and meet_heartbeat() check.
 */
#define SPECIAL_TAG	(BIT(SCTP_KIND_INIT) | BIT(SCTP_KIND_ABORT) |		\
			 BIT(SCTP_KIND_SHUTDOWN_ACK) |				\
			 BIT(SCTP_KIND_SHUTDOWN_COMPLETE) |			\
			 BIT(SCTP_KIND_COOKIE_ECHO) |				\
			 BIT(SCTP_KIND_HEARTBEAT) | BIT(SCTP_KIND_HEARTBEAT_ACK))

/* ip_ct_sctp.flags: a HEARTBEAT had a strange tag, in direction last_dir. */
#define TAG_IN_DOUBT	BIT(0)

/**
 * ctng_sctp_classify() - kind of a chunk
 * @type: its type, as in the packet.
 *
 * Context: any.
 * Return: the kind.
 */
enum sctp_kind ctng_sctp_classify(u8 type)
{
	switch (type) {
	case SCTP_CID_INIT:			return SCTP_KIND_INIT;
	case SCTP_CID_INIT_ACK:			return SCTP_KIND_INIT_ACK;
	case SCTP_CID_ABORT:			return SCTP_KIND_ABORT;
	case SCTP_CID_SHUTDOWN:			return SCTP_KIND_SHUTDOWN;
	case SCTP_CID_SHUTDOWN_ACK:		return SCTP_KIND_SHUTDOWN_ACK;
	case SCTP_CID_ERROR:			return SCTP_KIND_ERROR;
	case SCTP_CID_COOKIE_ECHO:		return SCTP_KIND_COOKIE_ECHO;
	case SCTP_CID_COOKIE_ACK:		return SCTP_KIND_COOKIE_ACK;
	case SCTP_CID_SHUTDOWN_COMPLETE:	return SCTP_KIND_SHUTDOWN_COMPLETE;
	case SCTP_CID_HEARTBEAT:		return SCTP_KIND_HEARTBEAT;
	case SCTP_CID_HEARTBEAT_ACK:		return SCTP_KIND_HEARTBEAT_ACK;
	default:				return SCTP_KIND_OTHER;
	}
}

/**
 * ctng_sctp_may_start() - can a connection begin with this packet?
 * @facts: the packet.
 *
 * Context: any.
 * Return: true if it can.
 */
bool ctng_sctp_may_start(const struct sctp_facts *facts)
{
	return !(facts->kinds & NEVER_FIRST);
}

/**
 * ctng_sctp_start() - begin a connection
 * @assoc: the connection, cleared and given the tags that the packet as a whole
 *	tells. Its chunks are still to be stepped through.
 * @facts: its first packet.
 *
 * Context: nobody else sees @assoc.
 */
void ctng_sctp_start(struct ip_ct_sctp *assoc, const struct sctp_facts *facts)
{
	memset(assoc, 0, sizeof(*assoc));
	assoc->state = SCTP_CONNTRACK_NONE;

	/* whatever tag it has, 0 included, which is the one that we know so far */
	if (facts->kinds & BIT(SCTP_KIND_INIT))
		assoc->init[IP_CT_DIR_ORIGINAL] = 1;

	if (facts->kinds & BIT(SCTP_KIND_HEARTBEAT))
		assoc->vtag[IP_CT_DIR_ORIGINAL] = facts->vtag;

	/* 8.4 rule 5: the SHUTDOWN COMPLETE that answers it will reflect this tag */
	if (facts->kinds & BIT(SCTP_KIND_SHUTDOWN_ACK))
		assoc->vtag[IP_CT_DIR_REPLY] = facts->vtag;
}

/**
 * ctng_sctp_tag_fits() - check the tag of a packet that has no special chunk
 * @assoc: the connection.
 * @facts: the packet.
 *
 * Context: ct->lock held, or nobody else sees @assoc.
 * Return: false if the tag is wrong.
 */
bool ctng_sctp_tag_fits(const struct ip_ct_sctp *assoc, const struct sctp_facts *facts)
{
	return (facts->kinds & SPECIAL_TAG) || facts->vtag == assoc->vtag[facts->dir];
}

static bool tag_of_chunk_fits(const struct ip_ct_sctp *assoc, const struct sctp_facts *facts,
			      const struct sctp_part *chunk)
{
	enum ip_conntrack_dir dir = facts->dir;

	switch (chunk->kind) {
	case SCTP_KIND_INIT:			/* 8.5.1 A */
		return facts->vtag == 0;
	case SCTP_KIND_ABORT:			/* 8.5.1 B */
	case SCTP_KIND_SHUTDOWN_COMPLETE:		/* 8.5.1 C */
		return facts->vtag == assoc->vtag[chunk->reflected ? !dir : dir];
	case SCTP_KIND_COOKIE_ECHO:		/* 8.5.1 D */
		return facts->vtag == assoc->vtag[dir];
	default:
		return true;
	}
}

/*
 * On a path that began with a HEARTBEAT nobody has told us the tags: learn
 * them. And if we missed that the endpoints started over with new ones, a
 * HEARTBEAT is the first to tell: let it pass, and if the last one is answered, take the
 * tags from now on. Never with DATA in the same packet, which would slip by, and one in
 * a packet is enough.
 */
static enum sctp_step meet_heartbeat(struct ip_ct_sctp *assoc, const struct sctp_facts *facts,
				     const struct sctp_part *chunk)
{
	enum ip_conntrack_dir dir = facts->dir;
	bool doubt = assoc->flags & TAG_IN_DOUBT;

	if (!assoc->vtag[dir]) {
		assoc->vtag[dir] = facts->vtag;
		return SCTP_STEP_STAY;
	}

	if (facts->vtag == assoc->vtag[dir]) {
		assoc->flags &= ~TAG_IN_DOUBT;
		return SCTP_STEP_STAY;
	}

	if (facts->data || chunk->held)
		return SCTP_STEP_BAD_TAG;

	if (chunk->kind == SCTP_KIND_HEARTBEAT) {
		assoc->flags |= TAG_IN_DOUBT;
		assoc->last_dir = dir;
		return SCTP_STEP_HOLD;
	}

	if (!doubt || assoc->last_dir == dir)
		return SCTP_STEP_BAD_TAG;
	assoc->flags &= ~TAG_IN_DOUBT;
	assoc->vtag[dir] = facts->vtag;
	assoc->vtag[!dir] = 0;

	return SCTP_STEP_STAY;
}

static void meet_init(struct ip_ct_sctp *assoc, enum ip_conntrack_dir dir, __be32 tag)
{
	/* sent again, or with a tag that a HEARTBEAT has told: it opens nothing new */
	if (assoc->vtag[!dir] == tag)
		return;

	/* both had started before: this one starts over, its peer's INIT is history */
	if (assoc->init[dir] && assoc->init[!dir])
		assoc->init[!dir] = 0;
	assoc->init[dir] = 1;
	assoc->vtag[!dir] = tag;
}

/*
 * RFC 9260 section 5.2: when both sides send an INIT, an INIT ACK may come late and
 * carry the tag of an attempt that was given up. It must not replace the one
 * that is known: neither when both INITs are still open, nor when the
 * receiver has none open at all.
 */
static bool init_ack_is_stale(const struct ip_ct_sctp *assoc, enum ip_conntrack_dir dir,
			      __be32 tag)
{
	__be32 known = assoc->vtag[!dir];

	if (known == tag)
		return false;
	if (assoc->init[!dir])
		return assoc->init[dir];

	return known;
}

/**
 * ctng_sctp_step() - apply a chunk to a connection
 * @assoc: the connection. Unchanged if the chunk doesn't fit, save for what a HEARTBEAT
 *	(ACK) or a COOKIE ACK told.
 * @facts: the packet that the chunk is in.
 * @chunk: the chunk.
 *
 * Context: ct->lock held, or nobody else sees @assoc.
 * Return: what it did.
 */
enum sctp_step ctng_sctp_step(struct ip_ct_sctp *assoc, const struct sctp_facts *facts,
			      const struct sctp_part *chunk)
{
	enum ip_conntrack_dir dir = facts->dir;
	enum sctp_conntrack next;
	enum sctp_step tag;

	if (!tag_of_chunk_fits(assoc, facts, chunk))
		return SCTP_STEP_BAD_TAG;

	if (chunk->kind == SCTP_KIND_HEARTBEAT || chunk->kind == SCTP_KIND_HEARTBEAT_ACK) {
		tag = meet_heartbeat(assoc, facts, chunk);
		if (tag != SCTP_STEP_STAY)
			return tag;
	}

	/* whatever comes of it, both sides know their tags */
	if (chunk->kind == SCTP_KIND_COOKIE_ACK) {
		assoc->init[IP_CT_DIR_ORIGINAL] = 0;
		assoc->init[IP_CT_DIR_REPLY] = 0;
	}

	next = transitions[dir][chunk->kind][assoc->state];
	if (next == SCTP_CONNTRACK_MAX)
		return SCTP_STEP_BAD_STATE;

	switch (chunk->kind) {
	case SCTP_KIND_INIT:
		meet_init(assoc, dir, chunk->init_tag);
		/*
		 * A client that goes on trying, or another one behind the same NAT
		 * port, must not keep a connection alive that leads nowhere.
		 */
		if (assoc->state == SCTP_CONNTRACK_CLOSED && next == SCTP_CONNTRACK_CLOSED)
			return SCTP_STEP_HOLD;
		break;
	case SCTP_KIND_INIT_ACK:
		if (init_ack_is_stale(assoc, dir, chunk->init_tag))
			return SCTP_STEP_BAD_TAG;
		assoc->vtag[!dir] = chunk->init_tag;
		break;
	default:
		break;
	}

	if (next == assoc->state)
		return SCTP_STEP_STAY;
	assoc->state = next;

	return SCTP_STEP_MOVE;
}
