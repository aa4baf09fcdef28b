/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet hooks, and what switches them on. */
#ifndef CTNG_HOOKS_H
#define CTNG_HOOKS_H

#include <linux/netfilter.h>

#define CTNG_HOOKS	4

extern const struct nf_hook_ops ctng_hooks_v4[CTNG_HOOKS];
extern const struct nf_hook_ops ctng_hooks_v6[CTNG_HOOKS];

unsigned int ctng_finish_queued(struct sk_buff *skb);

#endif /* CTNG_HOOKS_H */
