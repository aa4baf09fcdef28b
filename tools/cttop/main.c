// SPDX-License-Identifier: GPL-2.0-only
/* cttop: who holds the connection table, live or once. See cttop(8). */

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cttop.h"

static const char usage[] =
	"usage: cttop [OPTION]...\n"
	"Shows who holds the connection table of this network namespace.\n"
	"\n"
	"  -b, --by WHAT       source, destination, port, protocol, state or zone\n"
	"  -s, --sort ORDER    count, unreplied, assured, growth or name\n"
	"  -f, --filter WORDS  only connections with src=, dst=, proto=, dport=, state=, zone=\n"
	"  -i, --interval SEC  time between looks (2)\n"
	"  -n, --rows N        print no more than N rows\n"
	"  -e, --events        count new and destroyed connections by events\n"
	"  -1, --once          print once instead of the live view\n"
	"  -j, --json          print once, as JSON\n"
	"  -h, --help          this text\n"
	"\n"
	"Keys in the live view are on its last line; cttop(8) tells more.\n";

static const struct option long_options[] = {
	{ "by",       required_argument, NULL, 'b' },
	{ "sort",     required_argument, NULL, 's' },
	{ "filter",   required_argument, NULL, 'f' },
	{ "interval", required_argument, NULL, 'i' },
	{ "rows",     required_argument, NULL, 'n' },
	{ "events",   no_argument,       NULL, 'e' },
	{ "once",     no_argument,       NULL, '1' },
	{ "json",     no_argument,       NULL, 'j' },
	{ "help",     no_argument,       NULL, 'h' },
	{ }
};

/**
 * look_take() - look at the table and the counters
 * @look: filled; what it held is the look before.
 * @options: what to count.
 *
 * Return: false, with errno set, if the kernel doesn't tell.
 */
bool look_take(struct look *look, const struct options *options)
{
	struct counters last = look->now;
	unsigned long long made, gone;
	double seconds;

	if (!counters_read(&look->now))
		return false;
	look->before = last;
	look->rates = counters_rates(&look->before, &look->now);
	if (options->events) {
		events_take(&made, &gone);
		seconds = (look->now.when - look->before.when) / 1e9;
		look->rates.made = look->before.when ? made / seconds : -1;
		look->rates.gone = look->before.when ? gone / seconds : -1;
	}

	return census_take(look->census, options->by, options->filter);
}

static int name_index(const char *what, const char *name, const char *const names[], int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (*name && !strncmp(name, names[i], strlen(name)))
			return i;
	errx(2, "%s: no such %s", name, what);
}

static double number_of(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most))
		errx(2, "%s: not a number from %g to %g", text, least, most);

	return value;
}

static void wait_for(double seconds)
{
	struct timespec ts = { .tv_sec = seconds };

	ts.tv_nsec = (seconds - ts.tv_sec) * 1e9;
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Two looks at the counters, for the rates; then the table. */
static void run_once(struct look *look, const struct options *options, bool json)
{
	if (!counters_read(&look->now))
		err(1, "can't read the counters of nf_conntrack (is it loaded?)");
	wait_for(options->interval);
	if (!look_take(look, options))
		err(1, "can't read the connections");
	if (json)
		report_json(stdout, look, options);
	else
		report_text(stdout, look, options);
	if (fflush(stdout))
		err(1, "can't write");
}

static void set_filter(struct options *options, const char *text)
{
	char message[FILTER_LEN + 32];

	if (strlen(text) >= FILTER_LEN)
		errx(2, "filter too long");
	filter_free(options->filter);
	options->filter = filter_parse(text, message, sizeof(message));
	if (!options->filter)
		errx(2, "%s", message);
	strcpy(options->filter_text, text);
}

int main(int argc, char **argv)
{
	struct options options = { .interval = 2 };
	struct look look = { .census = census_new() };
	bool once = false, json = false;
	int c;

	if (!look.census)
		err(1, NULL);
	while ((c = getopt_long(argc, argv, "b:s:f:i:n:e1jh", long_options, NULL)) != -1) {
		switch (c) {
		case 'b':
			options.by = name_index("thing to count by", optarg, by_names, BY_MAX);
			break;
		case 's':
			options.order = name_index("order", optarg, order_names, ORDER_MAX);
			break;
		case 'f':
			set_filter(&options, optarg);
			break;
		case 'i':
			options.interval = number_of(optarg, 0.1, 3600);
			break;
		case 'n':
			options.rows = number_of(optarg, 1, 1e9);
			break;
		case 'e':
			options.events = true;
			break;
		case '1':
			once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (options.events && !events_open())
		err(1, "can't listen to events");

	if (once || json) {
		run_once(&look, &options, json);
	} else {
		if (!isatty(STDOUT_FILENO))
			errx(2, "the live view needs a terminal; --once prints");
		errno = screen_run(&look, &options);
		if (errno)
			err(1, "can't read the table");
	}
	filter_free(options.filter);
	census_free(look.census);

	return 0;
}
