#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module goes at any time, under traffic and with much on top of it, and comes back.
# In the environment: ROUNDS, with all of that; BARE, rounds with the module and traffic alone.
. "$(dirname "$0")/lib.sh"

needs_program nft iptables-restore
rounds=${ROUNDS:-6}
bare=${BARE:-4}

# Rules that bring in what stands on nf_conntrack: NAT, helpers, limits, a timeout policy.
rules() {
	modprobe -a nf_conntrack_ftp nf_nat_ftp nfnetlink_cttimeout
	! command -v nfct >/dev/null || router nfct add timeout short inet udp unreplied 60 replied 90
	router iptables-restore <<-END
		*raw
		-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
		${timeout_rule-}
		-A PREROUTING -p udp --dport 100:199 -j CT --notrack
		COMMIT
		*nat
		-A PREROUTING -i r0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.2.2:7
		-A POSTROUTING -o r1 -p udp -j MASQUERADE
		COMMIT
		*filter
		-A FORWARD -m state --state INVALID
		-A FORWARD -m conntrack --ctstate NEW -m connlimit --connlimit-above 30000 -j DROP
		-A FORWARD -m connbytes --connbytes 1: --connbytes-mode packets --connbytes-dir both
		COMMIT
	END
	router nft -f - <<-END
		table inet t {
			chain forward {
				type filter hook forward priority 10;
				ct state new ct mark set 5 counter
			}
		}
	END
}

unload() {
	router nft flush ruleset
	! command -v nfct >/dev/null || wait_for 10 router nfct del timeout short
	wait_for 20 unloaded
}

traffic_is_tracked() {
	[ "$(hosts cat router /proc/sys/net/netfilter/nf_conntrack_count)" -ge 50 ]
}

network
hosts_up
hosts listen server 7 21
if command -v nfct >/dev/null; then
	timeout_rule="-A PREROUTING -p udp --dport 200:299 -j CT --timeout short"
fi
modprobe nf_conntrack
check "rules are accepted" rules
check "connection" hosts connect c client 10.0.2.2 7
check "connection with a helper" hosts connect f client 10.0.2.2 21
hosts flood out client 10.0.2.2
hosts flood back server 10.0.1.2
for ((round = 1; round <= rounds; round++)); do
	check "round $round: connections under way" wait_for 30 traffic_is_tracked
	check "round $round: data" hosts talk c
	check "round $round: with a translated one" hosts connect d client 10.0.1.1 8080
	check "round $round: unload" unload
	check "round $round: data without the module" hosts talk c
	check "round $round: load" modprobe nf_conntrack
	check "round $round: rules are accepted" rules
	check "round $round: data" hosts talk c
	check "round $round: data with a helper" hosts talk f
	hosts abort d
done
check "unload" unload
file=$(modinfo -F filename nf_conntrack)
for ((round = 1; round <= bare; round++)); do
	check "bare round $round: load" insmod "$file" enable_hooks=1
	check "bare round $round: connections under way" wait_for 30 traffic_is_tracked
	check "bare round $round: data" hosts talk c
	check "bare round $round: unload" rmmod nf_conntrack
done
hosts calm out
hosts calm back
check "no memory cache left" wait_for 10 test ! -e /sys/kernel/slab/nf_conntrack
check "nothing in the kernel log" kernel_is_content
finish
