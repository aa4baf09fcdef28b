#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# /proc/net/nf_conntrack, nf_conntrack_expect and stat/nf_conntrack: each line as it has
# always been, for each protocol; who may read them; and no connection twice or never.
. "$(dirname "$0")/lib.sh"

needs_program nft
needs_module nf_conntrack

table=/proc/net/nf_conntrack
expect=/proc/net/nf_conntrack_expect
stat=/proc/net/stat/nf_conntrack
settings=/proc/sys/net/netfilter

c4=10.0.1.2 s4=10.0.2.2
c6=fd00:0001:0000:0000:0000:0000:0000:0002 s6=fd00:0002:0000:0000:0000:0000:0000:0002

# A line of the table, within a moment; REGULAR EXPRESSION holds for all of it.
line() { # NAME REGULAR-EXPRESSION
	check "$1" hosts find router $table "^$2\$"
}

rules() {
	router nft -f - <<-END
		table inet t {
			ct helper tftp { type "tftp" protocol udp; l3proto ip; }
			ct helper sip { type "sip" protocol udp; l3proto ip; }
			chain zones {
				type filter hook prerouting priority -300
				udp dport 17 ct zone set 7
				udp dport 18 ct original zone set 8
				udp dport 19 ct reply zone set 9
			}
			chain helpers {
				type filter hook prerouting priority 0
				udp dport 69 ct helper set tftp
				udp dport 5060 ct helper set sip
			}
			chain marks {
				type filter hook forward priority 0
				meta l4proto tcp ct mark set 0xffffffff
			}
		}
	END
}

# One packet each of the protocols that no socket of ours speaks
raw_packets() {
	client /usr/bin/python3 -IS - <<-END
		import socket, struct
		GRE_PLAIN = struct.pack("!HH", 0, 0x0800) + bytes(20)
		GRE_PPTP = struct.pack("!HHHHI", 0x2001, 0x880b, 4, 5, 0) + bytes(4)
		SCTP_INIT = struct.pack("!HHIIBBHIIHHI", 4000, 4001, 0, 0, 1, 0, 20, 1, 65536, 1, 1, 1)
		DCCP_REQUEST = struct.pack("!HHBBHBBHII", 4000, 4001, 5, 0, 0, 1, 0, 0, 1, 42)
		for family, address in ((socket.AF_INET, "10.0.2.2"), (socket.AF_INET6, "fd00:2::2")):
		    for protocol, packet in ((47, GRE_PLAIN), (47, GRE_PPTP), (50, bytes(16)), (99, bytes(16)),
		                             (132, SCTP_INIT), (33, DCCP_REQUEST)):
		        raw = socket.socket(family, socket.SOCK_RAW, protocol)
		        raw.sendto(packet, (address, 0))
	END
}

ports() { # SOURCE DESTINATION
	echo "sport=$1 dport=$2 "
}

# A connection with the text of both tuples' second half
pair() { # CLIENT SERVER ORIGINAL REPLY [BETWEEN]
	echo "src=$1 dst=$2 $3${5-}src=$2 dst=$1 $4"
}

unreplied='\[UNREPLIED\] '
end="mark=0 zone=0 use=2"

of_each_protocol() { # FAMILY CLIENT SERVER
	local head
	head="$1 +$([ "$1" = ipv4 ] && echo 2 || echo 10)"
	head=${head/ +/     }
	line "$1 UDP, unreplied" "$head udp      17 [1-6]?[0-9]{1,2} $(pair "$2" "$3" \
		"$(ports 5000 7)" "$(ports 7 5000)" "$unreplied")$end"
	line "$1 TCP" "$head tcp      6 43[0-9]{4} ESTABLISHED $(pair "$2" "$3" \
		"$(ports 5001 7)" "$(ports 7 5001)")\[ASSURED\] mark=4294967295 zone=0 use=2"
	line "$1 GRE" "$head gre      47 [1-6]?[0-9]{1,2} timeout=600, stream_timeout=180 $(pair "$2" "$3" \
		"srckey=0x0 dstkey=0x0 " "srckey=0x0 dstkey=0x0 " "$unreplied")$end"
	line "$1 GRE of PPTP" "$head gre      47 [1-6]?[0-9]{1,2} timeout=600, stream_timeout=180 $(pair "$2" "$3" \
		"srckey=0x0 dstkey=0x5 " "srckey=0x5 dstkey=0x0 " "$unreplied")$end"
	line "$1 protocol 50" "$head unknown  50 5[0-9][0-9] $(pair "$2" "$3" "" "" "$unreplied")$end"
	line "$1 protocol 99" "$head unknown  99 5[0-9][0-9] $(pair "$2" "$3" "" "" "$unreplied")$end"
}

