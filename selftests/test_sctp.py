#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""SCTP (RFC 9260), state by state, over IPv4 and IPv6.

A step is '> CHUNK+CHUNK key=value...': the packet has the tag that its receiver chose, and 0
with an INIT, unless tag= is 'other' (the sender's own), 'wrong' or a number. The tag in an INIT
or INIT_ACK is the sender's own, or itag=. CHUNK/T has its T bit set. cut= ends the packet after
so many bytes, length= is what the last chunk claims to have, crc=wrong.
"""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import play_protocol  # noqa: E402

TYPES = {"DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5,
         "ABORT": 6, "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10,
         "COOKIE_ACK": 11, "SHUTDOWN_COMPLETE": 14, "FORWARD_TSN": 192}
BODIES = {"DATA": 16, "SACK": 12, "HEARTBEAT": 8, "HEARTBEAT_ACK": 8, "SHUTDOWN": 4,
          "COOKIE_ECHO": 8}
TAGS = {"a": 0xa1a1a1a1, "b": 0xb2b2b2b2}  # those that each side chose
# one for each state, and long enough for a slow machine
TIMEOUTS = {"closed": 100, "cookie_wait": 200, "cookie_echoed": 300, "established": 400,
            "shutdown_sent": 500, "shutdown_recd": 600, "shutdown_ack_sent": 700,
            "heartbeat_sent": 800}

OPEN = [
    ("> INIT", "new CLOSED 100 U"),
    ("< INIT_ACK", "est COOKIE_WAIT 200"),
    ("> COOKIE_ECHO", "est COOKIE_ECHOED 300"),
    ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
]
CLOSING = OPEN + [
    ("> SHUTDOWN", "est SHUTDOWN_SENT 500 A"),
    ("< SHUTDOWN_ACK", "est SHUTDOWN_ACK_SENT 700 A"),
]

SCENARIOS = [
    ("open, data, close", OPEN + [
        ("> DATA", "est ESTABLISHED 400 A"),
        ("< SACK+DATA", "est ESTABLISHED 400 A"),
        ("> SHUTDOWN", "est SHUTDOWN_SENT 500 A"),
        ("< DATA", "est SHUTDOWN_SENT 500 A"),
        ("> SHUTDOWN+SACK", "est SHUTDOWN_SENT 500 A"),
        ("< SHUTDOWN_ACK", "est SHUTDOWN_ACK_SENT 700 A"),
        ("> SHUTDOWN_COMPLETE", "est CLOSED 100 A"),
    ]),
    ("closed by the server", OPEN + [
        ("< SHUTDOWN", "est SHUTDOWN_RECD 600 A"),
        ("> SHUTDOWN_ACK", "est SHUTDOWN_ACK_SENT 700 A"),
        ("< SHUTDOWN_COMPLETE", "est CLOSED 100 A"),
    ]),
    ("closed by both at once", OPEN + [
        ("> SHUTDOWN", "est SHUTDOWN_SENT 500 A"),
        ("< SHUTDOWN", "est SHUTDOWN_SENT 500 A"),
        ("> SHUTDOWN_ACK", "est SHUTDOWN_ACK_SENT 700 A"),
        ("< SHUTDOWN_ACK", "est SHUTDOWN_ACK_SENT 700 A"),
        ("> SHUTDOWN_COMPLETE", "est CLOSED 100 A"),
    ]),
    ("SHUTDOWN COMPLETE with the T bit reflects the tag", CLOSING + [
        ("> SHUTDOWN_COMPLETE tag=wrong", "inv SHUTDOWN_ACK_SENT A"),
        ("> SHUTDOWN_COMPLETE/T", "inv SHUTDOWN_ACK_SENT A"),
        ("> SHUTDOWN_COMPLETE/T tag=other", "est CLOSED 100 A"),
    ]),
    ("ABORT by the client", OPEN + [("> ABORT", "est CLOSED 100 A")]),
    ("ABORT by the server", OPEN + [("< ABORT", "est CLOSED 100 A")]),
    ("ABORT with the T bit reflects the tag", OPEN + [
        ("< ABORT tag=other", "inv ESTABLISHED A"),
        ("< ABORT/T", "inv ESTABLISHED A"),
        ("< ABORT/T tag=other", "est CLOSED 100 A"),
    ]),
    ("refused", [
        ("> INIT", "new CLOSED 100 U"),
        ("< ABORT", "est CLOSED 100"),
    ]),
    ("wrong tags", OPEN + [
        ("> DATA tag=wrong", "inv ESTABLISHED A"),
        ("< DATA tag=other", "inv ESTABLISHED A"),
        ("> SACK tag=0", "inv ESTABLISHED A"),
        ("> ABORT tag=wrong", "inv ESTABLISHED A"),
        ("> SHUTDOWN tag=wrong", "inv ESTABLISHED A"),
        ("> INIT tag=wrong", "inv ESTABLISHED A"),
        ("< DATA", "est ESTABLISHED 400 A"),
    ]),
    ("COOKIE ECHO with a wrong tag", OPEN[:2] + [
        ("> COOKIE_ECHO tag=wrong", "inv COOKIE_WAIT"),
        ("> COOKIE_ECHO+DATA", "est COOKIE_ECHOED 300"),
        ("< COOKIE_ACK+SACK", "est ESTABLISHED 400 A"),
    ]),
    ("stale cookie: the handshake starts over", OPEN[:3] + [
        ("< ERROR", "est CLOSED 100"),
        ("> INIT", "est CLOSED"),
        ("< INIT_ACK", "est COOKIE_WAIT 200"),
        ("> COOKIE_ECHO", "est COOKIE_ECHOED 300"),
        ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
    ]),
    ("repeated chunks of the handshake", [
        ("> INIT", "new CLOSED 100 U"),
        ("> INIT", "new CLOSED U"),
        ("< INIT_ACK", "est COOKIE_WAIT 200"),
        ("< INIT_ACK", "est COOKIE_WAIT 200"),
        ("> COOKIE_ECHO", "est COOKIE_ECHOED 300"),
        ("> COOKIE_ECHO", "est COOKIE_ECHOED 300"),
        ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
        ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
    ]),
    ("both send an INIT", [
        ("> INIT", "new CLOSED 100 U"),
        ("< INIT", "est CLOSED"),
        ("> INIT_ACK", "est CLOSED 100"),
        ("< INIT_ACK", "est COOKIE_WAIT 200"),
        ("> COOKIE_ECHO", "est COOKIE_ECHOED 300"),
        ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
    ]),
    ("the client starts over with another tag", OPEN + [
        ("> INIT itag=0xc3c3c3c3", "est ESTABLISHED 400 A"),
        ("< DATA", "inv ESTABLISHED A"),
        ("< INIT_ACK tag=0xc3c3c3c3", "est ESTABLISHED 400 A"),
        ("> COOKIE_ECHO", "est ESTABLISHED 400 A"),
        ("< COOKIE_ACK tag=0xc3c3c3c3", "est ESTABLISHED 400 A"),
        ("< DATA tag=0xc3c3c3c3", "est ESTABLISHED 400 A"),
    ]),
    ("opened again after the end", CLOSING + [
        ("> SHUTDOWN_COMPLETE", "est CLOSED 100 A"),
        ("> INIT", "est CLOSED A"),
        ("< INIT_ACK", "est COOKIE_WAIT 200 A"),
        ("> COOKIE_ECHO", "est COOKIE_ECHOED 300 A"),
        ("< COOKIE_ACK", "est ESTABLISHED 400 A"),
    ]),
    ("another path begins with a HEARTBEAT", [
        ("> HEARTBEAT", "new HEARTBEAT_SENT 800 U"),
        ("> HEARTBEAT", "new HEARTBEAT_SENT 800 U"),
        ("< HEARTBEAT_ACK", "est ESTABLISHED 400 A"),
        ("> DATA", "est ESTABLISHED 400 A"),
        ("< DATA", "est ESTABLISHED 400 A"),
        ("< DATA tag=wrong", "inv ESTABLISHED A"),
    ]),
    ("new tags are learnt from an answered HEARTBEAT", OPEN + [
        ("> HEARTBEAT tag=0xc3c3c3c3", "est ESTABLISHED A"),
        ("> HEARTBEAT tag=0xc3c3c3c3", "est ESTABLISHED A"),
        ("< HEARTBEAT tag=wrong", "est ESTABLISHED A"),
        ("< HEARTBEAT_ACK tag=0xd4d4d4d4", "inv ESTABLISHED A"),
        ("> HEARTBEAT tag=0xc3c3c3c3", "est ESTABLISHED A"),
        ("< HEARTBEAT_ACK tag=0xd4d4d4d4", "est ESTABLISHED 400 A"),
        ("> DATA tag=0", "est ESTABLISHED 400 A"),
        ("< DATA tag=0xd4d4d4d4", "est ESTABLISHED 400 A"),
    ]),
    ("never together with DATA", OPEN + [
        ("> HEARTBEAT+DATA tag=wrong", "inv ESTABLISHED A"),
        ("> HEARTBEAT_ACK tag=wrong", "inv ESTABLISHED A"),
    ]),
    ("chunks that must be alone, or first", OPEN[:2] + [
        ("> INIT+DATA", "inv COOKIE_WAIT"),
        ("< INIT_ACK+DATA", "inv COOKIE_WAIT"),
        ("> DATA+COOKIE_ECHO", "inv COOKIE_WAIT"),
        ("> DATA+SHUTDOWN_COMPLETE", "inv COOKIE_WAIT"),
        ("> SACK+DATA+FORWARD_TSN", "est COOKIE_WAIT 200"),
    ]),
    ("out of the blue: ABORT", [("> ABORT", "inv -")]),
    ("out of the blue: COOKIE ACK", [("> COOKIE_ACK", "inv -")]),
    ("out of the blue: SHUTDOWN COMPLETE", [("> SHUTDOWN_COMPLETE", "inv -")]),
    ("out of the blue: DATA", [("> DATA", "inv -")]),
    ("out of the blue: SACK", [("> SACK", "inv -")]),
    ("out of the blue: an INIT with a tag", [("> INIT tag=wrong", "inv -")]),
    ("out of the blue: SHUTDOWN ACK, whose tag nobody can know", [
        ("> SHUTDOWN_ACK", "new SHUTDOWN_ACK_SENT 700 U"),
        ("< SHUTDOWN_COMPLETE/T tag=other", "inv SHUTDOWN_ACK_SENT U"),
    ]),
    ("wrong checksum", [("> INIT crc=wrong", "inv -")]),
    ("no chunk", [("> INIT cut=12", "inv -")]),
    ("half a header", [("> INIT cut=11", "inv -")]),
    ("half an INIT", [("> INIT cut=20", "inv -")]),
    ("a chunk of no length", [("> INIT length=0", "inv -")]),
    ("a chunk that claims more than there is", OPEN + [
        ("> DATA length=1000", "est ESTABLISHED 400 A"),
        ("> DATA+HEARTBEAT length=65535", "est ESTABLISHED 400 A"),
        ("> DATA length=0", "inv ESTABLISHED A"),
    ]),
]
UNCHECKED = [("nf_conntrack_checksum=0: a wrong one does no harm",
              [("> INIT crc=wrong", "new CLOSED 100 U")])]


def crc32c_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        yield value


CRC32C = list(crc32c_table())


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def chunk(word, side, facts, last):
    name, _, flag = word.partition("/")
    if name in ("INIT", "INIT_ACK"):
        tag = int(facts.get("itag", str(TAGS[side])), 0)
        body = struct.pack("!IIHHI", tag, 65536, 10, 10, 1)
    else:
        body = bytes(BODIES.get(name, 0))
    length = int(facts["length"]) if last and "length" in facts else 4 + len(body)
    return struct.pack("!BBH", TYPES[name], flag == "T", length) + body


def packet(step, client_port, _six):
    """The side that sends it, and its bytes."""
    arrow, words, *rest = step.split()
    facts = dict(word.split("=") for word in rest)
    side, other = ("a", "b") if arrow == ">" else ("b", "a")
    chunks = words.split("+")
    tags = {"right": 0 if chunks[0] == "INIT" else TAGS[other], "other": TAGS[side],
            "wrong": 0x77777777}
    tag = facts.get("tag", "right")
    tag = tags[tag] if tag in tags else int(tag, 0)
    ports = (client_port, 7) if side == "a" else (7, client_port)
    body = b"".join(chunk(word, side, facts, i == len(chunks) - 1)
                    for i, word in enumerate(chunks))
    data = struct.pack("!HHII", *ports, tag, 0) + body
    data = data[:int(facts.get("cut", len(data)))]
    crc = crc32c(data) ^ (facts.get("crc") == "wrong")
    return side, data[:8] + struct.pack("<I", crc)[:len(data) - 8] + data[12:]


play_protocol("sctp", socket.IPPROTO_SCTP, packet, TIMEOUTS, SCENARIOS, UNCHECKED,
              ("sctp-chunk", "sctp-vtag", "sctp-state"))
