#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything at once: traffic, resizes, sysctls, flushes, dumps, listeners, rules and namespaces
# that come and go. In the environment: TIME, in seconds; FAULTS, per cent of the module's
# allocations that fail (in a kernel that can).
. "$(dirname "$0")/lib.sh"

needs_program nft conntrack
sysctl=/proc/sys/net/netfilter
failslab=/sys/kernel/debug/failslab

rules() {
	router nft -f - <<-END
		table inet t
		flush table inet t
		table inet t {
			ct helper ftp { type "ftp" protocol tcp; }
			chain before {
				type filter hook prerouting priority -150;
				tcp dport 21 ct helper set "ftp"
				ct state new ct mark set 5
				ct label set 3
			}
			chain after {
				type nat hook postrouting priority srcnat;
				udp dport 1-30000 masquerade
			}
		}
	END
}

# What happens again and again, each in a process of its own
resizes() {
	echo $((RANDOM % 3 ? 1024 << RANDOM % 7 : RANDOM + 1)) >$sysctl/nf_conntrack_buckets
	sleep 0.$((RANDOM % 5))
}

sysctls() {
	local files=("$sysctl"/nf_conntrack_*) file
	file=${files[RANDOM % ${#files[@]}]}
	case $file in
	*_buckets | *_count) ;;
	*_max) echo $((500 + RANDOM % 5000)) >"$file" ;;
	*timeout*) echo $((5 + RANDOM % 100)) >"$file" ;;
	*) echo $((RANDOM % 3)) >"$file" ;;
	esac 2>/dev/null
	cat "$file" >/dev/null
}

flushes() {
	case $((RANDOM % 5)) in
	0) conntrack -F ;;
	1) conntrack -D -p udp --orig-port-dst $((1 + RANDOM)) ;;
	2) conntrack -D -m 5 ;;
	3) conntrack -D -s 10.0.1.2 ;;
	4) conntrack -F expect ;;
	esac
	sleep 0.$((RANDOM % 9))
}

dumps() {
	case $((RANDOM % 6)) in
	0) conntrack -L ;;
	1) conntrack -L -z -o extended ;;
	2) cat /proc/net/nf_conntrack /proc/net/nf_conntrack_expect ;;
	3) conntrack -S; cat /proc/net/stat/nf_conntrack* ;;
	4) conntrack -L -p tcp -m 5 -o xml ;;
	5) conntrack -L dying; conntrack -L unconfirmed ;;
	esac
}

changes() {
	local port=$((RANDOM % 50))
	conntrack -I -s 10.0.1.9 -d 10.0.2.2 -p tcp --sport $port --dport 21 --state ESTABLISHED \
		-u SEEN_REPLY,ASSURED -t 5
	conntrack -U -p udp -m $((RANDOM % 9))
	conntrack -D -s 10.0.1.9 -p tcp --sport $port
}

listeners() {
	timeout 2 conntrack -E -b $((4096 << RANDOM % 8))
}

reloads() {
	rules
	sleep 0.$((RANDOM % 9))
	[ $((RANDOM % 8)) != 0 ] || { nft flush ruleset; rules; }
}

namespaces() {
	ip netns add fresh
	ip -n fresh link set lo up
	ip netns exec fresh nft 'table inet t { chain c { type filter hook output priority 0; ct state new; }; }'
	ip netns exec fresh ping -c 3 -i 0.1 127.0.0.1
	ip netns del fresh
}

again() { # COMMAND: until the time is over, in the router
	trap - EXIT
	local what=$1
	while [ ! -e "$dir/over" ]; do
		$what
	done >/dev/null 2>&1
}

in_router() { # FUNCTION
	ip netns exec router bash -c "$(declare -f again rules router "$1"); dir=$dir sysctl=$sysctl
		router() { \"\$@\"; }; again $1" &
	jobs+=" $!"
}

faults() {
	local start size
	# where the stack is not looked at, everybody's would fail, ours too
	[ -e $failslab/require-start ] || return
	dmesg -n 4 # who is out of memory says so with a stack
	read -r start size < <(sed -n 's/^nf_conntrack \([0-9]*\) .* \(0x[0-9a-f]*\).*/\2 \1/p' /proc/modules)
	printf '%s\n' "0x$(printf %x $((start)))" >$failslab/require-start
	printf '0x%x\n' $((start + size)) >$failslab/require-end
	echo 32 >$failslab/stacktrace-depth
	echo 0 >$failslab/verbose
	echo N >$failslab/ignore-gfp-wait
	echo -1 >$failslab/times
	echo "$1" >$failslab/probability
}

some_failed() {
	hosts cat router /proc/net/stat/nf_conntrack_ng 'reason no-memory [1-9]'
}

empty() {
	conntrack -F
	router conntrack -F
	[ "$(cat $sysctl/nf_conntrack_count)" = 0 ] && [ "$(hosts cat router $sysctl/nf_conntrack_count)" = 0 ]
}

settle() {
	hosts write router $sysctl/nf_conntrack_max "$(cat $sysctl/nf_conntrack_max)"
	rules
	hosts udp u client 10.0.2.2 7
	wait_for 20 hosts ask u 5
}

jobs=
dir=$(mktemp -d)
follow_log
network
hosts_up
hosts listen server 7 21
modprobe -a nf_conntrack_netlink nf_nat_ftp
rules
check "connection" hosts connect c client 10.0.2.2 7
for i in 1 2 3; do
	hosts flood out$i client 10.0.2.2
	hosts flood back$i server 10.0.1.2
done
[ "${FAULTS:-0}" = 0 ] || check "allocations fail" faults "$FAULTS"
again resizes &
jobs+=" $!"
again namespaces &
jobs+=" $!"
for what in sysctls flushes dumps dumps changes listeners reloads; do
	in_router $what
done
sleep "${TIME:-20}"
touch "$dir/over"
# shellcheck disable=SC2086
wait $jobs
if [ "${FAULTS:-0}" != 0 ]; then
	faults 0
	check "some have failed" some_failed
fi
for i in 1 2 3; do
	hosts calm out$i
	hosts calm back$i
done
check "new connections are possible" settle
check "nothing is left after a flush" wait_for 20 empty
network_down
check "the module unloads" wait_for 60 unloaded
check "nothing in the kernel log" log_is_clean
finish
