#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The ct expressions, statements and objects of nftables: how many packets of a known
# piece of traffic does each rule match?
. "$(dirname "$0")/lib.sh"

needs_program nft

where=router bridge_or_inet=inet

# One rule for each line "COUNT MATCH" of the standard input in a chain at forward, after
# the OBJECTS in its table; let TRAFFIC flow; check what the rules have counted.
rules() { # NAME TRAFFIC [OBJECTS]
	local counts=() specs=() count spec i
	local table="$bridge_or_inet t"
	local text="table $table; delete table $table; table $table { ${3-}
		chain forward { type filter hook forward priority 0;"
	while read -r count spec; do
		counts+=("$count")
		specs+=("$spec")
		[[ $spec == *reject* ]] || spec+=" counter"
		text+=$'\n'"${spec/reject/counter reject} comment \"rule${#specs[@]}\""
	done
	check "$family $1: rules are accepted" ip netns exec $where nft -f - <<<"$text"$'\n}\n}' ||
		return
	check "$family $1: traffic" "$2"
	read_counts "${counts[*]}"
	for i in "${!specs[@]}"; do
		check_equal "$family $1: ${specs[i]:-all}" "${counts[i]}" "${got[i]}"
	done
}

# What is only sent, and not waited for, takes a moment to be counted.
read_counts() { # WANTED
	local line
	for _ in {1..100}; do
		got=()
		while read -r line; do
			[[ $line =~ counter\ packets\ ([0-9]+).*comment\ \"rule([0-9]+)\" ]] &&
				got[BASH_REMATCH[2] - 1]=${BASH_REMATCH[1]}
		done < <(ip netns exec $where nft list chain $bridge_or_inet t forward)
		[ "${got[*]}" != "$1" ] || break
		sleep 0.05
	done
}

entry() { # PATTERN...
	hosts find $where /proc/net/nf_conntrack "$@"
}

udp_traffic() { # a question, an answer, and another question
	hosts udp u client $server 7 5000 && hosts ask u && hosts answer u && hosts ask u &&
		hosts close u
}

stream_traffic() { # the same, but the second question comes after two seconds
	hosts udp u client $server 7 5000 && hosts ask u && hosts answer u && sleep 2.1 &&
		hosts ask u && hosts close u
}

keys_of_udp() {
	rules udp stream_traffic <<-END
		3 udp dport 0-65535
		1 ct state new
		2 ct state established
		3 ct state new,established
		0 ct state related,invalid,untracked
		3 ct state != invalid
		2 ct direction original
		1 ct direction reply
		2 ct status confirmed
		2 ct status seen-reply
		1 ct status assured
		0 ct status expected
		0 ct status snat,dnat
		3 ct mark 0
		3 ct l3proto $family
		0 ct l3proto != $family
		3 ct protocol udp
		0 ct protocol tcp
		3 ct original l3proto $family
		3 ct original protocol udp
		3 ct original $ip saddr $client
		0 ct original $ip saddr $server
		3 ct original $ip daddr $server
		3 ct reply $ip saddr $server
		3 ct reply $ip daddr $client
		0 ct reply $ip daddr != $client
		3 meta l4proto udp ct original proto-src 5000
		3 meta l4proto udp ct original proto-dst 7
		3 meta l4proto udp ct reply proto-src 7
		3 meta l4proto udp ct reply proto-dst 5000-5001
		0 meta l4proto udp ct reply proto-dst 7
		1 ct state established ct expiration 500s-600s
		1 ct state established ct expiration 1100s-1200s
		0 ct state established ct expiration > 1200s
		3 ct zone 0
		3 ct original zone 0
		3 ct reply zone 0
		3 ct id > 0
	END
}

related_traffic() {
	hosts udp u client $server 10 5001 && hosts fire u && hosts error u && hosts close u
}

invalid_traffic() {
	hosts segment client $server 5002 80 R
}

other_states() {
	rules related related_traffic <<-END
		1 ct state new
		1 ct state related
		0 ct state established,invalid,untracked
		1 meta l4proto $icmp ct state related ct direction reply ct protocol udp
		1 meta l4proto $icmp ct state related ct original $ip daddr $server
	END
	rules invalid invalid_traffic <<-END
		1 ct state invalid
		0 ct state new,established,related,untracked
		0 ct direction original
		0 ct mark 0
	END
	rules notrack udp_traffic "chain before { type filter hook prerouting priority raw;
		udp dport 7 notrack; udp sport 7 notrack; }" <<-END
		3 ct state untracked
		0 ct state new,established,related,invalid
		0 ct direction original
	END
}

tcp_traffic() {
	hosts connect t client $server 7 5003 && hosts talk t 20000 && hosts close t
}

keys_of_tcp() {
	rules tcp tcp_traffic <<-END
		1 ct state new
		0 ct state related,invalid,untracked
		1 tcp flags & (syn | ack) == (syn | ack) ct state established ct status seen-reply
		0 tcp flags & (syn | ack) == (syn | ack) ct status assured
		0 tcp flags & (syn | ack) == ack ct status & assured == 0
		0 ct protocol != tcp
	END
}

nat_traffic() {
	hosts udp u client $router 8007 5004 && hosts ask u && hosts answer u && hosts ask u &&
		hosts close u
}

setting() {
	rules status-nat nat_traffic "
		chain change-to { type nat hook prerouting priority dstnat;
			udp dport 8007 dnat $ip to $server_port; }
		chain change-from { type nat hook postrouting priority srcnat;
			oifname r1 masquerade; }" <<-END
		3 ct status dnat
		2 ct status snat
		3 ct original $ip daddr $router
		3 ct reply $ip saddr $server
		2 ct reply $ip daddr $router_outside
		3 meta l4proto udp ct original proto-dst 8007
	END

	rules mark mark_traffic "chain before { type filter hook prerouting priority mangle;
			meta mark set ct mark;
			udp dport 15 ct state new ct mark set 0x25;
			udp sport 15 ct mark set ct mark or 0x100; }" <<-END
		1 ct mark 0x25
		2 ct mark 0x125
		1 meta mark 0x25
		1 meta mark 0x125
		2 ct mark & 0x100 == 0x100
	END
	check "$family mark: in the list" entry $family dport=15 " mark=$((0x125)) "

	rules label label_traffic "chain before { type filter hook prerouting priority mangle;
			ct state new ct label set red; udp sport 15 ct label set green; }" <<-END
		3 ct label red
		2 ct label green
		0 ct label blue
	END

	rules zone zone_traffic "chain before { type filter hook prerouting priority raw;
			udp dport 11 ct zone set 3; udp sport 11 ct zone set 3;
			udp dport 12 ct original zone set 4;
			udp dport 13 ct reply zone set 5; udp sport 13 ct reply zone set 5; }" <<-END
		3 ct state new
		3 ct state established
		2 ct zone 3
		2 ct original zone 4
		2 ct reply zone 5
		4 ct original zone != 4
	END
	check "$family zone: both directions" entry $family dport=11 ' zone=3 '
	check "$family zone: original direction" entry $family dport=12 ' zone-orig=4 '
	check "$family zone: reply direction" entry $family dport=13 ' zone-reply=5 '

	rules set-rest udp_traffic "chain before { type filter hook prerouting priority mangle;
			ct event set new,destroy; ct secmark set meta secmark; }" <<-END
		3 meta secmark set ct secmark
	END
}

