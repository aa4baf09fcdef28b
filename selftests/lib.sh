# SPDX-License-Identifier: GPL-2.0-only
# For the tests, which run as root in a VM of their own: KTAP, and a small network.
# shellcheck shell=bash
#
#   . "$(dirname "$0")/lib.sh"
#   network                  # see below
#   check "what it shows" command with arguments
#   finish
#
# A test must pass on the in-tree module too, except where it says what differs:
#   if ours; then ...

KSFT_SKIP=4
tests_done=0
tests_failed=0

# Is the loaded nf_conntrack conntrack-ng?
ours() {
	[ -e /sys/module/nf_conntrack/version ]
}

# Is the CPU emulated (TCG), and slow? With KVM it is the host's.
emulated() {
	grep -q 'QEMU TCG' /proc/cpuinfo || [ "$(uname -m)" = aarch64 ]
}

table_size() { # SLOTS that are asked for: how many it gets, in whole pages
	local size=$((($1 + 511) / 512 * 512))
	! ours || [ $size -ge 2048 ] || size=2048
	echo $size
}

check() { # NAME COMMAND...: one test, passed if COMMAND succeeds; returns 1 if not
	local name=$1 out
	shift
	tests_done=$((tests_done + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tests_done $name"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_done $name"
		printf '%s\n' "# failed: $*" "${out//$'\n'/$'\n'# }" | sed 's/^\([^#]\)/# \1/'
		return 1
	fi
}

check_equal() { # NAME WANT GOT
	check "$1" is_equal "$2" "$3"
}

is_equal() {
	[ "$1" = "$2" ] || {
		echo "wanted: $1"
		echo "got:    $2"
		return 1
	}
}

skip() { # NAME REASON: one test that cannot be run here
	tests_done=$((tests_done + 1))
	echo "ok $tests_done $1 # SKIP $2"
}

skip_all() { # REASON
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

give_up() { # WHAT TEXT: a failure without which nothing else makes sense
	tests_done=$((tests_done + 1))
	printf 'not ok %d %s\n' $tests_done "$1"
	sed 's/^/# /' <<<"$2"
	echo "1..$tests_done"
	exit 1
}

# What a test takes. A program or a module that is not there has it skipped; a module that is
# there and does not load is a failure.
needs_program() { # NAME...
	local name
	for name; do
		command -v "$name" >/dev/null || skip_all "no $name"
	done
}

needs_module() { # NAME...: all are loaded then
	local name out
	for name; do
		has_module "$name" || skip_all "no $name"
	done
	out=$(modprobe -a "$@" 2>&1) || give_up "modprobe $*" "$out"
}

has_module() { # NAME: among those of the running kernel
	modinfo -n "$1" >/dev/null 2>&1
}

# Modules of the tests' own: who says where they are has built them.
needs_test_module() { # NAME: its file is $module then
	[ -n "${CTNG_TEST_MODULES-}" ] || skip_all "no CTNG_TEST_MODULES, where $1.ko would be"
	module=$CTNG_TEST_MODULES/$1.ko
	[ -e "$module" ] || give_up "$1.ko has been built" "no $module"
}

# What a test has made is taken away, and asked back from the kernel, by guest after each test.
finish() {
	echo "1..$tests_done"
	[ $tests_done -gt 0 ] && [ $tests_failed = 0 ]
	exit
}

not() { # COMMAND...: succeeds if COMMAND fails
	! "$@"
}

# For what should not be, or not succeed: a failure of another kind is not taken for it.

fails_with() { # PATTERN COMMAND...: COMMAND fails, and says that
	local out
	if out=$("${@:2}" 2>&1); then
		printf '%s\n' "it did not fail" "$out"
		return 1
	fi
	grep -E -- "$1" <<<"$out" || { printf '%s\n' "wanted: $1" "got:    $out"; return 1; }
}

no_line() { # PATTERN [FILE]: what is read to the end has no such line
	local status=0
	grep -E -- "$@" || status=$?
	[ $status = 1 ]
}

prints_no() { # PATTERN COMMAND...: COMMAND succeeds, and prints no such line
	local out
	out=$("${@:2}") || { echo "$out"; return 1; }
	no_line "$1" <<<"$out"
}

prints_nothing() { # COMMAND...: and succeeds
	local out
	out=$("$@") && [ -z "$out" ] || { echo "$out"; return 1; }
}

prints_something() { # COMMAND...: and succeeds
	local out
	out=$("$@") && [ -n "$out" ] && echo "$out"
}

# Lines of the standard input that match all the patterns given
lines_with() { # PATTERN...
	local pattern out
	out=$(cat)
	for pattern; do
		out=$(grep -E -- "$pattern" <<<"$out") || [ $? = 1 ] || return 2
	done
	[ -z "$out" ] || printf '%s\n' "$out"
}

# Poll until COMMAND succeeds. The machine may stand still for longer than that: then nothing
# could happen meanwhile, and it is tried as often as in the time given.
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1)) tries=$((4 * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $SECONDS -le $end ] || [ $tries -gt 0 ] || { "$@"; return; }
		sleep 0.05
	done
}

# Three hosts; the router is where connections are tracked:
#
#   client ---------------- router ---------------- server
#   c0                      r0    r1                     s0
#   10.0.1.2          10.0.1.1    10.0.2.1         10.0.2.2
#   fd00:1::2        fd00:1::1    fd00:2::1       fd00:2::2
network() {
	local ns
	for ns in client router server; do
		ip netns del $ns 2>/dev/null
		ip netns add $ns
		ip -n $ns link set lo up
	done
	trap network_down EXIT
	ip link add c0 netns client type veth peer r0 netns router
	ip link add s0 netns server type veth peer r1 netns router
	# in one command each, with no time lost on duplicate address detection
	# A FIN that gets no answer any more, when the router has gone, would hold its namespace for long.
	ip netns exec client sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.c0.accept_dad=0 \
		net.ipv4.tcp_orphan_retries=4
	ip netns exec server sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.s0.accept_dad=0 \
		net.ipv4.tcp_orphan_retries=4
	ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv6.conf.r0.accept_dad=0 net.ipv6.conf.r1.accept_dad=0
	link client c0 10.0.1.2 fd00:1::2 10.0.1.1 fd00:1::1
	link server s0 10.0.2.2 fd00:2::2 10.0.2.1 fd00:2::1
	link router r0 10.0.1.1 fd00:1::1
	link router r1 10.0.2.1 fd00:2::1
	wait_for 20 client ping -c 1 -W 1 10.0.2.2
}

link() { # NETNS DEVICE IPV4 IPV6 [GATEWAY4 GATEWAY6]
	ip -n "$1" addr add "$3/24" dev "$2"
	ip -n "$1" addr add "$4/64" dev "$2" nodad
	ip -n "$1" link set "$2" up
	[ -z "${5-}" ] || ip -n "$1" route add default via "$5"
	[ -z "${6-}" ] || ip -n "$1" -6 route add default via "$6" dev "$2"
}

# hosts.py, which plays the hosts: hosts COMMAND ARGUMENT...
hosts_up() {
	coproc HOSTS { exec /usr/bin/python3 -IS "$(dirname "${BASH_SOURCE[0]}")/hosts.py"; }
	exec {hosts_in}>&"${HOSTS[1]}" {hosts_out}<&"${HOSTS[0]}"
}

# The answer is in $answer then, which takes no subshell.
tell() {
	local IFS=$'\t' line
	answer=
	printf '%s\n' "$*" >&"$hosts_in"
	while IFS= read -r -t 150 line <&"$hosts_out"; do
		case $line in
		.ok) return 0 ;;
		.failed) return 1 ;;
		*) answer+=${answer:+$'\n'}$line ;;
		esac
	done
	answer="no answer to: $*"
	return 2
}

