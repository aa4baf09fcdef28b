// SPDX-License-Identifier: GPL-2.0-only
/* An extension area says of which generation it is. */
#include <net/netfilter/nf_conntrack_extend.h>

#ifdef PROBE_HAVE
static_assert(offsetof(struct nf_ct_ext, gen_id));
static_assert(sizeof(&__nf_ct_ext_find));
#else
/* No room for a generation between the length and the data. */
static_assert(offsetof(struct nf_ct_ext, data) ==
	      ALIGN(offsetofend(struct nf_ct_ext, len), 8));
#endif
