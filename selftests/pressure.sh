#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A namespace that is nearly full, and one that is full; what is told about it.
. "$(dirname "$0")/lib.sh"

needs_module nf_conntrack
ours || skip_all "the in-tree module has nothing of it"

dir=/proc/sys/net/netfilter

set_to() { # NAME VALUE: a sysctl of the router
	hosts write router $dir/"$1" "$2"
}

value_of() { # NAME
	hosts cat router $dir/"$1"
}

count() {
	value_of nf_conntrack_count
}

summary() { # LINE'S BEGINNING: what follows it
	router sed -n "s/^$1 //p" /proc/net/stat/nf_conntrack_ng
}

reason() {
	summary "reason $1"
}

column() { # NAME: of /proc/net/stat/nf_conntrack, summed up
	local at=0 sum=0 words
	{
		read -r -a words
		until [ "${words[at]}" = "$1" ]; do at=$((at + 1)); done
		while read -r -a words; do sum=$((sum + 16#${words[at]})); done
	} < <(router cat /proc/net/stat/nf_conntrack)
	echo $sum
}

# Sends a datagram from each of so many ports; nobody listens, and no error comes back.
datagrams() { # FIRST PORT, HOW MANY, SECONDS to wait after each six
	client python3 -IS - "$1" "$2" "${3-0}" <<-'END'
		import socket, sys, time
		first, many, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
		for port in range(first, first + many):
		    time.sleep(0 if port % 6 else pause)
		    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		        s.bind(("10.0.1.2", port))
		        s.sendto(b"x", ("10.0.2.2", 4000))
	END
}

rest() { # PORT: seconds that a datagram's connection has left
	hosts cat router /proc/net/nf_conntrack "sport=$1 " | awk '{ print $5 }' | head -n 1
}

between() { # LEAST MOST NUMBER
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ] || { echo "$3 is not between $1 and $2"; return 1; }
}

refused() { # NAME VALUE
	local before
	before=$(value_of "$1") && fails_with 'Errno 22\]' set_to "$1" "$2" &&
		is_equal "$before" "$(value_of "$1")"
}

thresholds() {
	echo "$(value_of nf_conntrack_adaptive_start) $(value_of nf_conntrack_adaptive_end)"
}

flush() {
	router conntrack -F >/dev/null 2>&1
	wait_for 10 is_empty
}

is_empty() {
	[ "$(count)" -le 2 ] # neighbours may be asked for at any time
}

limits() {
	local host
	host=$(cat $dir/nf_conntrack_max)
	check_equal "a namespace has the host's maximum" "$host" "$(value_of nf_conntrack_max)"
	check "it may set a lower one" set_to nf_conntrack_max 1000
	check_equal "which is its own" "1000 $host" \
		"$(value_of nf_conntrack_max) $(cat $dir/nf_conntrack_max)"
	check "a higher one is refused" refused nf_conntrack_max $((host + 1))
	check "so is nonsense" refused nf_conntrack_max -1
	check "the host's may be lower still" eval \
		"echo 900 >$dir/nf_conntrack_max && is_equal 900 \$(value_of nf_conntrack_max)"
	echo "$host" >$dir/nf_conntrack_max
	check_equal "and is gone then" 1000 "$(value_of nf_conntrack_max)"
	check_equal "adaptive timeouts begin at 60 %, end at 120 %" "600 1200" "$(thresholds)"
	check "an end of one's own" set_to nf_conntrack_adaptive_end 900
	check "a start behind it is refused" refused nf_conntrack_adaptive_start 900
	check "a start of one's own" set_to nf_conntrack_adaptive_start 800
	check "an end before it is refused" refused nf_conntrack_adaptive_end 800
	check "less than -1 is refused" refused nf_conntrack_adaptive_start -2
	set_to nf_conntrack_max 500
	check_equal "both stay when the maximum changes" "800 900" "$(thresholds)"
	set_to nf_conntrack_adaptive_end -1
	check_equal "an end that follows stays behind the start" "800 1600" "$(thresholds)"
	set_to nf_conntrack_max 1000
	check_equal "and follows where that is behind the start" "800 1200" "$(thresholds)"
	set_to nf_conntrack_adaptive_start -1
	set_to nf_conntrack_adaptive_end 500
	check_equal "a start that follows stays before the end" "250 500" "$(thresholds)"
	set_to nf_conntrack_adaptive_end 0
	check_equal "or where it is if there is no end" "600 0" "$(thresholds)"
	set_to nf_conntrack_adaptive_end -1
	check_equal "-1 has both follow the maximum" "600 1200" "$(thresholds)"
	check "0 gives the maximum back to the host" set_to nf_conntrack_max 0
	check_equal "again" "$host" "$(value_of nf_conntrack_max)"
}

# A connection of UDP has 100 s here, a multiple of what a busy machine takes from one line to the next.
scaling() {
	set_to nf_conntrack_max 1000
	set_to nf_conntrack_udp_timeout 100
	set_to nf_conntrack_tcp_timeout_established 400
	# No deadline of these two is to wake whoever removes what expired.
	set_to nf_conntrack_tcp_timeout_syn_sent 400
	set_to nf_conntrack_tcp_timeout_syn_recv 400
	datagrams 10000 500
	check "all of the timeout up to the start" between 70 100 "$(rest 10000)"
	check_equal "says the summary" 100.0% "$(summary adaptive | awk '{ print $NF }')"
	datagrams 11000 400
	check "about half of it in between" between 25 55 "$(rest 11399)"
	hosts connect c client 10.0.2.2 7
	check "an assured connection has the floor" between 250 300 \
		"$(hosts cat router /proc/net/nf_conntrack 'tcp ' 'dport=7 ' | awk '{ print $5 }')"
	set_to nf_conntrack_adaptive_end 0
	check "all of it when turned off" between 70 100 "$(rest 11399)"
	# Whoever removes them has seen by then that there is nothing to do for long.
	sleep 3
	set_to nf_conntrack_adaptive_end 1000
	set_to nf_conntrack_adaptive_start 500
	check "older ones leave, by and by" wait_for 60 at_most 800
	check "for that reason" between 50 450 "$(reason adaptive-timeout)"
	check "no more of them than need be" between 500 800 "$(count)"
	set_to nf_conntrack_adaptive_start -1
	set_to nf_conntrack_adaptive_end -1
	check "the assured connection works" hosts talk c
	hosts close c
	flush
	set_to nf_conntrack_udp_timeout 600
	set_to nf_conntrack_tcp_timeout_established 432000
	set_to nf_conntrack_tcp_timeout_syn_sent 120
	set_to nf_conntrack_tcp_timeout_syn_recv 60
}

at_most() {
	[ "$(count)" -le "$1" ]
}

more_than() { # NUMBER REASON
	[ "$(reason "$2")" -gt "$1" ]
}

# Whoever removes what expired sleeps until the first unscaled deadline, after 60 s. With 290
# connections and a maximum of 300 a third of that is over 20 s after they came.
woken() { # WHOSE COMMAND...: that writes 300 as the maximum
	local before
	set_to nf_conntrack_udp_timeout 60
	datagrams 14000 290
	sleep 3
	before=$(reason adaptive-timeout)
	check "a write to $1 scales timeouts" "${@:2}"
	check "and wakes who looks at them" wait_for 50 more_than "$before" adaptive-timeout
	flush
	set_to nf_conntrack_udp_timeout 600
}

waking() {
	local host
	host=$(cat $dir/nf_conntrack_max)
	woken "the maximum" set_to nf_conntrack_max 300
	set_to nf_conntrack_max 0
	woken "the host's maximum" eval "echo 300 >$dir/nf_conntrack_max"
	echo "$host" >$dir/nf_conntrack_max
}

eviction() {
	local failed dropped early held i
	set_to nf_conntrack_adaptive_start 0
	set_to nf_conntrack_max 200
	hosts connect c client 10.0.2.2 7
	failed=$(reason table-full)
	early=$(column early_drop)
	datagrams 20000 1500
	check "no more than the maximum" at_most 200
	check "each new one got a place" is_equal "$failed" "$(reason table-full)"
	check "of an older one" [ $(($(column early_drop) - early)) -ge 1250 ]
	check "the last one is there" hosts cat router /proc/net/nf_conntrack "sport=21499 "
	check "the established one too" hosts talk c
	check "new ones connect" hosts connect d client 10.0.2.2 7
	check "and talk" hosts talk d
	flush
	hosts close c
	hosts close d

	set_to nf_conntrack_max 20
	for i in {1..24}; do
		hosts connect a$i client 10.0.2.2 7 0 "" 10 >/dev/null 2>&1 || break
	done
	held=$((i - 1))
	check "a table full of established ones takes no new one" between 18 20 $held
	check "and says who has them" eval \
		"dmesg | grep -E 'nf_conntrack: table full, dropping packet \([0-9]+ of [0-9]+ connections looked at are from 10.0.1.2\)'"
	check "that's counted" [ "$(reason table-full)" -gt "$failed" ]
	dropped=$(reason table-full)
	set_to nf_conntrack_evict_established 1
	check "unless they may be evicted" hosts connect b client 10.0.2.2 7
	set_to nf_conntrack_evict_established 0
	hosts close b
	set_to nf_conntrack_adaptive_start -1
	set_to nf_conntrack_adaptive_floor 2
	sleep 3
	check "or have been idle" hosts connect b client 10.0.2.2 7
	check "nothing dropped" is_equal "$dropped" "$(reason table-full)"
	for ((i = held; i > 0; i--)); do
		hosts close a$i
	done
	hosts close b
	set_to nf_conntrack_max 0
	set_to nf_conntrack_adaptive_floor 300
	flush
}

# One entry in 200 may go: a search, which looks at 128, finds one in 47 of 100 cases.
few_may_go() {
	local before refused
	set_to nf_conntrack_adaptive_start 0
	set_to nf_conntrack_max 2000
	seq -f "-A -p tcp -s 10.0.1.2 -d 10.0.2.2 --sport %g --dport 9 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 9999" \
		1 1989 | router conntrack -R - 2>/dev/null
	datagrams 50000 11
	check "a table nearly full of established ones" between 1998 2000 "$(count)"
	before=$(reason table-full)
	datagrams 51000 1000 0.006
	refused=$(($(reason table-full) - before))
	echo "# of 1000, $refused are refused"
	check "new ones get in as often as one is found that may go" between 400 650 $refused
	check "the established ones stay" is_equal 1989 "$(entries 'dport=9 .*ASSURED' | wc -l)"
	set_to nf_conntrack_adaptive_start -1
	set_to nf_conntrack_max 0
	flush
}

# Two processes on two CPUs send the first datagrams of the same flows at the same time.
race() { # NETNS FIRST PORT, HOW MANY, ADDRESSES: one for both, or one each
	ip netns exec "$1" python3 -IS - "$2" "$3" "$4" "$5" <<-'END'
		import os, socket, sys
		first, many = int(sys.argv[1]), int(sys.argv[2])
		socks = [[], []]
		for n in range(many):
		    for who in (0, 1):
		        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
		        s.bind((sys.argv[3 + who], first + n))
		        s.connect(("10.0.2.2", 7))
		        socks[who].append(s)
		a, b = socket.socketpair()
		child = os.fork()
		mine, sync = (socks[1], b) if not child else (socks[0], a)
		os.sched_setaffinity(0, {0 if child else 1})
		for s in mine:
		    sync.send(b"x")
		    sync.recv(1)
		    s.send(b"hello")
		if child:
		    os.waitpid(child, 0)
	END
}

clashes() {
	router iptables -t nat -A POSTROUTING -o r1 -j MASQUERADE
	ip -n client addr add 10.0.1.3/24 dev c0
	check "one flow on two CPUs" race client 30000 400 10.0.1.2 10.0.1.2
	check "two flows for one port" race client 31000 400 10.0.1.2 10.0.1.3
	check_equal "nothing failed to be inserted" "0 0" "$(column insert_failed) $(reason clash)"
	check_equal "each flow has one entry" 1 \
		"$(hosts cat router /proc/net/nf_conntrack sport=30007 | wc -l)"
	ip -n client addr del 10.0.1.3/24 dev c0
	router iptables -t nat -F
	flush
}

trace() { # EVENT: is it in the trace?
	grep -q " $1:" /sys/kernel/tracing/trace
}

# A packet that its helper refuses, since there is no room for what it expects
helper() {
	local room
	room=$(cat $dir/nf_conntrack_expect_max)
	modprobe nf_conntrack_tftp
	router nft -f - <<-END
		table ip h {
			ct helper t { type "tftp" protocol udp; }
			chain c { type filter hook prerouting priority 0; udp dport 69 ct helper set "t"; }
		}
	END
	echo 1 >$dir/nf_conntrack_expect_max
	hosts udp u client 10.0.2.2 69
	hosts udp v client 10.0.2.2 69
	hosts request u
	hosts request v
	wait_for 10 came_up helper
	check_equal "one packet that its helper drops" 1 "$(reason helper)"
	echo "$room" >$dir/nf_conntrack_expect_max
	router nft delete table ip h
	hosts close u
	hosts close v
	flush
}

tracepoints() {
	mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null
	echo 1 >/sys/kernel/tracing/events/conntrack_ng/enable
	echo 1 >/sys/kernel/tracing/events/conntrack_ng_table/enable
	hosts connect t client 10.0.2.2 7
	hosts talk t
	hosts segment client 10.0.2.2 5999 7 SF
	echo 131072 >$dir/nf_conntrack_buckets
	set_to nf_conntrack_max 100
	datagrams 41000 120
	set_to nf_conntrack_max 0
	flush
	for event in ct_new ct_confirm ct_update ct_destroy ct_early_drop ct_invalid ct_reason; do
		check "tracepoint $event" wait_for 20 trace $event
	done
	check "tracepoint ct_resize" wait_for 20 trace ct_resize
	check "addresses can be read" grep -F '[::ffff:10.0.1.2]' /sys/kernel/tracing/trace
	echo 0 >/sys/kernel/tracing/events/enable
	check "why a packet is INVALID can be read" \
		grep -E ' ct_invalid: .* reason=tcp-flags$' /sys/kernel/tracing/trace
	hosts close t
	if command -v perf >/dev/null; then
		check "perf counts" eval "perf stat -x, -a -e conntrack_ng:ct_new -o /tmp/stat ip netns exec client ping -c 2 10.0.2.2 && grep -E '^[1-9][0-9]*,,conntrack_ng:ct_new' /tmp/stat"
	else
		skip "perf counts" "no perf"
	fi
	if command -v bpftrace >/dev/null; then
		timeout 300 bpftrace -e 'BEGIN { printf("ready\n"); }
			tracepoint:conntrack_ng:ct_invalid { @[args->name] = count(); exit(); }' \
			>/tmp/bpftrace &
		wait_for 120 grep -q ready /tmp/bpftrace
		hosts segment client 10.0.2.2 5999 7 SF
		wait $!
		check "bpftrace counts" grep -F '@[tcp-flags]: 1' /tmp/bpftrace
	else
		skip "bpftrace counts" "no bpftrace"
	fi
}

came_up() { # REASON
	[ "$(reason "$1")" -gt 0 ]
}

explained() {
	local name
	for name in $(summary reason | cut -d ' ' -f 1); do
		grep -q "^| \`$name\` " "$(dirname "$0")/../Documentation/full-tables.md" || { echo "$name"; return 1; }
	done
}

told() {
	hosts connect t client 10.0.2.2 7
	datagrams 40000 20
	check "connections by protocol and state" eval \
		"summary 'protocol tcp' | grep -E '^1 unreplied 0 assured 1 offloaded 0 ESTABLISHED 1$'"
	check "and what has no state" eval "summary 'protocol udp' | grep -E '^[0-9]+ unreplied 20 '"
	# in one look: the table may shrink
	check "occupancy adds up to the buckets" router awk '/^buckets / { n = $2 }
		/^occupancy / { for (i = 3; i <= NF; i += 2) s += $i } END { exit !n || s != n }' \
		/proc/net/stat/nf_conntrack_ng
	check "each reason is explained" explained
	set_to nf_conntrack_udp_timeout 1
	datagrams 42000 3
	set_to nf_conntrack_udp_timeout 600
	for name in expired removed early-drop table-full; do
		check "counted as $name" wait_for 30 came_up $name
	done
	check "only root reads it" is_equal 440 \
		"$(ip netns exec router stat -c %a /proc/net/stat/nf_conntrack_ng)"
	hosts close t
}

network
long_lives
hosts_up
hosts listen server 7
router iptables -A FORWARD -m conntrack --ctstate INVALID
router nft add table ip quiet
router nft add chain ip quiet out '{ type filter hook output priority 0; }'
ip netns exec server iptables -A OUTPUT -p icmp --icmp-type port-unreachable -j DROP
limits
scaling
waking
eviction
few_may_go
clashes
told
helper
tracepoints
finish
