#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The table's own tests run in the kernel, in a module that carries its code.
. "$(dirname "$0")/lib.sh"

needs_test_module ctng_table_test

dmesg -C
insmod "$module" ${SEED:+seed=$SEED}
status=$?
dmesg | sed -n 's/^\[[^]]*\] \(TAP\|1\.\.\|ok\|not ok\|#\)/\1/p'
[ $status = 0 ] && rmmod ctng_table_test
exit $status
