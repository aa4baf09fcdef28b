// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading, and the parts in the order in which they depend on each other. */

#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack_bpf.h>
#include <net/netfilter/nf_conntrack_core.h>

#include "core/conn.h"
#include "expect/expect.h"
#include "ext/ext.h"
#include "net.h"
#include "proto/proto.h"
#include "ui/sockopt.h"
#include "ui/ui.h"

static int __net_init net_init(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);
	int err = -ENOMEM;

	BUILD_BUG_ON(offsetof(struct ctng_net, abi));

	atomic_set(&cnet->abi.count, 0);
	net->ct.sysctl_checksum = 1;
	cnet->reserved_seed = get_random_u32();
	ctng_limits_init(&cnet->limits);
	ctng_expire_init_net(net);

	cnet->reserved = kzalloc(sizeof(*cnet->reserved), GFP_KERNEL);
	if (!cnet->reserved)
		return err;

	cnet->reasons = alloc_percpu(struct ctng_reasons);
	if (!cnet->reasons)
		goto err_reasons;

	net->ct.stat = alloc_percpu(struct ip_conntrack_stat);
	if (!net->ct.stat)
		goto err_stat;

	err = ctng_table_init(&cnet->table, net, ctng_resize_floor());
	if (err)
		goto err_table;

	ctng_proto_init_net(net);
	ctng_ext_init_net(net);

	err = ctng_expect_init_net(net);
	if (err)
		goto err_expect;

	err = ctng_ui_init_net(net);
	if (err)
		goto err_ui;

	return 0;

err_ui:
	ctng_expect_exit_net(net);
err_expect:
	ctng_ext_exit_net(net);
	ctng_proto_exit_net(net);
	ctng_table_destroy(&cnet->table);
err_table:
	free_percpu(net->ct.stat);
err_stat:
	free_percpu(cnet->reasons);
err_reasons:
	kfree(cnet->reserved);

	return err;
}

static void net_free(struct net *net)
{
	struct ctng_net *cnet = ctng_pernet(net);

	ctng_expect_exit_net(net);
	ctng_proto_exit_net(net);
	ctng_expire_exit_net(net);
	ctng_table_destroy(&cnet->table);
	free_percpu(net->ct.stat);
	free_percpu(cnet->reasons);
	kfree(cnet->reserved);
}

static void __net_exit net_exit_batch(struct list_head *net_exit_list)
{
	struct net *net;

	list_for_each_entry(net, net_exit_list, exit_list)
		ctng_ui_exit_net(net);

	ctng_flush_nets(net_exit_list);

	list_for_each_entry(net, net_exit_list, exit_list)
		net_free(net);
}

static struct pernet_operations net_ops = {
	.init		= net_init,
	.exit_batch	= net_exit_batch,
	.id		= &nf_conntrack_net_id,
	.size		= sizeof(struct ctng_net),
};

static int __init conntrack_ng_init(void)
{
	int err;

	ctng_default_sizes();

	err = ctng_conn_init();
	if (err)
		return err;

	err = ctng_ext_init();
	if (err)
		goto err_ext;

	err = ctng_expect_init();
	if (err)
		goto err_expect;

	err = ctng_helper_init();
	if (err)
		goto err_helper;

	/* Before any packet can have a connection. */
	ctng_nfct_hook_set();

	err = register_pernet_subsys(&net_ops);
	if (err)
		goto err_pernet;

	err = ctng_ui_init();
	if (err)
		goto err_ui;

	err = ctng_sockopt_init();
	if (err)
		goto err_sockopt;

	/* Nothing else depends on it. */
	if (register_nf_conntrack_bpf())
		pr_warn("nf_conntrack: no functions for BPF, they could not be registered\n");

	pr_info("nf_conntrack: conntrack-ng " CTNG_VERSION " (%u buckets, %u max)\n",
		nf_conntrack_htable_size, nf_conntrack_max);

	return 0;

err_sockopt:
	ctng_ui_exit();
err_ui:
	unregister_pernet_subsys(&net_ops);
err_pernet:
	ctng_nfct_hook_clear();
	ctng_helper_exit();
err_helper:
	ctng_expect_exit();
err_expect:
	ctng_ext_exit();
err_ext:
	ctng_conn_exit();

	return err;
}

static void __exit conntrack_ng_exit(void)
{
	cleanup_nf_conntrack_bpf();
	ctng_sockopt_exit();
	ctng_ui_exit();
	/* Waits until no packet carries a connection. */
	unregister_pernet_subsys(&net_ops);
	ctng_nfct_hook_clear();
	ctng_helper_exit();
	ctng_expect_exit();
	ctng_ext_exit();
	ctng_conn_exit();
}

module_init(conntrack_ng_init);
module_exit(conntrack_ng_exit);

MODULE_DESCRIPTION("conntrack-ng: IPv4 and IPv6 connection tracking");
MODULE_AUTHOR("The conntrack-ng authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(CTNG_VERSION);
MODULE_ALIAS("ip_conntrack");
MODULE_ALIAS("nf_conntrack-2");
MODULE_ALIAS("nf_conntrack-10");
