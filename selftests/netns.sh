#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each network namespace has connections and settings of its own, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"

needs_program nft

sysctl=/proc/sys/net/netfilter

entry() { # NETNS PATTERN...
	hosts find "$1" /proc/net/nf_conntrack "${@:2}"
}

no_entry_in() { # NETNS PATTERN...
	hosts none "$1" /proc/net/nf_conntrack "${@:2}"
}

setting() { # NETNS NAME
	hosts cat "$1" $sysctl/"$2"
}

track() { # NETNS: with a rule that wants the state of what comes in or passes through
	ip netns exec "$1" nft -f - <<-END
		table inet t {
			chain before {
				type filter hook prerouting priority 0;
				ct state new counter
			}
		}
	END
}

connections() {
	for ns in router server; do
		hosts write $ns $sysctl/nf_conntrack_udp_timeout 600
	done
	check "no connections before" is_equal "0 0 0" "$(counts)"
	hosts connect c client 10.0.2.2 7 5000 >/dev/null
	hosts udp u client 10.0.2.2 7 5001
	hosts ask u >/dev/null
	check "data" hosts talk c
	check "router's entry" entry router 'tcp .* ESTABLISHED ' sport=5000
	check "server's entry" entry server 'tcp .* ESTABLISHED ' sport=5000
	check "the client has none" no_entry_in client sport=5000
	check_equal "counts" "0 2 2" "$(counts)"

	# the same addresses and ports, in three namespaces
	for ns in client router server; do
		hosts udp $ns $ns 127.0.0.1 99 5002
		hosts fire $ns
	done
	check "the same tuple in the router" entry router 'udp ' src=127.0.0.1 sport=5002
	check "the same tuple in the server" entry server 'udp ' src=127.0.0.1 sport=5002
	check "nowhere else" no_entry_in client src=127.0.0.1
	for ns in router server; do
		hosts write $ns $sysctl/nf_conntrack_udp_timeout 30
	done
}

counts() {
	local ns
	for ns in client router server; do
		setting $ns nf_conntrack_count
	done | xargs
}

settings() {
	hosts write router $sysctl/nf_conntrack_udp_timeout 777
	hosts write router $sysctl/nf_conntrack_tcp_timeout_established 1234
	hosts write router $sysctl/nf_conntrack_acct 1
	hosts write router $sysctl/nf_conntrack_tcp_be_liberal 1
	check_equal "router's timeout" 777 "$(setting router nf_conntrack_udp_timeout)"
	check_equal "server's timeout" 30 "$(setting server nf_conntrack_udp_timeout)"
	check_equal "server's TCP timeout" 432000 "$(setting server nf_conntrack_tcp_timeout_established)"
	check_equal "server's accounting" 0 "$(setting server nf_conntrack_acct)"
	check_equal "server's leniency" 0 "$(setting server nf_conntrack_tcp_be_liberal)"
	check_equal "init's timeout" 30 "$(cat $sysctl/nf_conntrack_udp_timeout)"
	hosts udp v client 10.0.2.2 7 5003
	hosts ask v >/dev/null
	check "router's timeout in force" entry router sport=5003 'udp +17 7[0-7].'
	check "server's timeout in force" entry server sport=5003 'udp +17 ([12]?.|30) '
	check "router's accounting in force" entry router sport=5003 'packets=1 bytes=34 '
	check "server's accounting in force" no_entry_in server sport=5003 packets=

	echo 55 >$sysctl/nf_conntrack_udp_timeout
	echo 1 >$sysctl/nf_conntrack_acct
	ip netns add fresh
	more_hosts=fresh
	check_equal "a new namespace has the default timeout" 30 "$(setting fresh nf_conntrack_udp_timeout)"
	check_equal "a new namespace has the default accounting" 0 "$(setting fresh nf_conntrack_acct)"
	check_equal "a new namespace has no connections" 0 "$(setting fresh nf_conntrack_count)"
	echo 30 >$sysctl/nf_conntrack_udp_timeout
	echo 0 >$sysctl/nf_conntrack_acct
	check_equal "the maximum is init's" "$(cat $sysctl/nf_conntrack_max)" "$(setting fresh nf_conntrack_max)"
	for name in $(ours || echo nf_conntrack_max) nf_conntrack_buckets nf_conntrack_expect_max; do
		check "$name is init's to write" refused fresh $name 1000
	done
	ip netns del fresh
}

