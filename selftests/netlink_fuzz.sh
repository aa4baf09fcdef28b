#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Messages about connections, expectations, policies and helpers, three of four of them spoilt,
# under traffic and with listeners. In the environment: N, how many; SEED, to send the same.
. "$(dirname "$0")/lib.sh"

fuzz=$(dirname "$0")/../build/netlink_fuzz
[ -x "$fuzz" ] || skip_all "no $fuzz"
needs_program conntrack nft
n=${N:-30000}
seed=${SEED:-$RANDOM$RANDOM}
sysctl=/proc/sys/net/netfilter

rules() {
	router nft -f - <<-END
		table inet t {
			chain before {
				type filter hook prerouting priority 0;
				ct state new ct mark set 5
				ct label set 3
			}
			chain after {
				type nat hook postrouting priority srcnat;
				udp dport 1-9 masquerade
			}
		}
	END
}

# With a helper that messages may give to it, and a small table to meet in
prepare() {
	modprobe -a nf_conntrack_netlink nfnetlink_cttimeout nfnetlink_cthelper nf_nat_ftp \
		nf_nat_sip nf_conntrack_h323 nf_conntrack_pptp
	rules
	track server
	# No program is started for a helper that is not there.
	sysctl -qw kernel.modprobe= net.netfilter.nf_conntrack_expect_max=500
	hosts write router $sysctl/nf_conntrack_acct 1
	hosts write router $sysctl/nf_conntrack_timestamp 1
}

track() { # NETNS
	ip netns exec "$1" nft 'table inet t { chain c { type filter hook prerouting priority 0; ct state new; }; }'
}

run() { # NAME SHARE ARGUMENT...: in the background
	local name=$1 share=$2
	shift 2
	router "$fuzz" -s "$seed" -n $((n * share / 8)) "$@" >"$dir/$name" 2>&1 &
	pids[$name]=$!
	seed=$((seed + 1))
}

no_complaint() { # STATUS NAME
	[ "$1" = 0 ] || {
		cat "$dir/$2"
		return 1
	}
}

none_left() { # NETNS
	ip netns exec "$1" conntrack -F
	[ "$(hosts cat "$1" $sysctl/nf_conntrack_count)" = 0 ]
}

track_again() {
	hosts ask d 5 && hosts cat server /proc/net/nf_conntrack 'udp .*sport=4999 '
}

declare -A pids
dir=$(mktemp -d)
dmesg -C
network
hosts_up
hosts listen server 7 21
prepare
check "connection" hosts connect c client 10.0.2.2 7
hosts flood out client 10.0.2.2
ip netns exec router conntrack -E >/dev/null 2>&1 &
listeners=$!
ip netns exec router conntrack -E expect >/dev/null 2>&1 &
listeners+=" $!"

run root 3
run too 3
run user_namespace 1 -u
run nobody 1 -p
for name in root too user_namespace nobody; do
	status=0
	wait "${pids[$name]}" || status=$?
	check "answers to: $name" no_complaint $status $name && sed -n '1,2p' "$dir/$name"
done

# shellcheck disable=SC2086
kill $listeners
check "traffic still flows" wait_for 20 hosts talk c
hosts calm out
hosts udp d client 10.0.2.2 7 4999
check "connections are still tracked" wait_for 20 track_again
for ns in router server; do
	check "nothing is left of $ns after a flush" wait_for 10 none_left $ns
done
network_down
check "the module unloads" wait_for 60 unloaded
check "nothing in the kernel log" kernel_is_content
finish
