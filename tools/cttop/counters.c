// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel counts, of this network namespace. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cttop.h"

#define SYSCTL(name)	"/proc/sys/net/netfilter/nf_conntrack_" name
#define SUMMARY		"/proc/net/stat/nf_conntrack_ng"
#define PER_CPU		"/proc/net/stat/nf_conntrack"

/* Reasons for which connections leave; the others are packets'. */
static const char *const ends[] = {
	"expired", "adaptive-timeout", "early-drop", "removed",
};

static bool read_number(const char *path, unsigned long long *value)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fscanf(f, "%llu", value) == 1;
	fclose(f);

	return ok;
}

static void add_reason(struct counters *c, const char *name, unsigned long long count)
{
	struct reason *reason = &c->reason[c->reasons];

	if (c->reasons == REASONS_MAX)
		return;
	snprintf(reason->name, sizeof(reason->name), "%s", name);
	reason->count = count;
	c->reasons++;
}

static bool is_end(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(ends); i++)
		if (!strcmp(name, ends[i]))
			return true;

	return false;
}

/* conntrack-ng's file: a name and a number, or several, on each line. */
static bool read_summary(struct counters *c)
{
	FILE *f = fopen(SUMMARY, "re");
	unsigned int whole, tenth;
	unsigned long long n, table, conns;
	char line[512], name[32];

	if (!f)
		return false;

	c->ng = true;
	c->gone = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "reason %31s %llu", name, &n) == 2) {
			add_reason(c, name, n);
			c->gone += is_end(name) ? n : 0;
		} else if (sscanf(line, "memory table %llu connections %llu",
				  &table, &conns) == 2) {
			c->memory = table + conns;
		} else if (sscanf(line, "adaptive %*s %*u %*s %*u timeouts-in-force %u.%u",
				  &whole, &tenth) == 2) {
			c->in_force = whole * 10 + tenth;
		}
	}
	fclose(f);

	return true;
}

/* The file that all have: a line of names, then a line of hexadecimal sums for each CPU. */
static void read_per_cpu(struct counters *c)
{
	static const char *const shown[] = {
		"invalid", "insert_failed", "drop", "early_drop", "error",
	};
	FILE *f = fopen(PER_CPU, "re");
	unsigned long long sum[COUNT(shown)] = { 0 };
	char names[512], line[512], *name, *value, *n, *v;
	size_t i;

	if (!f)
		return;
	if (!fgets(names, sizeof(names), f)) {
		fclose(f);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		char copy[sizeof(names)];

		memcpy(copy, names, sizeof(copy));
		name = strtok_r(copy, "\n ", &n);
		value = strtok_r(line, "\n ", &v);
		while (name && value) {
			for (i = 0; i < COUNT(shown); i++)
				if (!strcmp(name, shown[i]))
					sum[i] += strtoull(value, NULL, 16);
			name = strtok_r(NULL, "\n ", &n);
			value = strtok_r(NULL, "\n ", &v);
		}
	}
	fclose(f);
	for (i = 0; i < COUNT(shown); i++)
		add_reason(c, shown[i], sum[i]);
}

/**
 * counters_read() - read all that the kernel counts
 * @c: filled.
 *
 * Return: false, with errno set, if no connection tracking is loaded, or the files are
 * not for this user to read.
 */
bool counters_read(struct counters *c)
{
	struct timespec ts;

	memset(c, 0, sizeof(*c));
	c->gone = COUNTER_UNKNOWN;
	c->memory = COUNTER_UNKNOWN;
	c->in_force = COUNTER_UNKNOWN;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	c->when = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	if (!read_number(SYSCTL("count"), &c->connections) ||
	    !read_number(SYSCTL("max"), &c->maximum))
		return false;
	if (!read_summary(c))
		read_per_cpu(c);

	return true;
}

static double seconds_between(const struct counters *before, const struct counters *now)
{
	return (now->when - before->when) / 1e9;
}

/**
 * counters_rates() - what happened in a second
 * @before: counters of a while ago, or zeroed for none.
 * @now: counters.
 */
struct rates counters_rates(const struct counters *before, const struct counters *now)
{
	struct rates rates = { .made = -1, .gone = -1 };
	double seconds = seconds_between(before, now), gone;

	if (!before->when || seconds <= 0)
		return rates;

	rates.change = ((double)now->connections - before->connections) / seconds;
	if (now->gone == COUNTER_UNKNOWN || before->gone == COUNTER_UNKNOWN)
		return rates;
	gone = (double)(now->gone - before->gone) / seconds;
	rates.gone = gone;
	rates.made = gone + rates.change > 0 ? gone + rates.change : 0;

	return rates;
}

/**
 * reason_rate() - how often something happened in a second
 * @before: counters of a while ago, or zeroed for none.
 * @now: counters.
 * @reason: one of @now's.
 */
double reason_rate(const struct counters *before, const struct counters *now,
		   const struct reason *reason)
{
	size_t i = reason - now->reason;
	double seconds = seconds_between(before, now);

	if (i >= before->reasons || seconds <= 0)
		return 0;

	return (double)(reason->count - before->reason[i].count) / seconds;
}
