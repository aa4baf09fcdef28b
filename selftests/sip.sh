#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# SIP calls by sipp through the helper and NAT: the media is expected, the addresses in the
# messages are those that NAT shows, and only what was announced gets through.
. "$(dirname "$0")/lib.sh"

needs_program sipp iptables-restore

policy() { # [NAT-RULE...]
	router $xtables-restore <<-END
		*raw
		-A PREROUTING -p udp --dport 5060 -j CT --helper sip
		-A PREROUTING -p tcp --dport 5060 -j CT --helper sip
		COMMIT
		*filter
		:FORWARD DROP
		-A FORWARD -m conntrack --ctstate INVALID -m comment --comment invalid -j DROP
		-A FORWARD -m conntrack --ctstate RELATED --ctstatus EXPECTED -m comment --comment related -j ACCEPT
		-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
		-A FORWARD -i r0 -p udp --dport 5060 -m comment --comment call -j ACCEPT
		-A FORWARD -i r0 -p tcp --dport 5060 -m comment --comment call -j ACCEPT
		-A FORWARD -m comment --comment dropped -j DROP
		COMMIT
		*nat
		${1-}
		COMMIT
	END
}

counted() { # what the rules have counted
	router $xtables-save -c -t filter |
		sed -n 's/^\[\([0-9]*\):.*--comment \([a-z]*\).*/\2 \1/p' |
		awk '{ n[$1] += $2 } END { for (name in n) print name "=" n[name] }' | sort | xargs
}

related_before() { # NUMBER: at least one packet was, and fewer than that
	local n
	n=$(counted | sed 's/.*related=//')
	[ "$n" -ge 1 ] && [ "$n" -lt "$1" ]
}

expectations() { # how many came, and how many went
	echo "$(grep -c NEW /tmp/expected) $(grep -c DESTROY /tmp/expected)"
}

datagrams() { # of the media, to and from an ADDRESS, as the server sees them
	echo "$(tcpdump -r /tmp/media.pcap -n "src $1" 2>/dev/null | wc -l)" \
		"$(tcpdump -r /tmp/media.pcap -n "dst $1" 2>/dev/null | wc -l)"
}

named() { # whom the messages name as ends of the media, as the server sees them
	sed -n 's/^c=IN IP[46] \([0-9a-fA-F.:]*\).*/\1/p' /tmp/called | sort -u | xargs
}

has_come() { # WANTED COMMAND...
	[ "$1" = "$("${@:2}")" ]
}

in_log() {
	dmesg | grep -c 'nf_ct_'
}

start() { # what watches a call
	rm -f /tmp/called /tmp/media.pcap /tmp/sniffer
	ip netns exec server sipp -sn uas -nr -t $transport -i $server -mi $server -rtp_echo -p 5060 \
		-m 1 -nostdin -trace_msg -message_file /tmp/called >/dev/null 2>&1 &
	called=$!
	ip netns exec router stdbuf -oL conntrack -E expect >/tmp/expected 2>/dev/null &
	watcher=$!
	ip netns exec server tcpdump -Z root -i s0 -U -w /tmp/media.pcap 'udp and not port 5060' \
		2>/tmp/sniffer &
	sniffer=$!
	wait_for 30 grep -q listening /tmp/sniffer
	wait_for 30 watched
	wait_for 30 can_be_called
}

watched() { # is a netlink socket of the router's a member of a group of netfilter's?
	[ -n "$(router awk '$2 == 12 && $4 !~ /^0+$/' /proc/net/netlink)" ]
}

can_be_called() { # ss itself is content with nothing
	[ -n "$(server ss -Hlntu 'sport = :5060')" ]
}

call() { # NAME SEEN: who the server thinks is calling
	local name="$family $transport $1" before
	before=$(in_log)
	router conntrack -F 2>/dev/null
	start
	check "$name: call" client timeout 300 sipp -sf "$(dirname "$0")/sip_caller.xml" \
		-t $transport -i $client -mi $client -m 1 -p 5060 -nostdin "$to:5060" ||
		kill $called
	wait $called
	# that of a call by TCP is unhappy if the connection ends before it does
	local status=$?
	[ $transport = t1 ] || check_equal "$name: the called party is content" 0 $status
	check_equal "$name: both ends of the media" "$(printf '%s\n' "$2" $server | sort | xargs)" \
		"$(named)"
	wait_for 10 has_come "$media $media" datagrams "$2"
	check_equal "$name: media there and back" "$media $media" "$(datagrams "$2")"
	check_equal "$name: what the rules have seen" "call=1 dropped=0 invalid=0" \
		"$(counted | sed 's/ related=.*//')"
	# 20 ms apart: the second goes, too, before the first is back, if the machine stands still
	check "$name: media is RELATED until the first is back" related_before "$media"
	wait_for 10 has_come "$wanted" expectations
	sleep 0.3
	kill $watcher $sniffer
	wait $watcher $sniffer
	check_equal "$name: expected, and no more" "$wanted" "$(expectations)"
	check_equal "$name: lines logged" 0 $(($(in_log) - before))
}

network
ip -n router addr add 10.0.2.201/32 dev r1
modprobe -a nf_conntrack_sip nf_nat_sip nf_log_syslog nf_conntrack_netlink
sysctl -qw net.netfilter.nf_log_all_netns=1
router sysctl -qw net.netfilter.nf_conntrack_log_invalid=255
media=$(tcpdump -r /usr/share/sip-tester/dtmf_2833_1.pcap 2>/dev/null | wc -l)
wanted="4 4"

for family in ipv4 ipv6; do
	if [ $family = ipv4 ]; then
		xtables=iptables client=10.0.1.2 server=10.0.2.2 outside=10.0.2.201
	else
		xtables=ip6tables client=fd00:1::2 server=fd00:2::2
	fi
	for transport in u1 t1; do
		[ $family = ipv4 ] && to=$server || to="[$server]"
		check "$family $transport: rules are accepted" policy
		call routed $client
	done
	# the helper's NAT drops what the caller sends by IPv6, in-tree as well
	[ $family = ipv4 ] || continue
	transport=u1
	check "$family SNAT: rules are accepted" policy \
		"-A POSTROUTING -o r1 -j SNAT --to-source $outside"
	call 'with SNAT' $outside
done
finish
