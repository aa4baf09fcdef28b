// SPDX-License-Identifier: GPL-2.0-only
/* What the workers have done, and what memory is left. */

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>

#include "bench.h"

/**
 * bench_cpu_show() - show the time, the CPU time of all workers, how often
 * they were woken up, and the free memory
 * @out: for the result.
 *
 * Context: process.
 */
void bench_cpu_show(struct seq_file *out)
{
	struct task_struct *p;
	u64 runtime = 0, wakeups = 0;

	rcu_read_lock();
	for_each_process(p) {
		if (!(p->flags & PF_WQ_WORKER))
			continue;
		runtime += READ_ONCE(p->se.sum_exec_runtime);
		wakeups += READ_ONCE(p->nvcsw);
	}
	rcu_read_unlock();

	seq_printf(out, "now=%llu workers=%llu self=%llu wakeups=%llu free=%lu\n", ktime_get_ns(),
		   runtime, READ_ONCE(current->se.sum_exec_runtime), wakeups,
		   global_zone_page_state(NR_FREE_PAGES) * PAGE_SIZE);
}
