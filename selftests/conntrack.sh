#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The program conntrack: its commands, filters and formats, for connections and expectations.
. "$(dirname "$0")/lib.sh"

sessions conntrack filters expect events
