#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The example programs that come with libnetfilter_conntrack and libnetfilter_queue.
. "$(dirname "$0")/lib.sh"

examples=$(realpath "$(dirname "$0")/../build/examples")
[ -x "$examples/nf-queue" ] || skip_all "the libraries' examples are not built: make examples"
export PATH=$examples:$PATH
sessions examples
