// SPDX-License-Identifier: GPL-2.0-only
/* What Open vSwitch and act_ct share lies in the core. */
#include <net/netfilter/nf_conntrack_helper.h>

#ifdef PROBE_HAVE
typedef int probe_helper(struct sk_buff *, struct nf_conn *,
			 enum ip_conntrack_info, u16);
typedef int probe_add_helper(struct nf_conn *, const char *, u8, u8, bool,
			     struct nf_conntrack_helper **);
typedef int probe_fragments(struct net *, struct sk_buff *, u16, u8, u8 *,
			    u16 *);
typedef int probe_trim(struct sk_buff *, int);
static_assert(__same_type(nf_ct_helper, probe_helper));
static_assert(__same_type(nf_ct_add_helper, probe_add_helper));
static_assert(__same_type(nf_ct_handle_fragments, probe_fragments));
static_assert(__same_type(nf_ct_skb_network_trim, probe_trim));
#else
/* Free names: a declaration of another kind is no error. */
static const char nf_ct_helper[1], nf_ct_add_helper[1];
static const char nf_ct_handle_fragments[1], nf_ct_skb_network_trim[1];
static_assert(sizeof(nf_ct_helper) + sizeof(nf_ct_add_helper) +
	      sizeof(nf_ct_handle_fragments) + sizeof(nf_ct_skb_network_trim));
#endif
