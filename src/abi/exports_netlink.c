// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports beyond those of the kernel's own module, from src/core/walk.c, in a
 * namespace of their own: nf_conntrack_netlink.ko walks over the table with them.
 */
#include "../core/walk.h"
#include "exports.h"

EXPORT_SYMBOL_NS_GPL(ctng_walk, CTNG);
EXPORT_SYMBOL_NS_GPL(ctng_walk_position, CTNG);
