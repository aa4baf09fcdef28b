#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vm: alone
# ends with any module
# conntrack-ng swap: connections of three kinds go on while the kernel's own modules are
# replaced by ours, and back, and while that fails: after one of its steps, or with FULL=1 after
# each of them, and in other ways. In the environment: SILENCE, the ms that UDP may be silent.
. "$(dirname "$0")/lib.sh"

needs_program conntrack nft iptables-legacy iptables-nft tc ipvsadm
/usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || skip_all "no pyftpdlib"
dir=/lib/modules/$(uname -r)
[ -e "$dir/updates/nf_conntrack.ko" ] || skip_all "ours is not installed"
swap=$(dirname "$0")/../tools/swap/conntrack-ng
log=/tmp/swap.out
full=${FULL-}
steps=${STEPS:-load}
# Emulated, the swap's programs take seconds for what takes them milliseconds.
silence=2000
! emulated || silence=20000
silence=${SILENCE:-$silence}
[ -z "$full" ] || steps="close flush save unload load:SIGKILL set restore fill verify"

kind() {
	if [ ! -e /sys/module/nf_conntrack ]; then
		echo none
	elif ours; then
		echo conntrack-ng
	else
		echo in-tree
	fi
}

load_in_tree() {
	local name
	modprobe -a nf_defrag_ipv4 nf_defrag_ipv6 libcrc32c nfnetlink
	for name in nf_conntrack nf_conntrack_netlink; do
		insmod "$dir"/kernel/net/netfilter/$name.ko* || return
	done
}

# Rules of all three kinds on the router. The server, an end of the connections, has some, too.
rules() {
	router iptables-legacy-restore <<-END || return
		*nat
		-A POSTROUTING -o r1 -j SNAT --to-source 10.0.2.201
		-A PREROUTING -i r0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.2.2:7
		COMMIT
	END
	router iptables-nft-restore <<-END || return
		*raw
		-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
		COMMIT
		*mangle
		-A PREROUTING -p tcp --dport 7 -m conntrack --ctstate NEW -j CONNMARK --set-mark 42
		COMMIT
		*filter
		:FORWARD DROP
		:own -
		-A FORWARD -m conntrack --ctstate INVALID -m comment --comment invalid -j DROP
		-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -j own
		-A own -p tcp -m multiport --dports 7,9,21 --syn -j ACCEPT
		-A own -p udp -j ACCEPT
		-A own -j REJECT --reject-with icmp-port-unreachable
		COMMIT
	END
	router nft -f - <<-END || return
		table inet own {
			ct timeout slow {
				protocol udp
				l3proto ip
				policy = { unreplied : 300, replied : 600 }
			}
			set known {
				type ipv4_addr
				timeout 1h
				elements = { 10.0.1.9, 10.0.1.3, 10.0.1.7 timeout 30m }
			}
			chain raw {
				type filter hook prerouting priority raw
				udp dport 9 ct zone set 5
				udp sport 9 ct zone set 5
			}
			chain forward {
				type filter hook forward priority 10
				ct state new tcp dport 7 ct label set 5 counter
				ct state new udp dport 8 ct timeout set "slow"
				ip saddr @known counter
			}
		}
	END
	server nft -f - <<-END
		table ip own {
			chain input {
				type filter hook input priority 0; policy drop
				ct state invalid counter drop
				ct state established,related accept
				meta l4proto { tcp, udp } ct state new accept
			}
		}
	END
}

all_rules() {
	{
		router iptables-nft-save
		router iptables-legacy-save
		router nft -s list ruleset
		server nft -s list ruleset
	} 2>/dev/null | sed 's/\[[0-9]*:[0-9]*\]//; /^#/d; s/ expires [0-9a-z]*//'
}

all_sysctls() { # that both modules have
	# shellcheck disable=SC2086
	router grep . $sysctls && server grep . $sysctls
}

connections() { # without what runs on
	router conntrack -L -o extended,labels 2>/dev/null |
		sed -E 's/^(\S+ +[0-9]+ \S+ +[0-9]+) [0-9]+/\1/; s/ use=[0-9]+//; s/ +$//' | sort
}

idle_timeout() {
	router conntrack -L -p tcp --orig-port-dst 9 2>/dev/null | awk '{ print $3 }'
}

invalid() {
	router iptables-nft-save -c -t filter 2>/dev/null | sed -n 's/^\[\([0-9]*\):.*comment invalid.*/\1/p'
	server nft list chain ip own input | sed -n 's/.*invalid counter packets \([0-9]*\).*/\1/p'
}

between() { # LOW HIGH NUMBER
	[[ $3 -ge $1 && $3 -le $2 ]] || { echo "$3 is not in $1..$2"; return 1; }
}

