#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Matches and targets of iptables that ask about connections or change them: how many
# packets of a known piece of traffic does each rule match?
. "$(dirname "$0")/lib.sh"

needs_program iptables-restore

# Load one rule for each line "COUNT MATCH" of the standard input into FORWARD, with the
# OTHER TABLES beside it; let TRAFFIC flow; check what the rules have counted. The count
# "all" is that of the first rule.
rules() { # NAME TRAFFIC [OTHER TABLES]
	local counts=() specs=() count spec i restore=$'*filter\n:FORWARD ACCEPT\n'
	set -- "$1" "$2" "${3-}"
	while read -r count spec; do
		counts+=("$count")
		specs+=("$spec")
		restore+="-A FORWARD $spec -m comment --comment rule${#specs[@]}"$'\n'
	done
	check "$family $1: rules are accepted" \
		router $xtables-restore <<<"${3//$'\t'/}"$'\n'"${restore}COMMIT" || return
	check "$family $1: traffic" "$2"
	read_counts "${counts[@]}"
	for i in "${!specs[@]}"; do
		count=${counts[i]}
		[ "$count" != all ] || count=${got[0]}
		check_equal "$family $1: ${specs[i]:-all}" "$count" "${got[i]}"
	done
	[ -z "$3" ] || router nft flush ruleset
}

