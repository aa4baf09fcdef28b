#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Messages of ctnetlink, byte for byte: events of packets, and all about expectations.
. "$(dirname "$0")/lib.sh"

sessions packets expectations