hosts() {
	local status=0
	tell "$@" || status=$?
	[ -z "$answer" ] || printf '%s\n' "$answer"
	return $status
}

# An FTP server on the host server that serves 60000 bytes 'x' as file, and takes files; it
# is there some seconds later.
ftp_server() {
	mkdir -p /tmp/ftp
	printf 'x%.0s' {1..60000} >/tmp/ftp/file
	chmod 777 /tmp/ftp
	ip netns exec server /usr/bin/python3 - <<'END' &
import logging
import warnings
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

class Handler(FTPHandler):
	authorizer = DummyAuthorizer()
	# Its own, of who says nothing, is 300 s: a swap with all its failures takes longer.
	timeout = 3600
	# It compares addresses as text, and those of IPv6 have many spellings.
	permit_foreign_addresses = property(lambda self: ":" in self.remote_ip)
	passive_dtp = type("PatientDTP", (FTPHandler.passive_dtp,), {"timeout": 300})
	active_dtp = type("PatientActive", (FTPHandler.active_dtp,), {"timeout": 300})

warnings.simplefilter("ignore")
Handler.authorizer.add_anonymous("/tmp/ftp", perm="elradfmwMT")
logging.disable()
FTPServer(("::", 21), Handler).serve_forever()
END
	disown
}

