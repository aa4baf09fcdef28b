// SPDX-License-Identifier: GPL-2.0-only
/* nf_conntrack_alter_reply() is ours to export, not an inline function. */
#include <net/netfilter/nf_conntrack.h>

#ifdef PROBE_HAVE
void nf_conntrack_alter_reply(struct nf_conn *ct,
			      const struct nf_conntrack_tuple *newreply)
{
}
#else
static inline void probe(struct nf_conn *ct)
{
	nf_conntrack_alter_reply(ct, NULL);
}
#endif
