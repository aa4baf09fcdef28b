#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Docker on the router: ports that it publishes, its NAT, and what becomes of a client of UDP
# when another container takes a port over.
. "$(dirname "$0")/lib.sh"
software dockerd docker socat

# A container has the router's programs and nothing else.
image() {
	local dir=/tmp/image
	mkdir -p $dir/{usr,proc,sys,dev,tmp,etc}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 $dir
	tar -C $dir -c . | docker import - image
}

run() { # NAME OPTION... -- COMMAND...
	docker run -d --name "$1" -v /usr:/usr:ro "${@:2}"
}

hears() { # WORD NETNS ADDRESS:PORT: what the server at the other end says
	is_equal "$1" "$(ip netns exec "$2" socat -u -T10 "TCP:$3" -)"
}

answers() { # WORD PORT: of the client's, by UDP
	is_equal "$1" "$(echo "$1" | client socat -t3 - "UDP:10.0.1.1:5353,sourceport=$2,reuseaddr")"
}

network
mkdir -p /var/lib/docker
mount -t tmpfs tmpfs /var/lib/docker
inside router dockerd -s vfs --userland-proxy=false --exec-opt native.cgroupdriver=cgroupfs \
	>/run/docker.log 2>&1 &
check "the daemon starts" wait_for 200 docker info || { tail /run/docker.log; finish; }
check "an image" image
say='TCP-LISTEN:80,fork,reuseaddr'
check "a container with a port of TCP" run web -p 8080:80 image socat $say SYSTEM:'echo to $SOCAT_PEERADDR'
check "a container with a port of UDP" run dns -p 5353:53/udp image socat UDP-LISTEN:53,fork PIPE
wait_for 60 hears "to 10.0.1.2" client 10.0.1.1:8080
router conntrack -F >/dev/null 2>&1

check "a client gets to the published port" hears "to 10.0.1.2" client 10.0.1.1:8080
check "so does the router, by loopback" hears "to 172.17.0.1" router 127.0.0.1:8080
check "and the container itself" is_equal "to 172.17.0.1" \
	"$(docker exec web socat -u -T10 TCP:10.0.1.1:8080 -)"
server socat TCP-LISTEN:7,fork,reuseaddr SYSTEM:'echo to $SOCAT_PEERADDR' &
listener=$!
wait_for 20 hears "to 10.0.2.1" router 10.0.2.2:7
check "a container is masqueraded" is_equal "to 10.0.2.1" \
	"$(docker exec web socat -u -T10 TCP:10.0.2.2:7 -)"
kill $listener
check "what is not published is not reached" fails_with 'timed out|unreachable|refused|No route' \
	client socat -u -T3 TCP:172.17.0.3:80,connect-timeout=3 -
shows tcp connections tcp
check "UDP is answered" answers one 6000
check "and goes on" answers two 6000
check "there is an entry" eval 'connections udp | grep -q "dport=5353.*src=172.17.0.3"'
check "the container goes" docker rm -f dns
run other image socat UDP-LISTEN:54 PIPE >/dev/null
check "another one takes the port over" run dns2 -p 5353:53/udp image socat UDP-LISTEN:53,fork PIPE
check "the same client of UDP gets to it" wait_for 30 answers three 6000
shows udp connections 'udp.*dport=5353'
check "all containers go" docker rm -f web other dns2
check "no rule is left" prints_no DNAT router iptables-save -t nat
check "the kernel's log is clean" kernel_is_content
kill %1
finish