# Connections of the router that live long enough for a machine that stands still at times
long_lives() {
	modprobe nf_conntrack &&
		router sysctl -qw net.netfilter.nf_conntrack_{udp,icmp,icmpv6}_timeout=600 \
			net.netfilter.nf_conntrack_udp_timeout_stream=1200 \
			net.netfilter.nf_conntrack_tcp_timeout_close=600
}

network_down() { # and of those that the test itself has put in $more_hosts
	local ns pids
	[ -z "${HOSTS_PID-}" ] || kill "$HOSTS_PID" 2>/dev/null
	for ns in client router server ${more_hosts-}; do
		pids=$(ip netns pids $ns 2>/dev/null)
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill $pids 2>/dev/null
		ip netns del $ns 2>/dev/null
	done
}

client() { ip netns exec client "$@"; }
router() { ip netns exec router "$@"; }
server() { ip netns exec server "$@"; }

# Entries of the router that match all the patterns given; status 2 if they can't be read
entries() {
	local out
	out=$(router cat /proc/net/nf_conntrack) || return 2
	lines_with "$@" <<<"$out"
}

has_entry() { # PATTERN...
	prints_something entries "$@"
}

no_entry() { # PATTERN...
	prints_nothing entries "$@"
}

# Play what is in sessions/ (see session.py): the rest of a test
sessions() { # NAME...
	needs_program conntrack
	needs_module nf_conntrack_netlink
	trap network_down EXIT
	/usr/bin/python3 -sES "$(dirname "$0")/session.py" ${RECORD:+--record} "$@"
	exit
}

# Modules on top of the module $1, the topmost first, and $1
pile() {
	local holder
	for holder in /sys/module/"$1"/holders/*; do
		[ ! -e "$holder" ] || pile "${holder##*/}"
	done
	echo "$1"
}

# A tree of nothing but a kernel's own nf_conntrack and what that needs takes depmod a
# moment, where the whole takes minutes in a VM. Not all modules it could replace are there.
few_modules() { # FROM TO: directories of a kernel's modules
	local path
	mkdir -p "$2" || return
	cp "$1"/modules.{order,builtin,builtin.modinfo} "$2"
	while read -r path; do
		install -D "$1/$path" "$2/$path" || return
	done < <(cd "$1" && find kernel -name 'nf_conntrack.ko*' -o -name 'nf_defrag_ipv[46].ko*' \
		-o -name '*crc32c*.ko*' -o -name 'nf_conntrack_netlink.ko*' -o -name 'nfnetlink.ko*')
}

few_modules_here() { # instead of all those of the running kernel
	local dir tree
	dir=/lib/modules/$(uname -r)
	tree=$(mktemp -d)
	few_modules "$dir" "$tree" && mount --bind "$tree" "$dir" && depmod
}

# Where modprobe takes both modules from
loads_from() { # DIRECTORY [KVER]
	local module kver=${2:-$(uname -r)}
	for module in nf_conntrack nf_conntrack_netlink; do
		is_equal "/lib/modules/$kver/$1/$module.ko" \
			"$(modinfo -k "$kver" -n $module | sed 's/\.xz$//')" || return
	done
}

# Rules are destroyed some time after they are gone, and as long they hold the modules.
unloaded() {
	local modules
	[ -e /sys/module/nf_conntrack ] || return 0
	modules=$(pile nf_conntrack)
	# shellcheck disable=SC2086
	rmmod $modules 2>/dev/null
	[ ! -e /sys/module/nf_conntrack ]
}

kernel_is_content() {
	prints_no 'BUG|WARNING|Oops|refcount|[Oo]bjects remaining|ODEBUG|suspicious RCU|Call Trace' \
		dmesg
}

# For more than the kernel keeps of its log, and for what is kept off the console: see kmsg.py
follow_log() {
	/usr/bin/python3 -sES "$(dirname "${BASH_SOURCE[0]}")/kmsg.py" follow /tmp/kmsg &
	follower=$!
	disown
	wait_for 60 test -e /tmp/kmsg
}

log_is_clean() { # since follow_log
	/usr/bin/python3 -sES "$(dirname "${BASH_SOURCE[0]}")/kmsg.py" search /tmp/kmsg &&
		kill "$follower"
}
