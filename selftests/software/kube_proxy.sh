#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Chains as kube-proxy writes them: a service is spread over many backends by chance, another
# one keeps to a client, a node's port, hairpins, and services of UDP whose backends come and go.
. "$(dirname "$0")/lib.sh"

vip=10.96.0.10
backends=20
services=40

endpoint() { # NAME ADDRESS PORT PROTOCOL
	echo "-A KUBE-SEP-$1 -s $2/32 -j KUBE-MARK-MASQ"
	echo "-A KUBE-SEP-$1 -p $4 -m $4 -j DNAT --to-destination $2:$3"
}

# A service over the backends of server's ports from 9001 on, as its rules are in iptables
spread() { # NAME PORT PROTOCOL BACKEND...
	local left=$(($# - 3)) name=$1 i
	echo "-A KUBE-SERVICES -d $vip/32 -p $3 -m $3 --dport $2 -j KUBE-SVC-$1"
	for i in "${@:4}"; do
		if [ $left = 1 ]; then
			echo "-A KUBE-SVC-$name -j KUBE-SEP-$name-$i"
		else
			echo "-A KUBE-SVC-$name -m statistic --mode random --probability 0$(echo "scale=5; 1/$left" | bc) -j KUBE-SEP-$name-$i"
		fi
		endpoint "$name-$i" 10.0.2.2 $((9000 + i)) "$3"
		left=$((left - 1))
	done
}

chains() {
	sed -nE 's/^-A (KUBE-S(VC|EP)-\S+) .*/:\1 -/p' <<<"$1" | sort -u
}

rules() { # BACKEND...: of the service of UDP
	local all
	all=$(
		spread WEB 80 tcp $(seq $backends)
		spread DNS 53 udp "$@"
		echo "-A KUBE-SERVICES -d $vip/32 -p tcp -m tcp --dport 81 -j KUBE-SVC-KEEP"
		for i in 1 2 3; do
			echo "-A KUBE-SVC-KEEP -m recent --name KEEP-$i --rcheck --seconds 600 --reap -j KUBE-SEP-KEEP-$i"
		done
		for i in 1 2 3; do
			echo "-A KUBE-SVC-KEEP -m statistic --mode random --probability 0.5 -j KUBE-SEP-KEEP-$i"
		done
		echo "-A KUBE-SVC-KEEP -j KUBE-SEP-KEEP-3"
		for i in 1 2 3; do
			echo "-A KUBE-SEP-KEEP-$i -p tcp -m recent --name KEEP-$i --set -m tcp -j DNAT --to-destination 10.0.2.2:900$i"
		done
		for ((i = 0; i < services; i++)); do
			echo "-A KUBE-SERVICES -d 10.96.1.$i/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-S$i"
			echo "-A KUBE-SVC-S$i -j KUBE-SEP-S$i"
			endpoint S$i 10.0.2.2 9001 tcp
		done
		echo "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"
		echo "-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-MARK-MASQ"
		echo "-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC-WEB"
	)
	router iptables-restore <<-END
		*filter
		:KUBE-FORWARD -
		-A FORWARD -j KUBE-FORWARD
		-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
		-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
		-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		COMMIT
		*nat
		:KUBE-SERVICES -
		:KUBE-NODEPORTS -
		:KUBE-MARK-MASQ -
		:KUBE-POSTROUTING -
		$(chains "$all")
		-A PREROUTING -j KUBE-SERVICES
		-A OUTPUT -j KUBE-SERVICES
		-A POSTROUTING -j KUBE-POSTROUTING
		-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
		-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
		-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
		-A KUBE-POSTROUTING -j MASQUERADE --random-fully
		$all
		COMMIT
	END
}

reached() { # the backend's port
	echo "${answer##* }"
}

visits() { # NUMBER PORT: to which backends so many connections go
	local i
	for ((i = 0; i < $1; i++)); do
		tell connect v client $vip "$2" || { echo "$answer"; return; }
		reached
		tell close v
	done
}

# The backend of a client of UDP goes, as kube-proxy does it: rules first, then the entries.
churn() { # NUMBER
	local i old new
	tell ask u || return
	old=$(reached)
	for ((i = 0; i < $1; i++)); do
		new=$((9000 + (old - 9000) % 3 + 1))
		rules $((new - 9000)) || return
		tell ask u && is_equal "$old" "$(reached)" || return
		router conntrack -D -p udp --orig-dst $vip --dst-nat 10.0.2.2 >/dev/null 2>&1 || return
		tell ask u && is_equal "$new" "$(reached)" && tell answer u || return
		old=$new
	done
}

network
long_lives
ip -n router route add 10.96.0.0/16 via 10.0.2.2
hosts_up
# shellcheck disable=SC2046
hosts listen server $(seq 9001 $((9000 + backends)))
check "rules" rules 1 2 3
before=$(visits 160 80 | sort | uniq -c | wc -l)
check_equal "many connections get to all $backends backends" $backends "$before"
check_equal "a client is kept to a backend" 1 "$(visits 10 81 | sort -u | wc -l)"
check "one of $services services" hosts connect s client 10.96.1.$((services - 1)) 80
check "the port of the node" hosts connect n client 10.0.1.1 30080
check "its data" hosts talk n 20000
check_equal "it is masqueraded" 10.0.2.1 "$(hosts connect m client 10.0.1.1 30080 | cut -d' ' -f1)"
check "a service from the node itself" hosts connect o router $vip 80
check "its data" hosts talk o 20000
check "a client of UDP" hosts udp u client $vip 53 5000
check "backends of UDP come and go under it" churn 8
# one of three, by chance
shows udp eval 'connections udp | sed "s/sport=900[123]/sport=9001-9003/"'
check_equal "no clash, nothing lost" "0 0" "$(router conntrack -S | awk -F'[ =]+' '
	{ for (i = 1; i < NF; i++) { if ($i == "insert_failed") f += $(i + 1); if ($i == "drop") d += $(i + 1) } }
	END { print f + 0, d + 0 }')"
check "the kernel's log is clean" kernel_is_content
finish
