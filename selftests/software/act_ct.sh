#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tc's action ct: a stateful policy without any rule of netfilter, marks, a zone, NAT.
. "$(dirname "$0")/lib.sh"

# TCP of the client's may go out, what is established may pass, nothing else of TCP; UDP gets
# another address.
policy() {
	router tc qdisc add dev r0 clsact && router tc qdisc add dev r1 clsact || return
	filter r0 0 'ct_state -trk ip_proto tcp' action ct zone 5 pipe action goto chain 1 &&
		filter r0 1 'ct_state +trk+new ip_proto tcp dst_port 7' action ct commit zone 5 mark 0x2a/0xff pipe action ok &&
		filter r0 1 'ct_state +trk+est' action ok &&
		filter r0 1 'ct_state +trk' action drop &&
		filter r0 0 'ct_state -trk ip_proto udp' action ct zone 6 nat pipe action goto chain 2 &&
		filter r0 2 'ct_state +trk+new' action ct commit zone 6 nat src addr 10.0.2.99 pipe action ok &&
		filter r0 2 'ct_state +trk' action ok &&
		filter r1 0 'ct_state -trk ip_proto tcp' action ct zone 5 pipe action goto chain 1 &&
		filter r1 0 'ct_state -trk ip_proto udp' action ct zone 6 nat pipe action ok &&
		filter r1 1 'ct_state +trk+est ct_mark 0x2a/0xff' action ok &&
		filter r1 1 'ct_state +trk' action drop
}

preference=0
filter() { # DEVICE CHAIN MATCHES ACTION...
	preference=$((preference + 1))
	# shellcheck disable=SC2086
	router tc filter add dev "$1" ingress prio $preference protocol ip chain "$2" flower $3 "${@:4}"
}

network
long_lives
needs_module act_ct cls_flower sch_ingress
hosts_up
hosts listen server 7 8 9
hosts listen client 7
check "filters" policy
check "TCP that may" hosts connect a client 10.0.2.2 7 5000
check "its data" hosts talk a 100000
check "another port may not" kept_out b client 10.0.2.2 9 0 "" 2
check "nor the other way" kept_out c server 10.0.1.2 7 0 "" 2
hosts segment server 10.0.1.2 7 5555 A
check "an ACK of no connection is dropped" no_entry 'dport=5555 '
# established ones are in act_ct's flow table
check "the mark and the zone" has_entry 'tcp .*sport=5000 .*OFFLOAD.*mark=42.*zone=5'
check "UDP" hosts udp u client 10.0.2.2 8 5001
ip -n server route add 10.0.2.99 via 10.0.2.1
check_equal "it gets there from the other address" "10.0.2.99 5001" "$(hosts ask u | cut -d' ' -f1,2)"
check "and is answered" hosts answer u
shows connections connections
check "the end of TCP is seen" eval 'hosts close a && wait_for 5 has_entry "TIME_WAIT.*sport=5000 "'
check "filters go" eval 'router tc qdisc del dev r0 clsact && router tc qdisc del dev r1 clsact'
check "the module unloads" wait_for 20 rmmod act_ct
check "the kernel's log is clean" kernel_is_content
finish
