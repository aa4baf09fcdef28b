#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Module parameters: the files under /sys, what they take, and what they do when the
# module is loaded.
. "$(dirname "$0")/lib.sh"

needs_program nft
needs_module nf_conntrack

params=/sys/module/nf_conntrack/parameters
settings=/proc/sys/net/netfilter

param() { # NAME
	cat $params/"$1"
}

set_param() { # NAME VALUE
	echo "$2" >$params/"$1"
}

refuses() { # NAME VALUE MESSAGE: and nothing changes
	local before out
	before=$(param "$1")
	if out=$( (set_param "$1" "$2") 2>&1); then
		echo "$2 was taken"
		return 1
	fi
	[[ $out == *"$3" ]] || { echo "$2: $out"; return 1; }
	is_equal "$before" "$(param "$1")"
}

files() {
	stat -c '%a %n' $params/* | sed 's,/.*/,,' | paste -sd' '
}

# The default of a namespace's setting: only those to come have it.
for_new_namespaces() { # PARAMETER SYSCTL
	local value
	for value in Y N; do
		set_param "$1" $value
		is_equal $value "$(param "$1")" || return
		ip netns add new
		is_equal "0 $([ $value = Y ] && echo 1 || echo 0)" \
			"$(cat $settings/"$2") $(ip netns exec new cat $settings/"$2")" || return
		ip netns del new
	done
	refuses "$1" 2 "Invalid argument"
}

hashsize() { # SIZE
	set_param hashsize "$1" || return
	is_equal "$(table_size "$1")" "$(param hashsize)" &&
		is_equal "$(param hashsize)" "$(cat $settings/nf_conntrack_buckets)"
}

hashsize_elsewhere() { # not from another namespace, whatever the rights
	local out
	out=$(nsenter --net=/run/netns/router bash -c "echo 4096 >$params/hashsize" 2>&1) && return 1
	[[ $out == *"Operation not supported" ]] || { echo "$out"; return 1; }
}

own_entries() {
	router grep -c 'sport=5000 dport=9 ' /proc/net/nf_conntrack
}

# One list after the other while somebody resizes: each has all of our connections, once.
all_are_listed() { # LISTS RESIZES, at least
	router /usr/bin/python3 -IS - "$@" <<-'END'
		import re, sys
		def resizes():
		    with open("/proc/net/stat/nf_conntrack_ng") as file:
		        return int(re.search(r"^resizes (\d+)", file.read(), re.M)[1])
		before, want = resizes(), sorted(b"10.0.1.%d" % n for n in range(10, 210))
		for number in range(int(sys.argv[1])):
		    with open("/proc/net/nf_conntrack", "rb", buffering=1 << 20) as table:
		        text = table.read()
		    got = sorted(re.findall(rb" src=(\S+) dst=\S+ sport=5000 dport=9 \[", text))
		    if got != want:
		        sys.exit(f"{len(got)} in list {number}, {len(set(got))} of them different")
		if resizes() - before < int(sys.argv[2]):
		    sys.exit(f"only {resizes() - before} resizes meanwhile")
	END
}

resizes() {
	local slots
	while :; do
		for slots in 100000 1000 500000 2000 30000; do
			set_param hashsize $slots || return
		done
	done
}

# Packets flow all the while, in both of these.
resize_keeps_connections() {
	local slots status=0
	wait_for 20 eval 'is_equal 200 "$(own_entries)"' || return
	hosts flood f client 10.0.2.2
	if ours; then
		resizes &
		all_are_listed 100 20 || status=$?
		kill $! || status=$?
	else
		# What is listed while the table changes may lack some.
		for slots in 100000 1000 500000 2000 30000; do
			set_param hashsize $slots && wait_for 5 eval 'is_equal 200 "$(own_entries)"' ||
				status=$?
		done
	fi
	hosts calm f
	is_equal 200 "$(own_entries)" && return $status
}

while_resizing() {
	local i
	for i in {1..20}; do
		set_param hashsize $((i % 2 ? 200000 : 2000))
		hosts ask u && hosts answer u || return
	done
}

reload() { # PARAMETER...
	local out
	modprobe -r nf_conntrack || return
	out=$(modprobe nf_conntrack "$@" 2>&1) || { echo "$out"; return 1; }
}

fails_to_load() { # PARAMETER MESSAGE
	local out
	modprobe -r nf_conntrack || return
	out=$(modprobe nf_conntrack "$1" 2>&1) && return 1
	[[ $out == *"$2" ]] || { echo "$out"; return 1; }
	[ ! -e /proc/net/nf_conntrack ]
}

sizes() { # WANTED-BUCKETS WANTED-MAX
	local buckets
	buckets=$(table_size "$1")
	is_equal "$buckets $buckets $2 $2" "$(cat $settings/nf_conntrack_buckets) $(param hashsize) $(
		cat $settings/nf_conntrack_max) $(cat /proc/sys/net/nf_conntrack_max)"
}

