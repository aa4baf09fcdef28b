#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""DCCP (RFC 4340), state by state and role by role, over IPv4 and IPv6.

A step is '> TYPE key=value...': seq= and ack= are relative to the first sequence number of the
sender and the receiver, 'short' is a header with sequence numbers of 24 bits, doff=, cut=, len=
and cover= are its data offset, size, amount of data and checksum coverage; sum=wrong.
"""

import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import ADDRESS, checksum, play_protocol, pseudo_header  # noqa: E402

DCCP = 33
TYPES = {"REQUEST": 0, "RESPONSE": 1, "DATA": 2, "ACK": 3, "DATAACK": 4, "CLOSEREQ": 5,
         "CLOSE": 6, "RESET": 7, "SYNC": 8, "SYNCACK": 9, "RESERVED": 10}
FIRST = {"a": 0x123456789abc, "b": 0xfffffffffff0}
# one for each state
TIMEOUTS = {"request": 100, "respond": 200, "partopen": 300, "open": 400, "closereq": 500,
            "closing": 600, "timewait": 700}

# what ends within its header, as the RFC's acknowledgement numbers of 24 bits make it
CUT_SHORT = "drop" if os.uname().release.startswith("6.1.") else "inv"

ASK = [("> REQUEST", "new REQUEST 100 U")]
ANSWERED = ASK + [("< RESPONSE", "est RESPOND 200")]
OPEN = ANSWERED + [
    ("> ACK ack=0", "est PARTOPEN 300 A"),
    ("< DATA", "est OPEN 400 A"),
]
OVER = OPEN + [("< RESET", "est TIMEWAIT 700 A")]

SCENARIOS = [
    ("open, data, the server asks for the end", OPEN + [
        ("> DATAACK", "est OPEN 400 A"),
        ("< ACK", "est OPEN 400 A"),
        ("> DATA len=100", "est OPEN 400 A"),
        ("< CLOSEREQ", "est CLOSEREQ 500 A"),
        ("< CLOSEREQ", "est CLOSEREQ 500 A"),
        ("> CLOSE", "est CLOSING 600 A"),
        ("< RESET", "est TIMEWAIT 700 A"),
    ]),
    ("the client closes", OPEN + [
        ("> CLOSE", "est CLOSING 600 A"),
        ("< DATA", "est CLOSING 600 A"),
        ("< RESET", "est TIMEWAIT 700 A"),
    ]),
    ("the server closes", OPEN + [
        ("< CLOSE", "est CLOSING 600 A"),
        ("> RESET", "est TIMEWAIT 700 A"),
    ]),
    ("handshake with losses", [
        ("> REQUEST", "new REQUEST 100 U"),
        ("> REQUEST", "new REQUEST 100 U"),
        ("< RESPONSE", "est RESPOND 200"),
        ("> REQUEST", "est RESPOND 200"),
        ("< RESPONSE", "est RESPOND 200"),
        ("> ACK ack=0", "est PARTOPEN 300 A"),
        ("> ACK ack=0", "est PARTOPEN 300 A"),
        ("> DATAACK ack=0", "est PARTOPEN 300 A"),
        ("< DATAACK", "est OPEN 400 A"),
    ]),
    ("an Ack of something else does not assure", ANSWERED + [
        ("> ACK ack=1", "est PARTOPEN 300"),
        ("< DATA", "est OPEN 400"),
    ]),
    ("nothing but a Request begins", [(f"> {kind}", "inv -") for kind in TYPES
                                      if kind != "REQUEST"]),
    ("refused", ASK + [("< RESET", "est -")]),
    ("given up", ASK + [("> RESET", "new -")]),
    ("what the client can't send after its Request", ASK + [
        ("> DATA", "inv REQUEST U"), ("> ACK", "inv REQUEST U"), ("> DATAACK", "inv REQUEST U"),
        ("> CLOSEREQ", "inv REQUEST U"), ("> CLOSE", "inv REQUEST U"),
    ]),
    ("what the server can't send after the Request", ASK + [
        ("< DATA", "inv REQUEST U"), ("< ACK", "inv REQUEST U"), ("< DATAACK", "inv REQUEST U"),
        ("< CLOSEREQ", "inv REQUEST U"), ("< CLOSE", "inv REQUEST U"),
    ]),
    ("what the client can't send after the Response", ANSWERED + [
        ("> DATA", "inv RESPOND"), ("> CLOSEREQ", "inv RESPOND"), ("> CLOSE", "inv RESPOND"),
    ]),
    ("what the client can't send when it is open", OPEN + [("> CLOSEREQ", "inv OPEN A")]),
    ("what nobody can send after the end", OVER + [
        ("> DATA", "inv TIMEWAIT A"), ("< DATA", "inv TIMEWAIT A"), ("> ACK", "inv TIMEWAIT A"),
        ("< CLOSE", "inv TIMEWAIT A"),
    ]),
    ("a Reset again: the server's alone counts", OVER + [
        ("= timewait 900", "set"),
        ("> RESET", "est TIMEWAIT 700 A"),
        ("< RESET", "est TIMEWAIT 900 A"),
        ("= timewait 700", "set"),
    ]),
    ("Sync and SyncAck change nothing", OPEN + [
        ("> SYNC", "est OPEN A"),
        ("< SYNCACK", "est OPEN A"),
        ("> DATA", "est OPEN 400 A"),
    ]),
    ("opened again after the end", OVER + [
        ("> REQUEST", "est REQUEST 100 A"),
        ("< RESPONSE", "est RESPOND 200 A"),
        ("> ACK ack=0", "est PARTOPEN 300 A"),
    ]),
    ("opened again by the other side", OVER + [
        ("< REQUEST", "est REQUEST 100 A"),
        ("> RESPONSE", "est RESPOND 200 A"),
        ("< ACK ack=0", "est PARTOPEN 300 A"),
        ("> DATA", "est OPEN 400 A"),
        ("> CLOSEREQ", "est CLOSEREQ 500 A"),
        ("< CLOSE", "est CLOSING 600 A"),
    ]),
    ("started over unnoticed: a Response to an unexpected Request", OPEN + [
        ("< REQUEST", "est OPEN A"),
        ("> RESPONSE", "est RESPOND 200 A"),
        ("< ACK ack=0", "est PARTOPEN 300 A"),
    ]),
    ("short sequence numbers", OPEN + [
        ("> DATA short", "est OPEN 400 A"),
        ("< ACK short", f"{CUT_SHORT} OPEN A"),
        ("> DATAACK short", f"{CUT_SHORT} OPEN A"),
        ("> CLOSE short", "inv OPEN A"),
        ("> RESET short", "inv OPEN A"),
        ("< SYNC short", "inv OPEN A"),
    ]),
    ("a Request with a short sequence number", [("> REQUEST short", "inv -")]),
    ("a reserved type", OPEN + [("> RESERVED", "inv OPEN A")]),
    ("data offset", [
        ("> REQUEST doff=0", "inv -"),
        ("> REQUEST doff=2", "inv -"),
        ("> REQUEST doff=200", "inv -"),
    ]),
    ("checksum", [
        ("> REQUEST sum=wrong", "inv -"),
        ("> REQUEST cover=15", "inv -"),
    ]),
]
UNCHECKED = [("nf_conntrack_checksum=0: a wrong one does no harm",
              [("> REQUEST sum=wrong", "new REQUEST 100 U")])]


def numbers(kind, ack):
    acknowledged = struct.pack("!HHI", 0, ack >> 32, ack & 0xffffffff)
    return {"REQUEST": struct.pack("!I", 42), "RESPONSE": acknowledged + bytes(4), "DATA": b"",
            "RESET": acknowledged + bytes(4)}.get(kind, acknowledged)


def packet(step, client_port, six):
    """The side that sends it, and its bytes."""
    arrow, kind, *rest = step.split()
    facts = dict(word.partition("=")[::2] for word in rest)
    side, other = ("a", "b") if arrow == ">" else ("b", "a")
    ports = (client_port, 7) if side == "a" else (7, client_port)
    seq = FIRST[side] + int(facts.get("seq", 0)) & 0xffffffffffff
    ack = FIRST[other] + int(facts.get("ack", 5)) & 0xffffffffffff
    extended = "short" not in facts
    body = numbers(kind, ack)
    if not extended and body:
        body = body[4:8]
    size = (16 if extended else 12) + len(body)
    data = struct.pack("!HHBBHBB", *ports, int(facts.get("doff", size // 4)),
                       int(facts.get("cover", 0)), 0, TYPES[kind] << 1 | extended,
                       0 if extended else seq >> 16 & 0xff)
    data += struct.pack("!HI", seq >> 32, seq & 0xffffffff) if extended else \
        struct.pack("!H", seq & 0xffff)
    data += body + bytes(int(facts.get("len", 0)))
    src, dst = ADDRESS[six, side], ADDRESS[six, other]
    value = checksum(pseudo_header(src, dst, DCCP, len(data)) + data)
    value ^= facts.get("sum") == "wrong"
    return side, data[:6] + struct.pack("!H", value) + data[8:]


play_protocol("dccp", DCCP, packet, TIMEOUTS, SCENARIOS, UNCHECKED,
              ("dccp-header", "dccp-state"))