udp_zone() { # PORT
	hosts udp z client $s4 "$1" 5000 && hosts fire z && hosts close z
}

zones() {
	local udp="ipv4     2 udp      17 [1-6]?[0-9]{1,2} src=$c4 dst=$s4"
	udp_zone 17
	line "a zone" "$udp $(ports 5000 17)${unreplied}src=$s4 dst=$c4 $(ports 17 5000)mark=0 zone=7 use=2"
	udp_zone 18
	line "a zone of the original direction" \
		"$udp $(ports 5000 18)zone-orig=8 ${unreplied}src=$s4 dst=$c4 $(ports 18 5000)mark=0 use=2"
	udp_zone 19
	line "a zone of the reply direction" \
		"$udp $(ports 5000 19)${unreplied}src=$s4 dst=$c4 $(ports 19 5000)zone-reply=9 mark=0 use=2"
}

counters() {
	local udp="ipv4     2 udp      17 [1-6]?[0-9]{1,2} "
	hosts write router $settings/nf_conntrack_acct 1
	hosts udp n client $s4 20 5000 && hosts fire n 10
	line "counters" "$udp$(pair $c4 $s4 "$(ports 5000 20)packets=1 bytes=38 " \
		"$(ports 20 5000)packets=0 bytes=0 " "$unreplied")$end"
	hosts fire n 100
	line "counters that count" "$udp$(pair $c4 $s4 "$(ports 5000 20)packets=2 bytes=166 " \
		"$(ports 20 5000)packets=0 bytes=0 " "$unreplied")$end"
	hosts close n
	hosts write router $settings/nf_conntrack_acct 0
	hosts write router $settings/nf_conntrack_timestamp 1
	udp_zone 21
	line "its age" "$udp$(pair $c4 $s4 "$(ports 5000 21)" "$(ports 21 5000)" \
		"$unreplied")mark=0 zone=0 delta-time=[0-9]+ use=2"
	sleep 2
	line "its age grows" "$udp$(pair $c4 $s4 "$(ports 5000 21)" "$(ports 21 5000)" \
		"$unreplied")mark=0 zone=0 delta-time=([2-9]|[1-9][0-9]+) use=2"
	hosts write router $settings/nf_conntrack_timestamp 0
}

echo_requests() {
	client ping -q -c 1 -W 30 $s4 >/dev/null
	client ping -q -c 1 -W 30 fd00:2::2 >/dev/null
	line "echo" "ipv4     2 icmp     1 [1-6]?[0-9]{1,2} src=$c4 dst=$s4 type=8 code=0 id=[0-9]+ src=$s4 dst=$c4 type=0 code=0 id=[0-9]+ $end"
	line "echo of ICMPv6" "ipv6     10 icmpv6   58 [1-6]?[0-9]{1,2} src=$c6 dst=$s6 type=128 code=0 id=[0-9]+ src=$s6 dst=$c6 type=129 code=0 id=[0-9]+ $end"
}

# A new setting is in force for the next packet.
settings_work() {
	hosts write router $settings/nf_conntrack_udp_timeout 7777
	udp_zone 22
	line "a timeout set" "ipv4     2 udp      17 7[67][0-9]{2} .*sport=5000 dport=22 .*"
	hosts write router $settings/nf_conntrack_udp_timeout 600
	udp_zone 22
	line "a timeout set back" "ipv4     2 udp      17 [1-6]?[0-9]{1,2} .*sport=5000 dport=22 .*"
}

