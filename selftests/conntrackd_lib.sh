# SPDX-License-Identifier: GPL-2.0-only
# Routers that conntrackd keeps in step, for the tests that have two of them.
# shellcheck shell=bash

PATH=$PATH:$(dirname "${BASH_SOURCE[0]}")/../build/vm
needs_program conntrackd
needs_module nf_conntrack_netlink

netns_down() {
	local ns
	# shellcheck disable=SC2046,SC2086
	kill ${daemons-} ${HOSTS_PID-} $(jobs -p) 2>/dev/null
	for ns in $spaces; do
		ip netns del "$ns" 2>/dev/null
	done
}

netns_up() { # NETNS...: gone again when the test is, with all daemons
	local ns
	spaces=$*
	trap netns_down EXIT
	for ns in $spaces; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		ip netns exec "$ns" sysctl -qw net.ipv4.tcp_orphan_retries=4 # as in lib.sh
	done
}

wire() { # NETNS DEVICE ADDRESS NETNS DEVICE ADDRESS
	ip link add "$2" netns "$1" type veth peer "$5" netns "$4"
	ip -n "$1" addr add "$3/24" dev "$2"
	ip -n "$4" addr add "$6/24" dev "$5"
	ip -n "$1" link set "$2" up
	ip -n "$4" link set "$5" up
}

daemon_up() { # NETNS OWN_ADDRESS OTHER_ADDRESS
	cat >/run/"$1".conf <<-END
		Sync {
			Mode FTFW {
				DisableExternalCache Off
				StartupResync on
			}
			UDP {
				IPv4_address $2
				IPv4_Destination_Address $3
				Port 3780
				Interface sync
				Checksum on
			}
		}
		General {
			HashSize 1024
			HashLimit 8192
			LogFile /run/$1.log
			LockFile /run/$1.lock
			UNIX {
				Path /run/$1.ctl
			}
			NetlinkEventsReliable on
			Filter From Userspace {
				Protocol Accept {
					TCP
					UDP
				}
				Address Ignore {
					IPv4_address 127.0.0.1
					IPv4_address 10.0.99.1
					IPv4_address 10.0.99.2
				}
			}
		}
	END
	ip netns exec "$1" conntrackd -C /run/"$1".conf >/run/"$1".out 2>&1 &
	daemons+=" $!"
}

conntrackd_of() { # NETNS OPTION...
	ip netns exec "$1" conntrackd -C /run/"$1".conf "${@:2}"
}

in_cache() { # NETNS OPTION PATTERN...: lines with all the patterns in a cache of the daemon
	local out
	out=$(conntrackd_of "$1" "$2") && lines_with "${@:3}" <<<"$out"
}

knows() { # the same: is there one?
	prints_something in_cache "$@"
}

unknown() {
	prints_nothing in_cache "$@"
}

in_kernel() { # NETNS PATTERN...
	local out
	out=$(ip netns exec "$1" conntrack -L 2>/dev/null) && lines_with "${@:2}" <<<"$out"
}

kernel_knows() {
	prints_something in_kernel "$@"
}

kernel_does_not_know() {
	prints_nothing in_kernel "$@"
}
