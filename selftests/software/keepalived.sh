#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two routers with keepalived and conntrackd: a cable is pulled, the other one takes over the
# addresses and the connections, NAT included.
#
#   client ---- lan ---- first, second ---- wan ---- server
#   10.0.1.2         .1 (.11, .12)  .1 (.11, .12)    10.0.2.2
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../conntrackd_lib.sh"
software keepalived

plug() { # SWITCH PORT NETNS DEVICE ADDRESS
	ip link add "$2" netns "$1" type veth peer "$4" netns "$3"
	ip -n "$1" link set "$2" master switch up
	ip -n "$3" addr add "$5/24" dev "$4"
	ip -n "$3" link set "$4" up
}

cables() {
	local ns
	netns_up lan wan client server first second
	for ns in lan wan; do
		ip -n $ns link add switch type bridge
		ip -n $ns link set switch up
	done
	plug lan p0 client c0 10.0.1.2
	plug wan p0 server s0 10.0.2.2
	plug lan p1 first c0 10.0.1.11
	plug wan p1 first s0 10.0.2.11
	plug lan p2 second c0 10.0.1.12
	plug wan p2 second s0 10.0.2.12
	wire first sync 10.0.99.1 second sync 10.0.99.2
	ip -n client route add default via 10.0.1.1
}

instance() { # NAME DEVICE ID PRIORITY ADDRESS
	cat <<-END
		vrrp_instance $1 {
			state BACKUP
			nopreempt
			interface $2
			virtual_router_id $3
			priority $4
			advert_int 1
			virtual_ipaddress {
				$5/24
			}
		}
	END
}

router_up() { # NETNS PRIORITY
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_loose=0
	ip netns exec "$1" nft -f - <<-'END'
		table ip t {
			chain forward {
				type filter hook forward priority 0; policy drop
				ct state established accept
				ct state new tcp flags & (syn | ack) == syn iifname c0 accept
			}
			chain nat {
				type nat hook postrouting priority 100
				oifname s0 snat to 10.0.2.1
			}
		}
	END
	cat >/run/"$1".takes <<-END
		#!/bin/sh
		for option in -c -f -R -B; do
			PATH=$PATH conntrackd -C /run/$1.conf \$option
		done
		touch /run/$1.is-master
	END
	chmod +x /run/"$1".takes
	{
		cat <<-END
			global_defs {
				router_id $1
				script_user root
				vrrp_garp_master_refresh 1
			}
			vrrp_sync_group both {
				group {
					in
					out
				}
				notify_master /run/$1.takes
			}
		END
		instance in c0 51 "$2" 10.0.1.1
		instance out s0 52 "$2" 10.0.2.1
	} >/run/"$1".keepalived
	inside "$1" keepalived -f /run/"$1".keepalived -p /run/"$1".pid -r /run/"$1".vrrp -n -l \
		>/run/"$1".vrrplog 2>&1 &
}

has_no_addresses() { # NETNS
	prints_no '10\.0\.1\.1/24' ip -n "$1" addr show c0 &&
		prints_no '10\.0\.2\.1/24' ip -n "$1" addr show s0
}

has_addresses() { # NETNS
	ip -n "$1" addr show c0 | grep -q 10.0.1.1/24 && ip -n "$1" addr show s0 | grep -q 10.0.2.1/24
}

cables
daemon_up first 10.0.99.1 10.0.99.2
daemon_up second 10.0.99.2 10.0.99.1
check "conntrackd of both starts" wait_for 30 conntrackd_of second -s
wait_for 30 conntrackd_of first -s
router_up first 150
check "the first router has the addresses" wait_for 60 eval 'has_addresses first && [ -e /run/first.is-master ]' ||
	cat /run/first.vrrplog
router_up second 100
hosts_up
hosts listen server 7
tcp='sport=5000 dport=7'
check "TCP" wait_for 20 hosts connect t client 10.0.2.2 7 5000
check "its data" hosts talk t 30000
check "the second router is told" wait_for 20 knows second -e ESTABLISHED "$tcp"
rm -f /run/second.is-master
ip -n lan link set p1 down
check "the second router takes the addresses over" wait_for 60 eval 'has_addresses second && [ -e /run/second.is-master ]' ||
	cat /run/second.vrrplog
check "the first one has given them up" wait_for 20 has_no_addresses first
check "the connection is in the second's kernel" kernel_knows second ESTABLISHED "$tcp" dst=10.0.2.1
check "it goes on" hosts resume t
check "with more data" hosts talk t 30000
shows entry eval 'ip netns exec second conntrack -L -p tcp -o extended 2>/dev/null | sed -E "s/^(\S+ +[0-9]+ \S+ +[0-9]+) [0-9]+/\1/; s/ use=[0-9]+//" | grep sport=5000'
check "so does a new one" hosts connect n client 10.0.2.2 7
check "the kernel's log is clean" kernel_is_content
finish
