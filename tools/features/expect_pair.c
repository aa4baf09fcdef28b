// SPDX-License-Identifier: GPL-2.0-only
/* Two expectations can be registered as one. */
#include <net/netfilter/nf_conntrack_expect.h>

#ifdef PROBE_HAVE
typedef int probe_fn(struct nf_conntrack_expect *[], unsigned int);
static_assert(__same_type(nf_ct_expect_related_pair, probe_fn));
#else
/* A free name: a declaration of another kind is no error. */
static const char nf_ct_expect_related_pair[1];
static_assert(sizeof(nf_ct_expect_related_pair));
#endif
