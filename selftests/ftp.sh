#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# FTP and TFTP: the helpers announce data connections, which the rules then know as RELATED,
# and NAT rewrites the addresses in the commands, which shifts TCP's sequence numbers.
. "$(dirname "$0")/lib.sh"

needs_program iptables-restore
/usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || skip_all "no pyftpdlib"

# Only the control connection may be opened: whatever else gets through is its relative.
policy() { # NAME RAW-RULE [NAT-RULE...]
	local nat
	nat=$(printf '%s\n' '*nat' "${@:3}" COMMIT)
	check "$family $1: rules are accepted" router $xtables-restore <<-END
		*raw
		$2
		COMMIT
		*filter
		:FORWARD ACCEPT
		-A FORWARD -p tcp -m state --state INVALID -m comment --comment invalid -j DROP
		-A FORWARD -p tcp --dport 21 -m state --state NEW -m comment --comment control -j ACCEPT
		-A FORWARD -m conntrack --ctstate RELATED --ctstatus EXPECTED -m helper --helper ftp -m comment --comment data -j ACCEPT
		-A FORWARD -m conntrack --ctstate RELATED -m comment --comment other -j ACCEPT
		-A FORWARD -m conntrack --ctstate ESTABLISHED --ctstatus EXPECTED -m helper ! --helper ftp -m comment --comment strange
		-A FORWARD -m state --state ESTABLISHED -j ACCEPT
		-A FORWARD -p tcp -m comment --comment rejected -j REJECT --reject-with tcp-reset
		COMMIT
		$nat
	END
}

counted() { # what the rules have counted
	router $xtables-save -c -t filter |
		sed -n 's/^\[\([0-9]*\):.*--comment \([a-z]*\).*/\2=\1/p' | xargs
}

entry() { # PATTERN...
	hosts find router /proc/net/nf_conntrack $family "$@"
}

expectation() { # PATTERN...
	hosts find router /proc/net/nf_conntrack_expect "$@"
}

# A session in each of the modes, with the data connections to be expected; DST and SRC
# are patterns for their addresses as the router knows them before they are translated.
session() { # NAME ADDRESS PORT ACTIVE-SRC ACTIVE-DST PASSIVE-DST
	local mode agreed address port src dst
	check "$family $1: login" hosts ftp f client "$2" "$3"
	for mode in active passive; do
		[ $mode = passive ] || hold
		agreed=$(hosts ftp_prepare f $mode)
		address=${agreed% *} port=${agreed##* }
		if [ $mode = active ]; then
			src=$4 dst=$5
			check_equal "$family $1 $mode: client's address" "$client" "$address"
		else
			src=$client_p dst=$6
			check_equal "$family $1 $mode: server's address" "$2" "$address"
		fi
		check "$family $1 $mode: expected" \
			expectation "proto=6 src=$src dst=$dst sport=0 dport=$port .*ftp"
		[ $mode = passive ] || release
		check "$family $1 $mode: get" hosts ftp_get f file 60000
		check "$family $1 $mode: nothing expected any more" no_expectation
		check "$family $1 $mode: entry" entry 'tcp ' "src=$src dst=$dst .*dport=$port "
		check "$family $1 $mode: many commands" hosts ftp_chat f 10
		check "$family $1 $mode: agree again" hosts ftp_prepare f $mode
		check "$family $1 $mode: put" hosts ftp_put f upload 30000
	done
	check "$family $1: many commands at the end" hosts ftp_chat f 10
	check "$family $1: logout" hosts ftp_quit f
	check_equal "$family $1: what the rules have seen" \
		"invalid=0 control=1 data=4 other=0 strange=0 rejected=0" "$(counted)"
}

# The server connects as soon as it is told where to: let that wait.
hold() {
	server $xtables -A OUTPUT -p tcp --syn -j DROP
}

release() {
	server $xtables -D OUTPUT -p tcp --syn -j DROP
}

no_expectation() {
	hosts none router /proc/net/nf_conntrack_expect proto=6
}

without_helper() {
	policy no-helper ""
	check "$family no-helper: login" hosts ftp f client $server 21
	hosts ftp_prepare f passive >/dev/null
	check "$family no-helper: nothing expected" no_expectation
	check "$family no-helper: data connection is none" \
		fails_with ConnectionRefused hosts ftp_get f file 60000
	hosts ftp_quit f
}

tftp() {
	policy tftp "-A PREROUTING -p udp --dport 69 -j CT --helper tftp" \
		"-A POSTROUTING -o r1 -j SNAT --to-source $outside"
	check "$family tftp: transfer" equals "content 00040001 $server" hosts tftp client $server server
	check_equal "$family tftp: RELATED" "data=0 other=1" "$(counted | grep -o 'data=[0-9]* other=[0-9]*')"
	check "$family tftp: entry" entry 'udp ' \
		"src=$server_p dst=$outside_p .*src=$client_p dst=$server_p "
}

equals() { # WANTED COMMAND...
	is_equal "$1" "$("${@:2}")"
}

with_nft() {
	router nft flush ruleset
	check "$family nft: rules are accepted" router nft -f - <<-END
		table inet f {
			ct helper std {
				type "ftp" protocol tcp
			}
			chain before {
				type filter hook prerouting priority mangle;
				tcp dport 21 ct state new ct helper set "std"
			}
			chain forward {
				type filter hook forward priority 0;
				ct state related ct helper "ftp" counter comment "data"
				ct state related ct helper != "ftp" counter comment "other"
			}
		}
	END
	check "$family nft: login" hosts ftp f client $server 21
	hosts ftp_prepare f active >/dev/null
	check "$family nft: get" hosts ftp_get f file 60000
	check "$family nft: logout" hosts ftp_quit f
	check_equal "$family nft: what the rules have seen" "1 data 0 other" "$(
		router nft list chain inet f forward |
			sed -n 's/.*counter packets \([0-9]*\).*comment "\(.*\)"/\1 \2/p' | xargs)"
	router nft flush ruleset
}

