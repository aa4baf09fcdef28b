#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# net.netfilter.nf_conntrack_*: what is there, what it starts with, what it takes and
# refuses, and which namespace sees it.
. "$(dirname "$0")/lib.sh"

needs_module nf_conntrack

dir=/proc/sys/net/netfilter

# FILE KIND DEFAULT; what a kind means is in accepted and refused below.
sysctls() {
	cat <<-END
		nf_conntrack_acct			switch	0
		nf_conntrack_checksum			switch	1
		nf_conntrack_dccp_loose			switch	1
		nf_conntrack_dccp_timeout_closereq	seconds	64
		nf_conntrack_dccp_timeout_closing	seconds	64
		nf_conntrack_dccp_timeout_open		seconds	43200
		nf_conntrack_dccp_timeout_partopen	seconds	480
		nf_conntrack_dccp_timeout_request	seconds	240
		nf_conntrack_dccp_timeout_respond	seconds	480
		nf_conntrack_dccp_timeout_timewait	seconds	240
		nf_conntrack_events			tristate 2
		nf_conntrack_generic_timeout		seconds	600
		nf_conntrack_gre_timeout		seconds	30
		nf_conntrack_gre_timeout_stream		seconds	180
		nf_conntrack_icmp_timeout		seconds	30
		nf_conntrack_icmpv6_timeout		seconds	30
		nf_conntrack_log_invalid		byte	0
		nf_conntrack_sctp_timeout_closed	seconds	10
		nf_conntrack_sctp_timeout_cookie_echoed	seconds	3
		nf_conntrack_sctp_timeout_cookie_wait	seconds	3
		nf_conntrack_sctp_timeout_established	seconds	210
		nf_conntrack_sctp_timeout_heartbeat_sent seconds 30
		nf_conntrack_sctp_timeout_shutdown_ack_sent seconds 3
		nf_conntrack_sctp_timeout_shutdown_recd	seconds	3
		nf_conntrack_sctp_timeout_shutdown_sent	seconds	3
		nf_conntrack_tcp_be_liberal		switch	0
		nf_conntrack_tcp_ignore_invalid_rst	switch	0
		nf_conntrack_tcp_loose			switch	1
		nf_conntrack_tcp_max_retrans		byte	3
		nf_conntrack_tcp_timeout_close		seconds	10
		nf_conntrack_tcp_timeout_close_wait	seconds	60
		nf_conntrack_tcp_timeout_established	seconds	432000
		nf_conntrack_tcp_timeout_fin_wait	seconds	120
		nf_conntrack_tcp_timeout_last_ack	seconds	30
		nf_conntrack_tcp_timeout_max_retrans	seconds	300
		nf_conntrack_tcp_timeout_syn_recv	seconds	60
		nf_conntrack_tcp_timeout_syn_sent	seconds	120
		nf_conntrack_tcp_timeout_time_wait	seconds	120
		nf_conntrack_tcp_timeout_unacknowledged	seconds	300
		nf_conntrack_timestamp			switch	0
		nf_conntrack_udp_timeout		seconds	30
		nf_conntrack_udp_timeout_stream		seconds	120
		nf_flowtable_tcp_timeout		seconds	30
		nf_flowtable_udp_timeout		seconds	30
	END
	! ours || cat <<-END
		nf_conntrack_adaptive_floor		seconds	300
		nf_conntrack_evict_established		switch	0
	END
}

# The whole host's: only the first namespace can write them, except for a namespace's own
# maximum, which the in-tree module does not know.
host_sysctls() {
	cat <<-END
		nf_conntrack_expect_max			limit1
		nf_conntrack_max			limit
	END
}

