/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of netlink for the fuzzer: how they are made, and how they are spoilt. */
#ifndef CTNG_FUZZ_H
#define CTNG_FUZZ_H

#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
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
	K_TUPLE,			/* of .nest, mostly one that makes sense; .value is the direction */
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
	uint16_t type;
	uint8_t kind;
	uint32_t value;
	uint8_t size;
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
	uint16_t type;
	uint16_t flags;
	unsigned int weight;
	uint64_t always;
	const struct nest *body;
	bool admin;
};

/* A connection that messages are about; few differ, so that they meet. */
struct flow {
	bool six;
	uint8_t proto;
	uint8_t host[2];
	uint16_t port[2];
	uint16_t zone;
};

/* A message, and where its attributes are. */
struct message {
	uint8_t data[MAX_MESSAGE];
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

uint32_t rnd(void);
void seed_rnd(uint64_t seed);

/* A number below n, which is not 0. */
static inline uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static inline bool one_in(uint32_t n)
{
	return !below(n);
}

void make_message(struct message *m, const struct request *request, uint32_t number);
void spoil_message(struct message *m);

#endif
