#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# WireGuard through masquerading, and ESP in transport mode through a stateful router.
. "$(dirname "$0")/lib.sh"
software wg

tunnel() {
	local ns
	for ns in client server; do
		ip -n $ns link add wg0 type wireguard || return
		wg genkey >/run/$ns.key
	done
	client wg set wg0 private-key /run/client.key peer "$(wg pubkey </run/server.key)" \
		allowed-ips 10.8.0.0/24 endpoint 10.0.2.2:51820 persistent-keepalive 5
	server wg set wg0 private-key /run/server.key listen-port 51820 \
		peer "$(wg pubkey </run/client.key)" allowed-ips 10.8.0.0/24
	ip -n client addr add 10.8.0.1/24 dev wg0
	ip -n server addr add 10.8.0.2/24 dev wg0
	ip -n client link set wg0 up
	ip -n server link set wg0 up
	wait_for 20 client ping -c 1 -W 2 10.8.0.2
}

esp() { # NETNS FROM TO SPI: one direction
	ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" mode transport \
		auth 'hmac(sha256)' 0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \
		enc 'cbc(aes)' 0x0123456789abcdef0123456789abcdef
}

transport() {
	local ns
	for ns in client server; do
		esp $ns 10.0.1.2 10.0.2.2 0x100 && esp $ns 10.0.2.2 10.0.1.2 0x200 || return
	done
	ip -n client xfrm policy add src 10.0.1.2 dst 10.0.2.2 proto tcp dir out tmpl proto esp mode transport &&
		ip -n client xfrm policy add src 10.0.2.2 dst 10.0.1.2 proto tcp dir in tmpl proto esp mode transport &&
		ip -n server xfrm policy add src 10.0.2.2 dst 10.0.1.2 proto tcp dir out tmpl proto esp mode transport &&
		ip -n server xfrm policy add src 10.0.1.2 dst 10.0.2.2 proto tcp dir in tmpl proto esp mode transport
}

network
needs_module wireguard
hosts_up
hosts listen server 7
router nft -f - <<-'END'
	table ip t {
		chain forward {
			type filter hook forward priority 0; policy drop
			ct state established accept
			iif r0 ct state new accept
		}
		chain nat {
			type nat hook postrouting priority 100
			oif r1 ip protocol udp masquerade random
		}
	}
END
check "the tunnel is up through NAT" tunnel
check "TCP in it" hosts connect a client 10.8.0.2 7
check "its data" hosts talk a 200000
check "the router sees one flow of UDP" is_equal 1 "$(connections 'udp.*dport=51820' | wc -l)"
endpoint=$(server wg show wg0 endpoints | cut -f2)
check "the other end knows the router's address" grep -q '^10\.0\.2\.1:' <<<"$endpoint"
shows udp eval 'connections "udp.*dport=51820" | sed "s/port=[0-9a-z]*/port=any/g"'
check "its mapping is lost" router conntrack -D -p udp
check "TCP goes on, from another port" hosts talk a 200000
now=$(server wg show wg0 endpoints | cut -f2)
check "the endpoint is another one" test -n "$now" -a "$now" != "$endpoint"
check "ESP" transport
check "TCP over ESP" hosts connect e client 10.0.2.2 7
check "its data" hosts talk e 100000
check "the router sees ESP alone" has_entry ' 50 .*src=10.0.1.2 dst=10.0.2.2'
check "and no TCP" no_entry 'tcp .*dst=10.0.2.2'
shows esp connections ' 50 '
check "the kernel's log is clean" kernel_is_content
finish
