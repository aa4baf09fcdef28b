// SPDX-License-Identifier: GPL-2.0-only
/* An extension area says of which generation it is. */
#include <net/netfilter/nf_conntrack_extend.h>

#ifdef PROBE_HAVE
typedef void *probe_fn(const struct nf_ct_ext *, u8);
static_assert(offsetof(struct nf_ct_ext, gen_id));
static_assert(__same_type(__nf_ct_ext_find, probe_fn));
#else
/* No room for a generation between the length and the data. */
static_assert(offsetof(struct nf_ct_ext, data) ==
	      ALIGN(offsetofend(struct nf_ct_ext, len), 8));
#endif
