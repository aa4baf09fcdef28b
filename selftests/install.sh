#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vm: alone
# ends with any module
# Installing, what modprobe makes of it, and the way back.

. "$(dirname "$0")/lib.sh"

kver=$(uname -r)
install=$(dirname "$0")/../tools/install
dir=/lib/modules/$kver

[ "$(id -u)" = 0 ] || skip_all "has to be root"
[ -e "$(dirname "$0")/../build/$kver/nf_conntrack.ko" ] || skip_all "nothing built for $kver"

says() { # PATTERN COMMAND...: which fails, and says why
	local said
	said=$("${@:2}" 2>&1) && { echo "it succeeded"; return 1; }
	grep -E "$1" <<<"$said"
}

unchanged() { # COMMAND...: in the modules' directory
	local before after
	before=$(find "$dir/" -path "$dir/kernel" -prune -o -ls | sort)
	"$@" || return
	after=$(find "$dir/" -path "$dir/kernel" -prune -o -ls | sort)
	is_equal "$before" "$after"
}

check "a small tree of modules" few_modules_here
# It is there from the beginning if the VM has it.
[ ! -e "$dir/updates/nf_conntrack.ko" ] || check "goes" "$install" --remove "$kver"
check "the kernel's own is what modprobe loads" \
	loads_from kernel/net/netfilter
check "removing it again is refused" \
	unchanged says 'not installed' "$install" --remove "$kver"

modprobe nf_conntrack
check "installing is refused while the kernel's own is loaded" \
	unchanged says 'is loaded and keeps its place' "$install" "$kver"
check "NEXT_BOOT=1 installs all the same" env NEXT_BOOT=1 "$install" "$kver"
check "the kernel's own stays loaded" eval '! ours'
check "it can be removed" "$install" --remove "$kver"
modprobe -r nf_conntrack

check "installs" "$install" "$kver"
check "modprobe prefers it" loads_from updates
check "modinfo says whose it is" eval "modinfo -F description nf_conntrack | grep conntrack-ng"
modprobe nf_conntrack
check "it is loaded" ours
check "and nf_conntrack_netlink of the same make loads" modprobe nf_conntrack_netlink
check "both have one version" is_equal "$(cat /sys/module/nf_conntrack/version)" \
	"$(cat /sys/module/nf_conntrack_netlink/version)"
check "a newer build installs while it is loaded" "$install" "$kver"
modprobe -r nf_conntrack_netlink nf_conntrack
check "an unknown kernel is refused" says 'not installed here' "$install" 1.2.3
finish
