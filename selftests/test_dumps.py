#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two dumpers and two flushers against traffic and resizes.

Connections that last have to come in each dump, once; those that a flush is about have to be
gone after it, and nobody else. DURATION is in seconds. The in-tree module's table keeps its size
here: a dump of that starts anew when it is resized.
"""

import collections
import concurrent.futures
import itertools
import os
import socket
import struct
import subprocess
import time

import hosts
from ctnl import OURS, both
from nfnl import CREATE, DONE, DUMP, DUMP_INTR, EXCL, Socket
from rig import Ktap

NAMESPACE = "dumps"
SUMMARY = "/proc/net/stat/nf_conntrack_ng"
OLD = not OURS and os.uname().release.startswith("6.1.")
DURATION = float(os.environ.get("DURATION", "20"))
TCP, UDP = 6, 17
LASTING, VICTIMS = 1200, 40
PORTS = 53001, 53002  # of the traffic that each flusher is after; their marks are 1 and 2
MARKS, MINE = 0xf, 0x20

RULES = """
modprobe nf_nat
sysctl -qw net.netfilter.nf_conntrack_max=100000
ip netns add {0}
ip -n {0} link set lo up
ip netns exec {0} nft -f - <<END
table ip t {{
    chain marks {{
        type filter hook output priority mangle
        udp dport {1[0]} ct mark set 1
        udp dport {1[1]} ct mark set 2
    }}
    chain moved {{
        type nat hook output priority -100
        ip daddr 127.64.0.0/10 udp dport {{ {1[0]}, {1[1]} }} dnat ip prefix to 127.128.0.0/10
    }}
}}
END
"""


def lasting(number):
    """One of several kinds: with one slot in the table or two, in zones, of either family."""
    net = f"{number >> 8}.{number & 255}"
    more = [lambda: both(f"10.1.{net}", "10.2.0.1", UDP, number, 9),
            lambda: both(f"10.1.{net}", "10.2.0.1", TCP, number, 80) |
            {"PROTOINFO": {"TCP": {"STATE": 3}}, "NAT_SRC": {"V4_MINIP": f"10.3.{net}"}},
            lambda: both(f"fd01::{number:x}", "fd01:1::1", UDP, number, 9),
            lambda: both(f"10.1.{net}", "10.2.0.1", UDP, number, 9, zone=number % 7 + 1),
            lambda: both(f"10.1.{net}", "10.2.0.1", UDP, number, 9) | {"ZONE": number % 7 + 1}]
    return more[number % len(more)]() | {"TIMEOUT": 100000, "MARK": MARKS, "STATUS": 14}


def told(client, size, pause=0):
    """What a dump tells: the bytes of each original tuple, and whether it says it was disturbed."""
    tuples, disturbed = [], False
    client.send("CT_GET", (), DUMP, family=socket.AF_UNSPEC)
    while True:
        data, at = client.sock.recv(size), 0
        while at < len(data):
            length, kind, flags = struct.unpack_from("=IHH", data, at)
            disturbed |= bool(flags & DUMP_INTR)
            if kind == DONE:
                return tuples, disturbed
            size_of_tuple, = struct.unpack_from("=H", data, at + 20)
            tuples.append(data[at + 20:at + 20 + size_of_tuple])
            at += length + 3 & ~3
        time.sleep(pause)


def dumper(until, stay, size, pause):
    client, tally = Socket(), collections.Counter()
    while time.time() < until or not tally["dumps"]:
        tuples, disturbed = told(client, size, pause)
        count = collections.Counter(tuples)
        tally.update(dumps=1, others=len(tuples) - len(stay), disturbed=disturbed,
                     missing=sum(key not in count for key in stay),
                     doubled=sum(count[key] > 1 for key in (count if OURS else stay)))
    return tally


def flusher(until, number):
    """Deletes the traffic with its mark or port, and some of its own that nobody else touches."""
    client, tally = Socket(), collections.Counter()
    mark, port = number + 1, PORTS[number]
    by_port = both("0.0.0.0", "0.0.0.0", UDP, 0, port) | {"FILTER": {"ORIG_FLAGS": 0x28}}
    what = by_port if number and not OLD else {"MARK": mark, "MARK_MASK": MARKS}
    while time.time() < until or not tally["flushes"]:
        for i in range(VICTIMS):
            flow = both(f"10.4.{number}.{i}", "10.2.0.1", UDP, 9, port)
            client.ask("CT_NEW", flow | {"TIMEOUT": 1000, "MARK": MINE | mark}, CREATE | EXCL)
        client.ask("CT_DELETE", what)
        left = client.dump("CT_GET", {"MARK": MINE | mark})
        tally.update(flushes=1, left=len(left))
    return tally


def traffic(until):
    """Each packet is a new connection, half of them with NAT."""
    tally = collections.Counter()
    sinks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in PORTS]
    for sink, port in zip(sinks, PORTS):
        sink.bind(("", port))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in itertools.count():
        if time.time() >= until and tally["packets"] > 1000:
            return tally
        address = f"127.{64 * (number & 1)}.{number >> 9 & 255}.{number >> 1 & 255}"
        if address != "127.0.0.0":
            sender.sendto(b"x", (address, PORTS[number >> 2 & 1]))
            tally.update(packets=1)


def resizer(until, fd):
    tally = collections.Counter()
    for slots in itertools.cycle((1 << 17, 1 << 12, 1 << 15, 1 << 11)):
        if not OURS or time.time() >= until:
            return tally
        os.pwrite(fd, b"%d\n" % slots, 0)
        time.sleep(0.1)


def resizes():
    with open(SUMMARY, encoding="ascii") as f:
        return int(next(line.split()[1] for line in f if line.startswith("resizes ")))


def play(stay, buckets):
    """All at once; what each has to tell, by its name."""
    until = time.time() + DURATION
    parts = [("dumper of small parts", dumper, stay, 8192, 0.001),
             ("dumper of large parts", dumper, stay, 32768, 0), ("flusher by mark", flusher, 0),
             ("flusher by port", flusher, 1), ("traffic", traffic), ("resizer", resizer, buckets)]
    with concurrent.futures.ProcessPoolExecutor(len(parts)) as pool:
        done = {name: pool.submit(part, until, *args) for name, part, *args in parts}
        return {name: future.result() for name, future in done.items()}


def main():
    subprocess.run(["bash", "-ec", RULES.format(NAMESPACE, PORTS)], check=True)
    # It belongs to the first namespace.
    buckets = os.open("/proc/sys/net/netfilter/nf_conntrack_buckets", os.O_WRONLY)
    with open(f"/run/netns/{NAMESPACE}", "rb") as netns:
        hosts.setns(netns)
    ktap, client = Ktap(), Socket()
    for number in range(LASTING):
        attributes = lasting(number)
        family = socket.AF_INET6 if "V6_SRC" in attributes["TUPLE_ORIG"]["IP"] else socket.AF_INET
        client.ask("CT_NEW", attributes, CREATE | EXCL, family)
    stay = set(told(client, 32768)[0])
    ktap.result(len(stay) == LASTING, "all that last are there", len(stay))

    tallies = play(stay, buckets)
    for name, tally in tallies.items():
        if tally:
            print(f"# {name}:", *(f"{what} {number}" for what, number in tally.items()))
        if "dumps" in tally:
            ktap.result(tally["dumps"] and not tally["missing"] + tally["doubled"],
                        f"{name}: nothing missing, nothing doubled")
            ktap.result(tally["others"] and not tally["disturbed"], f"{name}: others come and go")
        elif "flushes" in tally:
            ktap.result(tally["flushes"] and not tally["left"], f"{name}: takes all that it is about")
    ktap.result(tallies["traffic"]["packets"] > 1000, "traffic goes on")
    if OURS:
        print(f"# {resizes()} resizes")
        ktap.result(resizes() >= DURATION / 2, "the table is resized all the time")
    client.ask("CT_DELETE", {"MARK": 0, "MARK_MASK": 0xc})
    ktap.result(set(told(client, 32768)[0]) == stay, "those that last are left")
    ktap.finish()


main()
