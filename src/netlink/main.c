// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading of nf_conntrack_netlink.ko. */

#include <linux/module.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/net_namespace.h>

#include "netlink.h"

static int __net_init init_net_events(struct net *net)
{
	ctng_nl_events_init_net(net);
	return 0;
}

/* The grace period after pre_exit lets those end who are about to tell of something. */
static struct pernet_operations net_ops = {
	.init		= init_net_events,
	.pre_exit	= ctng_nl_events_exit_net,
};

static int __init ctng_netlink_init(void)
{
	int err;

	err = nfnetlink_subsys_register(&ctng_nl_conn_subsys);
	if (err)
		return err;

	err = nfnetlink_subsys_register(&ctng_nl_expect_subsys);
	if (err)
		goto conn;

	err = register_pernet_subsys(&net_ops);
	if (err)
		goto expect;

	ctng_nl_glue_set();

	return 0;
expect:
	nfnetlink_subsys_unregister(&ctng_nl_expect_subsys);
conn:
	nfnetlink_subsys_unregister(&ctng_nl_conn_subsys);
	return err;
}

static void __exit ctng_netlink_exit(void)
{
	ctng_nl_glue_clear();
	unregister_pernet_subsys(&net_ops);
	nfnetlink_subsys_unregister(&ctng_nl_expect_subsys);
	nfnetlink_subsys_unregister(&ctng_nl_conn_subsys);
	/* packets in a queue and logs may still be in the glue */
	synchronize_rcu();
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
