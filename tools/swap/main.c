// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of conntrack-ng(8) that talks to the kernel about connections; it works on the
 * network namespace that it is started in.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"

static const char usage[] =
	"usage: conntrack-ng-table save FILE           connections and expectations\n"
	"       conntrack-ng-table save-policies FILE  policies of timeouts\n"
	"       conntrack-ng-table load FILE           put back what is in FILE\n"
	"       conntrack-ng-table compare FILE SINCE  is all of it there, which was saved when\n"
	"                                              the monotonic clock showed SINCE?\n"
	"       conntrack-ng-table offloaded           how many are in a flow table\n";

static int offloaded(const struct store *store)
{
	int n = 0;
	size_t i;

	for (i = 0; i < store->records; i++) {
		if (subsystem(&store->record[i]) == NFNL_SUBSYS_CTNETLINK)
			n += !!(status_of(&store->record[i]) & IPS_OFFLOAD);
	}

	return n;
}

static unsigned int seconds_since(const char *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return now.tv_sec + 1 - strtol(then, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct store store, now;

	if (argc == 3 && (!strcmp(what, "save") || !strcmp(what, "save-policies"))) {
		dump(&store, strcmp(what, "save"));
		store_write(&store, argv[2]);
		printf("%zu\n", strcmp(what, "save") ? store.records : store.connections);
		return 0;
	}
	if (argc == 3 && !strcmp(what, "load")) {
		store_read(&store, argv[2]);
		store_index(&store);
		return !!load(&store);
	}
	if (argc == 4 && !strcmp(what, "compare")) {
		store_read(&store, argv[2]);
		dump(&now, false);
		store_index(&store);
		store_index(&now);
		return !!compare(&store, &now, seconds_since(argv[3]));
	}
	if (argc == 2 && !strcmp(what, "offloaded")) {
		dump(&store, false);
		printf("%d\n", offloaded(&store));
		return 0;
	}
	fputs(usage, stderr);

	return 2;
}