refused() { # NETNS NAME VALUE: it may not be written, and nothing changes
	local before
	before=$(setting "$1" "$2") || { echo "$before"; return 1; }
	fails_with 'Errno 13\]' hosts write "$1" $sysctl/"$2" "$3" &&
		is_equal "$before" "$(setting "$1" "$2")"
}

flush() {
	router nft -f - <<-END
		table ip n {
			chain out {
				type nat hook postrouting priority srcnat;
				oifname r1 masquerade
			}
		}
	END
	hosts write server $sysctl/nf_conntrack_udp_timeout 600
	hosts udp w client 10.0.2.2 7 5004
	hosts ask w >/dev/null
	check "masqueraded" entry router sport=5004 'dst=10.0.2.1 '
	ip -n router link set r1 down
	check "flushed with the device" wait_for 20 no_entry_in router sport=5004
	check "not flushed elsewhere" entry server 'src=10.0.2.1 '
	ip -n router link set r1 up
	router nft delete table ip n
	wait_for 20 client ping -c 1 -W 1 10.0.2.2 >/dev/null

	if ! command -v conntrack >/dev/null || ! has_module nf_conntrack_netlink; then
		skip "flush by netlink" "no ctnetlink"
		return
	fi
	check "ctnetlink loads" modprobe nf_conntrack_netlink
	check "flush by netlink" router conntrack -F
	check "router's are flushed" no_entry_in router sport=5001
	check "server's are not" entry server sport=5000
}

# The hooks go some time after the last rule: each try is from a port of its own.
untracked() {
	port=$((port + 1))
	hosts udp x client 10.0.2.2 7 $port && hosts ask x && no_entry_in router "sport=$port "
}

without_rules() {
	# Hooks go with the last rule that asks for them; the entries stay until they expire.
	local port=5004
	hosts talk c
	router nft flush ruleset
	check "no tracking without a rule" wait_for 20 untracked
	check "tracking elsewhere" entry server sport=5005
	track router
	check "picked up again" hosts talk c
	check "an entry again" entry router 'tcp .* ESTABLISHED ' sport=5000
}

slab() { # objects in use of a cache, without those that lie on CPUs' lists
	echo 1 >/sys/kernel/slab/"$1"/shrink
	read -r objects _ </sys/kernel/slab/"$1"/objects
	echo "$objects"
}

slab_at_most() { # CACHE LIMIT
	slab "$1"
	[ "$(slab "$1")" -le "$2" ]
}

# Namespaces, ten at a time, that go while packets still come in.
churn() {
	local round i batch before
	if [ ! -e /sys/kernel/slab/nf_conntrack/objects ]; then
		skip "churn" "no /sys/kernel/slab/nf_conntrack"
		return
	fi
	before=$(slab nf_conntrack)
	for i in 0 1 2 3 4 5 6 7 8 9; do
		hosts flood flood$i client 10.1.$i.2
	done
	for ((round = 1; round <= ${ROUNDS:-5}; round++)); do
		more_hosts=
		batch=
		for i in 0 1 2 3 4 5 6 7 8 9; do
			more_hosts+=" n$i"
			ip netns add n$i
			batch+="link add v$i type veth peer e netns n$i
				addr add 10.1.$i.1/24 dev v$i
				link set v$i up
				"
		done
		ip -n client -batch - <<<"$batch"
		for i in 0 1 2 3 4 5 6 7 8 9; do
			ip -n n$i -batch - <<-END
				link set lo up
				link set e up
				addr add 10.1.$i.2/24 dev e
			END
			track n$i
		done
		check "round $round: connections in each of ten namespaces" wait_for 120 busy
		for i in 0 1 2 3 4 5 6 7 8 9; do
			ip netns del n$i
		done
		# the far ends of their devices go when the namespaces do
		check "round $round: namespaces gone" wait_for 120 no_device_left
	done
	for i in 0 1 2 3 4 5 6 7 8 9; do
		hosts calm flood$i
	done
	more_hosts=
	check "all connections given back" wait_for 120 slab_at_most nf_conntrack "$before"
}

busy() {
	local i
	for i in 0 1 2 3 4 5 6 7 8 9; do
		[ "$(setting n$i nf_conntrack_count)" -ge 20 ] || return
	done
}

no_device_left() {
	prints_no 'v[0-9]@' ip -n client link show type veth
}

network
track router
track server
hosts_up
hosts listen server 7
connections
settings
flush
without_rules
churn
finish
