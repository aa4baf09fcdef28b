// SPDX-License-Identifier: GPL-2.0-only
/* The number of rules that use labels is an atomic_t. */
#include <net/net_namespace.h>

#ifdef PROBE_HAVE
static_assert(__same_type(((struct net *)0)->ct.labels_used, atomic_t));
#else
static_assert(__same_type(((struct net *)0)->ct.labels_used, unsigned int));
#endif
