// SPDX-License-Identifier: GPL-2.0-only
/* The core of netfilter has the sysctl nf_hooks_lwtunnel, not connection tracking. */
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_hooks_lwtunnel.h>

#ifdef PROBE_HAVE
static_assert(sizeof_field(struct netns_nf, nf_lwtnl_dir_header));
#else
static_assert(__same_type(nf_hooks_lwtunnel_sysctl_handler, proc_dointvec));
#endif
