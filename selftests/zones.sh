#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Zones: two customers with the same addresses on one router.
#
#   client ------ r0 router r1 ------ server
#   client2 ----- r2        r3 ------ server2
#
# client2 and server2 have the addresses of client and server.
. "$(dirname "$0")/lib.sh"

needs_program iptables-restore

addresses() { # FAMILY
	family=$1
	if [ $family = ipv4 ]; then
		xtables=iptables
		client=10.0.1.2 server=10.0.2.2 outside=10.0.2.1
		client_p=$client server_p=$server outside_p=$outside
		refused="ECONNREFUSED $server 3 3"
	else
		xtables=ip6tables
		client=fd00:1::2 server=fd00:2::2 outside=fd00:2::1
		client_p=fd00:0001:0000:0000:0000:0000:0000:0002
		server_p=fd00:0002:0000:0000:0000:0000:0000:0002
		outside_p=fd00:0002:0000:0000:0000:0000:0000:0001
		refused="ECONNREFUSED $server 1 4"
	fi
}

twins() {
	more_hosts="client2 server2"
	ip netns add client2
	ip netns add server2
	ip link add c0 netns client2 type veth peer r2 netns router
	ip link add s0 netns server2 type veth peer r3 netns router
	ip -n client2 link set lo up
	ip -n server2 link set lo up
	ip netns exec client2 sysctl -qw net.ipv6.conf.c0.accept_dad=0
	ip netns exec server2 sysctl -qw net.ipv6.conf.s0.accept_dad=0
	router sysctl -qw net.ipv6.conf.r2.accept_dad=0 net.ipv6.conf.r3.accept_dad=0
	link client2 c0 10.0.1.2 fd00:1::2 10.0.1.1 fd00:1::1
	link server2 s0 10.0.2.2 fd00:2::2 10.0.2.1 fd00:2::1
	ip -n router addr add fd00:1::1/64 dev r2 nodad noprefixroute
	ip -n router addr add fd00:2::1/64 dev r3 nodad noprefixroute
	ip -n router link set r2 up
	ip -n router link set r3 up
	second_table -4 10.0.1.0/24 10.0.2.0/24
	second_table -6 fd00:1::/64 fd00:2::/64
	wait_for 20 ip netns exec client2 ping -c 1 -W 1 10.0.2.2
	wait_for 20 ip netns exec client2 ping -c 1 -W 1 fd00:2::2
}

second_table() { # -4|-6 CLIENTS SERVERS
	ip -n router "$1" -batch - <<-END
		route add $2 dev r2 table 102
		route add $3 dev r3 table 102
		rule add iif r2 lookup 102
		rule add iif r3 lookup 102
	END
}

prints() { # PATTERN COMMAND...
	local out
	out=$("${@:2}") && [[ $out =~ ^$1$ ]] || {
		printf '%s\n' "wanted: $1" "got:    $out"
		return 1
	}
}

rules() { # NAME, from the standard input
	check "$family $1: rules are accepted" router $xtables-restore
}

entry() { # PATTERN...
	hosts find router /proc/net/nf_conntrack $family "$@"
}

counted() { # NAME of a rule in FORWARD: its packets
	router $xtables-save -c -t filter | sed -n "s/^\[\([0-9]*\):.*--comment $1 .*/\1/p"
}

udp_question() { # NAME NETNS PORT SPORT
	hosts udp "$1" "$2" $server "$3" "$4" && hosts ask "$1"
}

icmp_error() { # NETNS
	hosts udp e "$1" $server 10 && hosts fire e && hosts error e && hosts close e
}

