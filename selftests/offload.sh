#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Connections that the flow table forwards, by netlink.
. "$(dirname "$0")/lib.sh"

sessions offload
