// SPDX-License-Identifier: GPL-2.0-only
/* A look at the table in text, or in JSON for programs. */

#include <string.h>

#include "cttop.h"

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void text_rates(FILE *out, const struct rates *rates)
{
	if (rates->made >= 0)
		fprintf(out, ", new %.0f/s, gone %.0f/s", rates->made, rates->gone);
	else
		fprintf(out, ", %+.0f/s", rates->change);
}

static void text_head(FILE *out, const struct look *look)
{
	const struct counters *c = &look->now;
	unsigned int i;

	fprintf(out, "%s: %llu connections", c->ng ? "conntrack-ng" : "nf_conntrack",
		c->connections);
	if (c->maximum)
		fprintf(out, " of %llu (%.1f%%)", c->maximum,
			percent(c->connections, c->maximum));
	text_rates(out, &look->rates);
	fputc('\n', out);
	if (c->in_force != COUNTER_UNKNOWN)
		fprintf(out, "timeouts in force %.1f%%, memory %.1f MB\n", c->in_force / 10.0,
			c->memory / 1e6);
	for (i = 0; i < c->reasons; i++)
		if (c->reason[i].count)
			fprintf(out, "%-28s %12llu %10.1f/s\n", c->reason[i].name,
				c->reason[i].count,
				reason_rate(&look->before, c, &c->reason[i]));
}

/**
 * report_text() - print a look at the table
 * @out: where to.
 * @look: what was seen.
 * @options: how to show it.
 */
void report_text(FILE *out, struct look *look, const struct options *options)
{
	struct row **rows;
	size_t n, i;

	census_sort(look->census, options->order);
	rows = census_rows(look->census, &n);
	if (options->rows && n > options->rows)
		n = options->rows;

	text_head(out, look);
	fprintf(out, "\n%-40s %9s %6s %9s %9s\n", by_names[options->by], "count", "share",
		"unreplied", "assured");
	for (i = 0; i < n; i++)
		fprintf(out, "%-40s %9u %5.1f%% %9u %9u\n", rows[i]->label, rows[i]->count,
			percent(rows[i]->count, census_matched(look->census)),
			rows[i]->unreplied, rows[i]->assured);
}

static void json_number(FILE *out, const char *name, unsigned long long value)
{
	if (value == COUNTER_UNKNOWN)
		fprintf(out, "  \"%s\": null,\n", name);
	else
		fprintf(out, "  \"%s\": %llu,\n", name, value);
}

static void json_rate(FILE *out, const char *name, double value)
{
	if (value < 0)
		fprintf(out, "  \"%s\": null,\n", name);
	else
		fprintf(out, "  \"%s\": %.1f,\n", name, value);
}

/* Labels and names are made of letters, digits and a few signs: nothing to escape. */
static void json_rows(FILE *out, struct row **rows, size_t n)
{
	size_t i;

	fputs("  \"rows\": [", out);
	for (i = 0; i < n; i++) {
		fprintf(out, "%s\n    {\"name\": \"%s\", ", i ? "," : "", rows[i]->label);
		fprintf(out, "\"connections\": %u, \"unreplied\": %u, \"assured\": %u}",
			rows[i]->count, rows[i]->unreplied, rows[i]->assured);
	}
	fputs("\n  ]\n", out);
}

/**
 * report_json() - print a look at the table as one JSON object
 * @out: where to.
 * @look: what was seen.
 * @options: how to show it.
 */
void report_json(FILE *out, struct look *look, const struct options *options)
{
	const struct counters *c = &look->now;
	struct row **rows;
	unsigned int i;
	size_t n;

	census_sort(look->census, options->order);
	rows = census_rows(look->census, &n);
	if (options->rows && n > options->rows)
		n = options->rows;

	fprintf(out, "{\n  \"module\": \"%s\",\n", c->ng ? "conntrack-ng" : "nf_conntrack");
	json_number(out, "connections", c->connections);
	json_number(out, "maximum", c->maximum);
	json_rate(out, "new_per_second", look->rates.made);
	json_rate(out, "gone_per_second", look->rates.gone);
	fprintf(out, "  \"change_per_second\": %.1f,\n", look->rates.change);
	if (c->in_force == COUNTER_UNKNOWN)
		fputs("  \"timeouts_in_force_percent\": null,\n", out);
	else
		fprintf(out, "  \"timeouts_in_force_percent\": %.1f,\n", c->in_force / 10.0);
	json_number(out, "memory_bytes", c->memory);
	fputs("  \"reasons\": {", out);
	for (i = 0; i < c->reasons; i++)
		fprintf(out, "%s\n    \"%s\": %llu", i ? "," : "", c->reason[i].name,
			c->reason[i].count);
	fprintf(out, "\n  },\n  \"by\": \"%s\",\n", by_names[options->by]);
	fprintf(out, "  \"matched\": %u,\n", census_matched(look->census));
	json_rows(out, rows, n);
	fputs("}\n", out);
}