declare -A accepted=(
	[switch]="1 0 1"
	[tristate]="0 1 2"
	[byte]="0 1 6 254 255 0x10=16 010=8"
	[seconds]="1 255 256 65536 2147483 4294967 8589934 0 -1 0x10=16 010=8"
	[limit]="1 255 256 1000000 2147483647 0"
	[limit1]="1 255 256 1000000 2147483647"
)
never="text 12x 1.5 99999999999999999999"
declare -A refused=(
	[switch]="2 255 256 -1 4294967296 $never"
	[tristate]="3 255 256 -1 4294967298 $never"
	[byte]="256 -1 4294967296 $never"
	[seconds]="8589935 2147483647 4294967295 4294967296 $never"
	[limit]="-1 2147483648 4294967295 4294967296 $never"
	[limit1]="0 -1 2147483648 4294967295 4294967296 $never"
)

get() { # NAMESPACE FILE
	tell cat "$1" "$2" && echo "$answer"
}

takes() { # NAMESPACE FILE VALUES: each is shown as written, or as what stands after "="
	local value
	for value in $3; do
		tell write "$1" "$2" "${value%=*}" && tell cat "$1" "$2" &&
			[ "$answer" = "${value#*=}" ] || { echo "$value: $answer"; return 1; }
	done
}

refuses() { # NAMESPACE FILE VALUES ERRNO: with that error, and nothing changes
	local value before
	tell cat "$1" "$2" || return
	before=$answer
	for value in $3; do
		! tell write "$1" "$2" "$value" || { echo "$value was taken"; return 1; }
		[[ $answer == *"[Errno $4]"* ]] || { echo "$value: $answer"; return 1; }
		tell cat "$1" "$2" && [ "$answer" = "$before" ] ||
			{ echo "$before became $answer"; return 1; }
	done
}

modes() { # NAMESPACE: the mode of each file there is
	ip netns exec "$1" stat -c '%a %U %G %n' $dir/nf_conntrack_* $dir/nf_flowtable_* \
		$dir/nf_hooks_lwtunnel | grep -v _frag6_ | sort -k4
}

expected_modes() { # MODE OF THE HOST'S
	local file mode
	{
		for file in nf_hooks_lwtunnel $(sysctls | awk '{ print $1 }'); do
			echo "644 root root $dir/$file"
		done
		for file in nf_conntrack_buckets $(host_sysctls | awk '{ print $1 }'); do
			mode=$1
			if ours && [ $file = nf_conntrack_max ]; then mode=644; fi
			echo "$mode root root $dir/$file"
		done
		! ours || printf '644 root root %s\n' $dir/nf_conntrack_adaptive_{start,end}
		echo "444 root root $dir/nf_conntrack_count"
	} | sort -k4
}

values() { # NAMESPACE
	local file kind default
	while read -r file kind default; do
		check_equal "$1: $file by default" "$default" "$(get "$1" $dir/"$file")"
		check "$1: $file takes ${accepted[$kind]}" \
			takes "$1" $dir/"$file" "${accepted[$kind]}"
		check "$1: $file refuses ${refused[$kind]}" \
			refuses "$1" $dir/"$file" "${refused[$kind]}" 22
		hosts write "$1" $dir/"$file" "$default"
	done < <(sysctls)
}

# A namespace's settings are its own, and those of a new one are no copies.
each_its_own() {
	local file kind default other
	while read -r file kind default; do
		other=$((default == 1 ? 0 : 1))
		hosts write init $dir/"$file" $other
	done < <(sysctls)
	ip netns add later
	while read -r file kind default; do
		other=$((default == 1 ? 0 : 1))
		is_equal "$file $other $default $default" \
			"$file $(get init $dir/"$file") $(get child $dir/"$file") $(get later $dir/"$file")" ||
			return
		hosts write init $dir/"$file" "$default" || return
		hosts write child $dir/"$file" $other || return
		is_equal "$file $default" "$file $(get init $dir/"$file")" || return
		hosts write child $dir/"$file" "$default" || return
	done < <(sysctls)
}

host_values() {
	local file kind before
	while read -r file kind; do
		before=$(get init $dir/"$file")
		check "init: $file takes ${accepted[$kind]}" \
			takes init $dir/"$file" "${accepted[$kind]}"
		check_equal "child: $file follows" \
			"$(get init $dir/"$file")" "$(get child $dir/"$file")"
		check "init: $file refuses ${refused[$kind]}" \
			refuses init $dir/"$file" "${refused[$kind]}" 22
		if ! ours || [ "$file" != nf_conntrack_max ]; then
			check "child: $file refuses all" refuses child $dir/"$file" "1 1000" 13
		fi
		hosts write init $dir/"$file" "$before"
	done < <(host_sysctls)
}

