#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The main job, shown step by step in a VM: a router with a stateful policy and NAT,
# real programs on both sides of it, and what conntrack-ng knows at each step.
demo=$(dirname "$0")
. "$demo/../../selftests/lib.sh"

# COLOR says what the runner's output is; this is a pipe to it.
bold='' green='' red='' plain=''
[ -z "${COLOR-}" ] || bold=$'\e[1m' green=$'\e[32m' red=$'\e[1;31m' plain=$'\e[0m'
failed=0

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$@"; }

# One line for each entry's protocol, time left and state, and one for either direction
entry_lines() {
	sed -E 's/^ipv4 +2 +//; s/^([a-z]+) +[0-9]+ +([0-9]+) ?([A-Z_0-9]*)/\1 \3, \2 s left/; s/ ,/,/
		s/ ?(\[UNREPLIED\] )?src=/\n\1src=/g; s/ (\[UNREPLIED\]) / \1\n/
		s/ (mark|zone|use)=[0-9]+//g' |
		sed -E 's/^src=/        src=/; t; s/^\[UNREPLIED\] ?src=(.*)/        src=\1 [UNREPLIED]/; t; s/^/     /'
}

show() { # TEXT PATTERN...: the entries that match all patterns; there must be one
	local text=$1 out
	shift
	if out=$(wait_for 10 has_entry "$@" && entries "$@"); then
		printf '   %s:\n' "$text"
		entry_lines <<<"$out"
	else
		failed=1
		printf '   %sMISSING: %s (%s)%s\n' "$red" "$text" "$*" "$plain"
		router cat /proc/net/nf_conntrack
	fi
}

must() { # TEXT COMMAND...
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		printf '   %s: %syes%s\n' "$text" "$green" "$plain"
	else
		failed=1
		printf '   %s: %sNO%s\n' "$text" "$red" "$plain"
	fi
}

must_not() { # TEXT COMMAND...
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		failed=1
		printf '   %s: %sYES, WHICH IS WRONG%s\n' "$text" "$red" "$plain"
	else
		printf '   %s: %sno, as it should be%s\n' "$text" "$green" "$plain"
	fi
}

