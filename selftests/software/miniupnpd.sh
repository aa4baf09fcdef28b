#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# miniupnpd on the router: a host in the inner network asks for a port by NAT-PMP, and is reached.
. "$(dirname "$0")/lib.sh"
software miniupnpd

# One request of NAT-PMP (RFC 6886), asked again until there is an answer: result and outer port
request() { # PROTOCOL (1 UDP, 2 TCP) INNER_PORT OUTER_PORT LIFETIME
	client /usr/bin/python3 -IS - "$@" <<-'END'
		import socket, struct, sys
		protocol, inner, outer, lifetime = map(int, sys.argv[1:])
		sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		sock.settimeout(1)
		for _ in range(20):
		    try:
		        sock.sendto(struct.pack("!BBHHHI", 0, protocol, 0, inner, outer, lifetime), ("10.0.1.1", 5351))
		        print(*struct.unpack("!xxH6xH4x", sock.recv(64)[:16]))
		        break
		    except OSError:
		        pass
	END
}

network
long_lives
hosts_up
hosts listen client 7 8 9
router ip addr add 11.0.0.1/24 dev r1
ip -n server addr add 11.0.0.2/24 dev s0
cat >/run/miniupnpd.conf <<-END
	ext_ifname=r1
	ext_ip=11.0.0.1
	listening_ip=r0
	enable_natpmp=yes
	enable_upnp=no
	secure_mode=yes
	min_lifetime=1
	uuid=00000000-0000-0000-0000-000000000000
	allow 1-65535 10.0.1.0/24 1-65535
	upnp_table_name=filter
	upnp_nat_table_name=filter
END
router nft -f - <<-'END'
	table inet filter {
		chain forward {
			type filter hook forward priority 0; policy drop
			ct state established,related accept
			iif r0 accept
			jump miniupnpd
		}
		chain miniupnpd {
		}
		chain prerouting {
			type nat hook prerouting priority -100
			jump prerouting_miniupnpd
		}
		chain prerouting_miniupnpd {
		}
		chain postrouting {
			type nat hook postrouting priority 100
			jump postrouting_miniupnpd
			oif r1 masquerade
		}
		chain postrouting_miniupnpd {
		}
	}
END
inside router miniupnpd -d -f /run/miniupnpd.conf >/run/miniupnpd.log 2>&1 &
check "nobody gets in" kept_out a server 11.0.0.1 7007 0 "" 2
check_equal "a port of TCP" "0 7007" "$(request 2 7 7007 600)" || tail /run/miniupnpd.log
check_equal "a port of UDP" "0 7008" "$(request 1 8 7008 600)"
check "who knows it gets in" hosts connect b server 11.0.0.1 7007
check "the data" hosts talk b 20000
check "UDP" hosts udp u server 11.0.0.1 7008 5000
check "gets in, too" eval 'hosts ask u && hosts answer u'
check "another port does not" kept_out c server 11.0.0.1 9 0 "" 2
shows connections connections 'dport=700'
check_equal "the port of TCP is given back" "0 0" "$(request 2 7 0 0)"
check "and is closed" kept_out d server 11.0.0.1 7007 0 "" 2
check "what was there goes on" hosts talk b 20000
kill %1
check "the kernel's log is clean" kernel_is_content
finish
