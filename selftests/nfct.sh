#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The program nfct: policies of timeouts, and helpers in user space.
. "$(dirname "$0")/lib.sh"

command -v nfct >/dev/null || skip_all "no nfct"
sessions nfct policies