remember() {
	remembered=$SECONDS
	before_rules=$(all_rules)
	before_sysctls=$(all_sysctls)
	before_connections=$(connections)
	before_idle=$(idle_timeout)
}

# It runs on meanwhile, and no faster; both ends are rounded.
left_of() { # TIMEOUT as it was
	local now
	now=$(idle_timeout)
	between $(($1 - (SECONDS - remembered) - 2)) "$1" "$now"
}

# The longest silences since the last look, without the time that the machine stood still. UDP
# says at once again what was lost. TCP waits for about as long as nothing got through.
go_on() { # STREAM...
	local said
	said=$(hosts silence "$@") || { echo "$said"; return 1; }
	echo "$said"
	awk -v most="$silence" '$2 > ($1 == "u" ? 1 : 2) * most { bad = 1 }
		END { exit bad || !NR }' <<<"$said" || { echo "longer than $silence ms"; return 1; }
}

# Everything is as it was, and everybody goes on talking.
intact() { # NAME KIND
	check_equal "$1: the module" "$2" "$(kind)"
	check_equal "$1: the rules" "$before_rules" "$(all_rules)"
	check_equal "$1: the sysctls" "$before_sysctls" "$(all_sysctls)"
	check_equal "$1: the connections" "$before_connections" "$(connections)"
	check "$1: what is left of a timeout" left_of "$before_idle"
	check "$1: TCP, UDP, TCP through DNAT, and on the router itself go on" go_on t u d l
	check_equal "$1: INVALID packets" "0 0" "$(invalid | xargs)"
}

transfers() { # NAME
	check "$1: the FTP data connection that was expected" hosts ftp_get f file 60000
	check "$1: a window and beyond" hosts talk w 400000
	check "$1: FTP control connection" hosts ftp_chat f 3
	check "$1: active FTP" hosts ftp_prepare f active
	check "$1: active data" hosts ftp_get f file 60000
	check "$1: new connection" hosts connect n client 10.0.2.2 7
	check "$1: its data" hosts talk n
	hosts close n
}

exits() { # STATUS COMMAND...: its output is in $log
	local got=0
	"${@:2}" >$log 2>&1 || got=$?
	[ $got = "$1" ] || { echo "exit status $got"; cat $log; return 1; }
}

says() { # PATTERN
	grep -E "$1" $log || { cat $log; return 1; }
}

network
# a longer address in the commands of FTP, which shifts sequence numbers
ip -n router addr add 10.0.2.201/32 dev r1
ftp_server
hosts_up
hosts listen server 7 8 9
hosts listen router 3128
check "in-tree is loaded" load_in_tree
check_equal "it is" in-tree "$(kind)"
modprobe -a nf_conntrack_ftp nf_nat_ftp iptable_nat
mkdir -p /etc/xtables
echo "5 five" >/etc/xtables/connlabel.conf
check "rules of all kinds" rules
sysctls=$(printf "%s\n" /proc/sys/net/netfilter/nf_conntrack_* | grep -vE '_(count|buckets)$')
router sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=12345 \
	net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_udp_timeout_stream=1700 \
	net.netfilter.nf_conntrack_udp_timeout=1600
# What the tests leave behind is compared as well, and has to outlive them.
for state in fin_wait close_wait last_ack time_wait close; do
	router sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_$state=3600
done

check "TCP" hosts connect t client 10.0.2.2 7 5000
check "TCP for much data" hosts connect w client 10.0.2.2 7 5001
check "TCP through DNAT" hosts connect d client 10.0.1.1 8080 5002
check "TCP that is idle" hosts connect i client 10.0.2.2 9 5003
check "TCP of the router's own" hosts connect l router 127.0.0.1 3128
check "UDP" hosts udp u client 10.0.2.2 8 5004
check "UDP is answered" eval 'hosts ask u && hosts answer u'
check "UDP in a zone" hosts udp z client 10.0.2.2 9 5005
check "UDP in a zone is answered" eval 'hosts ask z && hosts answer z'
wait_for 60 server bash -c 'exec 3<>/dev/tcp/10.0.2.2/21'
check "FTP" hosts ftp f client 10.0.2.2 21
router conntrack -D -p tcp --dport 21 --state TIME_WAIT >/dev/null 2>&1
for stream in t u l d; do
	hosts chat $stream
done
check "UDP is a stream" wait_for 20 eval 'connections | grep -q "sport=5004 .*ASSURED"'
remember
check "there are rules and sysctls" test -n "$before_rules" -a -n "$before_sysctls"
echo "# ${before_connections//$'\n'/$'\n# '}"
for pattern in 'mark=42.*labels=five' 'zone=5' 'helper=ftp' 'dst=10.0.2.201 '; do
	check "there are connections with $pattern" grep -qE "$pattern" <<<"$before_connections"
