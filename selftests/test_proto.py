#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""UDP, UDP-Lite, ICMP, ICMPv6, GRE and the generic tracker: states, timeouts, errors.

Each scenario is a list of steps: side, protocol number, what makes the packet from its source
and destination, expectation (see rig.py). %d in the pattern is a number of the scenario's own,
used as port or id, so that scenarios do not disturb each other.
"""

import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import (ADDRESS, Ktap, Rig, agrees, counted, icmp, ip_packet,  # noqa: E402
                 l4_checksum, tcp, udp)

ICMP, TCP, UDP, GRE, ICMP6, UDPLITE, OTHER = 1, 6, 17, 47, 58, 136, 253


def udplite(src, dst, sport, dport, coverage=0, data=b"data"):
    packet = struct.pack("!HHHH", sport, dport, coverage, 0) + data
    return l4_checksum(src, dst, UDPLITE, packet, 6)


def echo(src, dst, ident, reply=False, code=0):
    kind = (129 if reply else 128) if ":" in src else (0 if reply else 8)
    return icmp(src, dst, kind, code, struct.pack("!HH", ident, 1), b"data")


def error(src, dst, kind, code, quoted):
    """An ICMP error from src about a packet."""
    return icmp(src, dst, kind, code, bytes(4), quoted)


def broken(packet, at=-1):
    """The packet with a byte changed, so that its checksum is wrong."""
    packet = bytearray(packet)
    packet[at] ^= 0x55
    return bytes(packet)


class Play:
    """One scenario over one family."""

    def __init__(self, rig, six, number):
        self.rig, self.six, self.number = rig, six, number
        self.a, self.b = ADDRESS[six, "a"], ADDRESS[six, "b"]
        self.trace, self.ok, self.began = [], True, time.monotonic()

    def step(self, what, side, proto, packet, want, pattern=None):
        src, dst = (self.a, self.b) if side == "a" else (self.b, self.a)
        seen = self.rig.send(side, proto, packet(src, dst), self.six)
        family = "^ipv6 " if self.six else "^ipv4 "
        entry = self.rig.entry(family, pattern or f"(port|id)={self.number} ")
        self.judge(what, want() if callable(want) else want, seen, entry)

    def judge(self, what, want, seen, entry="-"):
        good = agrees(want, seen, entry, self.began)
        self.ok &= good
        self.trace.append(f"{what:32} {seen} {entry}" + ("" if good else f"   WANTED {want}"))


def scenario_udp(p):
    n = p.number
    p.step("query", "a", UDP, lambda s, d: udp(s, d, n, 53), "new 30 U")
    p.step("query again", "a", UDP, lambda s, d: udp(s, d, n, 53), "new 30 U")
    p.step("answer", "b", UDP, lambda s, d: udp(s, d, 53, n), "est 30")
    # a packet after two seconds makes it a stream, wherever that time went
    p.step("more", "a", UDP, lambda s, d: udp(s, d, n, 53),
           lambda: "est 30" if time.monotonic() - p.began < 2 else "est")
    time.sleep(2.2)
    p.step("answer after two seconds", "b", UDP, lambda s, d: udp(s, d, 53, n), "est 120 A")
    p.step("now a stream", "a", UDP, lambda s, d: udp(s, d, n, 53), "est 120 A")


def scenario_udplite(p):
    n = p.number
    if not p.rig.ours:  # takes right checksums for wrong ones
        p.rig.sysctl("checksum", 0)
    p.step("query", "a", UDPLITE, lambda s, d: udplite(s, d, n, 53), "new 30 U")
    p.step("query again", "a", UDPLITE, lambda s, d: udplite(s, d, n, 53), "new 30 U")
    p.step("answer", "b", UDPLITE, lambda s, d: udplite(s, d, 53, n), "est 30")
    p.step("a stream at once", "a", UDPLITE, lambda s, d: udplite(s, d, n, 53), "est 120 A")
    p.rig.sysctl("checksum", 1)
    p.step("wrong checksum", "a", UDPLITE, lambda s, d: broken(udplite(s, d, n, 53)), "inv")


def scenario_udp_bad(p):
    n = p.number
    p.step("wrong checksum", "a", UDP, lambda s, d: broken(udp(s, d, n, 53)), "inv -")
    p.step("length beyond the packet", "a", UDP,
           lambda s, d: struct.pack("!HHHH", n, 53, 100, 0) + b"data", "inv -")
    p.step("length below the header", "a", UDP,
           lambda s, d: struct.pack("!HHHH", n, 53, 7, 0) + b"data", "inv -")
    for size in range(8):
        p.step(f"{size} bytes", "a", UDP, lambda s, d, z=size: udp(s, d, n, 53)[:z], "inv -")
    p.step("coverage below the header", "a", UDPLITE,
           lambda s, d: udplite(s, d, n, 53, coverage=7), "inv -")
    p.step("coverage beyond the packet", "a", UDPLITE,
           lambda s, d: udplite(s, d, n, 53, coverage=100), "inv -")


def scenario_tcp_bad(p):
    n = p.number
    p.step("wrong checksum", "a", TCP, lambda s, d: broken(tcp(s, d, n, 80, "S"), 4), "inv -")
    for size in range(0, 20, 3):
        p.step(f"{size} bytes", "a", TCP, lambda s, d, z=size: tcp(s, d, n, 80, "S")[:z], "inv -")
    for offset in (0, 4, 6, 15):
        p.step(f"data offset {offset}", "a", TCP, lambda s, d, o=offset:
               l4_checksum(s, d, TCP, tcp(s, d, n, 80, "S")[:12] + bytes([o << 4]) +
                           tcp(s, d, n, 80, "S")[13:], 16), "inv -")
    for options in (b"\3\0", b"\3\1", b"\3\377", b"\2\4\5", b"\5\2", b"\5\11" + bytes(7), b"\3"):
        p.step(f"options {options.hex()}", "a", TCP,
               lambda s, d, o=options: tcp(s, d, n, 80, "S", options=o), "new SYN_SENT 120 U")


def scenario_echo(p):
    n, proto = p.number, ICMP6 if p.six else ICMP
    p.step("answer without a question", "b", proto, lambda s, d: echo(s, d, n, True), "inv -")
    p.step("question", "a", proto, lambda s, d: echo(s, d, n), "new 30 U")
    p.step("question again", "a", proto, lambda s, d: echo(s, d, n), "new 30 U")
    p.step("answer", "b", proto, lambda s, d: echo(s, d, n, True), "est 30")
    p.step("next question", "a", proto, lambda s, d: echo(s, d, n), "est 30")
    p.step("wrong checksum", "a", proto, lambda s, d: broken(echo(s, d, n)), "inv 30")
    p.step("another id", "b", proto, lambda s, d: echo(s, d, n + 1, True), "inv 30")
    for size in range(8):
        p.step(f"{size} bytes", "a", proto, lambda s, d, z=size: echo(s, d, n)[:z], "inv 30")


def scenario_icmp_types(p):
    if p.six:
        return
    n = p.number
    for question, answer in ((13, 14), (15, 16), (17, 18)):
        rest = struct.pack("!HH", n + question, 1)
        pattern = f"id={n + question} "
        p.step(f"type {question}", "a", ICMP,
               lambda s, d, q=question, r=rest: icmp(s, d, q, 0, r, bytes(12)), "new 30 U", pattern)
        p.step(f"type {answer}", "b", ICMP,
               lambda s, d, q=answer, r=rest: icmp(s, d, q, 0, r, bytes(12)), "est 30", pattern)
    for kind in (1, 2, 7, 19, 41, 255):
        p.step(f"type {kind}", "a", ICMP,
               lambda s, d, k=kind: icmp(s, d, k, 0, struct.pack("!HH", n, 1)), "inv -")


def flows(p):
    """A packet of each protocol that an error can be about, and its answer."""
    n, proto = p.number, ICMP6 if p.six else ICMP
    return (
        ("UDP", UDP, lambda s, d: udp(s, d, n, 53), lambda s, d: udp(s, d, 53, n)),
        ("UDP-Lite", UDPLITE, lambda s, d: udplite(s, d, n + 1, 53),
         lambda s, d: udplite(s, d, 53, n + 1)),
        ("TCP", TCP, lambda s, d: tcp(s, d, n + 2, 80, "S", seq=1),
         lambda s, d: tcp(s, d, 80, n + 2, "SA", seq=1, ack=2)),
        ("echo", proto, lambda s, d: echo(s, d, n + 3), lambda s, d: echo(s, d, n + 3, True)),
        ("another protocol", OTHER, lambda s, d: b"some bytes", lambda s, d: b"others"),
    )


def scenario_errors(p):
    if not p.rig.ours:
        p.rig.sysctl("checksum", 0)
    errors_about_each(p)
    p.rig.sysctl("checksum", 1)


def errors_about_each(p):
    kind = (1, 4) if p.six else (3, 3)
    proto = ICMP6 if p.six else ICMP
    none = "no such entry"
    for name, number, ask, answer in flows(p):
        quoted = ip_packet(p.a, p.b, number, ask(p.a, p.b))
        p.step(f"{name}: error about nothing known", "b", proto,
               lambda s, d, q=quoted: error(s, d, *kind, q), "inv", none)
        p.step(f"{name}: first packet", "a", number, ask, "new", none)
        p.step(f"{name}: error about it", "b", proto,
               lambda s, d, q=quoted: error(s, d, *kind, q), "rel", none)
        p.step(f"{name}: answer", "b", number, answer, "est", none)
        p.step(f"{name}: error about the answer", "a", proto, lambda s, d, m=number, f=answer:
               error(s, d, *kind, ip_packet(p.b, p.a, m, f(p.b, p.a))), "rel", none)
        p.step(f"{name}: sent to somebody else", "a", proto,
               lambda s, d, q=quoted: error(s, d, *kind, q), "inv", none)
        if p.rig.ours:
            p.step(f"{name}: wrong checksum", "b", proto,
                   lambda s, d, q=quoted: broken(error(s, d, *kind, q), 3), "inv", none)
        header = 40 if p.six else 20
        for size in (0, 10, header - 1, header + 3):
            # enough for a protocol without ports
            want = "rel" if number == OTHER and size > header else "inv"
            p.step(f"{name}: {size} bytes quoted", "b", proto,
                   lambda s, d, q=quoted, z=size: error(s, d, *kind, q[:z]), want, none)


def scenario_error_types(p):
    n, proto = p.number, ICMP6 if p.six else ICMP
    quoted = ip_packet(p.a, p.b, UDP, udp(p.a, p.b, n, 53))
    p.step("first packet", "a", UDP, lambda s, d: udp(s, d, n, 53), "new 30 U")
    kinds = (1, 2, 3, 4) if p.six else (3, 4, 5, 11, 12)
    for kind in kinds:
        p.step(f"error {kind}", "b", proto, lambda s, d, k=kind: error(s, d, k, 0, quoted), "rel 30 U")


def scenario_generic(p):
    pattern = f" {OTHER - 1} "
    p.step("one way", "a", OTHER - 1, lambda s, d: b"x", "new 600 U", pattern)
    p.step("the other way", "b", OTHER - 1, lambda s, d: b"", "est 600", pattern)
    p.step("and back", "a", OTHER - 1, lambda s, d: b"x" * 100, "est 600", pattern)


def scenario_gre(p):
    plain = struct.pack("!HH", 0, 0x0800) + b"some payload"
    pattern = " gre "
    p.step("one way", "a", GRE, lambda s, d: plain, "new U 30 timeout=30, stream_timeout=180",
           pattern)
    p.step("the other way", "b", GRE, lambda s, d: plain,
           "est 30 timeout=30, stream_timeout=180", pattern)
    p.step("and back", "a", GRE, lambda s, d: plain,
           "est 180 A timeout=30, stream_timeout=180", pattern)
    # too short for a version: taken for one without a key
    for size in range(4):
        p.step(f"{size} bytes", "a", GRE, lambda s, d, z=size: plain[:z], "est")


def scenario_checksum_off(p):
    n, proto = p.number, ICMP6 if p.six else ICMP
    p.rig.sysctl("checksum", 0)
    p.step("UDP", "a", UDP, lambda s, d: broken(udp(s, d, n, 53)), "new 30 U")
    p.step("TCP", "a", TCP, lambda s, d: broken(tcp(s, d, n + 1, 80, "S"), 4),
           "new SYN_SENT 120 U", f"port={n + 1} ")
    p.step("echo", "a", proto, lambda s, d: broken(echo(s, d, n + 2)), "new 30 U", f"id={n + 2} ")
    p.rig.sysctl("checksum", 1)


def scenario_timeouts(p):
    n, proto = p.number, ICMP6 if p.six else ICMP
    names = {"udp_timeout": 111, "udp_timeout_stream": 222, "generic_timeout": 333,
             "icmpv6_timeout" if p.six else "icmp_timeout": 444}
    before = {name: p.rig.sysctl(name) for name in names}
    for name, value in names.items():
        p.rig.sysctl(name, value)
    p.step("UDP", "a", UDP, lambda s, d: udp(s, d, n, 53), "new 111 U")
    p.step("UDP answer", "b", UDP, lambda s, d: udp(s, d, 53, n), "est 111")
    time.sleep(2.2)
    p.step("UDP stream", "b", UDP, lambda s, d: udp(s, d, 53, n), "est 222 A")
    p.step("echo", "a", proto, lambda s, d: echo(s, d, n + 1), "new 444 U", f"id={n + 1} ")
    p.step("another protocol", "a", OTHER + 1, lambda s, d: b"x", "new 333 U", f" {OTHER + 1} ")
    for name, value in before.items():
        p.rig.sysctl(name, value)


def scenario_fragments(p):
    """Only an unfragmented packet has ports; fragments are put together first."""
    if p.six:
        return
    n = p.number
    whole = udp(p.a, p.b, n, 53, bytes(2000))
    first, second = whole[:1480], whole[1480:]
    p.judge("a second fragment alone", "drop",
            p.rig.send("a", UDP, second, frag=1480 // 8))
    p.judge("its entry", "drop -", "drop", p.rig.entry(f"port={n} "))
    p.rig.ident += 10
    ident = 777
    p.rig.inject("a", ip_packet(p.a, p.b, UDP, second, ident, 1480 // 8))
    p.judge("the last one first, no entry yet", "drop -", "drop", p.rig.entry(f"port={n} "))
    p.rig.inject("a", ip_packet(p.a, p.b, UDP, first, ident, 0x2000))
    p.rig.send("a", OTHER + 2, b"")
    p.judge("both together", "new 30 U", "new", p.rig.entry(f"port={n} "))


def scenario_ip_header(p):
    """Headers that end early or point beyond the packet; nothing may be tracked, or crash."""
    for proto in (ICMP, ICMP6, TCP, UDP, UDPLITE, GRE, 33, 132, 0, 41, 50, 51, 255):
        for size in (0, 1, 3, 4, 7, 8, 11, 12, 15, 19, 20, 40):
            p.rig.send("a", proto, b"\xff" * size, p.six)
            p.rig.send("a", proto, bytes(size), p.six)
    if p.six:  # chains of extension headers that lie about their length
        for chain in (b"\x3c\xff" + bytes(6), b"\x2c\x00" + bytes(6), b"\x3b\x00" + bytes(6),
                      b"\x06\x00" + bytes(6), b"\x06\xfe" + bytes(6), b"\x00\x00" + bytes(6) * 4):
            for header in (0, 43, 44, 51, 60):
                p.rig.send("a", header, chain, True)
    p.judge("still alive", "new", p.rig.send("a", UDP, udp(p.a, p.b, p.number, 53), p.six))


SCENARIOS = [
    ("UDP: one way, both ways, a stream", scenario_udp),
    ("UDP-Lite: one way, both ways, a stream", scenario_udplite),
    ("UDP and UDP-Lite: bad headers", scenario_udp_bad),
    ("TCP: bad headers and options", scenario_tcp_bad),
    ("echo: questions and answers, bad ones", scenario_echo),
    ("ICMP: other questions, types that start nothing", scenario_icmp_types),
    ("ICMP errors about each protocol", scenario_errors),
    ("ICMP errors of each type", scenario_error_types),
    ("generic tracker", scenario_generic),
    ("GRE", scenario_gre),
    ("nf_conntrack_checksum=0", scenario_checksum_off),
    ("timeouts are those of the sysctls", scenario_timeouts),
    ("fragments", scenario_fragments),
    ("malformed IP and short headers of all protocols", scenario_ip_header),
]


def main():
    rig, ktap = Rig(), Ktap()
    number = 2000
    for name, scenario in SCENARIOS:
        for six in (False, True):
            number += 50
            play = Play(rig, six, number)
            scenario(play)
            if play.trace:
                ktap.result(play.ok, f"{name} ({'IPv6' if six else 'IPv4'})", *play.trace)
    counted(ktap, rig, "short-header", "checksum", "no-tuple", "not-invertible", "icmp-type",
            "icmp-inner-malformed", "icmp-error-without-flow", "icmp-error-address-mismatch",
            "tcp-length", "udp-length", "udplite-coverage")
    ktap.finish()


main()