mark_traffic() { # the first reply changes the mark
	hosts udp m client $server 15 "${sport:-5006}" && hosts ask m && hosts answer m && hosts ask m &&
		hosts close m
}

label_traffic() { # the same on a connection of its own
	sport=5007 mark_traffic
}

zone_traffic() {
	local port
	for port in 11 12 13; do
		hosts udp z client $server $port 5005 && hosts ask z && hosts answer z &&
			hosts close z || return
	done
}

accounting() {
	hosts write router /proc/sys/net/netfilter/nf_conntrack_acct 1
	rules accounting accounting_traffic <<-END
		2 ct packets >= 3
		2 ct original packets 1
		2 ct original packets 2
		1 ct reply packets 2
		1 ct bytes $bytes
		2 ct original bytes $((2 * bytes))
		2 ct reply bytes $((bytes - 2))
		4 ct original avgpkt $bytes
		3 ct avgpkt $((bytes - 1))
	END
	hosts write router /proc/sys/net/netfilter/nf_conntrack_acct 0
}

accounting_traffic() { # "from u" and "to u" with headers
	udp_traffic_5008 && hosts answer u && hosts close u
}

udp_traffic_5008() {
	hosts udp u client $server 7 5008 && hosts ask u && hosts answer u && hosts ask u
}