offloaded() {
	has_module nf_flow_table_inet || {
		skip "a connection in the flow table" "no nf_flow_table_inet"
		return
	}
	check "the flow table's module loads" modprobe nf_flow_table_inet
	router sysctl -qw net.netfilter.nf_flowtable_tcp_timeout=600
	check "a flow table" router nft -f - <<-END
		table inet f {
			flowtable ft { hook ingress priority 0; devices = { r0, r1 }; }
			chain fw {
				type filter hook forward priority 1
				meta l4proto tcp th dport 8 flow add @ft
			}
		}
	END
	hosts connect o client $s4 8 5002 >/dev/null && hosts talk o 3000 && hosts talk o 3000
	line "a connection in the flow table" "ipv4     2 tcp      6 $(pair $c4 $s4 \
		"$(ports 5002 8)" "$(ports 8 5002)")\[OFFLOAD\] mark=4294967295 zone=0 use=[0-9]+"
	hosts abort o
	router nft delete table inet f
}

say() { # PORT FORMAT: a datagram from port 5060 of the client
	client /usr/bin/python3 -IS -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.1.2", 5060))
s.sendto(sys.argv[2].encode().decode("unicode_escape").encode(), ("10.0.2.2", int(sys.argv[1])))' "$@"
}

expected() { # NAME REGULAR-EXPRESSION
	check "$1" hosts find router $expect "^$2\$"
}

expectations() {
	local sdp body
	say 69 '\0\1file\0octet\0'
	expected "expected: TFTP" "[123]?[0-9]{1,2} l3proto = 2 proto=17 src=$s4 dst=$c4 $(ports 0 5060)tftp"
	sdp='v=0\r\no=- 1 1 IN IP4 10.0.1.2\r\ns=-\r\nc=IN IP4 10.0.1.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n'
	body="INVITE sip:b@10.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.2:5060\r\nFrom: <sip:a@10.0.1.2>;tag=1\r\nTo: <sip:b@10.0.2.2>\r\nContact: <sip:a@10.0.1.2:5060>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n$sdp"
	say 5060 "$body"
	expected "expected: a class of SIP" "[0-9]+ l3proto = 2 proto=17 src=$s4 dst=$c4 $(ports 0 6000)sip/audio"
	say 5060 'REGISTER sip:10.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.2:5060\r\nFrom: <sip:a@10.0.1.2>;tag=1\r\nTo: <sip:a@10.0.2.2>\r\nContact: <sip:a@10.0.1.2:5061>\r\nCall-ID: 2\r\nCSeq: 2 REGISTER\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n'
	expected "expected: with flags" "[0-9]+ l3proto = 2 proto=17 src=$s4 dst=$c4 $(ports 0 5061)PERMANENT,INACTIVE sip/signalling"
	check "nothing expected elsewhere" prints_nothing client cat $expect
}

