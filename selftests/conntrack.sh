#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The program conntrack, with every filter and every format that it has, on both tables.
. "$(dirname "$0")/lib.sh"

command -v conntrack >/dev/null || skip_all "no conntrack"
network
modprobe nf_conntrack_netlink || skip_all "no nf_conntrack_netlink"
/usr/bin/python3 -sES "$(dirname "$0")/session.py" ${RECORD:+--record} "${@:-conntrack}"
