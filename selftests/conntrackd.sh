#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two routers that keep each other's connections by conntrackd, in FT-FW mode: when the first
# one fails, a TCP connection with NAT goes on through the other.
#
#            ca 10.0.11.2 ----- .1  first  .1 ----- 10.0.21.2 sa
#   client                            | sync                       server
#   10.0.1.2 cb 10.0.12.2 ----- .1 second .1 ----- 10.0.22.2 sb    10.0.2.2
#
# Both routers make client's address 10.0.9.9. Which of them is in use is a matter of routes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/conntrackd_lib.sh"

two_routers() {
	netns_up client server first second
	ip -n client addr add 10.0.1.2/32 dev lo
	ip -n server addr add 10.0.2.2/32 dev lo
	wire client ca 10.0.11.2 first c0 10.0.11.1
	wire client cb 10.0.12.2 second c0 10.0.12.1
	wire server sa 10.0.21.2 first s0 10.0.21.1
	wire server sb 10.0.22.2 second s0 10.0.22.1
	wire first sync 10.0.99.1 second sync 10.0.99.2
	router_up first 10.0.11.2 10.0.21.2
	router_up second 10.0.12.2 10.0.22.2
}

router_up() { # NETNS CLIENT SERVER
	ip -n "$1" route add 10.0.1.2 via "$2"
	ip -n "$1" route add 10.0.2.2 via "$3"
	# a connection that it knows nothing of does not get through
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_loose=0 \
		net.netfilter.nf_conntrack_udp_timeout=600
	ip netns exec "$1" nft -f - <<-'END'
		table ip t {
			chain forward {
				type filter hook forward priority 0; policy drop
				ct state established accept
				ct state new tcp flags & (syn | ack) == syn ip saddr 10.0.1.2 accept
				ct state new udp dport 7 accept
			}
			chain nat {
				type nat hook postrouting priority 100
				oifname s0 snat to 10.0.9.9
			}
		}
	END
}

use() { # NUMBER of the network: 1 for the first router
	ip -n client route replace 10.0.2.2 via 10.0.1"$1".1 src 10.0.1.2
	ip -n server route replace 10.0.9.9 via 10.0.2"$1".1
}

two_routers
use 1
daemon_up first 10.0.99.1 10.0.99.2
daemon_up second 10.0.99.2 10.0.99.1
check "both daemons start" wait_for 60 conntrackd_of second -s || sed 's/^/# /' /run/*.out /run/*.log
wait_for 60 conntrackd_of first -s
hosts_up
hosts listen server 7 9 >/dev/null

tcp='sport=5000 dport=7'
check "TCP through the first router" hosts connect t client 10.0.2.2 7 5000 10.0.1.2
check "it has data" hosts talk t 30000
check "the first knows it" wait_for 30 knows first -i "ESTABLISHED" "$tcp" "dst=10.0.9.9"
check "the second is told" wait_for 30 knows second -e "ESTABLISHED" "$tcp"

hosts udp u client 10.0.2.2 7 5001 10.0.1.2
check "UDP through the first router" hosts ask u
check "an answer to that" hosts answer u
check "the second is told of UDP" wait_for 30 knows second -e "sport=5001 dport=7"

hosts connect gone client 10.0.2.2 9 5002 10.0.1.2
check "a connection that will be deleted" wait_for 30 knows second -e "ESTABLISHED" "sport=5002"
ip netns exec first conntrack -D -p tcp --dport 9 >/dev/null 2>&1
check "the second is told of its end" wait_for 30 unknown second -e "sport=5002"

# The first router fails.
ip -n first link set c0 down
ip -n first link set s0 down
use 2
check "the second router's kernel knows nothing yet" kernel_does_not_know second "$tcp"
check "nor lets it through" fails_with TimeoutError hosts talk t 100 5
check "what it was told becomes what it knows" conntrackd_of second -c
check "with its state and its NAT" kernel_knows second "ESTABLISHED" "$tcp" "dst=10.0.9.9" "ASSURED"
check "and UDP" kernel_knows second "udp" "sport=5001 dport=7"
check "the connection goes on" hosts resume t
check "with more data, both ways" hosts talk t 30000
check "UDP goes on" hosts answer u
check "other connections, too" hosts connect n client 10.0.2.2 7 5003 10.0.1.2
check "the deleted one is unknown" kernel_does_not_know second "sport=5002"

conntrackd_of second -f
conntrackd_of second -R
check "the second has taken over" wait_for 30 knows second -i "ESTABLISHED" "$tcp"
conntrackd_of second -B
check "and tells the first" wait_for 30 knows first -e "ESTABLISHED" "$tcp"
check "the connection ends as it should" hosts close t
check "its end is noticed" wait_for 30 knows second -i "(LAST_ACK|TIME_WAIT)" "$tcp"

for ns in first second; do
	conntrackd_of $ns -k
done
finish