old_name() { # net.nf_conntrack_max is the same as net.netfilter.nf_conntrack_max
	takes init /proc/sys/net/nf_conntrack_max 5000 &&
		is_equal 5000 "$(get init $dir/nf_conntrack_max)" &&
		takes init $dir/nf_conntrack_max "$1" &&
		is_equal "$1" "$(get init /proc/sys/net/nf_conntrack_max)" &&
		is_equal 644 "$(stat -c %a /proc/sys/net/nf_conntrack_max)" &&
		! ip netns exec child test -e /proc/sys/net/nf_conntrack_max
}

buckets() { # SIZE: asked for, and got, by both names
	local got
	hosts write init $dir/nf_conntrack_buckets "$1" || return
	got=$(get init $dir/nf_conntrack_buckets)
	is_equal "$got" "$(table_size "$1")" &&
		is_equal "$got" "$(cat /sys/module/nf_conntrack/parameters/hashsize)" &&
		is_equal "$got" "$(get child $dir/nf_conntrack_buckets)"
}

buckets_values() {
	local file=$dir/nf_conntrack_buckets size before max
	before=$(get init $file)
	max=$(get init $dir/nf_conntrack_max)
	for size in 1 1000 1024 5000 65536 100000; do
		check "init: nf_conntrack_buckets takes $size" buckets $size
	done
	check_equal "nf_conntrack_max does not follow" "$max" "$(get init $dir/nf_conntrack_max)"
	check "init: nf_conntrack_buckets refuses 0 and what is no number" \
		refuses init $file "0 2147483648 4294967296 $never" 22
	check "child: nf_conntrack_buckets refuses all" refuses child $file "1 65536" 13
	# The in-tree module tries, with a warning and a stack trace.
	if ours; then
		check "init: nf_conntrack_buckets refuses -1" refuses init $file -1 22
		check "init: nf_conntrack_buckets refuses to eat the machine" \
			refuses init $file "134217728 2147483647" 34
	fi
	hosts write init $file "$before"
}

# The owner of a namespace's user namespace is the one who sets it.
owner() {
	local id="setpriv --reuid 65534 --regid 65534 --clear-groups"
	$id unshare -r bash -c '
		# The map of user ids is there only now: the files of a new namespace obey it.
		until [ "$(id -u)" = 0 ]; do sleep 0.05; done
		exec unshare -n bash -ec "
			cd /proc/sys/net/netfilter
			echo 77 >nf_conntrack_icmp_timeout
			[ \$(<nf_conntrack_icmp_timeout) = 77 ]
			echo 1 >nf_conntrack_acct
			[ \$(<nf_conntrack_acct) = 1 ]
			[ \$(stat -c %u nf_conntrack_acct) = 0 ]
			for file in nf_conntrack_buckets nf_conntrack_expect_max; do
				[ \$(stat -c %a \$file) = 444 ]
				! echo 1000 2>&- >\$file
			done
			[ \$(stat -c %u%a /proc/net/nf_conntrack) = 0440 ]
			cat /proc/net/nf_conntrack /proc/net/nf_conntrack_expect"'
}

ip netns add child
ip netns attach init $$
hosts_up

check_equal "init: the files, their modes and owners" "$(expected_modes 644)" "$(modes init)"
check_equal "child: the files, their modes and owners" "$(expected_modes 444)" "$(modes child)"
values init
values child
check "each namespace has its own settings" each_its_own
host_values
check "net.nf_conntrack_max" old_name "$(get init $dir/nf_conntrack_max)"
buckets_values
check "nf_conntrack_count cannot be written" refuses init $dir/nf_conntrack_count 1 13
check "a namespace of nobody's" owner

finish
