// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading of nf_conntrack_netlink.ko. */

#include <linux/module.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink.h"

static int __init ctng_netlink_init(void)
{
	return nfnetlink_subsys_register(&ctng_nl_conn_subsys);
}

static void __exit ctng_netlink_exit(void)
{
	nfnetlink_subsys_unregister(&ctng_nl_conn_subsys);
}

module_init(ctng_netlink_init);
module_exit(ctng_netlink_exit);

MODULE_DESCRIPTION("conntrack-ng: netlink interface of the connection tracking");
MODULE_AUTHOR("The conntrack-ng authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(CTNG_VERSION);
MODULE_IMPORT_NS(CTNG);
MODULE_ALIAS("ip_conntrack_netlink");
MODULE_ALIAS_NFNL_SUBSYS(NFNL_SUBSYS_CTNETLINK);
MODULE_ALIAS_NFNL_SUBSYS(NFNL_SUBSYS_CTNETLINK_EXP);
