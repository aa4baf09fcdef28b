#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Network address translation on top of the connections: what both ends see, and the tuples.
. "$(dirname "$0")/lib.sh"

needs_program iptables-restore

# The tests of a family all use these names for addresses; …_p is how /proc prints them.
addresses() { # FAMILY
	family=$1
	if [ $family = ipv4 ]; then
		xtables=iptables ip=ip bits=32 nodad=
		client=10.0.1.2 client2=10.0.1.3 inside=10.0.1.1
		server=10.0.2.2 server2=10.0.2.3 outside=10.0.2.1
		client_p=$client client2_p=$client2 inside_p=$inside server_p=$server outside_p=$outside
		to_server=$server to_outside=$outside to_client2=$client2
		map_from=10.0.9.0/24 map_to=10.0.2.0/24 mapped=10.0.9.2 mapped_p=10.0.9.2
		nowhere=10.0.9.9
		refused="ECONNREFUSED $server 3 3" refused_inside="ECONNREFUSED $inside 3 3"
		expired="EHOSTUNREACH $inside 11 0"
	else
		xtables=ip6tables ip=ip6 bits=128 nodad=nodad
		client=fd00:1::2 client2=fd00:1::3 inside=fd00:1::1
		server=fd00:2::2 server2=fd00:2::3 outside=fd00:2::1
		client_p=fd00:0001:0000:0000:0000:0000:0000:0002
		client2_p=fd00:0001:0000:0000:0000:0000:0000:0003
		inside_p=fd00:0001:0000:0000:0000:0000:0000:0001
		server_p=fd00:0002:0000:0000:0000:0000:0000:0002
		outside_p=fd00:0002:0000:0000:0000:0000:0000:0001
		to_server=[$server] to_outside=[$outside] to_client2=[$client2]
		map_from=fd00:9::/64 map_to=fd00:2::/64 mapped=fd00:9::2
		mapped_p=fd00:0009:0000:0000:0000:0000:0000:0002
		nowhere=fd00:9::9
		refused="ECONNREFUSED $server 1 4" refused_inside="ECONNREFUSED $inside 1 4"
		expired="EHOSTUNREACH $inside 3 0"
	fi
}

nat() { # NAME, rules on the standard input
	check "$family $1: rules are accepted" \
		router $xtables-restore < <(echo '*nat'; cat; echo COMMIT)
}

# What COMMAND prints is PATTERN: for a connection ADDRESS PORT as the server sees the
# client, the client's own, and namespace and port where it arrived.
prints() { # PATTERN COMMAND...
	local out
	out=$("${@:2}") && [[ $out =~ ^$1$ ]] || {
		printf '%s\n' "wanted: $1" "got:    $out"
		return 1
	}
}

entry() { # PATTERN...
	hosts find router /proc/net/nf_conntrack $family "$@"
}

tuples() { # PROTO SRC DST SPORT DPORT, of the original and of the reply direction
	entry "$1 .* src=$2 dst=$3 sport=$4 dport=$5 .*src=$6 dst=$7 sport=$8 dport=$9 "
}

tcp_and_udp() { # NAME ADDRESS PORT SPORT PATTERN
	check "$family $1: TCP" prints "$5" hosts connect t client "$2" "$3" "$4"
	check "$family $1: TCP data" hosts talk t 30000
	check "$family $1: UDP" prints "$5" udp_question "$2" "$3" "$4"
	check "$family $1: UDP reply" hosts answer u
}

udp_question() {
	hosts udp u client "$1" "$2" "$3" && hosts ask u
}

end() { # NAME...: each has to close as it should
	local name
	for name; do
		check "$family: $name ends" hosts close $name
	done
}