# What is only sent, and not waited for, takes a moment to be counted.
read_counts() { # WANTED...
	local line
	for _ in {1..100}; do
		got=()
		while read -r line; do
			[[ $line =~ ^\[([0-9]+):.*--comment\ rule([0-9]+) ]] &&
				got[BASH_REMATCH[2] - 1]=${BASH_REMATCH[1]}
		done < <(router $xtables-save -c -t filter)
		line="$*"
		[ "${got[*]}" != "${line//all/${got[0]}}" ] || break
		sleep 0.05
	done
}

entry() { # PATTERN...
	hosts find router /proc/net/nf_conntrack "$@"
}

udp_traffic() { # a question, an answer, and another question
	hosts udp u client $server 7 5000 && hosts ask u && hosts answer u && hosts ask u &&
		hosts close u
}

stream_traffic() { # the same, but the second question comes after two seconds
	hosts udp u client $server 7 5000 && hosts ask u && hosts answer u && sleep 2.1 &&
		hosts ask u && hosts close u
}

states_of_udp() {
	rules udp stream_traffic <<-END
		3
		1 -m state --state NEW
		2 -m state --state ESTABLISHED
		3 -m state --state NEW,ESTABLISHED
		0 -m state --state RELATED
		0 -m state --state INVALID
		0 -m state --state UNTRACKED
		2 -m state ! --state NEW
		1 -m conntrack --ctstate NEW
		2 -m conntrack --ctstate ESTABLISHED
		3 -m conntrack --ctstate NEW,ESTABLISHED,RELATED
		0 -m conntrack --ctstate INVALID,UNTRACKED,RELATED
		3 -m conntrack ! --ctstate INVALID,UNTRACKED
		0 -m conntrack --ctstate SNAT
		0 -m conntrack --ctstate DNAT
		3 -m conntrack --ctproto udp
		3 -m conntrack --ctproto 17
		0 -m conntrack --ctproto tcp
		3 -m conntrack ! --ctproto tcp
		0 -m conntrack ! --ctproto udp
		3 -m conntrack --ctorigsrc $client
		3 -m conntrack --ctorigsrc $client_net
		0 -m conntrack --ctorigsrc $server_net
		0 -m conntrack ! --ctorigsrc $client
		3 -m conntrack --ctorigdst $server
		0 -m conntrack --ctorigdst $client_net
		3 -m conntrack ! --ctorigdst $client_net
		3 -m conntrack --ctreplsrc $server
		0 -m conntrack --ctreplsrc $client
		3 -m conntrack ! --ctreplsrc $client
		3 -m conntrack --ctrepldst $client
		0 -m conntrack --ctrepldst $server
		0 -m conntrack ! --ctrepldst $client_net
		3 -m conntrack --ctproto udp --ctorigsrcport 5000
		3 -m conntrack --ctproto udp --ctorigsrcport 4999:5001
		0 -m conntrack --ctproto udp --ctorigsrcport 1:4999
		0 -m conntrack --ctproto udp ! --ctorigsrcport 5000
		3 -m conntrack --ctproto udp --ctorigdstport 7
		0 -m conntrack --ctproto udp --ctorigdstport 5000
		3 -m conntrack --ctproto udp ! --ctorigdstport 8:65535
		3 -m conntrack --ctproto udp --ctreplsrcport 7
		0 -m conntrack --ctproto udp --ctreplsrcport 0:6
		3 -m conntrack --ctproto udp ! --ctreplsrcport 0:6
		3 -m conntrack --ctproto udp --ctrepldstport 5000:6000
		0 -m conntrack --ctproto udp --ctrepldstport 7
		0 -m conntrack --ctproto udp ! --ctrepldstport 5000
		0 -m conntrack --ctstatus EXPECTED
		2 -m conntrack --ctstatus SEEN_REPLY
		1 -m conntrack ! --ctstatus SEEN_REPLY
		1 -m conntrack --ctstatus ASSURED
		2 -m conntrack --ctstatus CONFIRMED
		1 -m conntrack ! --ctstatus CONFIRMED
		2 -m conntrack --ctstatus CONFIRMED,ASSURED
		0 -m conntrack --ctstatus NONE
		3 -m conntrack ! --ctstatus NONE
		1 -m conntrack --ctstate ESTABLISHED --ctexpire 500:600
		1 -m conntrack --ctstate ESTABLISHED --ctexpire 1100:1200
		0 -m conntrack --ctstate ESTABLISHED --ctexpire 1201:4000000
		1 -m conntrack --ctstate ESTABLISHED ! --ctexpire 500:600
		2 -m conntrack --ctdir ORIGINAL
		1 -m conntrack --ctdir REPLY
		1 -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL --ctstatus SEEN_REPLY --ctorigsrc $client --ctproto udp --ctorigdstport 7
	END
}

related_traffic() {
	hosts udp u client $server 10 5001 && hosts fire u && hosts error u && hosts close u
}

states_of_errors() {
	rules related related_traffic <<-END
		2
		1 -m state --state NEW
		1 -m state --state RELATED
		0 -m state --state ESTABLISHED,INVALID,UNTRACKED
		1 -m conntrack --ctstate RELATED
		1 -m conntrack ! --ctstate RELATED
		1 -p $icmp -m conntrack --ctstate RELATED
		2 -m conntrack --ctproto udp
		0 -m conntrack --ctproto $icmp
		2 -m conntrack --ctproto udp --ctorigdstport 10
		1 -m conntrack --ctstate RELATED --ctdir REPLY
		0 -m conntrack --ctstate RELATED --ctdir ORIGINAL
		0 -m conntrack --ctstatus SEEN_REPLY
	END
}

echo_traffic() { # each waits for its reply: the second would be NEW, too
	local i
	for i in 1 2 3; do
		client ping -c 1 -e 77 -W 30 $server || return
	done
}

states_of_echo() {
	rules echo echo_traffic <<-END
		6
		1 -m state --state NEW
		5 -m state --state ESTABLISHED
		0 -m state --state RELATED,INVALID,UNTRACKED
		6 -m conntrack --ctproto $icmp
		3 -m conntrack --ctdir REPLY
		5 -m conntrack --ctstatus SEEN_REPLY
	END
}

invalid_traffic() { # a RST for a connection that isn't there
	hosts segment client $server 5002 80 R
}

states_of_invalid() {
	rules invalid invalid_traffic <<-END
		1
		1 -m state --state INVALID
		0 -m state --state NEW,ESTABLISHED,RELATED,UNTRACKED
		1 -m conntrack --ctstate INVALID
		0 -m conntrack ! --ctstate INVALID
		1 -m conntrack ! --ctstate NEW
		0 -m conntrack --ctproto tcp
		0 -m conntrack ! --ctproto udp
		0 -m conntrack --ctorigsrc $client
		0 -m conntrack --ctdir ORIGINAL
	END
}

states_of_untracked() {
	rules untracked udp_traffic "*raw
		-A PREROUTING -p udp --dport 7 -j CT --notrack
		-A PREROUTING -p udp --sport 7 -j CT --notrack
		COMMIT" <<-END
		3
		3 -m state --state UNTRACKED
		0 -m state --state NEW,ESTABLISHED,RELATED,INVALID
		3 -m conntrack --ctstate UNTRACKED
		0 -m conntrack ! --ctstate UNTRACKED
		3 -m conntrack ! --ctstate INVALID
		0 -m conntrack --ctproto udp
		0 -m conntrack --ctorigsrc $client
	END
}

tcp_traffic() {
	hosts connect t client $server 7 5003 && hosts talk t 20000 && hosts close t
}

states_of_tcp() {
	rules tcp tcp_traffic <<-END
		all -p tcp
		1 -m state --state NEW
		0 -m state --state RELATED,INVALID,UNTRACKED
		all -m state --state NEW,ESTABLISHED
		1 -p tcp --syn -m conntrack --ctstate NEW
		1 -p tcp --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctstate ESTABLISHED
		1 -p tcp --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctstatus SEEN_REPLY
		0 -p tcp --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctstatus ASSURED
		0 -p tcp --tcp-flags SYN,ACK ACK -m conntrack ! --ctstatus ASSURED
		1 -m conntrack ! --ctstatus CONFIRMED
		2 -m conntrack ! --ctstatus ASSURED
		all -m conntrack --ctproto tcp --ctorigdstport 7 --ctrepldstport 5003
		0 -p tcp --tcp-flags FIN,ACK ACK -m conntrack ! --ctstate ESTABLISHED
	END
	check "$family tcp: TIME_WAIT at the end" entry $family ' 5003|sport=5003' TIME_WAIT
}

nat_traffic() {
	hosts udp u client $router 8007 5004 && hosts ask u && hosts answer u && hosts ask u &&
		hosts close u
}

states_of_nat() {
	rules nat nat_traffic "*nat
		-A PREROUTING -i r0 -p udp --dport 8007 -j DNAT --to-destination $server_port
		-A POSTROUTING -o r1 -p udp -j MASQUERADE
		COMMIT" <<-END
		3
		3 -m conntrack --ctstate DNAT
		2 -m conntrack --ctstate SNAT
		1 -m conntrack --ctstate NEW
		2 -m conntrack --ctstate ESTABLISHED
		0 -m conntrack ! --ctstate DNAT
		3 -m conntrack --ctorigsrc $client
		3 -m conntrack --ctorigdst $router
		3 -m conntrack --ctreplsrc $server
		2 -m conntrack --ctrepldst $router_outside
		1 -m conntrack --ctrepldst $client
		3 -m conntrack --ctproto udp --ctorigdstport 8007 --ctreplsrcport 7
	END
	check "$family nat: both tuples" entry 'sport=5004 dport=8007 .*sport=7 dport=5004 '
}

zone_traffic() {
	local port
	for port in 11 12 13 14; do
		hosts udp z client $server $port 5005 && hosts ask z && hosts answer z &&
			hosts close z || return
	done
}

# In FORWARD the reply that raises the mark comes from r1.
targets() {
	rules zone zone_traffic "*raw
		-A PREROUTING -p udp --dport 11 -j CT --zone 3
		-A PREROUTING -p udp --sport 11 -j CT --zone 3
		-A PREROUTING -p udp --dport 12 -j CT --zone-orig 4
		-A PREROUTING -p udp --sport 13 -j CT --zone-reply 5
		-A PREROUTING -p udp --dport 13 -j CT --zone-reply 5
		-A PREROUTING -p udp --dport 14 -j MARK --set-mark 6
		-A PREROUTING -p udp --sport 14 -j MARK --set-mark 6
		-A PREROUTING -m mark --mark 6 -j CT --zone mark
		COMMIT" <<-END
		8
		4 -m conntrack --ctstate NEW
		4 -m conntrack --ctstate ESTABLISHED
		2 -m conntrack --ctproto udp --ctorigdstport 11
		2 -m conntrack --ctproto udp --ctorigdstport 12
		2 -m conntrack --ctproto udp --ctorigdstport 13
		2 -m conntrack --ctproto udp --ctorigdstport 14
	END
	check "$family zone: both directions" entry $family dport=11 ' zone=3 '
	check "$family zone: original direction" entry $family dport=12 ' zone-orig=4 '
	check "$family zone: reply direction" entry $family dport=13 ' zone-reply=5 '
	check "$family zone: by mark" entry $family dport=14 ' zone=6 '

	rules mark mark_traffic "*mangle
		-A PREROUTING -p udp -m conntrack --ctstate NEW -j MARK --set-mark 0x25
		-A PREROUTING -p udp -m conntrack --ctstate NEW -j CONNMARK --save-mark --mask 0xff
		-A PREROUTING -p udp -m conntrack --ctdir REPLY -j CONNMARK --restore-mark
		-A POSTROUTING -p udp --dport 16 -j CONNMARK --set-xmark 0x700/0xf00
		COMMIT" <<-END
		6
		3 -m mark --mark 0x25
		2 -m mark --mark 0x725
		3 -m connmark --mark 0x25
		3 -m connmark --mark 0x700/0xf00
		1 -m conntrack --ctdir ORIGINAL --ctstate ESTABLISHED -m mark --mark 0x0 -m connmark --mark 0x725
		0 -m connmark ! --mark 0x20/0xf0
	END
	check "$family mark: in the list" entry $family dport=15 " mark=$((0x25)) "
	check "$family mark: with a mask in the list" entry $family dport=16 " mark=$((0x725)) "

	rules label label_traffic <<-END
		1 -p udp -m conntrack --ctstate NEW -m connlabel --label red --set
		3 -m connlabel --label red
		1 -m connlabel --label blue
		1 -p udp --sport 7 -m connlabel --label blue --set
		3 -m connlabel ! --label green
		2 -m connlabel --label blue
	END
}

mark_traffic() {
	hosts udp m client $server 15 5006 && hosts ask m && hosts answer m && hosts close m &&
		hosts udp m client $server 16 5006 && hosts ask m && hosts answer m &&
		hosts ask m && hosts answer m && hosts close m
}

label_traffic() {
	hosts udp u client $server 7 5007 && hosts ask u && hosts answer u && hosts ask u &&
		hosts close u
}

limits() {
	hosts write router /proc/sys/net/netfilter/nf_conntrack_acct 1
	rules connbytes connbytes_traffic <<-END
		4
		2 -m connbytes --connbytes 3: --connbytes-mode packets --connbytes-dir both
		1 -m connbytes --connbytes 2: --connbytes-mode packets --connbytes-dir reply
		2 -m connbytes --connbytes 1:1 --connbytes-mode packets --connbytes-dir original
		2 -m connbytes --connbytes $((2 * bytes)): --connbytes-mode bytes --connbytes-dir both
		0 -m connbytes --connbytes $((4 * bytes)): --connbytes-mode bytes --connbytes-dir both
		2 -m connbytes ! --connbytes $((bytes + 1)): --connbytes-mode bytes --connbytes-dir original
	END
	check "$family connbytes: in the list" entry $family sport=5008 \
		"dport=7 packets=2 bytes=$((2 * bytes)) .*packets=2 "
	hosts write router /proc/sys/net/netfilter/nf_conntrack_acct 0

	rules connlimit connlimit_traffic <<-END
		3 -p tcp --syn
		1 -p tcp --syn -m connlimit --connlimit-above 2 -j REJECT --reject-with tcp-reset
		2 -p tcp --syn -m connlimit --connlimit-upto 2
	END
}

connbytes_traffic() { # "from u", "to u" and the headers: 6 and 4 bytes of data
	hosts udp u client $server 7 5008 && hosts ask u && hosts answer u && hosts ask u &&
		hosts answer u && hosts close u
}

connlimit_traffic() {
	hosts connect a client $server 7 5009 && hosts connect b client $server 7 5010 &&
		fails_with ConnectionRefused hosts connect c client $server 7 5011 &&
		hosts abort a && hosts abort b
}

timeouts() {
	if ! command -v nfct >/dev/null || ! has_module nfnetlink_cttimeout; then
		skip "$family timeout" "no nfct, or no nfnetlink_cttimeout"
		return
	fi
	check "$family timeout: the module loads" modprobe nfnetlink_cttimeout
	check "$family timeout: policy for UDP" \
		router nfct add timeout short-udp $inet udp unreplied 600 replied 900
	check "$family timeout: policy for TCP" \
		router nfct add timeout short-tcp $inet tcp syn_sent 11 established 222
	rules timeout timeout_traffic "*raw
		-A PREROUTING -p udp --dport 17 -j CT --timeout short-udp
		-A PREROUTING -p tcp --dport 17 -j CT --timeout short-tcp
		COMMIT" <<-END
		1 -p udp -m conntrack --ctstate ESTABLISHED --ctexpire 500:600
		0 -p tcp -m conntrack --ctstatus ASSURED ! --ctexpire 100:222
	END
	check "$family timeout: UDP" entry $family 'udp +17 (5..|600) ' dport=17
	check "$family timeout: TCP" entry $family 'tcp +6 [12].. ESTABLISHED' dport=17
	hosts abort t
	check "$family timeout: policy deleted in use" wait_for 20 delete_policies
	check "$family timeout: entries live on" entry $family udp dport=17
}

delete_policies() { # a try may find only one of them free
	router nfct del timeout short-udp
	router nfct del timeout short-tcp
	prints_no short- router nfct list timeout
}

timeout_traffic() {
	hosts udp u client $server 17 5012 && hosts ask u && hosts answer u && hosts close u &&
		hosts connect t client $server 17 5013 && hosts talk t
}

# Which events are told shows only in what ctnetlink tells.
events() {
	local told
	# Unless told so, connections without a listener have no events, templates neither.
	hosts write router /proc/sys/net/netfilter/nf_conntrack_events 1
	check "$family events: rule accepted" router $xtables -t raw -A PREROUTING \
		-p udp --dport 18 -j CT --ctevents destroy
	if ! command -v conntrack >/dev/null || ! has_module nf_conntrack_netlink; then
		skip "$family events" "no ctnetlink to see them"
	else
		check "$family events: ctnetlink loads" modprobe nf_conntrack_netlink
		told=$(mktemp)
		router $xtables -A FORWARD -m state --state NEW
		ip netns exec router conntrack -E -f $family -e NEW -p udp >"$told" 2>/dev/null &
		# events come in their order: the one of port 7 after the other
		check "$family events: without a mask" wait_for 10 tells_port_7
		check "$family events: masked" no_line dport=18 "$told"
		kill $!
		rm "$told"
	fi
	router nft flush ruleset
}

tells_port_7() {
	local port
	for port in 18 7; do
		hosts udp e client $server $port && hosts ask e && hosts close e || return
	done
	grep -q dport=7 "$told"
}

everything() {
	states_of_udp
	states_of_errors
	states_of_echo
	states_of_invalid
	states_of_untracked
	states_of_tcp
	states_of_nat
	targets
	limits
	timeouts
	events
}

mkdir -p /etc/xtables
printf '%s\n' '3 red' '64 blue' '127 green' >/etc/xtables/connlabel.conf
network
long_lives
hosts_up
hosts listen server 7 11 12 13 14 15 16 17 18
for family in ipv4 ipv6; do
	if [ $family = ipv4 ]; then
		xtables=iptables inet=inet icmp=icmp
		client=10.0.1.2 server=10.0.2.2 router=10.0.1.1 router_outside=10.0.2.1
		client_net=10.0.1.0/24 server_net=10.0.2.0/24 server_port=$server:7
		bytes=34
	else
		xtables=ip6tables inet=inet6 icmp=icmpv6
		client=fd00:1::2 server=fd00:2::2 router=fd00:1::1 router_outside=fd00:2::1
		client_net=fd00:1::/64 server_net=fd00:2::/64 server_port=[$server]:7
		bytes=54
	fi
	everything
done
finish
