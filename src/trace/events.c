// SPDX-License-Identifier: GPL-2.0-only
/* The code of the tracepoints, which events.h makes. */

#define CREATE_TRACE_POINTS
#include "events.h"