# A line of hexadecimal numbers for each CPU: what is not zero, in all
statistics() {
	local command names line sum=() i out=''
	IFS= read -r command
	read -ra names
	while read -ra line; do
		for i in "${!line[@]}"; do
			# the number of entries is that of the namespace, in each of the lines
			[ "$i" != 0 ] || sum[0]=0
			sum[i]=$((${sum[i]-0} + 16#${line[i]}))
		done
	done
	for i in "${!sum[@]}"; do
		[ "${sum[i]}" = 0 ] || out+=" ${names[i]}=${sum[i]}"
	done
	printf '%s\n   of all CPUs, what is not 0:%s\n' "$command" "$out"
}

policy() {
	router iptables "$@"
}

step "Load the module"
run modprobe nf_conntrack
run modinfo -F filename nf_conntrack
printf '   it calls itself: conntrack-ng %s\n' "$(cat /sys/module/nf_conntrack/version)"
ours || { echo "this is the distribution's nf_conntrack"; exit 1; }
modprobe nf_conntrack_ftp
modprobe nf_nat_ftp

step "Three hosts: client 10.0.1.2 - router - server 10.0.2.2"
network
cat <<'END'
   client ---------------- router ---------------- server
   10.0.1.2        10.0.1.1    10.0.2.1          10.0.2.2
END

step "A stateful policy and NAT on the router"
while read -r rule; do
	printf '   iptables %s\n' "$rule"
	# shellcheck disable=SC2086
	policy $rule
done <<'END'
-t raw -A PREROUTING -p udp --dport 9999 -j CT --notrack
-t raw -A PREROUTING -p udp --sport 9999 -j CT --notrack
-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-P FORWARD DROP
-A FORWARD -m state --state INVALID -j DROP
-A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -m state --state UNTRACKED -p udp -j ACCEPT
-A FORWARD -m state --state NEW -p tcp --dport 80 -j ACCEPT
-A FORWARD -m state --state NEW -p tcp --dport 21 -j ACCEPT
-A FORWARD -m state --state NEW -p udp --dport 53 -j ACCEPT
-A FORWARD -m state --state NEW -p udp --dport 33434:33534 -j ACCEPT
-A FORWARD -m state --state NEW -p icmp -j ACCEPT
-t nat -A POSTROUTING -o r1 -j MASQUERADE
-t nat -A PREROUTING -i r0 -p tcp --dport 8080 -d 10.0.1.1 -j DNAT --to-destination 10.0.2.2:80
END

step "A connection to port 80, stopped at each state on its way"
# tcp_peer.py on a host, which does what a line to it says and answers with one
declare -A peer_in peer_out
peer() { # client|server
	local in out
	mkfifo "/run/$1.in" "/run/$1.out"
	ip netns exec "$1" "$demo/tcp_peer.py" "$1" 10.0.2.2 80 <"/run/$1.in" >"/run/$1.out" &
	exec {in}>"/run/$1.in" {out}<"/run/$1.out"
	peer_in[$1]=$in peer_out[$1]=$out
	read -r -u "$out" _
}
order() { # client|server WORD
	echo "$2" >&"${peer_in[$1]}"
	read -r -u "${peer_out[$1]}" _
}
peers_gone() {
	local name in
	for name in "${!peer_in[@]}"; do
		in=${peer_in[$name]}
		exec {in}>&-
	done
}
peer server
peer client

server iptables -I INPUT -p tcp --dport 80 -j DROP
order client connect
show "The client has sent its SYN, the server is deaf" 'SYN_SENT.*\[UNREPLIED\]'
client iptables -I INPUT -p tcp --sport 80 -j DROP
server iptables -D INPUT 1
show "The server has answered, the client is deaf" SYN_RECV
client iptables -D INPUT 1
order server accept
show "The handshake is done" 'ESTABLISHED.*\[ASSURED\]'
# one FIN may leave, no retransmission, and no acknowledgement yet
client iptables -A OUTPUT -p tcp --tcp-flags FIN FIN -m limit --limit 1/hour --limit-burst 1 -j ACCEPT
client iptables -A OUTPUT -p tcp --tcp-flags FIN FIN -j DROP
server iptables -I OUTPUT -p tcp --sport 80 -j DROP
order client shutdown
show "The client has sent its FIN" FIN_WAIT
server iptables -D OUTPUT 1
order server send
show "The server has acknowledged it, and goes on sending" CLOSE_WAIT
order server close
show "Both are done" TIME_WAIT
order client close
client iptables -F OUTPUT
peers_gone

step "Real programs"
mkdir -p /tmp/www && echo "hello from the server" >/tmp/www/index.html
(cd /tmp/www && exec ip netns exec server /usr/bin/python3 -m http.server 80 >/dev/null 2>&1) &
(cd /tmp/www && exec ip netns exec server /usr/bin/python3 -m pyftpdlib -p 21 >/dev/null 2>&1) &
server socat UDP4-RECVFROM:9999,fork EXEC:'echo untracked answer' 2>/dev/null &
wait_for 2 client curl -fsS --max-time 2 http://10.0.2.2/
run client curl -fsS --max-time 5 http://10.0.2.2/
must "A page through the port forward, 10.0.1.1:8080" client curl -fsS --max-time 5 http://10.0.1.1:8080/
show "Its entry, translated in both ways" 'dport=8080' 'src=10.0.2.2 dst=10.0.2.1'
must "An answer to ping" client ping -c 1 -W 2 10.0.2.2
show "Its entry" icmp
must_not "A connection to port 22, which no rule allows" client curl --max-time 1 telnet://10.0.2.2:22/
server socat -u UDP4-RECVFROM:53 /dev/null 2>/dev/null &
server_dns=$!
wait_for 5 server ss -Hlun 'sport = 53'
client bash -c 'echo query >/dev/udp/10.0.2.2/53'
show "A UDP query, no answer yet" 'udp.*dport=53 \[UNREPLIED\]'
kill $server_dns 2>/dev/null
wait $server_dns 2>/dev/null
server socat UDP4-RECVFROM:53,fork EXEC:'echo answer' 2>/dev/null &
wait_for 5 server ss -Hlun 'sport = 53'
must "A UDP request and its reply" client bash -c '[ "$(echo query | socat -t 3 - UDP4:10.0.2.2:53)" = answer ]'
must "The same past the tracking (NOTRACK)" client bash -c '[ "$(echo query | socat -t 3 - UDP4:10.0.2.2:9999)" = "untracked answer" ]'
must "Which left no entry" no_entry dport=9999

step "ICMP errors are RELATED to what caused them"
run client traceroute -n -q 1 -w 2 -m 3 10.0.2.2
must "A program on the client learns from one that the server's port is closed" \
	client bash -c 'echo query | socat -t 3 - UDP4:10.0.2.2:33500 2>&1 | grep "Connection refused"'

step "Active FTP: the server connects back, helped by nf_conntrack_ftp"
wait_for 2 client curl -fsS --max-time 3 ftp://10.0.2.2/index.html
must "A file fetched in active mode" \
	client curl -fsS --max-time 10 --disable-eprt --ftp-port - ftp://10.0.2.2/index.html
show "The data connection, opened by the server and let in as RELATED" \
	'src=10.0.2.2 dst=10.0.2.1 .*src=10.0.1.2'
show "The control connections" 'dport=21 '

step "What the rules counted, by state"
run router iptables -nvL FORWARD

step "Sysctls and statistics of the router"
router sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max \
	net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_tcp_timeout_established \
	net.netfilter.nf_conntrack_tcp_loose | sed 's/^/   /'
run router cat /proc/net/stat/nf_conntrack | statistics

step "Unload, with the namespaces gone"
network_down
trap - EXIT
unload() { # what nobody uses goes, until nf_conntrack itself does
	local module
	for module in $(lsmod | awk '$3 == 0 && $1 ~ /^(xt_|nft_|nf_)/ { print $1 }'); do
		rmmod "$module"
	done
	! grep -q '^nf_conntrack ' /proc/modules
}
must "nf_conntrack can be removed" wait_for 10 unload

[ $failed = 0 ] && printf '\n%sEverything as it should be.%s\n' "$bold" "$plain"
exit $failed
