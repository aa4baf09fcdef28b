#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every module of the running kernel that imports from nf_conntrack loads on top of it and
# unloads again. Which ones these are, importers.py finds out from the modules themselves.

. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip_all "has to be root"
needs_module nf_conntrack

# What the kernel has to say when a module does not fit: the CRC of a symbol, no such symbol,
# a symbol for GPL modules alone; and whatever it finds wrong later.
complaints='disagrees about version|Unknown symbol|no symbol version|GPL-incompatible|taint|WARNING|BUG|leak'

complaints_of() { # COMMAND...: what the kernel says while it runs; its status is COMMAND's
	local status
	dmesg -C
	"$@"
	status=$?
	dmesg | grep -E "$complaints" | grep -v 'loading out-of-tree module taints kernel'
	return $status
}

loads() { # MODULE: modprobe, modprobe -r, and nothing in the kernel's log
	local said
	said=$(complaints_of loads_and_unloads "$1") && [ -z "$said" ] || {
		echo "$said"
		return 1
	}
}

loads_and_unloads() {
	modprobe "$1" && is_loaded "$1" && unload "$1" && ! is_loaded "$1"
}

is_loaded() {
	[ -e "/sys/module/${1//-/_}" ]
}

# Some modules give their references back from a worker or after a grace period.
unload() {
	wait_for 10 modprobe -r "$1"
}

refused() { # MODULE: it asks for the table of the kernel's own nf_conntrack
	local said
	said=$(complaints_of modprobe "$1" 2>&1) && {
		echo "it was loaded"
		unload "$1"
		return 1
	}
	grep -q 'Unknown symbol nf_conntrack_' <<<"$said" || {
		echo "$said"
		return 1
	}
}

list=$(/usr/bin/python3 -IS "$(dirname "$0")/importers.py") || {
	check "modules that import from nf_conntrack" false
	finish
}
while read -r module table; do
	if [ "$table" ] && ours; then
		check "$module is refused" refused "$module"
	else
		check "$module" loads "$module"
	fi
done <<<"$list"

# modprobe -r forgets what only another module it removed had asked for.
all_unload() {
	local left
	for left in /sys/module/nf_conntrack/holders/*; do
		[ ! -e "$left" ] || unload "${left##*/}" || return
	done
	loads nf_conntrack
}
check "nf_conntrack" all_unload
finish
