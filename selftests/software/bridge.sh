#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A bridge that tracks connections, in both ways there are: nf_conntrack_bridge with nft's family
# bridge, and br_netfilter, which shows bridged packets to iptables, with physdev and DNAT.
. "$(dirname "$0")/lib.sh"

bridge() {
	router ip link add br0 type bridge && router ip link set br0 up || return
	for device in r0 r1; do
		router ip link set $device master br0 || return
	done
	ip -n client addr add 10.9.0.2/24 dev c0
	ip -n server addr add 10.9.0.3/24 dev s0
	router ip addr add 10.9.0.1/24 dev br0
	wait_for 20 client ping -c 1 -W 1 10.9.0.3
}

native() {
	router nft -f - <<-'END'
		table bridge t {
			chain forward {
				type filter hook forward priority 0; policy drop
				ether type arp accept
				ct state invalid drop
				ct state established,related ct mark 42 accept
				ct state new iif r0 tcp dport 7 ct mark set 42 accept
				ct state new iif r0 udp dport 8 ct mark set 42 accept
				ct state new iif r0 ip protocol icmp ct mark set 42 accept
			}
		}
	END
}

by_iptables() {
	router iptables-restore <<-'END'
		*nat
		-A PREROUTING -p tcp -m physdev --physdev-in r0 --dport 8080 -j DNAT --to-destination 10.9.0.3:7
		COMMIT
		*filter
		:FORWARD DROP
		-A FORWARD -m conntrack --ctstate INVALID -j DROP
		-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -m physdev --physdev-in r0 --physdev-out r1 -p tcp --dport 7 -j ACCEPT
		-A FORWARD -m physdev --physdev-in r0 -p udp --dport 8 -j ACCEPT
		COMMIT
	END
}

# What both ways have in common; the names of connections begin with $1
traffic() { # NAME
	check "$1: TCP that may" hosts connect "$1a" client 10.9.0.3 7
	check "$1: its data" hosts talk "$1a" 100000
	check "$1: another port may not" kept_out "$1b" client 10.9.0.3 9 0 "" 2
	check "$1: nor the other way" kept_out "$1c" server 10.9.0.2 7 0 "" 2
	check "$1: UDP" hosts udp "$1u" client 10.9.0.3 8
	check "$1: is answered" eval "hosts ask $1u && hosts answer $1u"
	check "$1: fragments get through" hosts fire "$1u" 4000
	check_equal "$1: whole" 4000 "$(hosts arrive | cut -d' ' -f3)"
	check "$1: a connection is tracked" has_entry 'tcp .*dst=10.9.0.3 .*dport=7 .*ASSURED'
}

network
hosts_up
hosts listen server 7 8 9
hosts listen client 7
check "a bridge" bridge
check "rules of nft" native
traffic native
check "its mark" has_entry 'tcp .*mark=42'
shows native connections 'dst=10.9'
hosts close nativea
router nft delete table bridge t
router conntrack -F >/dev/null 2>&1
check "the module unloads" wait_for 20 rmmod nf_conntrack_bridge
modprobe br_netfilter
router sysctl -qw net.bridge.bridge-nf-call-iptables=1
check "rules of iptables" by_iptables
traffic iptables
check "DNAT on a bridge" hosts connect d client 10.9.0.1 8080
check "its data" hosts talk d 20000
shows iptables connections 'dst=10.9'
check "the kernel's log is clean" kernel_is_content
finish