pages() { # SLOTS
	echo $((($1 + 511) / 512 * 512))
}

slots_for_memory() {
	local kb
	kb=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
	if [ "$kb" -gt $((4 << 20)) ]; then
		echo 262144
	elif [ "$kb" -gt $((1 << 20)) ]; then
		echo 65536
	else
		echo $((kb / 128 > 1024 ? kb / 128 : 1024))
	fi
}

tracks() { # NETNS: without any rule
	ip -n "$1" link set lo up
	ip netns exec "$1" ping -q -c 1 127.0.0.1 >/dev/null &&
		ip netns exec "$1" ping -q -c 1 ::1 >/dev/null &&
		ip netns exec "$1" grep -q "src=127.0.0.1 .*$2" /proc/net/nf_conntrack &&
		ip netns exec "$1" grep -q "icmpv6 .*$2" /proc/net/nf_conntrack
}

does_not_track() { # NETNS
	ip -n "$1" link set lo up
	ip netns exec "$1" ping -q -c 1 127.0.0.1 >/dev/null &&
		prints_nothing ip netns exec "$1" cat /proc/net/nf_conntrack
}

network
check_equal "the files and their modes" \
	"644 acct 400 expect_hashsize 600 hashsize 644 tstamp" "$(files)"
check "acct is for namespaces to come" for_new_namespaces acct nf_conntrack_acct
check "tstamp is for namespaces to come" for_new_namespaces tstamp nf_conntrack_timestamp
for size in 1 1000 4096 100000; do
	check "hashsize takes $size" hashsize $size
done
check "hashsize refuses 0" refuses hashsize 0 "Invalid argument"
check "hashsize refuses -1" refuses hashsize -1 "Invalid argument"
check "hashsize refuses what is no number" refuses hashsize text "Invalid argument"
check "hashsize refuses more than 32 bits" refuses hashsize 4294967296 "Numerical result out of range"
# The in-tree module tries, with a warning and a stack trace.
if ours; then
	check "hashsize refuses to eat the machine" \
		refuses hashsize 2147483648 "Numerical result out of range"
fi
check "hashsize is the first namespace's affair" hashsize_elsewhere

echo 1000000 >$settings/nf_conntrack_max
router nft -f - <<-END
	table inet t {
		chain fw {
			type filter hook forward priority 0
			ct state invalid drop
		}
	}
END
long_lives
hosts_up
hosts listen server 60500
client ip addr add 10.0.1.0/24 dev lo
client /usr/bin/python3 -IS - <<-END
	import socket
	for i in range(10, 210):
	    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    s.bind((f"10.0.1.{i}", 5000))
	    s.sendto(b"x", ("10.0.2.2", 9))
END
check "connections stay while hashsize changes" resize_keeps_connections
hosts udp u client 10.0.2.2 60500 5001
check "packets pass while hashsize changes" while_resizing
network_down
trap - EXIT
# A namespace and its rules go in the background.
wait_for 30 modprobe -r nft_ct

check "load" reload
check "sizes by the memory there is" sizes "$(slots_for_memory)" "$(pages "$(slots_for_memory)")"
for size in 1 5000 100000; do
	check "load with hashsize=$size" reload hashsize=$size
	check "sizes with hashsize=$size" sizes $size $((8 * $(pages $size)))
done
check "load with hashsize=0" reload hashsize=0
check "sizes with hashsize=0" sizes "$(slots_for_memory)" "$(pages "$(slots_for_memory)")"
check "hashsize=text is refused" fails_to_load hashsize=text "Invalid argument"
check "hashsize=-1 is refused" fails_to_load hashsize=-1 "Invalid argument"
check "load with acct=1 tstamp=1" reload acct=1 tstamp=1
check_equal "they are set" "Y Y 1 1" "$(param acct) $(param tstamp) $(cat $settings/nf_conntrack_acct) $(cat $settings/nf_conntrack_timestamp)"
ip netns add early
check "nobody is tracked without a reason" does_not_track early
check "load with enable_hooks=1" reload enable_hooks=1 acct=1
check_equal "no file for it" "400 expect_hashsize" "$(stat -c '%a %n' $params/e* | sed 's,/.*/,,')"
check "a namespace there before is tracked" tracks early "packets=1"
ip netns add late
check "a namespace that comes later is tracked" tracks late "packets=1"
ip netns del early
ip netns del late
check "unload" modprobe -r nf_conntrack
for file in $settings/nf_conntrack_acct /proc/sys/net/nf_conntrack_max \
		/proc/net/nf_conntrack /proc/net/nf_conntrack_expect /proc/net/stat/nf_conntrack; do
	check "$file is gone" test ! -e $file
done

finish
