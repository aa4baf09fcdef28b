// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock stands still for conntrack -U: conntrack 1.4.7 numbers its requests by the second, and
 * leaves an answer unread, which it takes for an error when the next request is of another second.
 */

#include <time.h>

time_t time(time_t *now)
{
	if (now)
		*now = 1;

	return 1;
}
