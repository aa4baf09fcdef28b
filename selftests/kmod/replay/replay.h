/* SPDX-License-Identifier: GPL-2.0-only */
/* The replay module: a world of a few hosts and flows, packets made from seeds, records. */
#ifndef CTNG_REPLAY_H
#define CTNG_REPLAY_H

#include <linux/prandom.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_timeout.h>

#include "record.h"

#define REPLAY_ADDRS	6	/* hosts of the world */
#define REPLAY_FLOWS	2
#define REPLAY_OLD	8	/* packets that can be played again or be quoted */
#define REPLAY_HELD	2	/* packets on their way at the same time as others */
#define REPLAY_L4	384	/* bytes of a packet that are not zeros at its end */

/* Which host is which: two ends with a second address each, a router, the NAT's address. */
enum { HOST_A, HOST_B, HOST_A2, HOST_B2, HOST_ROUTER, HOST_NAT };

enum replay_path {
	PATH_FORWARD,	/* PRE_ROUTING, POST_ROUTING */
	PATH_INPUT,	/* PRE_ROUTING, LOCAL_IN */
	PATH_OUTPUT,	/* LOCAL_OUT, POST_ROUTING */
	PATH_LOST,	/* PRE_ROUTING, and dropped by a rule */
};

/**
 * struct side - addresses and ports of a flow's packets in one direction
 * @src: source.
 * @dst: destination.
 * @sport: source port, or the id of a query.
 * @dport: destination port.
 */
struct side {
	union nf_inet_addr	src;
	union nf_inet_addr	dst;
	__be16			sport;
	__be16			dport;
};

/**
 * struct flow - packets of one connection
 * @l4num: protocol.
 * @side: of either direction; what NAT made of it once that is known.
 * @known: @proto is what the tracker knows of it.
 * @flip: its first packet seems to have been one of direction 1.
 * @status: of the connection, as @proto.
 * @proto: copy of the connection's state after its last packet.
 */
struct flow {
	u8				l4num;
	struct side			side[2];
	bool				known;
	bool				flip;
	unsigned long			status;
	union nf_conntrack_proto	proto;
};

/**
 * struct pkt - a packet that is being made
 * @flow: number of its flow.
 * @dir: direction in its flow.
 * @l4num: protocol.
 * @side: addresses and ports.
 * @path: its way through the hooks.
 * @hold: it stays between both hooks while others are played.
 * @bad_sum: its checksum is wrong.
 * @has_sum: the generator has set the checksum.
 * @ip_summed: what the network card says of the checksum.
 * @options: length of IPv4 options or number of IPv6 extension headers.
 * @pieces: in how many fragments it comes.
 * @hops: hop limit.
 * @note: NOTE_*, whenever it is played or let go.
 * @split: so many bytes are in the linear part; 0 for all.
 * @zeros: bytes of zero at the end, after @l4.
 * @len: length of @l4.
 * @l4: layer 4 header and what follows.
 */
struct pkt {
	u8			flow;
	u8			dir;
	u8			l4num;
	struct side		side;
	enum replay_path	path;
	bool			hold;
	bool			bad_sum;
	bool			has_sum;
	u8			ip_summed;
	u8			options;
	u8			pieces;
	u8			hops;
	u8			note;
	u16			split;
	u16			zeros;
	u16			len;
	u8			l4[REPLAY_L4];
};

struct held {
	struct sk_buff		*skb;
	struct pkt		pkt;
};

/**
 * struct world - what one scenario plays in
 * @net: its namespace.
 * @gen: generator of its packets.
 * @seed: of the scenario.
 * @rnd: random numbers of the step in hand.
 * @started: when it began, in jiffies.
 * @six: IPv6.
 * @nat: NAT that new connections get: NAT_*, 0 for none.
 * @mutate: change bytes of every other packet.
 * @inject: states are put into connections that no packet led to.
 * @rules: what rules do to new connections: RULE_*.
 * @timeout_policy: connections have a timeout policy of their own.
 * @zone: of all packets.
 * @tmpl: the template that packets come with, or NULL.
 * @addr: addresses of the hosts.
 * @flow: the flows.
 * @tag: two random values of each flow, for what a protocol needs.
 * @old: packets that were played.
 * @n_old: how many were.
 * @held: packets between their two hooks.
 * @inside: who has connected through NAT of the source, in a capture.
 * @shown: beginning of a captured packet as it was played.
 * @shown_len: its length.
 * @rec: record of the step in hand.
 */
struct world {
	struct net			*net;
	const struct generator		*gen;
	u32				seed;
	struct rnd_state		rnd;
	unsigned long			started;
	bool				six;
	u8				nat;
	bool				mutate;
	bool				inject;
	u8				rules;
	bool				timeout_policy;
	struct nf_conntrack_zone	zone;
	struct nf_conn			*tmpl;
	union nf_inet_addr		addr[REPLAY_ADDRS];
	struct flow			flow[REPLAY_FLOWS];
	u32				tag[REPLAY_FLOWS][2];
	struct pkt			old[REPLAY_OLD];
	unsigned int			n_old;
	struct held			held[REPLAY_HELD];
	union nf_inet_addr		inside;
	u8				shown[382];
	u16				shown_len;
	struct replay_record		*rec;
};