both_directions() {
	rules zones <<-END
		*raw
		-A PREROUTING -i r0 -p udp --dport 69 -j CT --zone 1 --helper tftp
		-A PREROUTING -i r0 -j CT --zone 1
		-A PREROUTING -i r1 -j CT --zone 1
		-A PREROUTING -i r2 -j CT --zone 2
		-A PREROUTING -i r3 -j CT --zone 2
		COMMIT
		*filter
		-A FORWARD -i r2 -m conntrack --ctstate INVALID -m comment --comment invalid2 -j DROP
		-A FORWARD -m conntrack --ctstate INVALID -m comment --comment invalid -j DROP
		-A FORWARD -p tcp -i r0 -m conntrack --ctstate NEW -m comment --comment new -j ACCEPT
		-A FORWARD -p tcp -i r2 -m conntrack --ctstate NEW -m comment --comment new2 -j ACCEPT
		-A FORWARD -p udp -m conntrack --ctstate RELATED -m comment --comment related -j ACCEPT
		COMMIT
	END
	check "$family zones: TCP in the first" prints "$client 5000 $client 5000 server 7" \
		hosts connect a client $server 7 5000
	check "$family zones: TCP in the second" prints "$client 5000 $client 5000 server2 7" \
		hosts connect b client2 $server 7 5000
	check "$family zones: data in the first" hosts talk a 20000
	check "$family zones: data in the second" hosts talk b 20000
	check_equal "$family zones: NEW once in each" "1 1" "$(counted new) $(counted new2)"
	for zone in 1 2; do
		check "$family zones: entry in zone $zone" entry 'tcp .* ESTABLISHED ' \
			"src=$client_p dst=$server_p sport=5000 dport=7 src=$server_p dst=$client_p sport=7 dport=5000 .* zone=$zone "
	done
	check "$family zones: UDP in the first" prints "$client 5001 .* server 7" udp_question u client 7 5001
	check "$family zones: UDP in the second" prints "$client 5001 .* server2 7" udp_question v client2 7 5001
	check "$family zones: reply in the second" hosts answer v
	check "$family zones: replied there" entry 'udp ' sport=5001 'zone=2 '
	check "$family zones: not in the first" entry 'udp ' sport=5001 UNREPLIED 'zone=1 '
	check "$family zones: reply in the first" hosts answer u

	check "$family zones: a RST in the first" hosts abort a
	check "$family zones: closes it" wait_for 20 entry 'tcp .* CLOSE ' sport=5000 'zone=1 '
	check "$family zones: and no other" entry 'tcp .* ESTABLISHED ' sport=5000 'zone=2 '
	check "$family zones: still data in the second" hosts talk b

	check "$family zones: TCP in the first only" hosts connect c client $server 7 5002
	hosts segment client2 $server 5002 7 R
	check "$family zones: a RST in the other is INVALID" wait_for 20 is_counted invalid2 1
	check "$family zones: does no harm" entry 'tcp .* ESTABLISHED ' sport=5002 'zone=1 '
	check "$family zones: still data" hosts talk c

	check "$family zones: ICMP error in the second" prints "$refused .*" icmp_error client2
	check "$family zones: ICMP error in the first" prints "$refused .*" icmp_error client
	check "$family zones: fragments in the second" in_client2 ping -c 1 -W 30 -s 4000 $server
	check "$family zones: expectation of the first" prints "content .*" hosts tftp client $server server
	check_equal "$family zones: RELATED" 1 "$(counted related)"
	check_equal "$family zones: INVALID" 0 "$(counted invalid)"

	rules nat <<-END
		*nat
		-A POSTROUTING -p tcp -j SNAT --to-source $outside
		COMMIT
	END
	check "$family nat: in the first" prints "$outside 5003 $client 5003 server 7" \
		hosts connect d client $server 7 5003
	check "$family nat: in the second, with the same port" \
		prints "$outside 5003 $client 5003 server2 7" hosts connect e client2 $server 7 5003
	check "$family nat: data in the first" hosts talk d
	check "$family nat: data in the second" hosts talk e
	for name in b c d e u v; do
		hosts close $name
	done
	router nft flush ruleset
}

in_client2() {
	ip netns exec client2 "$@"
}

is_counted() { # RULE PACKETS
	is_equal "$2" "$(counted "$1")"
}

# The customers share a server, and the zone tells only their original directions apart:
# replies come without a zone, to a tuple that NAT has made unique.
one_direction() { # -4|-6
	ip -n router "$1" -batch - <<-END
		rule del iif r2 lookup 102
		rule add fwmark 2 lookup 102
	END
	rules original <<-END
		*raw
		-A PREROUTING -i r0 -j CT --zone-orig 1
		-A PREROUTING -i r2 -j CT --zone-orig 2
		COMMIT
		*mangle
		-A PREROUTING -i r2 -j CONNMARK --set-mark 2
		-A PREROUTING -i r1 -j CONNMARK --restore-mark
		COMMIT
		*nat
		-A POSTROUTING -o r1 -j MASQUERADE
		COMMIT
		*filter
		-A FORWARD -m conntrack --ctstate INVALID -m comment --comment invalid -j DROP
		-A FORWARD -p tcp -i r2 -m conntrack --ctstate NEW -m comment --comment new2 -j ACCEPT
		COMMIT
	END
	check "$family original: TCP in the first" prints "$outside 5010 $client 5010 server 7" \
		hosts connect a client $server 7 5010
	check "$family original: TCP in the second" prints "$outside [0-9]+ $client 5010 server 7" \
		hosts connect b client2 $server 7 5010
	check "$family original: data in the first" hosts talk a 20000
	check "$family original: data in the second" hosts talk b 20000
	check_equal "$family original: NEW" 1 "$(counted new2)"
	check "$family original: entry of the first" entry 'tcp .*sport=5010' \
		"zone-orig=1 src=.* dst=$outside_p sport=7 dport=5010 "
	check "$family original: entry of the second" entry 'tcp .*sport=5010' \
		"zone-orig=2 src=.* dst=$outside_p sport=7 .* mark=2 "
	check "$family original: UDP in the first" prints "$outside 5011 .* server 7" udp_question u client 7 5011
	check "$family original: UDP in the second" prints "$outside .* server 7" udp_question v client2 7 5011
	check "$family original: reply in the second" hosts answer v
	check "$family original: reply in the first" hosts answer u
	check "$family original: ICMP error in the second" prints "$refused .*" icmp_error client2
	hosts abort a
	check "$family original: a RST closes one" wait_for 20 entry 'tcp .* CLOSE ' sport=5010 'zone-orig=1 '
	check "$family original: and no other" entry 'tcp .* ESTABLISHED ' sport=5010 'zone-orig=2 '
	check "$family original: still data" hosts talk b
	check_equal "$family original: INVALID" 0 "$(counted invalid)"
	for name in b u v; do
		hosts close $name
	done
	router nft flush ruleset
}

network
long_lives
twins
modprobe nf_conntrack_tftp
hosts_up
hosts listen server 7 69
hosts listen server2 7 69
for family in ipv4 ipv6; do
	addresses $family
	both_directions
	one_direction -${family#ipv}
done
finish
