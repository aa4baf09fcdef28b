/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the benchmark share. */
#ifndef CTNG_BENCH_H
#define CTNG_BENCH_H

#include <linux/netfilter.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

/**
 * struct bench_class - a kind of flow
 * @name: as in commands.
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6.
 * @l4num: IPPROTO_TCP or IPPROTO_UDP.
 * @nat: the destination is translated, so that the reply is no mirror image.
 * @id: number of the class; a part of the addresses, so that classes are disjoint.
 */
struct bench_class {
	const char	*name;
	u8		pf;
	u8		l4num;
	bool		nat;
	u8		id;
};

/**
 * struct bench_pkt - what is variable in a packet of a flow
 * @flow: number of the flow in its class, below 1 << 24.
 * @dir: enum ip_conntrack_dir.
 * @flags: TCP flags.
 * @seq: TCP sequence number.
 * @ack: TCP acknowledgment number.
 * @len: bytes of payload.
 */
struct bench_pkt {
	u32	flow;
	u8	dir;
	u8	flags;
	u32	seq;
	u32	ack;
	u16	len;
};

/* So many operations are timed together, with BH off as in a poll of a network card. */
#define BENCH_BATCH	64

/* Bytes of payload in packets of established flows. */
#define BENCH_PAYLOAD	100

/**
 * struct bench - one command in progress
 * @net: namespace of who wrote it.
 * @class: kind of flows.
 * @skb: the packet in hand, one of @ring.
 * @ring: as many as are timed together; written anew each time.
 * @round: how many packets each of the established flows has seen.
 * @errors: packets with another verdict or ctinfo than they should have.
 * @port: devices of the router: where packets of each direction come in.
 */
struct bench {
	struct net			*net;
	const struct bench_class	*class;
	struct sk_buff			*skb;
	struct sk_buff			*ring[BENCH_BATCH];
	u32				round;
	unsigned int			errors;
	struct net_device		*port[IP_CT_DIR_MAX];
};

/* flow.c */
const struct bench_class *bench_class_find(const char *name);
struct sk_buff *bench_skb(const struct bench_class *class);
void bench_write(struct bench *b, const struct bench_pkt *pkt);
struct bench_pkt bench_data_pkt(u32 flow, u32 round);
struct bench_pkt bench_open_pkt(u32 flow, unsigned int step);
struct bench_pkt bench_close_pkt(u32 flow, unsigned int step);

/* rows.c */
void bench_mark(void);
int bench_row(struct bench *b, struct seq_file *out, const char *row, u32 first, u32 count,
	      u32 passes);

/* forward.c */
int bench_ports_get(struct bench *b);
void bench_ports_put(struct bench *b);
u64 bench_ports_sent(struct bench *b);
int bench_forward(struct bench *b, const struct bench_pkt *pkt);

/* cpu.c */
void bench_cpu_show(struct seq_file *out);

/* wait.c */
void bench_wait_start(void);
void bench_wait_stop(void);
void bench_wait_show(struct seq_file *out);

/* clock.c */
u64 bench_clock(void);

#endif /* CTNG_BENCH_H */
