#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Open vSwitch in the kernel with ct(): a stateful policy, marks and labels, zones, NAT, the helper
# of FTP, timeouts, a limit for a zone.
. "$(dirname "$0")/lib.sh"
software ovsdb-server ovs-vsctl ovs-ofctl ovs-appctl
needs_module openvswitch
daemon=/usr/lib/openvswitch-switch/ovs-vswitchd
/usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || skip_all "no pyftpdlib"

switch() {
	mkdir -p /var/run/openvswitch /var/log/openvswitch /etc/openvswitch
	ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema &&
		inside router ovsdb-server --remote=punix:/var/run/openvswitch/db.sock --pidfile --detach \
			/etc/openvswitch/conf.db &&
		ovs-vsctl --no-wait init &&
		inside router $daemon --pidfile --detach --log-file=/run/vswitchd.log unix:/var/run/openvswitch/db.sock &&
		ovs-vsctl --timeout=60 add-br br0 -- set-fail-mode br0 secure -- add-port br0 r0 -- \
			set interface r0 ofport_request=1 -- add-port br0 r1 -- set interface r1 ofport_request=2
}

flows() {
	ovs-ofctl add-flows br0 - <<-'END'
		table=0,priority=10,arp,actions=normal
		table=0,priority=5,udp,in_port=1,actions=ct(table=2,zone=9,nat)
		table=0,priority=5,udp,in_port=2,actions=ct(table=2,zone=9,nat)
		table=0,priority=1,ip,actions=ct(table=1,zone=7)
		table=1,priority=9,ct_state=+inv+trk,actions=drop
		table=1,priority=8,ct_state=+new+trk,tcp,in_port=1,tp_dst=21,actions=ct(commit,zone=7,alg=ftp),2
		table=1,priority=8,ct_state=+new+rel+trk,tcp,actions=ct(commit,zone=7),normal
		table=1,priority=7,ct_state=+new+trk,tcp,in_port=1,tp_dst=7,actions=ct(commit,zone=7,exec(set_field:42->ct_mark,set_field:0x20->ct_label)),2
		table=1,priority=7,ct_state=+new+trk,icmp,in_port=1,actions=ct(commit,zone=7),2
		table=1,priority=6,ct_state=+est+trk,ct_mark=42,ct_label=0x20,actions=normal
		table=1,priority=5,ct_state=+est+trk,ct_mark=0,actions=normal
		table=2,priority=7,ct_state=+new+trk,udp,in_port=1,actions=ct(commit,zone=9,nat(src=10.9.0.77)),2
		table=2,priority=6,ct_state=+est+trk,actions=normal
	END
}

of_zone() { # ZONE
	ovs-appctl dpctl/dump-conntrack zone="$1" 2>/dev/null | sed -E '
		s/port=(3[2-9]|[4-6][0-9])[0-9]{3}/port=any/g; s/,id=[0-9]+/,id=any/g' | sort
}

network
ftp_server
hosts_up
ip -n client addr add 10.9.0.2/24 dev c0
ip -n server addr add 10.9.0.3/24 dev s0
ip -n server addr add 10.9.0.77/32 dev lo
hosts listen server 7 9
hosts listen client 7
check "the switch" switch || { tail /run/vswitchd.log; finish; }
check "flows" flows
check "a ping gets through" wait_for 30 client ping -c 1 -W 2 10.9.0.3
check "TCP that may" hosts connect a client 10.9.0.3 7 5000
check "its data" hosts talk a 100000
check "TCP to another port may not" kept_out b client 10.9.0.3 9 0 "" 2
check "nor the other way" kept_out c server 10.9.0.2 7 0 "" 2
check "it has zone, mark and label" eval 'router conntrack -L -p tcp -o extended 2>/dev/null | grep "mark=42.*zone=7"'
check "the switch says the same" eval 'of_zone 7 | grep "sport=5000.*zone=7,mark=42,labels=0x20"'
check "FTP" wait_for 30 hosts ftp f client 10.9.0.3 21
check "FTP makes ready for data" hosts ftp_prepare f passive
check "the data connection is related" hosts ftp_get f file 60000
ip -n server addr del 10.9.0.77/32 dev lo
ip -n client neigh flush all
server socat UDP-LISTEN:5353,fork,reuseaddr SYSTEM:'echo $SOCAT_PEERADDR' &
listener=$!
ip -n server neigh add 10.9.0.77 lladdr "$(client cat /sys/class/net/c0/address)" dev s0
check "UDP with NAT" wait_for 20 eval \
	'[ "$(echo x | client socat -t3 - UDP:10.9.0.3:5353,sourceport=6000,reuseaddr)" = 10.9.0.77 ]'
kill $listener
shows zone7 of_zone 7
shows zone9 of_zone 9
check "a limit for a zone" ovs-appctl dpctl/ct-set-limits zone=7,limit=1
shows limit ovs-appctl dpctl/ct-get-limits zone=7
check "those of before don't count" hosts connect f client 10.9.0.3 7
check "it holds" kept_out d client 10.9.0.3 7 0 "" 2
check "what is there goes on" hosts talk a 1000
check "no limit any more" ovs-appctl dpctl/ct-del-limits zone=7
check "a new one" hosts connect e client 10.9.0.3 7 5001
check "a zone is flushed" ovs-appctl dpctl/flush-conntrack zone=7
check_equal "it is empty" "" "$(of_zone 7)"
check "the switch stops" ovs-appctl -t ovs-vswitchd exit --cleanup
check "the kernel's log is clean" kernel_is_content
finish