# The sum of a column of the statistics, over the CPUs
column() { # NUMBER, from 1
	local -a cells
	local sum=0
	while read -ra cells; do
		[ "${cells[0]}" = entries ] || sum=$((sum + 16#${cells[$1 - 1]}))
	done < <(router cat $stat)
	echo $sum
}
invalid=5 expect_create=15 expect_delete=16

# What has just ended may be counted, and no more be listed.
same_number() {
	local lines
	lines=$(router cat $table) && lines=$(wc -l <<<"$lines") &&
		is_equal "$lines $(printf %08x "$lines")" "$(router cat $settings/nf_conntrack_count) $(
			router awk 'NR == 2 { print $1 }' $stat)"
}

statistics() {
	local before header
	header="entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart"
	check_equal "statistics: header" "$header" "$(router head -n 1 $stat)"
	check_equal "statistics: a line for each CPU" "$(nproc --all)" \
		"$(router grep -cE '^[0-9a-f]{8} ( [0-9a-f]{8}){12}  [0-9a-f]{8}( [0-9a-f]{8}){3}$' $stat)"
	check "statistics: entries are the lines of the table" wait_for 20 same_number
	before=$(column $invalid)
	hosts segment client $s4 5003 80 R
	check "statistics: an invalid packet" wait_for 20 eval "[ \$(column $invalid) = $((before + 1)) ]"
	check_equal "statistics: expectations made" "$(router cat $expect | wc -l)" \
		"$(($(column $expect_create) - $(column $expect_delete)))"
}

may_not_read() { # FILE
	fails_with 'Permission denied' \
		router setpriv --reuid 65534 --regid 65534 --clear-groups cat "$1"
}

files() {
	check_equal "modes and owners" "440 root root 440 root root 444 root root" \
		"$(router stat -c '%a %U %G' $table $expect $stat | paste -sd' ')"
	check "nobody may not read the connections" may_not_read $table
	check "nobody may not read the expectations" may_not_read $expect
	check "nobody may read the statistics" \
		router setpriv --reuid 65534 --regid 65534 --clear-groups cat $stat
	check "another namespace's connections stay its own" prints_nothing server cat $table
}

# Reads all of the table with reads of each of the SIZES, from the start again and again
reader() { # TIMES SIZE...
	router /usr/bin/python3 -IS - "$@" <<-'END'
		import os, re, sys
		fd = os.open("/proc/net/nf_conntrack", os.O_RDONLY)
		for size in list(map(int, sys.argv[2:])) * int(sys.argv[1]):
		    os.lseek(fd, 0, os.SEEK_SET)
		    text = b"".join(iter(lambda: os.read(fd, size), b"")).decode()
		    ports = re.findall(r"^ipv4     2 udp .* sport=(\d+) dport=9 \[", text, re.M)
		    missing = set(map(str, range(20000, 20500))) - set(ports)
		    twice = {p for p in ports if ports.count(p) > 1}
		    if missing or twice or not text.endswith("\n"):
		        sys.exit(f"reads of {size}: missing {sorted(missing)}, twice {sorted(twice)}")
	END
}

while_things_change() {
	local slots status
	hosts write router $settings/nf_conntrack_udp_timeout 1
	hosts flood f client $s4
	while sleep 0.2; do
		for slots in 2000 60000; do
			echo $slots >$settings/nf_conntrack_buckets
		done
	done &
	reader 3 100 4096 1000000
	status=$?
	kill $!
	hosts calm f
	return $status
}

whole_table() {
	hosts write router $settings/nf_conntrack_udp_timeout 1000
	client /usr/bin/python3 -IS - <<-END
		import socket, time
		for port in range(20000, 20500):
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.bind(("", port))
		    s.sendto(b"x", ("10.0.2.2", 9))
		    if port % 50 == 0:
		        time.sleep(0.05)
	END
	wait_for 20 eval "[ \"\$(router grep -c ' dport=9 .UNREPLIED' $table)\" = 500 ]"
	check_equal "500 connections" 500 "$(router grep -c ' dport=9 .UNREPLIED' $table)"
	check "each once" reader 1 1000000
	# The in-tree module forgets some between two reads.
	if ours; then
		check "each once with small reads" reader 1 100 4096
		check "each once while others come and go and the table is resized" while_things_change
	fi
	hosts write router $settings/nf_conntrack_udp_timeout 30
}

network
# No answers: each connection is to show what the test has sent.
server nft -f - <<-END
	table inet t {
		chain in {
			type filter hook input priority 0
			ip protocol { 33, 47, 50, 99, 132 } drop
			ip6 nexthdr { 33, 47, 50, 99, 132 } drop
			udp dport != 7 drop
		}
	}
END
check "rules" rules
long_lives
hosts_up
hosts listen server 7 8

hosts udp u4 client $s4 7 5000 && hosts fire u4
hosts udp u6 client fd00:2::2 7 5000 && hosts fire u6
hosts connect t4 client $s4 7 5001 >/dev/null
hosts connect t6 client fd00:2::2 7 5001 >/dev/null
hosts write router $settings/nf_conntrack_checksum 0
hosts write router $settings/nf_conntrack_gre_timeout 600
for state in closed cookie_wait; do
	hosts write router $settings/nf_conntrack_sctp_timeout_$state 600
done
raw_packets
of_each_protocol ipv4 $c4 $s4
of_each_protocol ipv6 $c6 $s6
line "SCTP" "ipv4     2 sctp     132 [1-6]?[0-9]{1,2} [A-Z_]+ $(pair $c4 $s4 "$(ports 4000 4001)" \
	"$(ports 4001 4000)" "$unreplied")$end"
line "DCCP" "ipv4     2 dccp     33 [12]?[0-9]{1,2} REQUEST $(pair $c4 $s4 "$(ports 4000 4001)" \
	"$(ports 4001 4000)" "$unreplied")$end"
echo_requests
zones
counters
settings_work
offloaded
expectations
statistics
files
whole_table

finish
