// SPDX-License-Identifier: GPL-2.0-only
/* __nf_ct_refresh_acct() is handed the packet, not the bytes to account. */
#include <net/netfilter/nf_conntrack.h>

#ifdef PROBE_HAVE
typedef void probe_fn(struct nf_conn *, enum ip_conntrack_info,
		      const struct sk_buff *, u32, bool);
#else
typedef void probe_fn(struct nf_conn *, enum ip_conntrack_info, u32,
		      unsigned int);
#endif
static_assert(__same_type(__nf_ct_refresh_acct, probe_fn));