network
long_lives
# What is sent again because the machine stood still would be expected again.
for host in "client c0 1" "server s0 2"; do
	read -r ns dev net <<<"$host"
	ip -n $ns route replace default via 10.0.$net.1 rto_min 30s
	ip -n $ns -6 route replace default via fd00:$net::1 dev $dev rto_min 30s
	ip netns exec $ns sysctl -qw net.ipv4.tcp_early_retrans=0
done
ip -n router addr add 10.0.2.201/32 dev r1
ip -n router addr add 10.0.1.201/32 dev r0
ip -n router addr add fd00:2::1234:5678/128 dev r1 nodad
ip -n router addr add fd00:1::1234:5678/128 dev r0 nodad
modprobe -a nf_conntrack_ftp nf_nat_ftp nf_conntrack_tftp nf_nat_tftp
ftp_server
hosts_up
hosts listen server 69
wait_for 60 server bash -c 'exec 3<>/dev/tcp/10.0.2.2/21'

helper="-A PREROUTING -p tcp --dport 21 -j CT --helper ftp"
helper_2121="-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp"
for family in ipv4 ipv6; do
	if [ $family = ipv4 ]; then
		xtables=iptables client=10.0.1.2 server=10.0.2.2
		client_p=$client server_p=$server
		inside=10.0.1.201 inside_p=$inside to_server=$server:21
		outside=10.0.2.201 outside_p=$outside
	else
		xtables=ip6tables client=fd00:1::2 server=fd00:2::2
		client_p=fd00:0001:0000:0000:0000:0000:0000:0002
		server_p=fd00:0002:0000:0000:0000:0000:0000:0002
		inside=fd00:1::1234:5678 inside_p=fd00:0001:0000:0000:0000:0000:1234:5678
		outside=fd00:2::1234:5678 outside_p=fd00:0002:0000:0000:0000:0000:1234:5678
		to_server=[$server]:21
	fi
	without_helper
	policy plain "$helper"
	session plain $server 21 $server_p $client_p $server_p
	policy snat "$helper" "-A POSTROUTING -o r1 -j SNAT --to-source $outside"
	session snat $server 21 $server_p $outside_p $server_p
	policy dnat "$helper_2121" "-A PREROUTING -p tcp --dport 2121 -j DNAT --to-destination $to_server"
	session dnat $inside 2121 $server_p $client_p $inside_p
	policy both "$helper_2121" "-A POSTROUTING -o r1 -j SNAT --to-source $outside" \
		"-A PREROUTING -p tcp --dport 2121 -j DNAT --to-destination $to_server"
	session both $inside 2121 $server_p $outside_p $inside_p
	tftp
	with_nft
done
finish
