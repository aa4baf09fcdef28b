// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: sequence adjustment, from src/ext/, and what the core does for Open
 * vSwitch and act_ct, from src/expect/ovs.c.
 *
 * Defined here: struct inet_hashinfo and what else net/tcp.h brings with
 * linux/netfilter_ipv6.h; nf_conntrack_helper; but not nf_ct_event_notifier.
 */
#include <linux/netfilter_ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_seqadj.h>

#include "exports.h"

CTNG_EXPORT_GPL(nf_ct_seqadj_init);
CTNG_EXPORT_GPL(nf_ct_seqadj_set);
CTNG_EXPORT_GPL(nf_ct_tcp_seqadj_set);
CTNG_EXPORT_GPL(nf_ct_seq_adjust);
CTNG_EXPORT_GPL(nf_ct_seq_offset);

#ifdef CTNG_HAVE_OVS
CTNG_EXPORT_GPL(nf_ct_helper);
CTNG_EXPORT_GPL(nf_ct_add_helper);
CTNG_EXPORT_GPL(nf_ct_handle_fragments);
CTNG_EXPORT_GPL(nf_ct_skb_network_trim);
#endif
