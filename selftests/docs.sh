#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each command that the guides show ("    $ COMMAND") does what it does without an error.

. "$(dirname "$0")/lib.sh"

top=$(realpath "$(dirname "$0")/..")
PATH=$PATH:$top/build/tools/cttop

# What the commands look at: connections of a host, and a packet that is of none.
something_to_see() {
	iptables -A INPUT -m conntrack --ctstate INVALID -j DROP
	ip link set lo up
	ip addr add 192.0.2.7/32 dev lo
	sysctl -qw net.netfilter.nf_conntrack_icmp_timeout=600
	ping -q -c 1 -I 192.0.2.7 127.0.0.1 >/dev/null
	/usr/bin/python3 -IS -c 'import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.sendto(b"\0\0\xff\xff\0\0\0\0", ("127.0.0.1", 0))'
}

for program in iptables nft nfct conntrack cttop; do
	command -v $program >/dev/null || skip_all "no $program"
done
ours || modprobe nf_conntrack
ours || skip_all "what the guides tell is not the in-tree module's"
mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null
network
something_to_see

for guide in tuning troubleshooting; do
	commands=$(sed -n 's/^ *\$ //p' "$top/Documentation/$guide.md")
	check "$guide.md shows commands" test -n "$commands"
	while IFS= read -r command; do
		check "$guide.md: $command" bash -o pipefail -c "$command"
	done <<<"$commands"
done
finish
