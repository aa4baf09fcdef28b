// SPDX-License-Identifier: GPL-2.0-only
/* Module parameters; expect_hashsize is with the expectations. */

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack.h>

#include "../ext/ext.h"
#include "ui.h"

bool ctng_default_acct __read_mostly;
module_param_named(acct, ctng_default_acct, bool, 0644);
MODULE_PARM_DESC(acct, "Count packets and bytes of each connection; for namespaces yet to come.");

bool ctng_default_tstamp __read_mostly;
module_param_named(tstamp, ctng_default_tstamp, bool, 0644);
MODULE_PARM_DESC(tstamp, "Note when each connection begins and ends; for namespaces yet to come.");

/* Without a file: the namespaces that there are would not follow a change. */
bool ctng_enable_hooks __read_mostly;
module_param_named(enable_hooks, ctng_enable_hooks, bool, 0000);
MODULE_PARM_DESC(enable_hooks, "Track in all namespaces, whether a rule asks for it or not.");

static int hashsize_set(const char *val, const struct kernel_param *kp)
{
	unsigned int slots;
	int err;

	/* The size is the host's affair. */
	if (!net_eq(current->nsproxy->net_ns, &init_net))
		return -EOPNOTSUPP;

	err = kstrtouint(val, 0, &slots);

	return err ?: ctng_size_set(slots);
}

static const struct kernel_param_ops hashsize_ops = {
	.set = hashsize_set,
	.get = param_get_uint,
};

module_param_cb(hashsize, &hashsize_ops, &nf_conntrack_htable_size, 0600);
__MODULE_PARM_TYPE(hashsize, "uint");
MODULE_PARM_DESC(hashsize, "Least size of the connection tables, in slots of 8 bytes; 0: by the memory there is.");
