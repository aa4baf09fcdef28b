/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the supported kernels differ. The rest of the code is written for the
 * newest of them; what an older one spells otherwise is mapped here, under the
 * newer kernel's own name. The CTNG_HAVE_* come from tools/features/, whose
 * probes are compiled against the kernel's headers: nobody asks for versions.
 */
#ifndef CTNG_COMPAT_H
#define CTNG_COMPAT_H

#include <ctng_features.h>

#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack.h>

/* The table that a sysctl handler is called with. */
#ifdef CTNG_HAVE_CONST_CTL_TABLE
#define CTNG_CTL_TABLE const struct ctl_table
#else
#define CTNG_CTL_TABLE struct ctl_table
#endif

/* Set a timeout without accounting a packet. */
#ifdef CTNG_HAVE_REFRESH_SKB
#define nf_ct_refresh(ct, extra_jiffies) \
	__nf_ct_refresh_acct(ct, IP_CT_ESTABLISHED, NULL, extra_jiffies, false)
#endif

/*
 * What nf_ct_hook.update returns: a verdict; in the kernel that still lets it do
 * NAT (and so has manip_pkt) an errno.
 */
#ifdef CTNG_HAVE_NAT_MANIP_PKT
#define CTNG_UPDATE_RESULT(verdict)	((verdict) == NF_ACCEPT ? 0 : -EPERM)
#else
#define CTNG_UPDATE_RESULT(verdict)	(verdict)
#endif

/* Exported, but declared in a header that only net/netfilter sees. */
void nf_queue_nf_hook_drop(struct net *net);

#endif /* CTNG_COMPAT_H */
