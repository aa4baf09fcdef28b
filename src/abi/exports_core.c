// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: connections, from src/core/ and src/proto/ports.c.
 *
 * Defined here: struct ip_ra_chain (net/ip.h), vm_struct, nf_conntrack_helper
 * and nf_ct_event_notifier.
 */
#include <linux/vmalloc.h>
#include <net/ip.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>

#include "exports.h"

/* life of an entry */
CTNG_EXPORT_GPL(nf_conntrack_alloc);
CTNG_EXPORT_GPL(nf_conntrack_free);
CTNG_EXPORT_GPL(nf_ct_tmpl_alloc);
CTNG_EXPORT_GPL(nf_ct_tmpl_free);
CTNG_EXPORT_GPL(nf_ct_delete);
CTNG_EXPORT(nf_ct_destroy);
CTNG_EXPORT_GPL(nf_ct_get_id);

/* packets */
CTNG_EXPORT_GPL(nf_conntrack_in);
CTNG_EXPORT_GPL(__nf_conntrack_confirm);
CTNG_EXPORT_GPL(__nf_ct_refresh_acct);
CTNG_EXPORT_GPL(nf_ct_acct_add);
CTNG_EXPORT_GPL(nf_ct_kill_acct);

/* tuples */
CTNG_EXPORT_GPL(nf_ct_get_tuplepr);
CTNG_EXPORT_GPL(nf_ct_invert_tuple);
#ifdef CTNG_HAVE_ALTER_REPLY
CTNG_EXPORT_GPL(nf_conntrack_alter_reply);
#endif
CTNG_EXPORT_GPL(nf_ct_port_nla_policy);
CTNG_EXPORT_GPL(nf_ct_port_nlattr_to_tuple);
CTNG_EXPORT_GPL(nf_ct_port_nlattr_tuple_size);
CTNG_EXPORT_GPL(nf_ct_port_tuple_to_nlattr);

/* the table */
CTNG_EXPORT_GPL(nf_conntrack_find_get);
CTNG_EXPORT_GPL(nf_conntrack_tuple_taken);
CTNG_EXPORT_GPL(nf_conntrack_hash_check_insert);
CTNG_EXPORT_GPL(nf_ct_iterate_cleanup_net);
CTNG_EXPORT_GPL(nf_ct_iterate_destroy);
CTNG_EXPORT_GPL(nf_ct_alloc_hashtable);
CTNG_EXPORT_GPL(nf_conntrack_htable_size);
CTNG_EXPORT_GPL(nf_conntrack_max);

/* locks */
CTNG_EXPORT_GPL(nf_conntrack_expect_lock);

/* changes from user space */
CTNG_EXPORT_GPL(__nf_ct_change_timeout);
CTNG_EXPORT_GPL(__nf_ct_change_status);
CTNG_EXPORT_GPL(nf_ct_change_status_common);
