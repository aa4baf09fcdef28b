// SPDX-License-Identifier: GPL-2.0-only
/* NAT offers the core a function to rewrite a packet. */
#include <linux/netfilter.h>

#ifdef PROBE_HAVE
static_assert(sizeof(((struct nf_nat_hook *)0)->manip_pkt));
#else
/* Nothing but the three calls that every kernel has. */
static_assert(sizeof(struct nf_nat_hook) == 3 * sizeof(void *));
#endif
