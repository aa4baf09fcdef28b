// SPDX-License-Identifier: GPL-2.0-only
/* The user interfaces of the module and of each namespace, brought up and down. */

#include <linux/proc_fs.h>
#include <linux/seq_file_net.h>
#include <net/netfilter/nf_conntrack.h>

#include "ui.h"

static bool __net_init proc_init_net(struct net *net)
{
	/* proc_fs makes the files belong to the owner of the namespace. */
	return proc_create_net("nf_conntrack", 0440, net->proc_net,
			       &ctng_proc_conntrack_ops,
			       ctng_proc_conntrack_state_size) &&
	       proc_create_net("nf_conntrack_expect", 0440, net->proc_net,
			       &ctng_proc_expect_ops,
			       sizeof(struct seq_net_private)) &&
	       proc_create_net("nf_conntrack", 0444, net->proc_net_stat,
			       &ctng_proc_stat_ops,
			       sizeof(struct seq_net_private)) &&
	       proc_create_net_single("nf_conntrack_ng", 0440, net->proc_net_stat,
				      ctng_proc_summary, NULL);
}

/* Also after a proc_init_net() that came half way: a file not there is no error. */
static void proc_exit_net(struct net *net)
{
	remove_proc_subtree("nf_conntrack_ng", net->proc_net_stat);
	remove_proc_subtree("nf_conntrack", net->proc_net_stat);
	remove_proc_subtree("nf_conntrack_expect", net->proc_net);
	remove_proc_subtree("nf_conntrack", net->proc_net);
}

/**
 * ctng_ui_init_net() - show a new namespace to its users
 * @net: the namespace, complete otherwise.
 *
 * With the module parameter enable_hooks tracking starts here too.
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int __net_init ctng_ui_init_net(struct net *net)
{
	int err = -ENOMEM;

	if (!proc_init_net(net))
		goto err_proc;

	err = ctng_sysctl_init_net(net);
	if (err)
		goto err_proc;

	if (ctng_enable_hooks) {
		err = nf_ct_netns_get(net, NFPROTO_INET);
		if (err)
			goto err_hooks;
	}

	return 0;

err_hooks:
	ctng_sysctl_exit_net(net);
err_proc:
	proc_exit_net(net);

	return err;
}

/**
 * ctng_ui_exit_net() - hide a namespace that goes away
 * @net: the namespace.
 *
 * Nobody reads or writes its files any more when this returns.
 *
 * Context: process, may sleep.
 */
void __net_exit ctng_ui_exit_net(struct net *net)
{
	if (ctng_enable_hooks)
		nf_ct_netns_put(net, NFPROTO_INET);
	ctng_sysctl_exit_net(net);
	proc_exit_net(net);
}

/**
 * ctng_ui_init() - the interfaces that no single namespace has
 *
 * Context: process, may sleep; all namespaces are there.
 * Return: 0 or a negative errno.
 */
int __init ctng_ui_init(void)
{
	int err = ctng_sysctl_init();

	if (err)
		return err;

	err = ctng_size_start();
	if (err)
		ctng_sysctl_exit();

	return err;
}

/**
 * ctng_ui_exit() - undo ctng_ui_init()
 *
 * Context: process, may sleep.
 */
void ctng_ui_exit(void)
{
	ctng_size_stop();
	ctng_sysctl_exit();
}
