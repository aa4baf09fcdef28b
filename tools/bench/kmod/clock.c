// SPDX-License-Identifier: GPL-2.0-only
/* A clock that stands while the host does something else, as far as there is one. */

#include <linux/ktime.h>

#include "bench.h"

#ifdef CONFIG_UML

/* Of the host's, x86-64 */
#define HOST_CLOCK_GETTIME	228
#define HOST_CLOCK_PROCESS	2

/**
 * bench_clock() - what this kernel has computed so far
 *
 * User Mode Linux is a process of the host, whose system calls it may do as well. Programs in
 * it are other processes: their time is not in this.
 *
 * Return: nanoseconds.
 */
u64 bench_clock(void)
{
	struct {
		s64	sec;
		s64	nsec;
	} ts = {};
	long ret;

	asm volatile("syscall"
		     : "=a" (ret)
		     : "0" ((long)HOST_CLOCK_GETTIME), "D" ((long)HOST_CLOCK_PROCESS), "S" (&ts)
		     : "rcx", "r11", "memory");

	return ret ? ktime_get_ns() : ts.sec * NSEC_PER_SEC + ts.nsec;
}

#else

/**
 * bench_clock() - time
 *
 * Return: nanoseconds.
 */
u64 bench_clock(void)
{
	return ktime_get_ns();
}

#endif