done

check "dry run" exits 0 "$swap" swap --dry-run
sed 's/^/# /' $log
check "it names the modules" says 'unload and load again: .*xt_conntrack'
check_equal "it has loaded nothing" in-tree "$(kind)"
check_equal "it leaves the rules" "$before_rules" "$(all_rules)"

for to in conntrack-ng in-tree; do
	check "FTP makes ready for data" hosts ftp_prepare f passive
	check "it is expected" eval 'router cat /proc/net/nf_conntrack_expect | grep ftp'
	remember
	check "swap to $to" exits 0 "$swap" swap --to $to
	sed 's/^/# /' $log
	intact "$to" $to
	check "$to: expectations" says '1 expectations'
	transfers "$to"
done

remember
for step in $steps; do
	check "failure at $step" exits 4 env CONNTRACK_NG_FAIL="$step" "$swap" swap
	sed 's/^/# /' $log
	intact "failure at $step" in-tree
done

# A module that the kernel refuses, once the other is gone: one CRC is wrong.
broken_modules() {
	mkdir /tmp/broken || return
	cp "$dir"/updates/nf_conntrack*.ko /tmp/broken
	/usr/bin/python3 - /tmp/broken/nf_conntrack_netlink.ko <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		data[data.index(b"module_layout\0") - 8] ^= 1
		open(sys.argv[1], "wb").write(data)
	END
}

# Whoever started it has gone when packets are held back.
lost_terminal() {
	/usr/bin/python3 - "$swap" <<-'END'
		import os, pty, sys
		pid, terminal = pty.fork()
		if not pid:
		    os.execv(sys.argv[1], [sys.argv[1], "swap"])
		said = b""
		while b"close:" not in said:
		    said += os.read(terminal, 1000)
		os.close(terminal)
	END
}

done_by() { # KIND
	[ "$(kind)" = "$1" ] && prints_no hold router nft list tables &&
		is_equal "" "$(compgen -G '/run/conntrack-ng/table-*')"
}

refused() {
	check "a module that does not load" broken_modules
	check "the swap to it" exits 4 "$swap" swap --modules /tmp/broken
	check "what failed is said" says 'insmod /tmp/broken/nf_conntrack_netlink.ko'
	intact "module that does not load" in-tree
}

blocked() {
	router tc qdisc add dev r0 ingress
	router tc filter add dev r0 ingress protocol ip u32 match ip dport 4444 0xffff action ct
	router ipvsadm -A -u 10.0.2.1:99
	ip netns exec server conntrack -E >/dev/null 2>&1 &
	listener=$!
	wait_for 10 server grep -qE '^\S+ +12 +\S+ +0*[1-9a-f]' /proc/net/netlink
	check "it is blocked" exits 3 "$swap" swap --modules /tmp/nowhere
	check "by tc" says 'BLOCKED: tc has filters with the action of act_ct'
	check "by IPVS" says 'BLOCKED: IPVS has 1 lines of services in router'
	check "by a module that is not there" says 'BLOCKED: .*no nf_conntrack.ko of conntrack-ng in /tmp/nowhere'
	check "a listener is named" says 'note: conntrack .* in server will be told'
	kill $listener
	router ipvsadm -C
	router tc qdisc del dev r0 ingress
	intact "blocked" in-tree
	modprobe -r ip_vs_wlc
}

# It goes on without a terminal, and is stopped by a signal.
abandoned() {
	remember
	check "the terminal is lost" lost_terminal
	check "it goes on to the end" wait_for 60 done_by conntrack-ng
	intact "lost terminal" conntrack-ng
	check "a signal on the way back" exits 4 env CONNTRACK_NG_FAIL=fill:SIGTERM "$swap" swap
	check "it is said" says 'interrupted by SIGTERM'
	intact "signal" conntrack-ng
	check "status" exits 0 "$swap" status
	check "the module" says "module: conntrack-ng $(cat /sys/module/nf_conntrack/version)"
	check "its file" says "file: .*/updates/nf_conntrack.ko"
	check "what is on top" says 'on top: .*xt_conntrack'
	check "the table" says 'table: .*[0-9]* of [0-9]* in router'
}

if [ "$full" ]; then
	check "there is nothing to do" exits 0 "$swap" swap --to in-tree
	refused
	blocked
	abandoned
fi
echo "# longest silences, in ms: $(hosts silence t u d l | cut -d' ' -f1,3 | xargs); of UDP allowed: $silence"
check "nothing in the kernel log" kernel_is_content
for stream in t u l d; do
	check "stream $stream to the end" hosts silent $stream
done
finish
