// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: events and timeout policies, from src/ext/.
 *
 * Defined here: struct vm_struct and nf_ct_event_notifier; but not
 * nf_conntrack_helper.
 */
#include <linux/vmalloc.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_timeout.h>

#include "exports.h"

CTNG_EXPORT_GPL(nf_conn_pernet_ecache);
CTNG_EXPORT_GPL(nf_ct_ecache_ext_add);
CTNG_EXPORT_GPL(nf_conntrack_register_notifier);
CTNG_EXPORT_GPL(nf_conntrack_unregister_notifier);
CTNG_EXPORT_GPL(nf_conntrack_eventmask_report);
CTNG_EXPORT_GPL(nf_ct_deliver_cached_events);

CTNG_EXPORT_GPL(nf_ct_timeout_hook);
CTNG_EXPORT_GPL(nf_ct_set_timeout);
CTNG_EXPORT_GPL(nf_ct_destroy_timeout);
CTNG_EXPORT_GPL(nf_ct_untimeout);