snat() {
	nat snat <<<"-A POSTROUTING -o r1 -j SNAT --to-source $outside"
	tcp_and_udp snat $server 9 5000 "$outside 5000 $client 5000 server 9"
	check "$family snat: TCP entry" tuples tcp $client_p $server_p 5000 9 $server_p $outside_p 9 5000
	check "$family snat: UDP entry" tuples udp $client_p $server_p 5000 9 $server_p $outside_p 9 5000
	check "$family snat: ping" client ping -c 2 -i 0.01 -W 30 $server
	check "$family snat: ping's entry" entry "icmp.* src=$client_p dst=$server_p .*src=$server_p dst=$outside_p "
	check "$family snat: ICMP error comes back" prints "$refused .*" icmp_error client $server 10
	check "$family snat: tuples of the refused" entry "udp .* dport=10 .*dst=$outside_p sport=10 "

	check "$family clash: TCP" \
		prints "$outside [0-9]+ $client2 5000 server 9" hosts connect c client $server 9 5000 $client2
	check "$family clash: another port" \
		entry 'tcp ' "src=$client2_p .* sport=5000 dport=9 " "dst=$outside_p sport=9 dport=" \
		"src=$server_p .*dport=(?!5000 )[0-9]"
	check "$family clash: data of the second" hosts talk c
	check "$family clash: data of the first" hosts talk t
	check "$family clash: UDP" \
		prints "$outside [0-9]+ $client2 5000 server 9" clash_question
	check "$family clash: UDP reply to the second" hosts answer v
	check "$family clash: UDP, the first" hosts ask u
	check "$family clash: UDP reply to the first" hosts answer u

	nat snat-off <<<"-A POSTROUTING -o lo -j MASQUERADE"
	check "$family snat: data without the rule" hosts talk t
	end t u v c

	nat snat-range <<-END
		-A POSTROUTING -o r1 -p udp -d $server/$bits -j SNAT --to-source $to_outside:6000-6003
		-A POSTROUTING -o r1 -p udp -d $server2/$bits -j SNAT --to-source $to_outside:6010-6029 --random
		-A POSTROUTING -o r1 -p tcp -j SNAT --to-source $to_outside:6010-6029 --random-fully
	END
	check_equal "$family snat-range: all ports in use" "6000 6001 6002 6003" "$(ports_seen)"
	check "$family snat-range: random" prints "$outside 60[12][0-9] .* server 7" \
		udp_question $server2 7 5000
	check "$family snat-range: answer" hosts answer u
	check "$family snat-range: random-fully" prints "$outside 60[12][0-9] .* server 7" \
		hosts connect t client $server 7 5002
	check "$family snat-range: data" hosts talk t
	end t u
}

icmp_error() { # NETNS ADDRESS PORT
	hosts udp e "$1" "$2" "$3" && hosts fire e && hosts error e && hosts close e
}

clash_question() {
	hosts udp v client $server 9 5000 $client2 && hosts ask v
}

