// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: extensions, from src/ext/.
 *
 * Defined here: struct vm_struct, nf_conntrack_helper and nf_ct_event_notifier;
 * but not ip_ra_chain.
 */
#include <linux/vmalloc.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "exports.h"

CTNG_EXPORT(nf_ct_ext_add);
#ifdef CTNG_HAVE_EXT_GENID
CTNG_EXPORT(__nf_ct_ext_find);
#endif
