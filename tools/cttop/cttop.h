/* SPDX-License-Identifier: GPL-2.0-only */
/* cttop: who holds the connection table. */
#ifndef CTTOP_H
#define CTTOP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

/* What connections are counted by. */
enum by {
	BY_SOURCE,
	BY_DESTINATION,
	BY_PORT,
	BY_PROTOCOL,
	BY_STATE,
	BY_ZONE,
	BY_MAX,
};

extern const char *const by_names[BY_MAX];

/* In what order they are shown. */
enum order {
	ORDER_COUNT,
	ORDER_UNREPLIED,
	ORDER_ASSURED,
	ORDER_GROWTH,
	ORDER_NAME,
	ORDER_MAX,
};

extern const char *const order_names[ORDER_MAX];

#define STATE_LEN	16
#define LABEL_LEN	64
#define FILTER_LEN	128

/**
 * struct flow - what is of interest of a connection
 * @family: AF_INET or AF_INET6.
 * @proto: layer 4 protocol.
 * @dport: destination port of the original tuple, host order; 0 if it has none.
 * @zone: of the original direction.
 * @src: its source.
 * @dst: its destination.
 * @state: of TCP, SCTP and DCCP; else how much of an answer there was.
 * @unreplied: no answer so far.
 * @assured: kept in a full table.
 */
struct flow {
	uint8_t			family;
	uint8_t			proto;
	uint16_t		dport;
	uint16_t		zone;
	union {
		struct in_addr	v4;
		struct in6_addr	v6;
	}			src, dst;
	char			state[STATE_LEN];
	bool			unreplied;
	bool			assured;
};

/**
 * struct row - connections that have something in common
 * @label: what it is.
 * @count: how many.
 * @unreplied: of those, without an answer.
 * @assured: of those, assured.
 * @before: how many there were last time.
 */
struct row {
	char		label[LABEL_LEN];
	unsigned int	count;
	unsigned int	unreplied;
	unsigned int	assured;
	unsigned int	before;
};

struct filter;

/* filter.c */
struct filter *filter_parse(const char *text, char *error, size_t len);
bool filter_matches(const struct filter *filter, const struct flow *flow);
void filter_free(struct filter *filter);
const char *protocol_name(uint8_t proto, char *buf, size_t len);

/* census.c */
struct census;
struct census *census_new(void);
void census_free(struct census *census);
bool census_take(struct census *census, enum by by, const struct filter *filter);
struct row **census_rows(struct census *census, size_t *n);
void census_sort(struct census *census, enum order order);
unsigned int census_matched(const struct census *census);

/* What the kernel counts; COUNTER_UNKNOWN where the loaded module doesn't say. */
#define COUNTER_UNKNOWN		ULLONG_MAX
#define REASONS_MAX		64

struct reason {
	char		name[32];
	unsigned long long	count;
};

/**
 * struct counters - a namespace in numbers
 * @ng: these are conntrack-ng's.
 * @connections: in the table.
 * @maximum: of those; 0: no limit.
 * @gone: that left the table so far.
 * @in_force: part of the timeouts in force, in tenths of a percent.
 * @memory: bytes of connections and table.
 * @reason: why packets were dropped or INVALID, and connections left.
 * @reasons: how many there are of them.
 * @when: CLOCK_MONOTONIC, in nanoseconds.
 */
struct counters {
	bool		ng;
	unsigned long long	connections;
	unsigned long long	maximum;
	unsigned long long	gone;
	unsigned long long	in_force;
	unsigned long long	memory;
	struct reason	reason[REASONS_MAX];
	unsigned int	reasons;
	unsigned long long	when;
};

/**
 * struct rates - what became of counters in a second
 * @made: new connections, or negative if it isn't known.
 * @gone: those that left, likewise.
 * @change: of the number of connections.
 */
struct rates {
	double	made;
	double	gone;
	double	change;
};

/* counters.c */
bool counters_read(struct counters *c);
struct rates counters_rates(const struct counters *before, const struct counters *now);
double reason_rate(const struct counters *before, const struct counters *now,
		   const struct reason *reason);

/* events.c */
bool events_open(void);
void events_drain(void);
void events_take(unsigned long long *made, unsigned long long *gone);
int events_fd(void);

/**
 * struct options - of the command line, and by keys
 * @by: what to count by.
 * @order: what to show first.
 * @interval: seconds between looks.
 * @rows: how many rows to print at most; 0: all.
 * @events: count events for the rates.
 * @filter: which connections to count, or NULL for all.
 * @filter_text: the same, as it was typed.
 */
struct options {
	enum by		by;
	enum order	order;
	double		interval;
	unsigned int	rows;
	bool		events;
	struct filter	*filter;
	char		filter_text[FILTER_LEN];
};

/**
 * struct look - all that is known after a look at the table
 * @census: the connections, counted.
 * @now: the counters.
 * @before: those of the last look.
 * @rates: what happened between them.
 */
struct look {
	struct census	*census;
	struct counters	now;
	struct counters	before;
	struct rates	rates;
};

bool look_take(struct look *look, const struct options *options);

/* report.c */
void report_text(FILE *out, struct look *look, const struct options *options);
void report_json(FILE *out, struct look *look, const struct options *options);

/* screen.c */
int screen_run(struct look *look, struct options *options);

#endif /* CTTOP_H */
