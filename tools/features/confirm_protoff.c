// SPDX-License-Identifier: GPL-2.0-only
/* nf_confirm() is a step of the caller's, not a hook function. */
#include <net/netfilter/nf_conntrack_core.h>

#ifdef PROBE_HAVE
typedef unsigned int probe_fn(struct sk_buff *, unsigned int, struct nf_conn *,
			      enum ip_conntrack_info);
#else
typedef unsigned int probe_fn(void *, struct sk_buff *,
			      const struct nf_hook_state *);
#endif
static_assert(__same_type(nf_confirm, probe_fn));
