#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The main job, shown step by step in a VM: a router with a stateful policy and NAT,
# real programs on both sides of it, and what conntrack-ng knows at each step.
demo=$(dirname "$0")
. "$demo/../../selftests/lib.sh"

if [ -t 1 ] || [ -n "${COLOR-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
failed=0

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$@"; }

show() { # TEXT PATTERN...: the entries that match all patterns; there must be one
	local text=$1 out
	shift
	if out=$(wait_for 10 has_entry "$@" && entries "$@"); then
		printf '   %s\n' "$text"
		# the interesting columns in the first line, the rest below
		sed -E 's/^/     /; s/ (src=)/\n        \1/; s/ (\[UNREPLIED\] )?(src=[^ ]+ dst=[^ ]+ sport=[^ ]+ dport=[^ ]+ (\[ASSURED\] )?mark)/\n        \1\2/' <<<"$out"
	else
		failed=1
		printf '   MISSING: %s (%s)\n' "$text" "$*"
		router cat /proc/net/nf_conntrack
	fi
}

must() { # TEXT COMMAND...
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		printf '   %s: yes\n' "$text"
	else
		failed=1
		printf '   %s: NO\n' "$text"
	fi
}

must_not() { # TEXT COMMAND...
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		failed=1
		printf '   %s: YES, WHICH IS WRONG\n' "$text"
	else
		printf '   %s: no, as it should be\n' "$text"
	fi
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
-A FORWARD -m state --state NEW -p icmp -j ACCEPT
-t nat -A POSTROUTING -o r1 -j MASQUERADE
-t nat -A PREROUTING -i r0 -p tcp --dport 8080 -d 10.0.1.1 -j DNAT --to-destination 10.0.2.2:80
END

step "A connection to port 80, stopped at each state on its way"
coproc SERVER { exec ip netns exec server "$demo/tcp_peer.py" server 10.0.2.2 80; }
server_in=${SERVER[1]} server_out=${SERVER[0]}
read -r -u "$server_out" _
server_pid=$SERVER_PID
coproc CLIENT { exec ip netns exec client "$demo/tcp_peer.py" client 10.0.2.2 80; }
client_in=${CLIENT[1]} client_out=${CLIENT[0]}
read -r -u "$client_out" _
tell() { # client|server COMMAND
	if [ "$1" = client ]; then
		echo "$2" >&"$client_in"; read -r -u "$client_out" _
	else
		echo "$2" >&"$server_in"; read -r -u "$server_out" _
	fi
}

server iptables -I INPUT -p tcp --dport 80 -j DROP
tell client connect
show "SYN sent, the server is deaf" 'SYN_SENT.*\[UNREPLIED\]'
client iptables -I INPUT -p tcp --sport 80 -j DROP
server iptables -D INPUT 1
show "the server answers, the client is deaf" SYN_RECV
client iptables -D INPUT 1
tell server accept
show "handshake done" 'ESTABLISHED.*\[ASSURED\]'
# one FIN may leave, no retransmission, and no acknowledgement yet
client iptables -A OUTPUT -p tcp --tcp-flags FIN FIN -m limit --limit 1/hour --limit-burst 1 -j ACCEPT
client iptables -A OUTPUT -p tcp --tcp-flags FIN FIN -j DROP
server iptables -I OUTPUT -p tcp --sport 80 -j DROP
tell client shutdown
show "the client has sent its FIN" FIN_WAIT
server iptables -D OUTPUT 1
tell server send
show "the server acknowledged it, and goes on sending" CLOSE_WAIT
tell server close
show "both are done" TIME_WAIT
tell client close
client iptables -F OUTPUT
kill "$server_pid" "$CLIENT_PID" 2>/dev/null

step "Real programs"
mkdir -p /tmp/www && echo "hello from the server" >/tmp/www/index.html
(cd /tmp/www && exec ip netns exec server /usr/bin/python3 -m http.server 80 >/dev/null 2>&1) &
(cd /tmp/www && exec ip netns exec server /usr/bin/python3 -m pyftpdlib -p 21 >/dev/null 2>&1) &
server socat UDP4-RECVFROM:9999,fork EXEC:'echo untracked answer' 2>/dev/null &
wait_for 2 client curl -fsS --max-time 2 http://10.0.2.2/
run client curl -fsS --max-time 5 http://10.0.2.2/
must "curl through the port forward 10.0.1.1:8080" client curl -fsS --max-time 5 http://10.0.1.1:8080/
show "its entry, translated in both ways" 'dport=8080' 'src=10.0.2.2 dst=10.0.2.1'
must "ping" client ping -c 1 -W 2 10.0.2.2
show "its entry" icmp
must_not "connection to port 22, which no rule allows" client curl --max-time 1 telnet://10.0.2.2:22/
server socat -u UDP4-RECVFROM:53 /dev/null 2>/dev/null &
server_dns=$!
wait_for 5 server ss -Hlun 'sport = 53'
client bash -c 'echo query >/dev/udp/10.0.2.2/53'
show "UDP query, no answer yet" 'udp.*dport=53 \[UNREPLIED\]'
kill $server_dns 2>/dev/null
wait $server_dns 2>/dev/null
server socat UDP4-RECVFROM:53,fork EXEC:'echo answer' 2>/dev/null &
wait_for 5 server ss -Hlun 'sport = 53'
must "UDP request and reply" client bash -c '[ "$(echo query | socat -t 3 - UDP4:10.0.2.2:53)" = answer ]'
must "NOTRACKed UDP request and reply" client bash -c '[ "$(echo query | socat -t 3 - UDP4:10.0.2.2:9999)" = "untracked answer" ]'
must "which left no entry" no_entry dport=9999

step "ICMP errors are RELATED to what caused them"
run client traceroute -n -q 1 -w 2 -m 3 -U -p 53 10.0.2.2
client ping -c 1 -W 1 -s 2000 -M do 10.0.2.2 >/dev/null 2>&1

step "Active FTP: the server connects back, helped by nf_conntrack_ftp"
wait_for 2 client curl -fsS --max-time 3 ftp://10.0.2.2/index.html
must "curl in active mode fetches a file" \
	client curl -fsS --max-time 10 --disable-eprt --ftp-port - ftp://10.0.2.2/index.html
show "the data connection, opened by the server and let in as RELATED" \
	'src=10.0.2.2 dst=10.0.2.1 .*src=10.0.1.2'
show "the control connection" 'dport=21 '

step "What the rules counted, by state"
run router iptables -nvL FORWARD

step "Sysctls and statistics"
router sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max \
	net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_tcp_timeout_established \
	net.netfilter.nf_conntrack_tcp_loose | sed 's/^/   /'
run cat /proc/net/stat/nf_conntrack

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
