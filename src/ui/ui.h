/* SPDX-License-Identifier: GPL-2.0-only */
/* What people and programs read and set: /proc, sysctls, module parameters. */
#ifndef CTNG_UI_H
#define CTNG_UI_H

#include <linux/init.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

/* for the module's beginning and end */
void __init ctng_default_sizes(void);
int __init ctng_ui_init(void);
void ctng_ui_exit(void);
int __net_init ctng_ui_init_net(struct net *net);
void __net_exit ctng_ui_exit_net(struct net *net);

/* between the files of this folder */

/* size.c */
int ctng_size_set(unsigned int slots);
void ctng_size_limit_changed(void);
int __init ctng_size_start(void);
void ctng_size_stop(void);

/* params.c */
extern bool ctng_enable_hooks;

/* sysctl.c */
int __init ctng_sysctl_init(void);
void ctng_sysctl_exit(void);
int __net_init ctng_sysctl_init_net(struct net *net);
void __net_exit ctng_sysctl_exit_net(struct net *net);

/* proc_*.c */
extern const struct seq_operations ctng_proc_expect_ops;
extern const struct seq_operations ctng_proc_stat_ops;
extern const struct seq_operations ctng_proc_conntrack_ops;
extern const unsigned int ctng_proc_conntrack_state_size;
int ctng_proc_summary(struct seq_file *s, void *v);

#endif /* CTNG_UI_H */
