// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: expectations, from src/expect/, and the few others that look the
 * same: the GRE key map, the number of entries, the printing of a tuple.
 *
 * Defined here: struct nf_conntrack_helper and nf_ct_event_notifier; but neither
 * vm_struct nor ip_ra_chain.
 */
#include <linux/netfilter/nf_conntrack_proto_gre.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "exports.h"

CTNG_EXPORT_GPL(nf_ct_expect_hash);
CTNG_EXPORT_GPL(nf_ct_expect_hsize);
CTNG_EXPORT_GPL(nf_ct_expect_alloc);
CTNG_EXPORT_GPL(nf_ct_expect_init);
CTNG_EXPORT_GPL(nf_ct_expect_put);
CTNG_EXPORT_GPL(__nf_ct_expect_find);
CTNG_EXPORT_GPL(nf_ct_expect_find_get);
CTNG_EXPORT_GPL(nf_ct_expect_related_report);
#ifdef CTNG_HAVE_EXPECT_PAIR
CTNG_EXPORT_GPL(nf_ct_expect_related_pair);
#endif
CTNG_EXPORT_GPL(nf_ct_unexpect_related);
CTNG_EXPORT_GPL(nf_ct_unlink_expect_report);
CTNG_EXPORT_GPL(nf_ct_remove_expectations);
CTNG_EXPORT_GPL(nf_ct_expect_iterate_destroy);
CTNG_EXPORT_GPL(nf_ct_expect_iterate_net);

CTNG_EXPORT_GPL(nf_ct_gre_keymap_add);
CTNG_EXPORT_GPL(nf_ct_gre_keymap_destroy);
CTNG_EXPORT_GPL(nf_conntrack_count);
CTNG_EXPORT_GPL(print_tuple);
