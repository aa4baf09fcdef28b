#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# cttop: what it counts, prints and refuses, and its live view on a terminal.
. "$(dirname "$0")/lib.sh"

cttop=$(realpath "$(dirname "$0")/../build/tools/cttop/cttop")
[ -x "$cttop" ] || skip_all "cttop is not built: make tools"
needs_program conntrack
needs_module nf_conntrack_netlink

tcp() { # SOURCE DESTINATION PORT STATE OPTION...
	conntrack -I -p tcp -s "$1" -d "$2" --sport $((sport += 1)) --dport "$3" --state "$4" \
		-t 600 "${@:5}"
}

udp() { # SOURCE DESTINATION PORT OPTION...
	conntrack -I -p udp -s "$1" -d "$2" --sport $((sport += 1)) --dport "$3" -t 600 "${@:4}"
}

fill() {
	local i sport=1000
	for i in {1..7}; do
		tcp 10.0.0.1 "10.9.0.$i" 443 ESTABLISHED -u ASSURED,SEEN_REPLY
	done
	for i in {1..4}; do
		tcp 10.0.0.2 10.9.0.1 22 SYN_SENT
	done
	for i in {1..2}; do
		udp 10.0.1.3 10.9.0.1 53 -w 7
	done
	tcp 2001:db8::5 2001:db8::1 443 SYN_SENT
}

# The value of a Python expression about the JSON, which is named "d"; "n" is the rows by name.
json() { # EXPRESSION OPTION...
	"$cttop" --json -i 0.1 "${@:2}" | python3 -c '
import json, sys
d = json.load(sys.stdin)
n = {row["name"]: row for row in d["rows"]}
print(eval(sys.argv[1]))' "$1"
}

counts() { # OPTION...: names with their counts, as ordered
	json '" ".join("%s=%d" % (r["name"], r["connections"]) for r in d["rows"])' "$@"
}

refused() { # STATUS TEXT OPTION...
	local status=0 out
	out=$("$cttop" "${@:3}" 2>&1) || status=$?
	[ $status = "$1" ] && [[ $out == *"$2"* ]] || { echo "$status: $out"; return 1; }
}

fill >/dev/null 2>&1
ng=null
! ours || ng=number

check_equal "connections and maximum" "14 $(cat /proc/sys/net/netfilter/nf_conntrack_max)" \
	"$(json 'str(d["connections"]) + " " + str(d["maximum"])')"
check_equal "by source, the most first" \
	"10.0.0.1=7 10.0.0.2=4 10.0.1.3=2 2001:db8::5=1" "$(counts)"
check_equal "by destination" \
	"10.9.0.1=7 10.9.0.2=1 10.9.0.3=1 10.9.0.4=1 10.9.0.5=1 10.9.0.6=1 10.9.0.7=1 2001:db8::1=1" \
	"$(counts -b dest)"
check_equal "by port" "tcp/443=8 tcp/22=4 udp/53=2" "$(counts -b port)"
check_equal "by protocol" "tcp=12 udp=2" "$(counts -b proto)"
check_equal "by state" "tcp ESTABLISHED=7 tcp SYN_SENT=5 udp UNREPLIED=2" "$(counts -b state)"
check_equal "by zone" "0=12 7=2" "$(counts -b zone)"
check_equal "ordered by unreplied" "10.0.0.2=4 10.0.1.3=2 2001:db8::5=1 10.0.0.1=7" \
	"$(counts -s unreplied)"
check_equal "ordered by name" "0=12 7=2" "$(counts -b zone -s name)"
check_equal "unreplied and assured are told" "0 7 4 0" \
	"$(json '" ".join(str(n[a][k]) for a in ("10.0.0.1", "10.0.0.2") for k in ("unreplied", "assured"))')"
check_equal "no more rows than wanted" "10.0.0.1=7" "$(counts -n 1)"

