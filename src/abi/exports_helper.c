// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: helpers, from src/expect/.
 *
 * Defined here: struct nf_logger, vm_struct, nf_conntrack_helper and
 * nf_ct_event_notifier; and ip_ra_chain, where the kernel has helpers run by
 * Open vSwitch's code in the same place.
 */
#include <linux/vmalloc.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_log.h>

#include "exports.h"

#ifdef CTNG_HAVE_OVS
#include <net/ip.h>
#endif

CTNG_EXPORT_GPL(__nf_conntrack_helper_find);
CTNG_EXPORT_GPL(nf_conntrack_helper_try_module_get);
CTNG_EXPORT_GPL(nf_conntrack_helper_put);
CTNG_EXPORT_GPL(nf_conntrack_helper_register);
CTNG_EXPORT_GPL(nf_conntrack_helper_unregister);
CTNG_EXPORT_GPL(nf_conntrack_helpers_register);
CTNG_EXPORT_GPL(nf_conntrack_helpers_unregister);
CTNG_EXPORT_GPL(nf_ct_helper_init);
CTNG_EXPORT_GPL(nf_ct_helper_hash);
CTNG_EXPORT_GPL(nf_ct_helper_hsize);

CTNG_EXPORT_GPL(nf_ct_helper_ext_add);
CTNG_EXPORT_GPL(__nf_ct_try_assign_helper);
CTNG_EXPORT_GPL(nf_ct_helper_log);

CTNG_EXPORT_GPL(nf_ct_helper_expectfn_register);
CTNG_EXPORT_GPL(nf_ct_helper_expectfn_unregister);
CTNG_EXPORT_GPL(nf_ct_helper_expectfn_destroy);
CTNG_EXPORT_GPL(nf_ct_helper_expectfn_find_by_name);
CTNG_EXPORT_GPL(nf_ct_helper_expectfn_find_by_symbol);

CTNG_EXPORT_GPL(nf_nat_helper_register);
CTNG_EXPORT_GPL(nf_nat_helper_unregister);
CTNG_EXPORT_GPL(nf_nat_helper_try_module_get);
CTNG_EXPORT_GPL(nf_nat_helper_put);
