// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: protocols and hooks, from src/proto/ and src/core/.
 *
 * Defined here: struct inet_hashinfo and what else net/tcp.h brings with
 * linux/netfilter_ipv6.h; nf_logger, nf_conntrack_helper and
 * nf_ct_event_notifier.
 */
#include <linux/netfilter_ipv6.h>
#include <net/netfilter/nf_conntrack_bridge.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_log.h>

#include "exports.h"

CTNG_EXPORT_GPL(nf_ct_l4proto_find);
CTNG_EXPORT_GPL(nf_l4proto_log_invalid);
CTNG_EXPORT_GPL(nf_ct_l4proto_log_invalid);

CTNG_EXPORT_GPL(nf_confirm);
CTNG_EXPORT_GPL(nf_ct_netns_get);
CTNG_EXPORT_GPL(nf_ct_netns_put);
CTNG_EXPORT_GPL(nf_ct_bridge_register);
CTNG_EXPORT_GPL(nf_ct_bridge_unregister);