check_equal "filter by prefix" "10.0.0.1=7 10.0.0.2=4" "$(counts -f src=10.0.0.0/24)"
check_equal "filter by odd prefix" "10.0.0.2=4 10.0.1.3=2" "$(counts -f 'src=10.0.0.2/23 !src=10.0.0.0/31')"
check_equal "filter by IPv6 prefix" "2001:db8::5=1" "$(counts -f dst=2001:db8::/32)"
check_equal "filter by protocol and port" "10.0.1.3=2" "$(counts -f 'proto=udp dport=53')"
check_equal "filter by state, and not" "10.0.0.2=4 2001:db8::5=1" \
	"$(counts -f 'state=syn_sent !zone=7')"
check_equal "filter by zone" "2" "$(json 'd["matched"]' -f zone=7)"

check_equal "what only conntrack-ng tells is null otherwise" "$ng $ng" \
	"$(json '" ".join("null" if d[k] is None else "number" for k in ("memory_bytes", "timeouts_in_force_percent"))')"
check_equal "reasons are there" True \
	"$(json '("expired" if d["module"] == "conntrack-ng" else "early_drop") in d["reasons"]')"
# Connections come and go all the while, however long that is. Told to end, it lets the command
# that it is at end first: what that adds would be counted by the next test otherwise.
come_and_go() {
	local sport
	trap exit TERM
	while :; do
		sport=3000
		udp 10.3.0.1 10.3.0.2 9
		conntrack -D -s 10.3.0.1
	done >/dev/null 2>&1
}
# One look may fall into a time when the machine stands still.
rates() { # OPTION...
	[ "$(json 'd["new_per_second"] > 0 and d["gone_per_second"] > 0' -i 4 "$@")" = True ]
}
come_and_go &
check "rates by events" wait_for 5 rates --events
if ours; then
	check "rates without events" wait_for 5 rates
fi
kill $!
wait $! 2>/dev/null
conntrack -D -s 10.3.0.1 >/dev/null 2>&1

text=$("$cttop" --once -i 0.1 -b port)
check "text has a head" grep -q '14 connections of [0-9]* (' <<<"$text"
check "text has rows with shares" grep -qE '^tcp/443 +8 +57\.1% +1 +7$' <<<"$text"

check "wrong thing to count by" refused 2 "no such thing to count by" -b colour
check "wrong order" refused 2 "no such order" -s size
check "wrong filter word" refused 2 "no such filter: sport=1" -f "dport=1 sport=1"
check "wrong address" refused 2 "no such filter: src=10.0.0.300" -f src=10.0.0.300
check "prefix too long" refused 2 "no such filter: src=10.0.0.0/33" -f src=10.0.0.0/33
check "port too large" refused 2 "no such filter: dport=65536" -f dport=65536
check "wrong interval" refused 2 "not a number" -i 0
check "word left over" refused 2 "usage" source
check "no terminal" refused 2 "needs a terminal"

# Types keys on a terminal once there is something on it: is there what we look for afterwards?
screen() { # REGULAR-EXPRESSION KEYS...
	TERM=vt100 python3 - "$cttop" "$@" <<'EOF'
import os, pty, re, select, struct, fcntl, sys, termios, time

pid, fd = pty.fork()
if not pid:
    os.execv(sys.argv[1], [sys.argv[1], "-i", "0.5"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

def shown(pattern):
    """Does it come to the screen, from now on?"""
    seen, end = b"", time.monotonic() + 60
    while True:
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]", b" ", seen).decode(errors="replace")
        if re.search(pattern, text):
            return True
        if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            print(text)
            return False
        seen += os.read(fd, 65536)

found = shown("10.0.0.1  *7")
for keys in sys.argv[3:]:
    os.write(fd, keys.encode().replace(b"\\n", b"\n"))
    found = shown(sys.argv[2])
os.write(fd, b"q")
try:
    while os.read(fd, 65536):
        pass
except OSError:
    pass  # it has left the terminal
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or not found)
EOF
}

check "live view shows sources, and ends well" screen ""
check "a key counts by port" screen "tcp/443  *8" p
check "a key takes a filter" screen "only proto=udp" '/proto=udp\n'
check "a wrong filter is refused" screen "no such filter: x=1" '/x=1\n'

finish
