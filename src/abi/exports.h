/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module exports, in one place for all folders: the functions are
 * defined where they belong, the exports_*.c only list them.
 *
 * A module on top refuses to load unless the CRC of each symbol that it uses
 * is the one it was built with. The CRC covers every type that can be reached
 * from the declaration, and there a struct that is only declared counts for
 * something else than one that is defined. So the lists are split by what
 * must be defined where they stand, and each exports_*.c says what that is:
 * its includes are part of the contract. An include too many, here or there,
 * is a CRC too many; `make contract` tells.
 */
#ifndef CTNG_EXPORTS_H
#define CTNG_EXPORTS_H

#include <linux/export.h>

#include <ctng_features.h>

/* Without the rule that an export stands below the function it exports. */
#define CTNG_EXPORT	EXPORT_SYMBOL
#define CTNG_EXPORT_GPL	EXPORT_SYMBOL_GPL
/* Beyond what the kernel's own module exports, for modules of ours. */
#define CTNG_EXPORT_OURS(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, CTNG)

#endif /* CTNG_EXPORTS_H */
