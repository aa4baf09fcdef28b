// SPDX-License-Identifier: GPL-2.0-only
/* The live view. */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <ncurses.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cttop.h"

#define HEAD_LINES	7
#define REASONS_SHOWN	3
#define PAIR_FULL	1
#define PAIR_FILLING	2
#define PAIR_HEAD	3

static const char by_keys[] = "sdprtz";
static const char order_keys[] = "cuagn";

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Occupancy: yellow where timeouts begin to shrink, red where connections must go. */
static void draw_bar(int y, const struct counters *c)
{
	double part = c->maximum ? (double)c->connections / c->maximum : 0;
	int width = COLS > 100 ? 60 : COLS - 40, i, full;
	int pair = part >= 0.95 ? PAIR_FULL : part >= 0.6 ? PAIR_FILLING : 0;

	mvprintw(y, 0, "%llu", c->connections);
	if (!c->maximum) {
		printw(" connections, no limit");
		return;
	}
	printw(" of %llu ", c->maximum);
	if (width < 10)
		return;
	full = fmin(part, 1) * width;
	addch('[');
	attron(COLOR_PAIR(pair));
	for (i = 0; i < width; i++)
		addch(i < full ? '#' : ' ');
	attroff(COLOR_PAIR(pair));
	printw("] %.1f%%", 100 * part);
}

static void draw_rates(int y, const struct look *look)
{
	const struct counters *c = &look->now;

	move(y, 0);
	if (look->rates.made >= 0)
		printw("new %.0f/s  gone %.0f/s", look->rates.made, look->rates.gone);
	else
		printw("change %+.0f/s", look->rates.change);
	if (c->in_force != COUNTER_UNKNOWN)
		printw("  timeouts in force %.1f%%", c->in_force / 10.0);
	if (c->memory != COUNTER_UNKNOWN)
		printw("  memory %.1f MB", c->memory / 1e6);
}

/* The reasons that are counted fastest now; those of the whole time if there are none. */
static void draw_reasons(int y, const struct look *look)
{
	const struct counters *c = &look->now;
	const struct reason *reason, *best;
	bool shown[REASONS_MAX] = { false };
	double rate, best_rate;
	unsigned int i, n;

	for (n = 0; n < REASONS_SHOWN; n++) {
		best = NULL;
		best_rate = -1;
		for (i = 0; i < c->reasons; i++) {
			reason = &c->reason[i];
			rate = reason_rate(&look->before, c, reason);
			if (shown[i] || !reason->count || rate < best_rate ||
			    (best && rate == best_rate && reason->count <= best->count))
				continue;
			best = reason;
			best_rate = rate;
		}
		if (!best)
			break;
		shown[best - c->reason] = true;
		mvprintw(y + n, 0, "%-28s %12llu %10.1f/s", best->name, best->count,
			 best_rate);
	}
}

static void draw_rows(struct look *look, const struct options *options, size_t top)
{
	int y = HEAD_LINES, label = COLS > 80 ? 42 : 24;
	struct row **rows;
	size_t n, i;

	census_sort(look->census, options->order);
	rows = census_rows(look->census, &n);

	attron(A_REVERSE);
	mvprintw(y++, 0, "%-*.*s %9s %6s %9s %9s %9s", label, label, by_names[options->by],
		 "count", "share", "unreplied", "assured", "change");
	attroff(A_REVERSE);
	for (i = top; i < n && y < LINES - 1; i++, y++)
		mvprintw(y, 0, "%-*.*s %9u %5.1f%% %9u %9u %+9ld", label, label,
			 rows[i]->label, rows[i]->count,
			 100.0 * rows[i]->count / census_matched(look->census),
			 rows[i]->unreplied, rows[i]->assured,
			 (long)rows[i]->count - (long)rows[i]->before);
}

static void draw(struct look *look, const struct options *options, size_t top,
		 const char *message)
{
	erase();
	attron(A_BOLD);
	mvprintw(0, 0, "cttop: %s by %s, %s first%s%s",
		 look->now.ng ? "conntrack-ng" : "nf_conntrack", by_names[options->by],
		 order_names[options->order], *options->filter_text ? ", only " : "",
		 options->filter_text);
	attroff(A_BOLD);
	draw_bar(1, &look->now);
	draw_rates(2, look);
	draw_reasons(3, look);
	draw_rows(look, options, top);
	mvprintw(LINES - 1, 0, "%.*s", COLS - 1, *message ? message :
		 "by: s)rc d)st p)ort r)proto t)state z)one  order: c)ount u)nreplied a)ssured g)rowth n)ame  /)filter q)uit");
	refresh();
}

/* Asks for a filter on the last line; leaves the old one if the new one is wrong. */
static void ask_filter(struct options *options, char *message, size_t len)
{
	char text[FILTER_LEN] = "";
	struct filter *filter;

	timeout(-1);
	echo();
	curs_set(1);
	move(LINES - 1, 0);
	clrtoeol();
	addstr("filter (src=A/N dst=A/N proto=P dport=N state=S zone=N, ! for not): ");
	getnstr(text, sizeof(text) - 1);
	noecho();
	curs_set(0);

	filter = filter_parse(text, message, len);
	if (!filter)
		return;
	filter_free(options->filter);
	options->filter = filter;
	snprintf(options->filter_text, sizeof(options->filter_text), "%s", text);
}

/* True if the table has to be looked at again for it. */
static bool handle_key(int key, struct options *options, size_t *top, char *message, size_t len)
{
	const char *found;

	if (!isascii(key) || !isprint(key)) {
		if (key == KEY_DOWN)
			++*top;
		else if (key == KEY_UP && *top)
			--*top;
		else if (key == KEY_NPAGE)
			*top += LINES - HEAD_LINES - 2;
		else if (key == KEY_PPAGE)
			*top -= *top < (size_t)LINES ? *top : (size_t)LINES - HEAD_LINES - 2;
		else if (key == KEY_HOME)
			*top = 0;
		return false;
	}
	*message = '\0';
	found = strchr(order_keys, key);
	if (found) {
		options->order = found - order_keys;
		return false;
	}
	found = strchr(by_keys, key);
	if (found) {
		options->by = found - by_keys;
		*top = 0;
		return true;
	}
	if (key == '/') {
		ask_filter(options, message, len);
		return true;
	}

	return key == ' ';
}

static void start(void)
{
	initscr();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(PAIR_FULL, COLOR_RED, -1);
		init_pair(PAIR_FILLING, COLOR_YELLOW, -1);
	}
}

/**
 * screen_run() - show the table until the user has enough
 * @look: for the looks at it.
 * @options: changed by keys.
 *
 * Return: 0, or errno of a look that failed.
 */
int screen_run(struct look *look, struct options *options)
{
	double next = 0, left;
	char message[FILTER_LEN + 32] = "";
	size_t top = 0;
	int key, err = 0;

	start();
	for (;;) {
		if (now_seconds() >= next) {
			if (!look_take(look, options)) {
				err = errno;
				break;
			}
			next = now_seconds() + options->interval;
		}
		draw(look, options, top, message);
		left = next - now_seconds();
		timeout(left > 0.25 ? 250 : left > 0 ? left * 1000 : 0);
		events_drain();
		key = getch();
		if (key == 'q')
			break;
		if (key != ERR && handle_key(key, options, &top, message, sizeof(message)))
			next = 0;
	}
	endwin();

	return err;
}
