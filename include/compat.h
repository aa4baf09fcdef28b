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

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/icmpv6.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack.h>

/* The table that a sysctl handler is called with. */
#ifdef CTNG_HAVE_CONST_CTL_TABLE
#define CTNG_CTL_TABLE const struct ctl_table
#else
#define CTNG_CTL_TABLE struct ctl_table
#endif

/* Older kernels find the end of a table by its empty entry. */
#ifndef CTNG_HAVE_NET_SYSCTL_SZ
#define register_net_sysctl_sz(net, path, table, size) \
	register_net_sysctl(net, path, table)
#endif

/* Set a timeout without accounting a packet. */
#ifdef CTNG_HAVE_REFRESH_SKB
#define nf_ct_refresh(ct, extra_jiffies) \
	__nf_ct_refresh_acct(ct, IP_CT_ESTABLISHED, NULL, extra_jiffies, false)
#endif

/*
 * Multicast router discovery (RFC 4286): a kernel that knows both messages leaves
 * them alone as it does neighbour discovery.
 */
#ifdef ICMPV6_MRDISC_SOL
#define CTNG_UNTRACKED_MRDISC(type) \
	((type) == ICMPV6_MRDISC_ADV || (type) == ICMPV6_MRDISC_SOL)
#else
#define CTNG_UNTRACKED_MRDISC(type)	false
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

/*
 * What becomes of a DCCP packet that ends within its header: it is INVALID; the
 * kernel that has manip_pkt drops it.
 */
#ifdef CTNG_HAVE_NAT_MANIP_PKT
#define CTNG_SHORT_DCCP_FATE	CTNG_DROP
#else
#define CTNG_SHORT_DCCP_FATE	CTNG_INVALID
#endif

/* Functions for BPF programs, and the list of them. */
#ifndef __bpf_kfunc
#define __bpf_kfunc	__used
#endif
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START(name)	BTF_SET8_START(name)
#define BTF_KFUNCS_END(name)	BTF_SET8_END(name)
#endif

/* Exported, but declared in a header that only net/netfilter sees. */
void nf_queue_nf_hook_drop(struct net *net);

/*
 * The generation of an unconfirmed connection's extensions. Where the kernel has no room for
 * one it is in a link that only the dying list uses, much later.
 */
#ifdef CTNG_HAVE_EXT_GENID
#define ctng_ext_gen(ct)		READ_ONCE((ct)->ext->gen_id)
#define ctng_ext_set_gen(ct, gen)	WRITE_ONCE((ct)->ext->gen_id, gen)
#define ctng_ext_forget_gen(ct)		ctng_ext_set_gen(ct, 0)
#else
#define ctng_ext_gen_link(ct)		((ct)->tuplehash[IP_CT_DIR_REPLY].hnnode.pprev)
#define ctng_ext_gen(ct) \
	((unsigned int)(unsigned long)READ_ONCE(ctng_ext_gen_link(ct)))
#define ctng_ext_set_gen(ct, gen) \
	WRITE_ONCE(ctng_ext_gen_link(ct), (void *)(unsigned long)(gen))
#define ctng_ext_forget_gen(ct)		((void)(ct))
#endif

/* Count the rules that use labels; the writers exclude each other. */
static inline void ctng_labels_used_add(struct net *net, int n)
{
#ifdef CTNG_HAVE_LABELS_ATOMIC
	atomic_add(n, &net->ct.labels_used);
#else
	WRITE_ONCE(net->ct.labels_used, net->ct.labels_used + n);
#endif
}

/*
 * What the in-tree module does otherwise on older kernels though no header shows it. The
 * age of a kernel is told by a header that changed about then.
 */
#ifdef CTNG_HAVE_REFRESH_SKB
#define CTNG_TCP_ANY_RST_CLOSES	true	/* even one that was not the next in sequence */
#define CTNG_TCP_LOGS_NEW	false	/* a connection that cannot start so */
#define CTNG_SEQADJ_AT_ONCE	true	/* also the packet whose helper asks for it */
#else
#define CTNG_TCP_ANY_RST_CLOSES	false
#define CTNG_TCP_LOGS_NEW	true
#define CTNG_SEQADJ_AT_ONCE	false
#endif

#endif /* CTNG_COMPAT_H */
