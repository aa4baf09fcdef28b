/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space writes to the replay module and reads from it; see differential/replay.py. */
#ifndef CTNG_REPLAY_RECORD_H
#define CTNG_REPLAY_RECORD_H

#include <linux/types.h>

/**
 * struct replay_op - one operation of a scenario
 * @kind: OP_*.
 * @gen: OP_BEGIN: number of the generator; OP_FRAME: way through the hooks.
 * @flags: OP_BEGIN: OPF_*; OP_FRAME: length of the packet that follows, from its IP header on,
 *	and is padded to a multiple of 8.
 * @arg: OP_BEGIN, OP_STEP, OP_FRAME: the seed; OP_WAIT: seconds.
 */
struct replay_op {
	__u8	kind;
	__u8	gen;
	__u16	flags;
	__u32	arg;
};

enum { OP_BEGIN, OP_STEP, OP_END, OP_FRAME, OP_WAIT };

#define OPF_NAT		1	/* with NAT */
#define OPF_MUTATE	2	/* with bytes of packets changed */
#define OPF_NO_SUM	4	/* checksums are not verified */

/* What a step did. */
enum replay_action {
	ACT_BEGIN,
	ACT_END,
	ACT_PACKET,
	ACT_AGAIN,	/* an old packet */
	ACT_ERROR,	/* an ICMP error about an old packet */
	ACT_RELEASE,	/* the rest of a held packet's way */
	ACT_WAIT,	/* arg: seconds */
	ACT_INJECT,	/* a state put into the connection */
	ACT_POKE,	/* arg: what an administrator or another module did */
};

#define NOTE_RANDOM	BIT(0)	/* NAT has looked for a port by random numbers */
#define NOTE_ODD_SACK	BIT(1)	/* a SACK option whose blocks begin at an odd offset */
#define NOTE_SLOW	BIT(2)	/* the scenario took so long that timeouts may differ by it */
#define NOTE_ASIDE	BIT(3)	/* the connection is that of the flow, not the packet's */
#define NOTE_BAD_QUOTE	BIT(4)	/* an ICMP error that quotes an IP header that can't be */
#define NOTE_SHORT_GRE	BIT(5)	/* GRE without room for a key */

struct replay_tuple {
	__u8	src[16];
	__u8	dst[16];
	__u16	sport;
	__u16	dport;
	__u8	l3num;
	__u8	l4num;
	__u8	dir;
	__u8	pad;
};

/**
 * struct replay_conn - a connection
 * @status: IPS_*.
 * @timeout: seconds left, rounded.
 * @mark: its mark.
 * @zone: id; @zone_dir and @zone_flags: the same of its zone.
 * @ext: which extensions it has, a bit each.
 * @labels: its labels.
 * @packets: counter of either direction, @bytes: as well.
 * @tuple: both tuples.
 * @helper: it has one.
 * @expecting: expectations it has in the first class.
 * @master: digest of its master's original tuple, 0 for none.
 * @seqadj: digest of its sequence adjustment.
 * @proto: its protocol's state, field by field.
 */
struct replay_conn {
	__u32			status;
	__s32			timeout;
	__u32			mark;
	__u16			zone;
	__u8			zone_dir;
	__u8			zone_flags;
	__u32			ext;
	__u8			labels[16];
	__u64			packets[2];
	__u64			bytes[2];
	struct replay_tuple	tuple[2];
	__u8			helper;
	__u8			expecting;
	__u16			pad;
	__u32			master;
	__u32			seqadj;
	__u32			proto[16];
};

struct replay_event {
	__u32	mask;
	__u32	who;
};

#define REPLAY_EVENTS	6
#define REPLAY_STATS	13

/**
 * struct replay_record - what came of one operation
 * @action: enum replay_action.
 * @arg: depends on that.
 * @sent: digest of the packet.
 * @path: way through the hooks.
 * @first: what became of it in the first hook: 1 accepted, 0 stolen, or an errno; @second: in
 *	the second, 2 if it didn't get there.
 * @came: digest of the packet that came out.
 * @ctinfo: enum ip_conntrack_info, 0xff if there is no connection.
 * @ip_summed: of the packet in the end.
 * @helped: what the helper did: enum replay_helped.
 * @result: of the operation that is not a packet.
 * @note: NOTE_*.
 * @conn: the connection of the packet.
 * @n_events: events that were delivered.
 * @event: the first of them.
 * @stat: what the statistics rose by.
 * @logged: lines logged; their wording is the module's own.
 * @count: connections there are.
 * @expected: expectations there are, counted if the helper was called.
 * @digest: of all connections and expectations, if it was asked for.
 */
struct replay_record {
	__u32			action;
	__u32			arg;
	__u32			sent;
	__u8			path;
	__s8			first;
	__s8			second;
	__u8			ctinfo;
	__u32			came;
	__u8			ip_summed;
	__u8			helped;
	__s8			result;
	__u8			note;
	struct replay_conn	conn;
	__u32			n_events;
	struct replay_event	event[REPLAY_EVENTS];
	__u32			stat[REPLAY_STATS];
	__u32			logged;
	__u32			count;
	__u32			expected;
	__u32			digest;
};

/* Follows each record if the module's parameter show is set. */
struct replay_shown {
	__u16	len;
	__u8	packet[382];
	char	log[128];
};

#endif /* CTNG_REPLAY_RECORD_H */
