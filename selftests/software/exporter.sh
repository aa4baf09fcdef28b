#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# prometheus-node-exporter's collector of connection tracking: its metrics are what /proc says.
. "$(dirname "$0")/lib.sh"
software prometheus-node-exporter curl

# found, invalid and so on are columns of hexadecimal numbers, a line for each CPU.
of_proc() { # COLUMN
	router awk -v name="$1" 'function value(hex, i, n) {
			for (i = 1; i <= length(hex); i++)
				n = 16 * n + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return n + 0
		}
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i; next }
		{ sum += value($column) }
		END { print sum }' /proc/net/stat/nf_conntrack
}

metric() { # NAME
	awk -v name="$1" '$1 == name { printf "%.0f\n", $2 }' /run/metrics
}

fetch() {
	router curl -sf http://127.0.0.1:9100/metrics >/run/metrics
}

network
hosts_up
hosts listen server 7
router iptables -t raw -A PREROUTING -i lo -j CT --notrack
router iptables -t raw -A OUTPUT -o lo -j CT --notrack
router iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP
router sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
inside router prometheus-node-exporter --collector.disable-defaults --collector.conntrack \
	--web.listen-address=127.0.0.1:9100 >/run/exporter.log 2>&1 &
check "it starts" wait_for 120 fetch || { cat /run/exporter.log; finish; }
for i in {1..6}; do
	hosts connect c$i client 10.0.2.2 7 >/dev/null
done
hosts segment client 10.0.2.2 7 4000 A
for i in {1..6}; do
	hosts udp u$i client 10.0.2.2 7
	hosts fire u$i
done
check "metrics" fetch
check_equal "the limit" "$(router cat /proc/sys/net/netfilter/nf_conntrack_max)" \
	"$(metric node_nf_conntrack_entries_limit)"
check_equal "the number of connections" "$(router cat /proc/sys/net/netfilter/nf_conntrack_count)" \
	"$(metric node_nf_conntrack_entries)"
for name in found invalid ignore insert insert_failed drop early_drop search_restart; do
	check_equal "$name" "$(of_proc $name)" "$(metric node_nf_conntrack_stat_$name)"
done
check "some were INVALID" [ "$(metric node_nf_conntrack_stat_invalid)" -ge 1 ]
kill %1
check "the kernel's log is clean" kernel_is_content
finish
