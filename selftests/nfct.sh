#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The program nfct: policies of timeouts, and helpers in user space.
. "$(dirname "$0")/lib.sh"

needs_program nfct
sessions nfct policies
