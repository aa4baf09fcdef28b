#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Connections of packets in a queue and in a log.
. "$(dirname "$0")/lib.sh"

sessions queue log
