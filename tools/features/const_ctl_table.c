// SPDX-License-Identifier: GPL-2.0-only
/* The handler of a sysctl gets its table read-only. */
#include <linux/sysctl.h>

#ifdef PROBE_HAVE
typedef int probe_fn(const struct ctl_table *, int, void *, size_t *, loff_t *);
#else
typedef int probe_fn(struct ctl_table *, int, void *, size_t *, loff_t *);
#endif
static_assert(__same_type(proc_dointvec, probe_fn));
