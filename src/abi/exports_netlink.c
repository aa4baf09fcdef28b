// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports beyond those of the kernel's own module, from src/core/walk.c, in a
 * namespace of their own: nf_conntrack_netlink.ko walks over the table with them.
 */
#include "../core/walk.h"
#include "exports.h"

CTNG_EXPORT_OURS(ctng_walk);
CTNG_EXPORT_OURS(ctng_walk_position);
CTNG_EXPORT_OURS(ctng_walk_back);
