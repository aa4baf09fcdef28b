#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each command that the guides show ("    $ COMMAND") does what it does without an error, and
# prints what it is there for.

. "$(dirname "$0")/lib.sh"

top=$(realpath "$(dirname "$0")/..")
PATH=$PATH:$top/build/tools/cttop

# What the commands look at: connections of two hosts, a rule, and packets that are of no
# connection, again and again.
something_to_see() {
	iptables -A INPUT -m conntrack --ctstate INVALID -j DROP
	router nft 'table inet t { chain c { type filter hook forward priority 0; ct state invalid drop; }; }'
	ip link set lo up
	ip addr add 192.0.2.7/32 dev lo
	sysctl -qw net.netfilter.nf_conntrack_icmp_timeout=600
	ping -q -c 1 -I 192.0.2.7 127.0.0.1 >/dev/null
	conntrack -I -p tcp -s 10.0.1.2 -d 10.0.2.2 --sport 5000 --dport 443 --state ESTABLISHED \
		-u SEEN_REPLY,ASSURED -t 6000
	/usr/bin/python3 -IS -c 'import socket, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
while True:
    raw.sendto(b"\xc8\0\x37\xff\0\0\0\0", ("127.0.0.1", 0)) # there is no such type
    time.sleep(0.1)' &
	invalid=$!
	disown
}

# A line that COMMAND has to print, as a regular expression; empty if it prints nothing
purpose() { # COMMAND
	case $1 in
	echo* | iptables* | nfct\ add* | modprobe*) ;;
	"sysctl -w "*) echo "^net\..* = ${1##*=}$" ;;
	"sysctl "*) echo '^net\..* = [0-9]+$' ;;
	"grep reason "*) echo '^reason [a-z0-9-]+ [1-9]' ;;
	"cttop "*) echo '^192\.0\.2\.7 ' ;;
	"conntrack -L --src "*) echo 'src=10\.0\.1\.2 dst=10\.0\.2\.2 ' ;;
	"conntrack -L -p tcp "*) echo '^tcp .* dst=10\.0\.2\.2 ' ;;
	"conntrack -L expect") echo '^conntrack .*: [0-9]+ expectations have been shown' ;;
	"conntrack -D "*) echo '^icmp .*src=192\.0\.2\.7 ' ;;
	"conntrack -S") echo '^cpu=0 .*insert_failed=0 ' ;;
	"ip netns exec router conntrack "*) echo 'flow entries have been shown' ;;
	"ip netns exec router nft "*) echo 'ct state invalid' ;;
	*/tracing/trace) echo ' ct_invalid: .* reason=' ;;
	*/version) grep -F . "$top/VERSION" ;;
	"modinfo -n "*) echo '/nf_conntrack\.ko' ;;
	*) echo . ;;
	esac
}

# Where the guide shows lines, too, there are such: their first words.
does() { # COMMAND [SHOWN LINE...]
	local out wanted line
	# Events have just been turned on, and packets take a moment to come.
	[[ $1 != */tracing/trace ]] || wait_for 20 grep -q ' ct_invalid: ' /sys/kernel/tracing/trace
	out=$(bash -o pipefail -c "$1" 2>&1 </dev/null) || { echo "$out"; return 1; }
	wanted=$(purpose "$1")
	if [ -z "$wanted" ]; then
		is_equal "" "$out" || return
	else
		grep -qE -- "$wanted" <<<"$out" || is_equal "a line with $wanted" "$out" || return
	fi
	for line in "${@:2}"; do
		grep -q "^${line%% *} " <<<"$out" || is_equal "a line like $line" "$out" || return
	done
}

needs_program iptables nft nfct conntrack cttop
needs_module nf_conntrack
ours || skip_all "what the guides tell is not the in-tree module's"
mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null
network
something_to_see

# Lines after a command, as far in as that, are what it prints.
try() { # [COMMAND [SHOWN LINE...]]
	[ $# = 0 ] || check "$guide.md: $1" does "$@"
}

for guide in tuning troubleshooting; do
	words=()
	before=$tests_done
	while IFS= read -r line; do
		if [[ $line =~ ^\ +\$\ (.*) ]]; then
			try "${words[@]}"
			words=("${BASH_REMATCH[1]}")
		elif [[ $line =~ ^\ {4,}([^ ].*) && ${#words[@]} -gt 0 ]]; then
			words+=("${BASH_REMATCH[1]}")
		else
			try "${words[@]}"
			words=()
		fi
	done < <(cat "$top/Documentation/$guide.md"; echo)
	check "$guide.md shows commands" test $tests_done -gt "$before"
done
kill $invalid
finish