#define NAT_SRC		BIT(0)
#define NAT_DST		BIT(1)
#define NAT_PORT	BIT(2)	/* to NAT_TO_PORT */
#define NAT_KEEP	BIT(3)
#define NAT_TO_PORT	htons(7777)

#define RULE_MARK	BIT(0)
#define RULE_LABELS	BIT(1)
#define RULE_HELPER	BIT(2)
#define RULE_SEQADJ	BIT(3)
#define RULE_SYNPROXY	BIT(4)

/**
 * struct generator - the packets of a protocol
 * @name: its name.
 * @l4num: its number.
 * @start: prepare a flow of a new scenario; may be NULL.
 * @packet: make a packet: flow and direction are chosen, addresses follow from
 *	them unless it changes them; NULL if packets come from user space.
 * @inject: put any state into a connection, under its lock; may be NULL.
 */
struct generator {
	const char	*name;
	u8		l4num;
	void		(*start)(struct world *w, struct flow *f, unsigned int number);
	void		(*packet)(struct world *w, struct pkt *p);
	void		(*inject)(struct world *w, struct nf_conn *ct);
};

extern const struct generator gen_tcp, gen_udp, gen_udplite, gen_icmp, gen_icmpv6, gen_sctp,
			      gen_dccp, gen_gre, gen_generic, gen_capture;

/* Random numbers of a step: the same seed makes the same packet of the same state. */
static inline u32 rnd(struct world *w)
{
	return prandom_u32_state(&w->rnd);
}

static inline u32 below(struct world *w, u32 n)
{
	return rnd(w) % n;
}

static inline bool one_in(struct world *w, u32 n)
{
	return !below(w, n);
}

/* One of the values, all of which are evaluated. */
#define PICK(w, ...) ({							\
	u32 _values[] = { __VA_ARGS__ };				\
	_values[below(w, ARRAY_SIZE(_values))];				\
})

/* Append to a packet; what does not fit is left out. */
static inline void *put(struct pkt *p, unsigned int len)
{
	void *at = p->l4 + p->len;

	if (p->len + len > sizeof(p->l4))
		return NULL;
	memset(at, 0, len);
	p->len += len;

	return at;
}

static inline void put_u8(struct pkt *p, u8 value)
{
	u8 *at = put(p, 1);

	if (at)
		*at = value;
}

static inline void put_be16(struct pkt *p, u16 value)
{
	put_u8(p, value >> 8);
	put_u8(p, value);
}

static inline void put_be32(struct pkt *p, u32 value)
{
	put_be16(p, value >> 16);
	put_be16(p, value);
}

/* packet.c */
struct sk_buff *replay_build(struct world *w, const struct pkt *p);
void replay_finish_sum(const struct world *w, struct pkt *p);
unsigned int replay_ip_header(const struct world *w, const struct pkt *p, u8 *to,
			      unsigned int l4_len);

/* gen_tcp.c */
bool replay_odd_sack(const u8 *tcp, unsigned int len);

/* gen_icmp.c */
void replay_icmp_error(struct world *w, struct pkt *p);

/* play.c */
u32 replay_packet_crc(const struct world *w, const struct sk_buff *skb);
void replay_play(struct world *w, struct pkt *p);
void replay_send(struct world *w, struct pkt *p, struct sk_buff *skb);
void replay_release(struct world *w, unsigned int slot);
void replay_drop_held(struct world *w);
int replay_play_init(struct net *net);
void replay_play_exit(struct net *net);

/* frame.c */
int replay_frame(struct world *w, enum replay_path path, const u8 *data, unsigned int len);
void replay_assist(struct world *w, struct nf_conn *ct);

/* describe.c */
void replay_describe(struct replay_conn *c, const struct nf_conn *ct);
void replay_digest(struct world *w);
u32 replay_crc(const void *data, unsigned int len);
extern char replay_logged[128];
int replay_watch(struct net *net);
void replay_unwatch(struct net *net);
void replay_watch_into(struct replay_record *rec, struct net *net);
void replay_watch_done(struct replay_record *rec, struct net *net);

/* world.c */
int replay_begin(struct world *w, const struct generator *gen, u32 seed, bool nat);
void replay_end(struct world *w);
void replay_elapse(struct world *w, unsigned int seconds, bool purge);
void replay_addresses(struct world *w, bool six);
struct nf_conn *replay_find(struct world *w, unsigned int flow);
void replay_settings(struct world *w);

/* rules.c */
int replay_rules_init(struct net *net);
void replay_rules_exit(struct net *net);
int replay_nat_set(struct net *net, bool on);
void replay_rules_between(struct world *w, struct sk_buff *skb);
int replay_template(struct world *w);
extern struct nf_conntrack_helper replay_helper[];
extern struct world *replay_world;

#endif /* CTNG_REPLAY_H */