objects() {
	rules timeout timeout_traffic "
		ct timeout udp-short { protocol udp; l3proto $ip;
			policy = { unreplied : 600, replied : 900 }; }
		ct timeout tcp-short { protocol tcp; l3proto $ip;
			policy = { syn_sent : 11, established : 222 }; }
		chain before { type filter hook prerouting priority mangle;
			udp dport 17 ct timeout set \"udp-short\";
			tcp dport 17 ct timeout set \"tcp-short\"; }" <<-END
		1 meta l4proto udp ct state established ct expiration 500s-600s
		0 meta l4proto tcp ct status assured ct expiration != 100s-222s
	END
	check "$family timeout: UDP" entry $family 'udp +17 (5..|600) ' dport=17
	check "$family timeout: TCP" entry $family 'tcp +6 [12].. ESTABLISHED' dport=17
	hosts abort t

	rules expectation expectation_traffic "
		ct expectation call-back { protocol udp; dport 30; timeout 555s; size 2; l3proto $ip; }
		chain before { type filter hook forward priority -10;
			udp dport 16 ct state new ct expectation set \"call-back\"; }" <<-END
		2 ct state new
		2 ct state related
		2 ct status expected
		2 ct state related,established udp dport 30
	END

	rules count count_traffic "
		set busy { type $nft_type; size 100; flags dynamic; }
		set ids { typeof ct id; size 100; flags dynamic; }" <<-END
		3 tcp flags & (syn | ack) == syn
		1 tcp flags & (syn | ack) == syn add @busy { $ip saddr ct count over 2 } meta mark set 1
		1 meta mark 1 reject with tcp reset
		2 tcp flags & (syn | ack) == syn
		2 tcp flags & (syn | ack) == (syn | ack) add @ids { ct id }
	END
	check_equal "$family ct id: one for each connection" 2 "$(router nft -j list set inet t ids |
		/usr/bin/python3 -IS -c 'import json, sys
print(len(json.load(sys.stdin)["nftables"][-1]["set"]["elem"]))')"
}

timeout_traffic() {
	hosts udp u client $server 17 5012 && hosts ask u && hosts answer u && hosts close u &&
		hosts connect t client $server 17 5013 && hosts talk t
}

expectation_traffic() { # the server calls back, twice on one connection, then from another port
	local expected=/proc/net/nf_conntrack_expect
	hosts udp a client $server 16 5014 && hosts ask a &&
		hosts find router $expected "^[0-9]+ l3proto = $l3num proto=17 .*dport=30" &&
		hosts udp b server $client 30 5015 && hosts ask b && hosts ask b &&
		hosts none router $expected dport=30 &&
		hosts udp c server $client 30 5016 && hosts ask c &&
		hosts close a && hosts close b && hosts close c
}

count_traffic() {
	hosts connect a client $server 7 5009 && hosts connect b client $server 7 5010 &&
		fails_with ConnectionRefused hosts connect c client $server 7 5011 &&
		hosts abort a && hosts abort b
}

# With the flow in the flowtable, packets pass by the forward chain.
offload() {
	rules offload offload_traffic "
		flowtable fast { hook ingress priority 0; devices = { r0, r1 }; }" <<-END
		1 ct state new
		1 ct status assured tcp dport 7 flow add @fast
	END
	check "$family offload: entry" entry $family 'tcp +6 src=' sport=5020 '\[OFFLOAD\]'
	check "$family offload: data both ways" hosts talk f 500000
	check "$family offload: still there" entry $family 'tcp +6 src=' sport=5020 '\[OFFLOAD\]'
	read_counts "1 1"
	check_equal "$family offload: by-passes the rules" "1 1" "${got[*]}"
	check "$family offload: end" hosts close f
	check "$family offload: given back" wait_for 10 given_back
	router nft delete table inet t
}

offload_traffic() {
	hosts connect f client $server 7 5020 && hosts talk f 1
}

given_back() {
	entry $family sport=5020 'tcp +6 [0-9]+ (TIME_WAIT|CLOSE|LAST_ACK|CLOSE_WAIT|FIN_WAIT)' &&
		hosts none $where /proc/net/nf_conntrack sport=5020 OFFLOAD
}

bridge() {
	local host
	has_module nf_conntrack_bridge || {
		skip "bridge" "no nf_conntrack_bridge"
		return
	}
	check "bridge: the module loads" modprobe nf_conntrack_bridge
	ip netns add bridge
	ip netns exec bridge sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600
	ip -n bridge link add br0 type bridge mcast_snooping 0
	ip -n bridge link set br0 up
	for host in client server; do
		ip link add b0 netns $host type veth peer $host netns bridge
		ip -n bridge link set $host master br0 up
		ip netns exec $host sysctl -qw net.ipv6.conf.b0.accept_dad=0
	done
	link client b0 10.0.3.2 fd00:3::2
	link server b0 10.0.3.3 fd00:3::3

	where=bridge bridge_or_inet=bridge
	for family in ipv4 ipv6; do
		if [ $family = ipv4 ]; then
			server=10.0.3.3 ip=ip icmp=icmp
		else
			server=fd00:3::3 ip=ip6 icmp=icmpv6
		fi
		check "$family bridge: ping" wait_for 20 client ping -c 1 -W 1 $server
		rules bridge-udp udp_traffic <<-END
			3 meta l4proto udp
			1 meta l4proto udp ct state new
			2 meta l4proto udp ct state established
			3 ct protocol udp
			1 ct protocol udp ct direction reply
			2 ct protocol udp ct status seen-reply
		END
		check "$family bridge-udp: entry" entry $family 'udp +17 ' sport=5000
		rules bridge-related related_traffic <<-END
			1 meta l4proto $icmp ct state related
			1 meta l4proto udp ct state new
		END
		rules bridge-tcp tcp_traffic <<-END
			1 meta l4proto tcp ct state new
			0 meta l4proto tcp ct state invalid,untracked
		END
		check "$family bridge-tcp: entry" entry $family 'tcp +6 ' sport=5003 TIME_WAIT
		rules bridge-fragments fragments <<-END
			1 meta l4proto $icmp ct state new
			1 meta l4proto $icmp ct state established
		END
	done
	ip netns del bridge
}

fragments() { # reassembled for the rules, and fragmented again
	client ping -c 1 -W 30 -s 4000 $server
}

for dir in /etc /etc/xtables /etc/nftables; do
	mkdir -p $dir
	printf '%s\n' '3 red' '64 blue' '127 green' >$dir/connlabel.conf
done
network
long_lives
router sysctl -qw net.netfilter.nf_flowtable_tcp_timeout=600
hosts_up
hosts listen server 7 11 12 13 15 16 17
hosts listen client 30
for family in ipv4 ipv6; do
	if [ $family = ipv4 ]; then
		ip=ip icmp=icmp l3num=2 nft_type=ipv4_addr
		client=10.0.1.2 server=10.0.2.2 router=10.0.1.1 router_outside=10.0.2.1
		server_port=$server:7 bytes=34
	else
		ip=ip6 icmp=icmpv6 l3num=10 nft_type=ipv6_addr
		client=fd00:1::2 server=fd00:2::2 router=fd00:1::1 router_outside=fd00:2::1
		server_port=[$server]:7 bytes=54
	fi
	keys_of_udp
	other_states
	keys_of_tcp
	setting
	accounting
	objects
	offload
done
bridge
finish
