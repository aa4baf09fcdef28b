// SPDX-License-Identifier: GPL-2.0-only
/* What Open vSwitch and act_ct share lies in the core. */
#include <net/netfilter/nf_conntrack_helper.h>

#ifdef PROBE_HAVE
static_assert(sizeof(&nf_ct_helper));
static_assert(sizeof(&nf_ct_add_helper));
static_assert(sizeof(&nf_ct_handle_fragments));
static_assert(sizeof(&nf_ct_skb_network_trim));
#else
/* Free names: a declaration of another kind is no error. */
static const char nf_ct_helper[1], nf_ct_add_helper[1];
static const char nf_ct_handle_fragments[1], nf_ct_skb_network_trim[1];
static_assert(sizeof(nf_ct_helper) + sizeof(nf_ct_add_helper) +
	      sizeof(nf_ct_handle_fragments) + sizeof(nf_ct_skb_network_trim));
#endif
