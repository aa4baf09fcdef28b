// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports beyond those of the kernel's own module, in a namespace of their own:
 * nf_conntrack_netlink.ko walks over the table with those of src/core/walk.c, and says
 * when an expectation ends sooner than it was to.
 */
#include "../core/walk.h"
#include "../expect/expect.h"
#include "exports.h"

CTNG_EXPORT_OURS(ctng_walk);
CTNG_EXPORT_OURS(ctng_walk_position);
CTNG_EXPORT_OURS(ctng_walk_back);
CTNG_EXPORT_OURS(ctng_expect_due);
