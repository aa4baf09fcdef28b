/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a packet or an entry met the fate it met: one enum for all of it. */
#ifndef CTNG_REASON_H
#define CTNG_REASON_H

/**
 * enum ctng_reason - why a packet was INVALID or dropped, or an entry refused
 *
 * Each value is decided in exactly one place in the code and counted there,
 * see ctng_count() and ctng_invalid(). The list is in reason_list.h.
 */
enum ctng_reason {
#define REASON(sym, name) CTNG_R_##sym,
#include "reason_list.h"
#undef REASON
	CTNG_R_MAX
};

/* Room for the longest name. */
#define CTNG_REASON_NAME_LEN	32

extern const char *const ctng_reason_names[CTNG_R_MAX];

#endif /* CTNG_REASON_H */
