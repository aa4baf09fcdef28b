#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""PPTP (RFC 2637) through the helper: calls over TCP announce GRE packets, told apart by call
ids, which NAT changes where two clients have chosen the same.

  client 10.0.0.2, 10.0.0.3 ---- router ---- server 10.0.1.2
"""

import ctypes
import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import needs  # noqa: E402
import nfnl  # noqa: E402
from rig import CLONE_NEWNET, Ktap, sh  # noqa: E402

PORT, MAGIC = 1723, 0x1a2b3c4d
START_REQUEST, START_REPLY, CALL_REQUEST, CALL_REPLY = 1, 2, 7, 8
BODY = {START_REQUEST: 144, START_REPLY: 144, CALL_REQUEST: 156, CALL_REPLY: 20}
CLIENTS, SERVER, ROUTER = ("10.0.0.2", "10.0.0.3"), "10.0.1.2", "10.0.1.1"
CALL_ID = 0x1234  # both clients choose it
PATIENCE = 30

RULES = """
table ip t {{
 ct helper pptp {{ type "pptp" protocol tcp; }}
 chain pre {{ type filter hook prerouting priority 0; tcp dport 1723 ct helper set "pptp"; }}
 chain middle {{ type filter hook forward priority 0; policy drop; ct state established,related accept;
  tcp dport 1723 ct state new accept; }}
 {nat}
}}
"""
NAT = "chain post { type nat hook postrouting priority 100; oifname r1 masquerade; }"


def netns(name):
    with open(f"/run/netns/{name}", "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def sock(name, kind, proto, address):
    netns(name)
    made = socket.socket(socket.AF_INET, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(PATIENCE)
    made.bind((address, PORT if kind == socket.SOCK_STREAM and name == "server" else 0))
    return made


def send(conn, kind, body):
    body += bytes(BODY[kind] - len(body))
    conn.sendall(struct.pack("!HHIHH", 12 + len(body), 1, MAGIC, kind, 0) + body)


def receive(conn, kind):
    head = conn.recv(12, socket.MSG_WAITALL)
    length, _, magic, got, _ = struct.unpack("!HHIHH", head)
    if (magic, got) != (MAGIC, kind):
        raise ValueError(f"message {got}, not {kind}")
    return conn.recv(length - 12, socket.MSG_WAITALL)


def gre(call_id, text):
    return struct.pack("!HHHHI", 0x3001, 0x880b, len(text), call_id, 1) + text


def call(listener, address, server_id):
    """A control connection and a call; what the server knows of the client."""
    near = sock("client", socket.SOCK_STREAM, 0, address)
    near.connect((SERVER, PORT))
    far, peer = listener.accept()
    far.settimeout(PATIENCE)
    send(near, START_REQUEST, struct.pack("!HHII", 0x100, 0, 3, 3))
    receive(far, START_REQUEST)
    send(far, START_REPLY, struct.pack("!HBBII", 0x100, 1, 0, 3, 3))
    receive(near, START_REPLY)
    send(near, CALL_REQUEST, struct.pack("!HHIIIIHH", CALL_ID, 1, 300, 100000000, 3, 3, 64, 0))
    client_id = struct.unpack("!H", receive(far, CALL_REQUEST)[:2])[0]
    send(far, CALL_REPLY, struct.pack("!HHBBHIHHI", server_id, client_id, 1, 0, 0, 100000, 64, 0, 0))
    told, own = struct.unpack("!HH", receive(near, CALL_REPLY)[:4])
    return near, far, peer[0], client_id, told, own


def arrives(to, call_id, text):
    """Is this among the packets that come?"""
    try:
        while True:
            packet = to.recv(2048)[20:]
            if packet[-len(text):] == text:
                return struct.unpack("!H", packet[6:8])[0] == call_id
    except socket.timeout:
        return False


def read(name):
    netns("router")
    with open(f"/proc/net/{name}", encoding="ascii") as file:
        return file.read()


def gre_entries():
    return [line for line in read("nf_conntrack").splitlines() if " gre " in line]


def policy(verdict):
    """What becomes of packets of no known connection."""
    sh(f"ip netns exec router nft 'chain ip t middle {{ policy {verdict}; }}'")


def scenario(ktap, name, nat):
    sh("ip netns exec router nft -f -", input="flush ruleset" + RULES.format(nat=NAT if nat else ""))
    listener = sock("server", socket.SOCK_STREAM, 0, SERVER)
    listener.listen(4)
    server = sock("server", socket.SOCK_RAW, socket.IPPROTO_GRE, SERVER)
    kept, ids = [listener, server], set()
    for n, address in enumerate(CLIENTS):
        server_id, who = 0x2000 + n, f"{name}, client {n + 1}"
        client = sock("client", socket.SOCK_RAW, socket.IPPROTO_GRE, address)
        near, far, seen, client_id, told, own = call(listener, address, server_id)
        kept += [client, near, far]
        ids.add((seen, client_id))
        ktap.result(seen == (ROUTER if nat else address), f"{who}: the server sees {seen}")
        ktap.result((told, own) == (server_id, CALL_ID), f"{who}: the reply names its own ids",
                    f"{told:#x} {own:#x}")
        expected = [line for line in read("nf_conntrack_expect").splitlines() if "proto=47" in line]
        ktap.result(len(expected) == 2, f"{who}: both directions are expected", *expected)
        client.sendto(gre(told, b"there%d" % n), (SERVER, 0))
        ktap.result(arrives(server, told, b"there%d" % n), f"{who}: GRE gets there")
        server.sendto(gre(client_id, b"back%d" % n), (seen, 0))
        ktap.result(arrives(client, CALL_ID, b"back%d" % n), f"{who}: and back")
        # with its second packet a connection that was answered is there to stay
        client.sendto(gre(told, b"again%d" % n), (SERVER, 0))
        ktap.result(arrives(server, told, b"again%d" % n), f"{who}: and there again")
        lines = [line for line in gre_entries() if f"src={address} " in line and "[ASSURED]" in line
                 and re.search(f"dstkey={told:#x} ", line)]
        ktap.result(len(lines) == 1, f"{who}: one connection, assured", *gre_entries())
        ktap.result("proto=47" not in read("nf_conntrack_expect"), f"{who}: nothing is expected now",
                    read("nf_conntrack_expect"))
        # Whatever comes of the call once its connection is gone is of no call.
        sh(f"ip netns exec router conntrack -D -p gre -s {address} 2>/dev/null")
        policy("accept")
        client.sendto(gre(told, b"late%d" % n), (SERVER, 0))
        ktap.result(arrives(server, told, b"late%d" % n), f"{who}: GRE gets there later, too")
        lines = [line for line in gre_entries() if f"src={address} " in line
                 and f"srckey=0x0 dstkey={told:#x} " in line]
        ktap.result(len(lines) == 1, f"{who}: as the connection is gone, so are its keys",
                    *gre_entries())
        policy("drop")
    ktap.result(len(ids) == 2, f"{name}: the server can tell them apart", str(ids))
    server.sendto(gre(0x7777, b"strange"), (ROUTER if nat else CLIENTS[0], 0))
    for one in kept:
        one.close()
    sh("ip netns exec router conntrack -F 2>/dev/null")
    ktap.result(not gre_entries(), f"{name}: nothing remains", *gre_entries())


def helper_gone(ktap):
    """Only a master that has the helper yet loses the keys of its call with the connection."""
    sh("ip netns exec router nft -f -", input="flush ruleset" + RULES.format(nat=""))
    address = CLIENTS[0]
    listener = sock("server", socket.SOCK_STREAM, 0, SERVER)
    listener.listen(1)
    server = sock("server", socket.SOCK_RAW, socket.IPPROTO_GRE, SERVER)
    client = sock("client", socket.SOCK_RAW, socket.IPPROTO_GRE, address)
    near, far, _, _, told, _ = call(listener, address, 0x2002)
    client.sendto(gre(told, b"there"), (SERVER, 0))
    ktap.result(arrives(server, told, b"there"), "a call with the helper")
    netns("router")
    reply, = nfnl.Socket().request(
        f"CT_NEW request,ack family=2 TUPLE_ORIG(IP(V4_SRC={address} V4_DST={SERVER}) "
        f"PROTO(NUM=6 SRC_PORT={near.getsockname()[1]} DST_PORT={PORT})) HELP(NAME=)")
    ktap.result(nfnl.text(reply) == "error 0", "the helper is taken away", nfnl.text(reply))
    sh("ip netns exec router conntrack -D -p gre 2>/dev/null")
    policy("accept")
    client.sendto(gre(told, b"late"), (SERVER, 0))
    ktap.result(arrives(server, told, b"late"), "GRE gets there without it")
    ktap.result([f"srckey={CALL_ID:#x} dstkey={told:#x} " in line for line in gre_entries()] == [True],
                "and is of the call, whose keys are still known", *gre_entries())
    for one in listener, server, client, near, far:
        one.close()
    sh("ip netns exec router conntrack -F 2>/dev/null")


def main():
    needs.programs("nft", "conntrack")
    needs.modules("nf_conntrack_pptp", "nf_nat_pptp")
    sh("""
    for n in client router server; do ip netns add $n; ip -n $n link set lo up; done
    ip link add c0 netns client type veth peer r0 netns router
    ip link add s0 netns server type veth peer r1 netns router
    for a in 'client c0 10.0.0.2' 'client c0 10.0.0.3' 'router r0 10.0.0.1' 'router r1 10.0.1.1' \\
             'server s0 10.0.1.2'; do
        set -- $a; ip -n $1 addr add $3/24 dev $2; ip -n $1 link set $2 up
    done
    ip -n client route add default via 10.0.0.1
    ip -n server route add default via 10.0.1.1
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1
    """)
    ktap = Ktap()
    scenario(ktap, "routed", False)
    scenario(ktap, "with NAT", True)
    helper_gone(ktap)
    ktap.finish()


main()
