#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A program in the way of packets: it changes their length behind NAT, by verdicts that
mention the connection; and libnetfilter_queue and libnetfilter_conntrack with what they get."""

import ctypes
import os
import pathlib
import re
import select
import struct
import subprocess

import hosts
import nfnl
from rig import Ktap, checksum, l4_checksum

HERE = pathlib.Path(__file__).resolve().parent
# Sequence numbers are adjusted only where a helper may have a reason to.
RULES = """
table inet t {
	ct helper ftp { type "ftp" protocol tcp; }
	chain h { type filter hook prerouting priority 0; tcp dport 7 ct helper set "ftp"; }
	chain nat { type nat hook postrouting priority 100; tcp dport 7 snat ip to 10.0.2.1:8000; }
	chain q { type filter hook forward priority 0; tcp dport 7 tcp flags & psh == psh queue num 5; }
	chain r { type filter hook forward priority 0; udp dport 7 queue num 6; }
	chain d {
		type nat hook prerouting priority -100;
		udp dport 9 dnat ip to numgen inc mod 3 map { 0 : 10.0.2.2, 1-2 : 10.0.2.3 };
	}
	chain w { type filter hook forward priority 0; udp dport 9 queue num 7; }
	chain s { type filter hook forward priority 0; ct state invalid drop; }
}
"""
CONN = "TUPLE_ORIG(IP(V4_SRC=10.0.1.2 V4_DST=10.0.2.2) PROTO(NUM=6 SRC_PORT=5000 DST_PORT=7))"

ktap = Ktap()


def nft(line):
    subprocess.run(["ip", "netns", "exec", "router", "nft", *line.split()], check=True)


def lengthened(packet, more):
    """A TCP packet of IPv4 with more data at its end."""
    ip, tcp = packet[:20], packet[20:] + more
    ip = ip[:2] + struct.pack("!H", len(packet) + len(more)) + ip[4:10] + b"\0\0" + ip[12:]
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = l4_checksum("10.0.1.2", "10.0.2.2", 6, tcp[:16] + b"\0\0" + tcp[18:], 16)
    return ip + tcp


def open_queue(number):
    with hosts.netns("router"):
        queue = nfnl.Socket()
    for attributes in "CMD=#01000002", "PARAMS=#0000ffff02", "FLAGS=2 MASK=2":
        reply, = queue.request(f"QUEUE_CONFIG request,ack family=2 res_id={number} {attributes}")
        ktap.result(nfnl.text(reply) == "error 0", f"queue {number}: {attributes}",
                    nfnl.text(reply))
    return queue


def packet_number(text):
    return re.search(r"PACKET_HDR=#(\w{8})", text)[1]


def lost_clash():
    """Three packets of a flow wait for their verdicts: NAT sent one to another server than the
    two after it."""
    queue = open_queue(7)
    subprocess.run("ip -n server addr add 10.0.2.3/24 dev s0".split(), check=True)
    hosts.COMMANDS["udp"]("c", "client", "10.0.9.9", "9", "5002")
    numbers = []
    for _ in range(3):
        hosts.COMMANDS["fire"]("c")
        message, = queue.receive(hosts.PATIENCE)
        numbers.append(packet_number(nfnl.text(message)))
    for number in numbers:
        queue.request(f"QUEUE_VERDICT request,ack family=2 res_id=7 VERDICT_HDR=#00000001{number}")
    for number in range(3):
        hosts.waiting(hosts.socket.SOCK_DGRAM).recv(100)
        ktap.result(True, f"{number + 1} of the packets have arrived")
    with hosts.netns("router"):
        told = pathlib.Path("/proc/thread-self/net/nf_conntrack").read_text(encoding="ascii")
        asked = nfnl.Socket().request("CT_GET request,dump family=2")
    ktap.result(len(set(numbers)) == 3 and told.count("sport=5002") == 1,
                "the flow is listed once", told)
    ktap.result(sum("SRC_PORT=5002 " in nfnl.text(message) for message in asked) == 1,
                "and once in a dump", *(nfnl.text(message) for message in asked))


def queued(queue, data):
    """Number and bytes of the packet that ends with this. What TCP has sent again is dropped."""
    waiting = []
    while True:
        waiting = waiting or queue.receive(hosts.PATIENCE)
        text = nfnl.text(waiting.pop(0))
        number, packet = packet_number(text), bytes.fromhex(re.search(r"PAYLOAD=#(\w+)", text)[1])
        if packet.endswith(data):
            queue.unasked[:0] = waiting
            return number, packet
        queue.request(f"QUEUE_VERDICT request,ack family=2 res_id=5 VERDICT_HDR=#00000000{number}")


def conversation():
    """The server gets more than the client sent, and both go on."""
    queue = open_queue(5)
    hosts.COMMANDS["connect"]("t", "client", "10.0.2.2", "7", "5000")
    client, peer = hosts.CLIENTS["t"], hosts.PEERS["t"][0]
    peer.settimeout(hosts.PATIENCE)
    for sent, more in (b"one", b" and more"), (b"two", b" and still more"):
        client.send(sent)
        number, packet = queued(queue, sent)
        reply, = queue.request("QUEUE_VERDICT request,ack family=2 res_id=5 "
                               f"VERDICT_HDR=#00000001{number} CT(MARK=1) "
                               f"PAYLOAD=#{lengthened(packet, more).hex()}")
        got = peer.recv(100)
        ktap.result(got == sent + more, f"{sent.decode()}: the server gets more", got)
        peer.send(b"answer")
        ktap.result(client.recv(100) == b"answer", f"{sent.decode()}: the answer")

    nft("flush chain inet t q")
    hosts.COMMANDS["talk"]("t", "30000")
    ktap.result(True, "both talk on without the queue")
    reply, = queue.request(f"CT_GET request family=2 {CONN}")
    found = re.search(r"SEQ_ADJ_ORIG\(POS=\d+ BEFORE=(\d+) AFTER=(\d+)\)", nfnl.text(reply))
    ktap.result(found and found.groups() == ("9", "24"), "the connection says by how much",
                nfnl.text(reply))
    hosts.COMMANDS["close"]("t")


class Libraries:
    """libnetfilter_queue binds a queue, libnetfilter_conntrack reads the connection."""

    CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                                ctypes.c_void_p)

    def __init__(self):
        self.queue = ctypes.CDLL("libnetfilter_queue.so.1", use_errno=True)
        self.conn = ctypes.CDLL("libnetfilter_conntrack.so.3", use_errno=True)
        for lib, name in ((self.queue, "nfq_open"), (self.queue, "nfq_create_queue"),
                          (self.queue, "nfq_get_msg_packet_hdr"), (self.conn, "nfct_new")):
            getattr(lib, name).restype = ctypes.c_void_p
        self.callback = self.CALLBACK(self.packet)
        self.ids = []

    def packet(self, queue, _message, data, _user):
        header = ctypes.string_at(self.queue.nfq_get_msg_packet_hdr(ctypes.c_void_p(data)), 4)
        self.ids.append(int.from_bytes(header, "big"))
        return self.queue.nfq_set_verdict2(ctypes.c_void_p(queue), self.ids[-1], 1, 9, 0, None)

    def run(self):
        with hosts.netns("router"):
            handle = ctypes.c_void_p(self.queue.nfq_open())
        queue = ctypes.c_void_p(self.queue.nfq_create_queue(handle, 6, self.callback, None))
        ktap.result(handle and queue, "libnetfilter_queue opens a queue")
        ktap.result(not self.queue.nfq_set_mode(queue, ctypes.c_uint8(2), 0xffff), "its mode")
        ktap.result(not self.queue.nfq_set_queue_flags(queue, 2, 2), "with connections")
        hosts.COMMANDS["udp"]("u", "client", "10.0.2.2", "7", "5001")
        hosts.COMMANDS["fire"]("u")
        ready = select.select([self.queue.nfq_fd(handle)], [], [], hosts.PATIENCE)[0]
        data = os.read(ready[0], 65536) if ready else b""
        ktap.result(not self.queue.nfq_handle_packet(handle, data, len(data)) and self.ids == [1],
                    "it gives its verdict on a packet", self.ids)
        arrived = hosts.waiting(hosts.socket.SOCK_DGRAM).recvfrom(100)[0]
        ktap.result(arrived == b"xxxx", "the packet arrives", arrived)
        self.read_connection(data)
        self.queue.nfq_destroy_queue(queue)
        self.queue.nfq_close(handle)

    def read_connection(self, message):
        payload = next(value for number, value in attributes(message[20:]) if number == 11)
        conn = ctypes.c_void_p(self.conn.nfct_new())
        failed = self.conn.nfct_payload_parse(payload, len(payload), 2, conn)
        text = ctypes.create_string_buffer(1024)
        self.conn.nfct_snprintf(text, 1024, conn, 0, 0, 0)
        got = " ".join(text.value.decode().split())
        self.conn.nfct_destroy(conn)
        ktap.result(not failed and re.fullmatch(
            r"udp 17 (30|29) src=10.0.1.2 dst=10.0.2.2 sport=5001 dport=7 \[UNREPLIED\] "
            r"src=10.0.2.2 dst=10.0.1.2 sport=7 dport=5001 mark=0", got),
            "libnetfilter_conntrack reads its connection", got)


def attributes(data):
    while len(data) >= 4:
        size, number = struct.unpack_from("=HH", data)
        yield number & nfnl.NLA_TYPE, data[4:size]
        data = data[(size + 3) & ~3:]


subprocess.run(["/bin/bash", "-c", '. "$1"; network; trap - EXIT', "-", HERE / "lib.sh"],
               check=True)
subprocess.run(["ip", "netns", "exec", "router", "nft", "-f", "-"], check=True, text=True,
               input=RULES)
hosts.COMMANDS["listen"]("server", "7", "9")
conversation()
lost_clash()
Libraries().run()
subprocess.run(["/bin/bash", "-c", '. "$1"; network_down', "-", HERE / "lib.sh"], check=True)
ktap.finish()
