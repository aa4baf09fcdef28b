/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of netlink for the fuzzer: how they are made, and how they are spoilt. */
#ifndef CTNG_FUZZ_H
#define CTNG_FUZZ_H

#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define fallthrough	__attribute__((__fallthrough__))
#define MAX_ATTRS	200	/* of one message that are remembered, to be spoilt */
#define MAX_MESSAGE	16000
#define NO_PARENT	(-1)

enum kind {
	K_U8, K_U16, K_U32, K_U64,	/* network byte order */
	K_HOST32,
	K_IP4, K_IP6,
	K_STRING,			/* of .names */
	K_RAW,				/* .size bytes */
	K_NEST,				/* of .nest, any of its attributes */
	K_TUPLE,			/* likewise, mostly one of the flow; .value: direction */
};

/**
 * struct attr - an attribute that a message or a nest may have
 * @type: its number.
 * @kind: what its value looks like.
 * @value: for numbers, a value that makes sense; 0: any.
 * @size: of K_RAW.
 * @names: for K_STRING, which there are, NULL at the end.
 * @nest: what lies in it.
 */
struct attr {
	__u16 type;
	__u8 kind;
	__u32 value;
	__u8 size;
	const char *const *names;
	const struct nest *nest;
};

struct nest {
	unsigned int n;
	const struct attr *attr;
};

/**
 * struct request - a kind of message
 * @name: for what is printed.
 * @type: of the message, with its subsystem.
 * @flags: beside NLM_F_REQUEST.
 * @weight: how often it is sent, compared with others.
 * @always: attributes that it is nothing without, a bit for each number.
 * @body: the attributes.
 * @admin: only for who administers the host.
 */
struct request {
	const char *name;
	__u16 type;
	__u16 flags;
	unsigned int weight;
	__u64 always;
	const struct nest *body;
	bool admin;
};

/* A connection that messages are about; few differ, so that they meet. */
struct flow {
	bool six;
	__u8 proto;
	__u8 host[2];
	__u16 port[2];
	__u16 zone;
};

/* A message, and where its attributes are. */
struct message {
	__u8 data[MAX_MESSAGE];
	unsigned int len;
	struct place {
		unsigned int at;
		int parent;
	} place[MAX_ATTRS];
	unsigned int n_places;
	struct flow flow;
};

extern const struct request requests[];
extern const unsigned int n_requests;

__u32 rnd(void);
void seed_rnd(__u64 seed);

/* A number below n, which is not 0. */
static inline __u32 below(__u32 n)
{
	return rnd() % n;
}

static inline bool one_in(__u32 n)
{
	return !below(n);
}

void make_message(struct message *m, const struct request *request, __u32 number);
void spoil_message(struct message *m);

#endif