ports_seen() {
	local i seen ports=()
	for i in 0 1 2 3; do
		hosts udp p$i client $server 7 && seen=$(hosts ask p$i) && hosts answer p$i
		seen=${seen#* }
		ports+=("${seen%% *}")
	done
	for i in 0 1 2 3; do
		hosts close p$i || return
	done
	printf '%s\n' "${ports[@]}" | sort | xargs
}

masquerade() {
	nat masquerade <<<"-A POSTROUTING -o r1 -j MASQUERADE"
	tcp_and_udp masquerade $server 7 5010 "$outside 5010 $client 5010 server 7"
	check "$family masquerade: entry" tuples tcp $client_p $server_p 5010 7 $server_p $outside_p 7 5010
	end t u
	ip -n router link set r1 down
	check "$family masquerade: gone with the device" wait_for 20 no_entry_of 5010
	ip -n router link set r1 up
	check "$family masquerade: device is back" wait_for 20 client ping -c 1 -W 1 $server

	nat masquerade-ports <<<"-A POSTROUTING -o r1 -p udp -j MASQUERADE --to-ports 6100-6109 --random"
	check "$family masquerade-ports" prints "$outside 610[0-9] .*" udp_question $server 7 5011
	end u
}

no_entry_of() { # SOURCE PORT
	hosts none router /proc/net/nf_conntrack $family "sport=$1 "
}

dnat() {
	nat dnat <<-END
		-A PREROUTING -i r0 -p tcp --dport 8080 -j DNAT --to-destination $to_server:7
		-A PREROUTING -i r0 -p udp --dport 8080 -j DNAT --to-destination $to_server:7
		-A PREROUTING -i r0 -p udp --dport 8010 -j DNAT --to-destination $to_server:10
		-A PREROUTING -i r0 -p udp --dport 8100 -j DNAT --to-destination $to_server:7-9
		-A PREROUTING -i r0 -p udp --dport 8101 -j DNAT --to-destination $to_server:7-9 --random
		-A PREROUTING -i r0 -p tcp --dport 8102 -j DNAT --to-destination $server-$server2
		-A PREROUTING -i r0 -p tcp --dport 8007:8009 -j DNAT --to-destination $to_server:7-9/8007
		-A OUTPUT -d $server2 -p tcp -j DNAT --to-destination $to_server:8
	END
	tcp_and_udp dnat $inside 8080 5020 "$client 5020 $client 5020 server 7"
	check "$family dnat: TCP entry" tuples tcp $client_p $inside_p 5020 8080 $server_p $client_p 7 5020
	check "$family dnat: UDP entry" tuples udp $client_p $inside_p 5020 8080 $server_p $client_p 7 5020
	check "$family dnat: ICMP error comes back" prints "$refused_inside .*" icmp_error client $inside 8010
	ip -n router link set r1 mtu 1300
	check "$family dnat: path MTU" prints 1300 hosts mtu u 1350
	ip -n router link set r1 mtu 1500
	hosts udp x client $inside 8080
	hosts ttl x 1
	hosts fire x
	check "$family dnat: time exceeded" prints "$expired .*" hosts error x
	end t u x
	check "$family dnat: port range" prints "$client 5021 .* server [789]" udp_question $inside 8100 5021
	check "$family dnat: answer from the range" hosts answer u
	end u
	check "$family dnat: random port" prints "$client 5022 .* server [789]" udp_question $inside 8101 5022
	check "$family dnat: answer from the random port" hosts answer u
	end u
	check "$family dnat: address range" prints "$client 5023 .* server 8102" \
		hosts connect t client $nowhere 8102 5023
	check "$family dnat: data with the address range" hosts talk t
	check "$family dnat: address range's entry" entry dport=8102 "src=${server_p%2}[23] dst=$client_p "
	end t
	check "$family dnat: shifted ports" prints "$client 5024 .* server 9" \
		hosts connect t client $inside 8009 5024
	end t
	check "$family dnat: of the router's own" prints "$outside 5025 .* server 8" \
		hosts connect t router $server2 80 5025
	check "$family dnat: data of the router's own" hosts talk t
	end t
}

redirect() {
	nat redirect <<<"-A PREROUTING -i r0 -p tcp --dport 80 -j REDIRECT --to-ports 3128
-A PREROUTING -i r0 -p udp --dport 53 -j REDIRECT --to-ports 3128"
	check "$family redirect: TCP" prints "$client 5030 $client 5030 router 3128" \
		hosts connect t client $server 80 5030
	check "$family redirect: data" hosts talk t
	check "$family redirect: SO_ORIGINAL_DST" prints "$server 80" hosts original t
	check "$family redirect: entry" tuples tcp $client_p $server_p 5030 80 $inside_p $client_p 3128 5030
	check "$family redirect: UDP" prints "$client 5031 .* router 3128" udp_question $server 53 5031
	check "$family redirect: UDP reply" hosts answer u
	end t u
	check "$family redirect: none, no other destination" hosts connect t client $server 7 5032
	check "$family redirect: not redirected" not_translated
	end t
}

# A connection that isn't redirected has the address it was made to.
not_translated() {
	tuples tcp $client_p $server_p 5032 7 $server_p $client_p 7 5032
}

netmap() {
	nat netmap <<-END
		-A PREROUTING -d $map_from -j NETMAP --to $map_to
		-A POSTROUTING -s $map_to -j NETMAP --to $map_from
	END
	tcp_and_udp netmap $mapped 7 5040 "$client 5040 $client 5040 server 7"
	check "$family netmap: entry" tuples tcp $client_p $mapped_p 5040 7 $server_p $client_p 7 5040
	end t u
	hosts udp u server $client 7 5041
	check "$family netmap: the other way" prints "$mapped 5041 $server 5041 client 7" hosts ask u
	check "$family netmap: reply" hosts answer u
	end u
}

hairpin() {
	nat hairpin <<-END
		-A PREROUTING -d $outside -p tcp --dport 8081 -j DNAT --to-destination $to_client2:7
		-A POSTROUTING -o r0 -p tcp -d $client2 -j MASQUERADE
	END
	check "$family hairpin: back inside" prints "$inside 5050 $client 5050 client 7" \
		hosts connect t client $outside 8081 5050
	check "$family hairpin: data" hosts talk t
	check "$family hairpin: entry" tuples tcp $client_p $outside_p 5050 8081 $client2_p $inside_p 7 5050
	end t
}

with_nft() {
	router $xtables-restore <<<$'*nat\nCOMMIT'
	check "$family nft: rules are accepted" router nft -f - <<-END
		table inet n {
			chain in {
				type nat hook prerouting priority dstnat;
				iifname r0 tcp dport 8082 dnat $ip to $to_server:7
				iifname r0 udp dport 8083 dnat $ip to $server
				iifname r0 tcp dport 81 redirect to :3128
			}
			chain out {
				type nat hook postrouting priority srcnat;
				oifname r1 tcp dport 7 snat $ip to $to_outside:6200-6209
				oifname r1 udp dport 7 masquerade to :6210-6219
				oifname r1 udp dport 9 masquerade random,persistent
			}
		}
	END
	check "$family nft: dnat and snat" prints "$outside 620[0-9] $client 5060 server 7" \
		hosts connect t client $inside 8082 5060
	check "$family nft: data" hosts talk t
	check "$family nft: entry" entry 'tcp ' "src=$client_p dst=$inside_p sport=5060 dport=8082 " \
		"src=$server_p dst=$outside_p sport=7 dport=620"
	check "$family nft: redirect" prints "$client 5061 .* router 3128" \
		hosts connect r client $server 81 5061
	check "$family nft: original destination" prints "$server 81" hosts original r
	check "$family nft: masquerade to ports" prints "$outside 621[0-9] .* server 7" \
		udp_question $server 7 5062
	check "$family nft: reply" hosts answer u
	end t r u
	check "$family nft: masquerade" prints "$outside [0-9]+ .* server 9" udp_question $server 9 5063
	check "$family nft: reply of masquerade" hosts answer u
	check "$family nft: dnat, same port" prints "$client 5064 .* server 8083" \
		dnat_question
	end u v
	router nft delete table inet n
}

dnat_question() {
	hosts udp v client $nowhere 8083 5064 && hosts ask v
}

network
long_lives
router sysctl -qw net.ipv6.conf.r1.keep_addr_on_down=1
for family in ipv4 ipv6; do
	addresses $family
	# deprecated: only for who asks for them
	ip -n client addr add $client2/$bits dev c0 $nodad preferred_lft 0
	ip -n server addr add $server2/$bits dev s0 $nodad preferred_lft 0
	ip -n router route add $server2 dev r1
	ip -n router route add $client2 dev r0
done
hosts_up
hosts listen server 7 8 9 8102 8083
hosts listen router 3128
hosts listen client 7
for family in ipv4 ipv6; do
	addresses $family
	snat
	masquerade
	dnat
	redirect
	netmap
	hairpin
	with_nft
done
finish
