#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Security contexts of connections, by SELinux without a policy, which knows a few names then.
# boot: security=selinux enforcing=0
. "$(dirname "$0")/lib.sh"

[ -e /sys/fs/selinux ] || skip_all "no SELinux"
sessions secctx
