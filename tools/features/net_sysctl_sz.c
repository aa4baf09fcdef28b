// SPDX-License-Identifier: GPL-2.0-only
/* The length of a table of sysctls is told, not marked by an empty entry. */
#include <net/net_namespace.h>

#ifdef PROBE_HAVE
static_assert(__same_type(register_net_sysctl_sz(NULL, "", NULL, (size_t)0),
			  struct ctl_table_header *));
#else
/* A free name: a declaration of another kind is no error. */
static const char register_net_sysctl_sz[1];
static_assert(sizeof(register_net_sysctl_sz));
#endif
