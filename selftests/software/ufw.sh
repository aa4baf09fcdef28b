#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ufw on the router: what is allowed, what is limited, what is routed, and packets of no connection.
. "$(dirname "$0")/lib.sh"
software ufw

in_router() {
	inside router ufw "$@"
}

configure() {
	in_router default deny incoming && in_router default deny routed &&
		in_router allow 22/tcp && in_router limit 2222/tcp &&
		in_router route allow in on r0 out on r1 to any port 7 &&
		in_router --force enable
}

limited() {
	local i
	for i in {1..6}; do
		hosts connect l$i client 10.0.1.1 2222 0 "" 1 || { echo "$i"; break; }
	done >/run/limited 2>&1
	tail -n 1 /run/limited
}

drops() { # of packets that are INVALID
	router iptables -vnxL ufw-before-input | awk '/INVALID/ && /DROP/ { print $1 }'
}

network
hosts_up
hosts listen server 7 9
hosts listen router 22 23 2222
hosts listen client 7
cp /usr/share/ufw/*.rules /usr/share/ufw/iptables/*.rules /etc/ufw 2>/dev/null
[ -e /etc/default/ufw ] || cp /usr/share/ufw/ufw.defaults /etc/default/ufw
[ -e /etc/ufw/ufw.conf ] || printf 'ENABLED=no\nLOGLEVEL=low\n' >/etc/ufw/ufw.conf
check "rules" configure || finish
check "they are in force" eval 'in_router status | grep -q "Status: active"'
check "a service that is allowed" hosts connect a client 10.0.1.1 22 5000
check "its data" hosts talk a 20000
check "one that is not" kept_out b client 10.0.1.1 23 0 "" 2
check "routed out" hosts connect c client 10.0.2.2 7 5001
check "its data" hosts talk c 20000
check "another port is not" kept_out d client 10.0.2.2 9 0 "" 2
check "nor the other way" kept_out e server 10.0.1.2 7 0 "" 2
check_equal "the sixth connection within 30 s is one too many" 6 "$(limited)"
before=$(drops)
router sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
hosts segment client 10.0.1.1 4000 22 A 1000 1000
check_equal "an ACK of no connection is INVALID" $((before + 1)) "$(drops)"
check "a ping is answered" client ping -c 1 -W 5 10.0.1.1
shows connections connections 'dport=(22|7) '
check "a reload" in_router reload
check "the connections go on" eval 'hosts talk a 20000 && hosts talk c 20000'
check "off again" in_router disable
check "the kernel's log is clean" kernel_is_content
finish
