// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a packet waits: a timer interrupt stands for a network card's, and
 * asks for a softirq. What is measured is from the one to the end of the other, by a
 * clock that stands while the host of User Mode Linux does something else: that is
 * nobody's wait for the tracker, and takes milliseconds now and then.
 */

#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/log2.h>

#include "bench.h"

#define PERIOD_NS	(100 * NSEC_PER_USEC)

static struct hrtimer timer;
static struct tasklet_struct tasklet;
static u64 asked, longest, total, count;
static bool waiting;

static enum hrtimer_restart interrupt(struct hrtimer *t)
{
	/* The one before may not have been served yet: it waits since then. */
	if (!READ_ONCE(waiting)) {
		asked = bench_clock();
		WRITE_ONCE(waiting, true);
		tasklet_hi_schedule(&tasklet);
	}
	hrtimer_forward_now(t, ns_to_ktime(PERIOD_NS));

	return HRTIMER_RESTART;
}

static void served(struct tasklet_struct *t)
{
	u64 ns = bench_clock() - asked;

	longest = max(longest, ns);
	total += ns;
	count++;
	WRITE_ONCE(waiting, false);
}

/**
 * bench_wait_start() - begin to measure
 *
 * Context: process.
 */
void bench_wait_start(void)
{
	longest = 0;
	total = 0;
	count = 0;
	waiting = false;
	tasklet_setup(&tasklet, served);
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer.function = interrupt;
	hrtimer_start(&timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_HARD);
}

/**
 * bench_wait_stop() - stop to measure
 *
 * Context: process, may sleep.
 */
void bench_wait_stop(void)
{
	if (!timer.function)
		return;
	hrtimer_cancel(&timer);
	tasklet_kill(&tasklet);
	timer.function = NULL;
}

/**
 * bench_wait_show() - show the longest wait and how many there were
 * @out: for the result.
 */
void bench_wait_show(struct seq_file *out)
{
	seq_printf(out, "longest=%llu mean=%llu count=%llu\n", longest,
		   count ? div64_u64(total, count) : 0, count);
}
