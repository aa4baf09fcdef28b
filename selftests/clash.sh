#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two CPUs confirm the same new flow at the same time, thousands of times: both packets
# get through, with and without NAT, and with two flows that NAT would give one tuple.
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip_all "one CPU"
needs_program nft
needs_module nf_conntrack
needs_test_module ctng_race
check "the test module loads" insmod "$module" || finish

pairs=${PAIRS:-500}
ip link set lo up

column() { # NAME: of the statistics, over all CPUs
	python3 - "$1" <<-'EOF'
	import sys
	names, *cpus = [line.split() for line in open("/proc/net/stat/nf_conntrack")]
	print(sum(int(cpu[names.index(sys.argv[1])], 16) for cpu in cpus))
	EOF
}

race() { # NAME PROTOCOL [sources]
	local name=$1 figures lost failed drop
	shift
	failed=$(column insert_failed) drop=$(column drop)
	echo "$1 $pairs ${2-}" >/proc/ctng_race
	figures=$(cat /proc/ctng_race)
	failed=$(($(column insert_failed) - failed)) drop=$(($(column drop) - drop))
	lost=$((2 * pairs - $(sed 's/.*passed=\([0-9]*\).*/\1/' <<<"$figures")))
	echo "# $name: $figures lost=$lost insert_failed=$failed drop=$drop"
	check_equal "$name: every pair is a race" "raced=$((2 * pairs)) failed=0" \
		"$(sed 's/.*\(raced=[0-9]*\).*\(failed=[0-9]*\).*/\1 \2/' <<<"$figures")"
	# The in-tree module loses some; how many is printed above.
	ours || return 0
	check_equal "$name: both get through" "lost=0 insert_failed=0 drop=0" \
		"lost=$lost insert_failed=$failed drop=$drop"
}

rules() {
	nft flush ruleset
	nft -f -
}

# Rules that look at the state have the hooks registered.
rules <<-'EOF'
table ip f {
	chain post { type filter hook postrouting priority 0; ct state new accept; }
}
EOF
tracing=/sys/kernel/tracing
mount -t tracefs nodev $tracing 2>/dev/null || true
! ours || echo 1 >$tracing/events/conntrack_ng/ct_clash/enable
for protocol in udp udplite icmp gre other tcp; do
	race "$protocol" $protocol
done
if ours; then
	check "tracepoint ct_clash" grep -m 1 ' ct_clash: .* what=1' $tracing/trace
	check "counted as clash-resolved" grep -x 'reason clash-resolved [1-9].*' \
		/proc/net/stat/nf_conntrack_ng
	echo 0 >$tracing/events/enable
fi

rules <<-'EOF'
table ip n {
	chain pre { type nat hook prerouting priority -100; ip daddr 172.16.0.0/12 dnat to 192.0.2.1-192.0.2.200; }
}
EOF
for protocol in udp udplite icmp tcp; do
	race "$protocol with DNAT" $protocol
done

rules <<-'EOF'
table ip n {
	chain post { type nat hook postrouting priority 100; ip saddr 10.0.0.0/8 snat to 203.0.113.1; }
}
EOF
for protocol in udp udplite icmp gre other tcp; do
	race "$protocol with SNAT" $protocol
done
for protocol in udp icmp tcp; do
	race "$protocol, two sources with SNAT to one address" $protocol sources
done

nft flush ruleset
rmmod ctng_race
finish
