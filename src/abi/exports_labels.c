// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: labels, from src/ext/.
 *
 * Defined here: struct nf_ct_event_notifier; but neither nf_conntrack_helper nor
 * vm_struct.
 */
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_labels.h>

#include "exports.h"

CTNG_EXPORT_GPL(nf_connlabels_get);
CTNG_EXPORT_GPL(nf_connlabels_put);
CTNG_EXPORT_GPL(nf_connlabels_replace);
