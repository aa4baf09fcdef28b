#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ctnetlink, request by request: what each attribute does and looks like, what is refused
and how, which connections a filter takes, and dumps while the table changes.

Expectations are data, and those of the in-tree module too; what is in Ours() differs on
purpose and is looked at only with ours. Arguments are the parts to run, all by default.
"""

import os
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nlclient import (CONN, CREATE, EXCL, IP, PROTO, TUPLE, Client, Refused,  # noqa: E402
                      attribute, both, enter, ips, tuple_of)
from rig import Ktap  # noqa: E402

subprocess.run(["modprobe", "nf_conntrack_netlink"], check=True)
OURS = os.path.exists("/sys/module/nf_conntrack/version")
NAMESPACE = "ctnl"
INET, INET6 = 2, 10
TCP, UDP, ICMP, ICMP6, GRE, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 47, 33, 132, 136
EXPECTED, SEEN, ASSURED, CONFIRMED = 1, 2, 4, 8
SEQ_ADJUST, DYING, FIXED, HELPER, OFFLOAD = 0x40, 0x200, 0x400, 0x2000, 0x4000
NATTED = 0x180  # NAT was set up, for source and destination

A, B = "10.0.0.1", "10.0.0.2"
FLOW = both(A, B, TCP, 1000, 80)
BASE = dict(FLOW, TIMEOUT=100, PROTOINFO={"TCP": {"STATE": 3}})
ZERO_FLAGS = {"WSCALE_ORIGINAL": 0, "WSCALE_REPLY": 0, "FLAGS_ORIGINAL": bytes(2),
              "FLAGS_REPLY": bytes(2)}
NO_COUNT = {"PACKETS": 0, "BYTES": 0}
# What BASE becomes, in the order of the attributes
ENTRY = dict(FLOW, STATUS=CONFIRMED, MARK=0, ID=None, USE=2, TIMEOUT=100,
             PROTOINFO={"TCP": {"STATE": 3, **ZERO_FLAGS}}, COUNTERS_ORIG=NO_COUNT,
             COUNTERS_REPLY=NO_COUNT, TIMESTAMP=None, SYNPROXY={"ISN": 0, "ITS": 0, "TSOFF": 0})
SEQ = {"CORRECTION_POS": 1, "OFFSET_BEFORE": 2, "OFFSET_AFTER": 0xfffffffd}
NO_SEQ = {"CORRECTION_POS": 0, "OFFSET_BEFORE": 0, "OFFSET_AFTER": 0}


class Ours:
    """An expectation that the in-tree module does not meet."""

    def __init__(self, want):
        self.want = want


def labels(*words):
    return struct.pack(f"={len(words)}I", *words)


def nat(reply_src=B, reply_dst=A, sport=80, dport=1000, flags=0):
    """How the entry differs with NAT."""
    return {"TUPLE_REPLY": tuple_of(reply_src, reply_dst, TCP, sport, dport),
            "STATUS": CONFIRMED | NATTED | flags}


# Attributes beside BASE, and what differs from ENTRY, or the error
NEW = [
    ("nothing", {}, {}),
    ("a timeout of 0 ends at once", {"TIMEOUT": 0}, "gone"),
    ("a timeout beyond all bounds", {"TIMEOUT": 0xffffffff}, {"TIMEOUT": 0x7fffffff // 250}),
    ("without a state", {"PROTOINFO": {}}, {"PROTOINFO": {"TCP": {"STATE": 0, **ZERO_FLAGS}}}),
    ("the state of another protocol", {"PROTOINFO": {"SCTP": {"STATE": 1}}},
     {"PROTOINFO": {"TCP": {"STATE": 0, **ZERO_FLAGS}}}),
    ("a state that TCP has not", {"PROTOINFO": {"TCP": {"STATE": 20}}}, "ERANGE"),
    ("windows and flags of TCP",
     {"PROTOINFO": {"TCP": {"STATE": 3, "WSCALE_ORIGINAL": 7, "WSCALE_REPLY": 8,
                            "FLAGS_ORIGINAL": b"\x0b\x0b", "FLAGS_REPLY": b"\x0b\x0b"}}},
     {"PROTOINFO": {"TCP": {"STATE": 3, "WSCALE_ORIGINAL": 7, "WSCALE_REPLY": 8,
                            "FLAGS_ORIGINAL": b"\x0b\0", "FLAGS_REPLY": b"\x0b\0"}}}),
    ("a scale beyond RFC 7323", {"PROTOINFO": {"TCP": {"WSCALE_ORIGINAL": 15}}}, "ERANGE"),
    ("status of an assured one", {"STATUS": SEEN | ASSURED | CONFIRMED},
     {"STATUS": SEEN | ASSURED | CONFIRMED}),
    ("a fixed timeout", {"STATUS": CONFIRMED | FIXED}, {"STATUS": CONFIRMED | FIXED}),
    ("not confirmed", {"STATUS": SEEN}, "EBUSY"),
    ("no status", {"STATUS": 0}, "EBUSY"),
    ("dying", {"STATUS": CONFIRMED | DYING}, "EBUSY"),
    ("expected by nobody", {"STATUS": CONFIRMED | EXPECTED}, "EBUSY"),
    ("bits of NAT and of the flow table count for nothing", {"STATUS": 0xc1b8 | CONFIRMED}, {}),
    ("a mark", {"MARK": 5}, {"MARK": 5}),
    ("a mark with a mask", {"MARK": 5, "MARK_MASK": 1}, {"MARK": 5}),
    ("labels", {"LABELS": labels(8, 0, 0, 1)}, {"LABELS": labels(8, 0, 0, 1)}),
    ("labels of one word", {"LABELS": labels(8)}, {"LABELS": labels(8, 0, 0, 0)}),
    ("labels with a mask", {"LABELS": labels(8), "LABELS_MASK": labels(8)},
     {"LABELS": labels(8, 0, 0, 0)}),
    ("labels of half a word", {"LABELS": b"123"}, Ours("EINVAL")),
    ("labels too long", {"LABELS": bytes(20)}, "ERANGE"),
    ("a mask shorter than the labels", {"LABELS": labels(8, 8), "LABELS_MASK": labels(8)},
     Ours("EINVAL")),
    ("sequence adjustment", {"SEQ_ADJ_ORIG": SEQ},
     {"SEQ_ADJ_ORIG": SEQ, "SEQ_ADJ_REPLY": NO_SEQ, "STATUS": CONFIRMED | SEQ_ADJUST}),
    ("sequence adjustment of both", {"SEQ_ADJ_ORIG": SEQ, "SEQ_ADJ_REPLY": SEQ},
     {"SEQ_ADJ_ORIG": SEQ, "SEQ_ADJ_REPLY": SEQ, "STATUS": CONFIRMED | SEQ_ADJUST}),
    ("half a sequence adjustment", {"SEQ_ADJ_REPLY": {"CORRECTION_POS": 1}}, "EINVAL"),
    ("SYN proxy", {"SYNPROXY": {"ISN": 1, "ITS": 2, "TSOFF": 3}},
     {"SYNPROXY": {"ISN": 1, "ITS": 2, "TSOFF": 3}}),
    ("half a SYN proxy", {"SYNPROXY": {"ISN": 1}}, "EINVAL"),
    ("what is only told", {"COUNTERS_ORIG": {"PACKETS": 5, "BYTES": 6}, "TIMESTAMP": {"START": 5},
                           "SECCTX": {"NAME": "x"}, "SECMARK": 5, "USE": 7, "ID": 5}, {}),
    ("a helper", {"HELP": {"NAME": "ftp"}},
     {"HELP": {"NAME": "ftp"}, "STATUS": CONFIRMED | HELPER}),
    ("a helper that is loaded for it", {"HELP": {"NAME": "irc"}},
     {"HELP": {"NAME": "irc"}, "STATUS": CONFIRMED | HELPER}),
    ("a helper of another protocol", {"HELP": {"NAME": "tftp"}}, "EOPNOTSUPP"),
    ("an unknown helper", {"HELP": {"NAME": "nosuch"}}, "EOPNOTSUPP"),
    ("a helper without a name", {"HELP": {}}, "EINVAL"),
    ("a helper's name too long", {"HELP": {"NAME": "a" * 16}}, "EINVAL"),
    ("a helper's name without an end", {"HELP": {"NAME": b"ftp"}}, "EINVAL"),
    ("NAT of the source", {"NAT_SRC": {"V4_MINIP": "10.9.9.9"}},
     nat(reply_dst="10.9.9.9", flags=0x10)),
    ("NAT of source and port",
     {"NAT_SRC": {"V4_MINIP": "10.9.9.9", "PROTO": {"PORT_MIN": 5000, "PORT_MAX": 5000}}},
     nat(reply_dst="10.9.9.9", dport=5000, flags=0x10)),
    ("NAT of the destination", {"NAT_DST": {"V4_MINIP": "10.9.9.9"}},
     nat(reply_src="10.9.9.9", flags=0x20)),
    ("NAT of both", {"NAT_SRC": {"V4_MINIP": "10.9.9.8"}, "NAT_DST": {"V4_MINIP": "10.9.9.9"}},
     nat("10.9.9.9", "10.9.9.8", flags=0x30)),
    ("NAT that changes nothing", {"NAT_SRC": {}}, nat()),
    ("broken NAT", {"NAT_SRC": b"\4\0\1\0"}, "ERANGE"),
    ("a reply tuple of its own", {"TUPLE_REPLY": tuple_of("10.0.0.9", "10.0.0.8", TCP, 80, 1001)},
     {"TUPLE_REPLY": tuple_of("10.0.0.9", "10.0.0.8", TCP, 80, 1001)}),
    ("a reply tuple of another protocol", {"TUPLE_REPLY": tuple_of(B, A, UDP, 80, 1000)}, "EINVAL"),
    ("a master that is not there", {"TUPLE_MASTER": tuple_of(A, B, TCP, 5, 5)}, "ENOENT"),
    ("a broken master", {"TUPLE_MASTER": {}}, "EINVAL"),
    ("a zone of both and of one direction",
     {"ZONE": 9, "TUPLE_REPLY": tuple_of(B, A, TCP, 80, 1000, zone=9)}, "EINVAL"),
    ("zones of each direction", both(A, B, TCP, 1000, 80, zone=9) |
     {"TUPLE_REPLY": tuple_of(B, A, TCP, 80, 1000, zone=9)}, "EINVAL"),
    ("the number of a zone cut short", {"ZONE": b"\1"}, "ERANGE"),
]

# Attributes that an entry with STATUS SEEN|CONFIRMED is changed by, likewise
CHANGE = [
    ("a timeout", {"TIMEOUT": 50}, {"TIMEOUT": 50}),
    ("the timeout to 0", {"TIMEOUT": 0}, "gone"),
    ("assured", {"STATUS": SEEN | ASSURED | CONFIRMED}, {"STATUS": SEEN | ASSURED | CONFIRMED}),
    ("a fixed timeout", {"STATUS": SEEN | CONFIRMED | FIXED}, {"STATUS": SEEN | CONFIRMED | FIXED}),
    ("what was seen is not taken back", {"STATUS": CONFIRMED}, "EBUSY"),
    ("nor that it is confirmed", {"STATUS": SEEN}, "EBUSY"),
    ("nobody kills it so", {"STATUS": SEEN | CONFIRMED | DYING}, "EBUSY"),
    ("nor expected it", {"STATUS": SEEN | CONFIRMED | EXPECTED}, "EBUSY"),
    ("bits of others are left alone", {"STATUS": SEEN | CONFIRMED | 0xd9b0}, {}),
    ("NAT", {"NAT_SRC": {"V4_MINIP": "10.9.9.9"}}, "EOPNOTSUPP"),
    ("a master", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"]}, "EOPNOTSUPP"),
    ("a helper where there was none", {"HELP": {"NAME": "ftp"}}, "EOPNOTSUPP"),
    ("an unknown helper", {"HELP": {"NAME": "nosuch"}}, "EOPNOTSUPP"),
    ("no helper, as it is", {"HELP": {"NAME": ""}}, {}),
    ("a helper without a name", {"HELP": {}}, "EINVAL"),
    ("a mark", {"MARK": 5}, {"MARK": 5}),
    ("bits of the mark", {"MARK": 0x33, "MARK_MASK": 0xf0}, {"MARK": 0x33}),
    ("a mask without a mark", {"MARK_MASK": 0xf}, {}),
    ("another zone is another one", {"ZONE": 7}, "ENOENT"),
    ("labels", {"LABELS": labels(1, 2, 3, 4)}, {"LABELS": labels(1, 2, 3, 4)}),
    ("no labels", {"LABELS": labels(0)}, {}),
    ("labels of half a word", {"LABELS": b"123"}, "EINVAL"),
    ("a mask shorter than the labels", {"LABELS": labels(8, 8), "LABELS_MASK": labels(8)},
     "EINVAL"),
    ("an empty mask", {"LABELS": labels(8), "LABELS_MASK": b""}, "EINVAL"),
    ("sequence adjustment", {"SEQ_ADJ_REPLY": SEQ},
     {"SEQ_ADJ_ORIG": NO_SEQ, "SEQ_ADJ_REPLY": SEQ, "STATUS": SEEN | CONFIRMED | SEQ_ADJUST}),
    ("half a sequence adjustment", {"SEQ_ADJ_REPLY": {"OFFSET_AFTER": 1}}, "EINVAL"),
    ("SYN proxy", {"SYNPROXY": {"ISN": 1, "ITS": 2, "TSOFF": 3}},
     {"SYNPROXY": {"ISN": 1, "ITS": 2, "TSOFF": 3}}),
    ("the state", {"PROTOINFO": {"TCP": {"STATE": 5}}},
     {"PROTOINFO": {"TCP": {"STATE": 5, **ZERO_FLAGS}}}),
    ("a state that TCP has not", {"PROTOINFO": {"TCP": {"STATE": 20}}}, "ERANGE"),
    ("the state of another protocol", {"PROTOINFO": {"SCTP": {"STATE": 1}}}, {}),
    ("its own id or another", {"ID": 5}, {}),
]

# Requests that are wrong at their end: nothing of them is done.
HALF = [
    {"MARK": 99, "HELP": {"NAME": "nosuch"}},
    {"TIMEOUT": 33, "MARK": 98, "LABELS": b"123"},
    {"TIMEOUT": 33, "MARK": 98, "STATUS": SEEN},
    {"TIMEOUT": 33, "MARK": 98, "PROTOINFO": {"TCP": {"STATE": 20}}},
    {"TIMEOUT": 33, "PROTOINFO": {"TCP": {"STATE": 5}}, "SEQ_ADJ_ORIG": {"OFFSET_AFTER": 1}},
    {"TIMEOUT": 33, "STATUS": SEEN | ASSURED | CONFIRMED, "SYNPROXY": {"ISN": 1}},
]

# Tuples that are refused, and how
TUPLES = [
    ("nothing in it", {}, "EINVAL"),
    ("no addresses", {"PROTO": {"NUM": TCP, "SRC_PORT": 1, "DST_PORT": 2}}, "EINVAL"),
    ("no protocol", {"IP": ips(A, B)}, "EINVAL"),
    ("no number of the protocol", {"IP": ips(A, B), "PROTO": {"SRC_PORT": 1}}, "EINVAL"),
    ("one port", {"IP": ips(A, B), "PROTO": {"NUM": TCP, "SRC_PORT": 1}}, "EINVAL"),
    ("one address", {"IP": {"V4_SRC": A}, "PROTO": {"NUM": 255}}, "EINVAL"),
    ("addresses of the other family", {"IP": ips("fd00::1", "fd00::2"), "PROTO": {"NUM": 255}},
     "EINVAL"),
    ("a type that ICMP has no answer for", tuple_of(A, B, ICMP, 1, 3, 0), "EINVAL"),
    ("any protocol", tuple_of(A, B, 255), "ENOENT"),
]


def row(name, attributes, **more):
    return name, attributes, dict(TIMEOUT=100, **more)


# For filters: a letter for each connection
TABLE = [
    row("a", both(A, B, TCP, 1000, 80), MARK=1, STATUS=14),
    row("b", both(A, "10.0.0.3", TCP, 1001, 80), MARK=2, STATUS=8),
    row("c", both(A, B, UDP, 1000, 53), MARK=3, STATUS=10, ZONE=5),
    row("d", both(A, B, UDP, 1000, 53, zone=6), MARK=0x13, STATUS=14),
    row("e", both("10.0.0.4", B, ICMP, 77, 8, 0), MARK=0x13, STATUS=8),
    row("f", both("10.0.0.4", B, 253), MARK=0, STATUS=8),
    row("g", both("10.0.0.5", "10.0.0.6", SCTP, 7, 8), MARK=0x20, STATUS=8),
    row("x", both("fd00::1", "fd00::2", TCP, 1000, 80), MARK=1, STATUS=14),
    row("y", both("fd00::1", "fd00::3", UDP, 1000, 53), MARK=2, STATUS=14),
    row("z", both("fd00::4", "fd00::2", ICMP6, 77, 128, 0), MARK=2, STATUS=14),
]
ALL4, ALL = "abcdefg", "abcdefgxyz"
T4, R4 = tuple_of(A, B, TCP, 1000, 80), tuple_of(B, A, TCP, 80, 1000)
T6 = tuple_of("fd00::1", "fd00::2", TCP, 1000, 80)
ECHO, ECHO6 = tuple_of("10.0.0.4", B, ICMP, 77, 8, 0), tuple_of("fd00::4", "fd00::2", ICMP6, 77, 128, 0)
SRC, DST, ZONE, NUM, SPORT, DPORT = 1, 2, 4, 8, 0x10, 0x20
ITYPE, ICODE, IID, I6TYPE, I6CODE, I6ID = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800


def of(orig=0, tuple_orig=None, reply=0, tuple_reply=None, **more):
    """A CTA_FILTER, with the tuples that it is about."""
    out = {"FILTER": {"ORIG_FLAGS": orig, "REPLY_FLAGS": reply}, **more}
    for name, value in (("TUPLE_ORIG", tuple_orig), ("TUPLE_REPLY", tuple_reply)):
        if value is not None:
            out[name] = value
    return out


# A filter, the family, and whom it takes, or the error
FILTERS = [
    ("a mark", {"MARK": 1}, 0, "ax"),
    ("bits of the mark", {"MARK": 3, "MARK_MASK": 0xf}, 0, "cde"),
    ("no mark", {"MARK": 0}, 0, "f"),
    ("bits that are not set", {"MARK": 0, "MARK_MASK": 0x10}, 0, "abcfgxyz"),
    ("a mark that no mask lets through", {"MARK": 1, "MARK_MASK": 0}, 0, ""),
    ("bits of the status", {"STATUS": 4}, 0, "adxyz"),
    ("status bits that are not set", {"STATUS": 0, "STATUS_MASK": 4}, 0, "bcefg"),
    ("a status outside its mask", {"STATUS": 8, "STATUS_MASK": 6}, 0, ""),
    ("no status at all", {"STATUS": 0}, 0, "EINVAL"),
    ("a zone", {"ZONE": 5}, 0, Ours("c")),
    ("a zone of one direction", {"ZONE": 6}, 0, Ours("d")),
    ("no zone", {"ZONE": 0}, 0, Ours("abefgxyz")),
    ("a zone where nobody is", {"ZONE": 99}, 0, Ours("")),
    ("zone and mark", {"ZONE": 5, "MARK": 2}, 0, Ours("")),
    ("a filter of nothing", of(), INET, ALL4),
    ("source", of(SRC, T4), INET, "abcd"),
    ("destination", of(DST, T4), INET, "acdef"),
    ("addresses", of(SRC | DST, T4), INET, "acd"),
    ("source, IPv6", of(SRC, T6), INET6, Ours("xy")),
    ("destination, IPv6", of(DST, T6), INET6, Ours("xz")),
    ("addresses, IPv6", of(SRC | DST, T6), INET6, Ours("x")),
    ("protocol", of(NUM, T4), INET, "ab"),
    ("protocol, IPv6", of(NUM, T6), INET6, "x"),
    ("source port", of(NUM | SPORT, T4), INET, "a"),
    ("destination port", of(NUM | DPORT, T4), INET, "ab"),
    ("port of SCTP", of(NUM | DPORT, tuple_of(A, B, SCTP, 0, 8)), INET, "g"),
    ("another port of SCTP", of(NUM | DPORT, tuple_of(A, B, SCTP, 0, 9)), INET, Ours("")),
    ("a whole tuple", of(SRC | DST | NUM | SPORT | DPORT, T4), INET, "a"),
    ("all flags", of(0xfff, T4), INET, "a"),
    ("id of ICMP", of(NUM | IID, ECHO), INET, "e"),
    ("type of ICMP", of(NUM | ITYPE, ECHO), INET, "e"),
    ("another type of ICMP", of(NUM | ITYPE, tuple_of(A, B, ICMP, 77, 13, 0)), INET, ""),
    ("another id of ICMP", of(NUM | IID, tuple_of(A, B, ICMP, 78, 8, 0)), INET, ""),
    ("all of ICMP", of(NUM | IID | ITYPE | ICODE, ECHO), INET, "e"),
    ("id of ICMPv6", of(NUM | I6ID, ECHO6), INET6, "z"),
    ("all of ICMPv6", of(SRC | DST | NUM | I6ID | I6TYPE | I6CODE, ECHO6), INET6, Ours("z")),
    ("zone of a direction", of(ZONE, tuple_of(A, B, TCP, 1, 2, zone=6)), INET, Ours("d")),
    ("zone of both for a direction", of(ZONE, tuple_of(A, B, TCP, 1, 2, zone=5)), INET, Ours("c")),
    ("a zone flag without a zone", of(ZONE, T4), INET, ALL4),
    ("source of replies", of(0, None, SRC, R4), INET, "acdef"),
    ("destination of replies", of(0, None, DST, R4), INET, "abcd"),
    ("port of replies", of(0, None, NUM | SPORT | DPORT, R4), INET, "a"),
    ("both directions", of(SRC, T4, SRC, R4), INET, "acd"),
    ("tuple and mark", of(NUM, T4, MARK=1), INET, "a"),
    ("tuple and zone", of(NUM, T4, ZONE=5), INET, Ours("")),
    ("no tuple to filter by", of(SRC), INET, "EINVAL"),
    ("no address to filter by", of(SRC, {"PROTO": {"NUM": TCP}}), INET, "EINVAL"),
    ("no protocol to filter by", of(NUM, {"IP": ips(A, B)}), INET, "EINVAL"),
    ("a port of no protocol", of(SPORT, T4), INET, "EINVAL"),
    ("a type of no protocol", of(ITYPE, T4), INET, "EINVAL"),
    ("addresses of no family", of(SRC, T4), 0, "EOPNOTSUPP"),
    ("addresses of a family without", of(SRC, T4), 7, "EOPNOTSUPP"),
    ("unknown flags", of(0x1000, T4), INET, "EINVAL"),
    ("a filter cut short", {"FILTER": b"123"}, INET, "ERANGE"),
    ("flags cut short", {"FILTER": {"ORIG_FLAGS": b"1"}}, INET, "EINVAL"),
    ("flags too long", {"FILTER": {"ORIG_FLAGS": bytes(8)}}, INET, "EINVAL"),
    ("a filter not marked as nested", [(25, attribute(1, bytes(4)))], INET, "EINVAL"),
]
# As the dump has them alone: it also goes by the family without a filter.
DUMPS = [
    ("nothing", {}, 0, ALL),
    ("a family", {}, INET, ALL4),
    ("the other family", {}, INET6, "xyz"),
    ("a family without connections", {}, 7, ""),
    ("masks alone", {"MARK_MASK": 0xf, "STATUS_MASK": 4}, 0, ALL),
    ("a tuple without a filter", {"TUPLE_ORIG": T4}, INET, ALL4),
]
# And the deletion alone: without a filter a tuple names one connection.
DELETIONS = [
    ("all", {}, 0, ALL),
    ("a family by itself counts for nothing", {}, INET, ALL),
    ("masks alone", {"MARK_MASK": 0xf, "STATUS_MASK": 4}, 0, ALL),
    ("by tuple", {"TUPLE_ORIG": T4}, INET, "a"),
    ("by reply tuple", {"TUPLE_REPLY": R4}, INET, "a"),
    ("by both, the first of which counts", {"TUPLE_ORIG": T4, "TUPLE_REPLY": R4 | {"PROTO": {
        "NUM": TCP, "SRC_PORT": 1, "DST_PORT": 2}}}, INET, "a"),
    ("by a tuple whatever the mark", {"TUPLE_ORIG": T4, "MARK": 77}, INET, "a"),
    ("by tuple in another zone", {"TUPLE_ORIG": T4, "ZONE": 3}, INET, "ENOENT"),
    ("by tuple with a zone", {"TUPLE_ORIG": tuple_of(A, B, UDP, 1000, 53, zone=6)}, INET, "d"),
    ("by tuple and zone", {"TUPLE_ORIG": tuple_of(A, B, UDP, 1000, 53), "ZONE": 5}, INET, "c"),
    ("by tuple and wrong id", {"TUPLE_ORIG": T4, "ID": 1}, INET, "ENOENT"),
    ("by an id that nobody has", {"ID": 1}, INET, Ours("")),
    ("by tuple of no family", {"TUPLE_ORIG": T4}, 0, "EOPNOTSUPP"),
    ("by a broken tuple", {"TUPLE_ORIG": {}}, INET, "EINVAL"),
]


class Test:
    def __init__(self, nl, ktap, buckets):
        self.nl, self.ktap, self.buckets = nl, ktap, buckets

    def resize(self, slots):
        os.pwrite(self.buckets, b"%d\n" % slots, 0)

    def check(self, name, want, got):
        if isinstance(want, Ours):
            if not OURS:
                return
            want = want.want
        self.ktap.result(want == got, name, f"want {want}", f"got  {got}")

    def outcome(self, *args, **named):
        """'ok' or the name of the error; ours say what was wrong."""
        try:
            self.nl.request(*args, **named)
        except Refused as refused:
            # ENOENT and EEXIST say it all.
            if OURS and refused.code in ("EINVAL", "EBUSY") and not refused.text:
                return f"{refused.code}, without a word"
            return refused.code.replace("ENOTSUP", "EOPNOTSUPP")
        return "ok"

    def flush(self):
        self.nl.request("CT_DELETE")

    def entry(self, flow=FLOW):
        """The attributes of a connection, without what differs from run to run; or 'gone'."""
        try:
            (message,) = self.nl.request("CT_GET", {"TUPLE_ORIG": flow["TUPLE_ORIG"]})
        except Refused as refused:
            return "gone" if refused.code == "ENOENT" else refused.code
        got = message.attributes
        got["ID"] = None
        got["TIMESTAMP"] = None if list(got["TIMESTAMP"]) == ["START"] else got["TIMESTAMP"]
        # A second may have begun since.
        got["TIMEOUT"] += got["TIMEOUT"] in (32, 49, 99, 0x7fffffff // 250 - 1)
        return got

    def same(self, name, changes, got):
        """Is it ENTRY with changes, in the order of the numbers that the dump has?"""
        if isinstance(changes, Ours):
            changes = changes.want if OURS else got
        want = changes if isinstance(changes, str) else {**ENTRY, **changes}
        self.ktap.result(want == got, name, f"want {want}", f"got  {got}")


def new(test):
    for name, attributes, want in NEW:
        how = test.outcome("CT_NEW", {**BASE, **attributes}, CREATE | EXCL)
        refused = want.want if isinstance(want, Ours) else want
        if isinstance(refused, str) and refused != "gone":
            test.check(f"new: {name}", want, how)
        else:
            test.same(f"new: {name}", want, test.entry() if how == "ok" else how)
        test.flush()
    for name in "TUPLE_ORIG", "TUPLE_REPLY", "TIMEOUT":
        given = {key: value for key, value in BASE.items() if key != name}
        test.check(f"new: without {name}", "EINVAL", test.outcome("CT_NEW", given, CREATE))
    test.check("new: of no family", "EOPNOTSUPP", test.outcome("CT_NEW", BASE, CREATE, 0))
    test.check("new: of the other family", "EINVAL", test.outcome("CT_NEW", BASE, CREATE, INET6))


def clashes(test):
    other = dict(BASE, TUPLE_ORIG=tuple_of("10.7.7.7", B, TCP, 1, 2))
    for name, attributes, flags, want in (
            ("it is not there", BASE, 0, "ENOENT"), ("it is made", BASE, CREATE | EXCL, "ok"),
            ("it is there", BASE, CREATE | EXCL, "EEXIST"), ("it is changed", BASE, CREATE, "ok"),
            ("it is changed by reply tuple", {"TUPLE_REPLY": FLOW["TUPLE_REPLY"], "MARK": 7}, 0, "ok"),
            ("its reply tuple is taken", other, CREATE, "EEXIST")):
        test.check(f"new: {name}", want, test.outcome("CT_NEW", attributes, flags))
    test.same("new: the one that was first stays", {"MARK": 7}, test.entry())
    test.flush()


def change(test):
    start = dict(BASE, STATUS=SEEN | CONFIRMED)
    unchanged = {"STATUS": SEEN | CONFIRMED}
    for name, attributes, want in CHANGE:
        test.nl.request("CT_NEW", start, CREATE | EXCL)
        how = test.outcome("CT_NEW", {**FLOW, **attributes})
        if isinstance(want, str) and want != "gone":
            test.check(f"change: {name}", want, how)
            test.same(f"change: {name}: nothing happened", unchanged, test.entry())
        else:
            want = want if want == "gone" else {**unchanged, **want}
            test.same(f"change: {name}", want, test.entry() if how == "ok" else how)
        test.flush()
    for attributes in HALF if OURS else []:
        test.nl.request("CT_NEW", start, CREATE | EXCL)
        how = test.outcome("CT_NEW", {**FLOW, **attributes})
        test.same(f"change: {', '.join(attributes)}, refused as a whole ({how})", unchanged,
                  test.entry() if how != "ok" else how)
        test.flush()


def sequences(test):
    """Changes upon changes: marks, labels, a fixed timeout, helpers, masters."""
    test.nl.request("CT_NEW", dict(BASE, MARK=0xf0, HELP={"NAME": "ftp"}), CREATE)
    for attributes, want in (({"MARK": 5, "MARK_MASK": 0xf}, 0xf5),
                             ({"MARK": 0x33, "MARK_MASK": 0xf0}, 0x36),
                             ({"MARK": 0xff, "MARK_MASK": 0}, 0xc9), ({"MARK": 1}, 1)):
        test.nl.request("CT_NEW", {**FLOW, **attributes})
        test.check(f"mark: {attributes}", want, test.entry()["MARK"])
    for attributes, want in (({"LABELS": b"\xff" * 16}, b"\xff" * 16),
                             ({"LABELS": b"\x0f" * 16, "LABELS_MASK": b"\x03" * 16}, b"\xf3" * 16),
                             ({"LABELS": b"\xf0" * 4, "LABELS_MASK": b"\x30" * 4},
                              b"\x33" * 4 + bytes(12)),
                             ({"LABELS": b""}, None)):
        test.nl.request("CT_NEW", {**FLOW, **attributes})
        test.check(f"labels: {attributes}", want, test.entry().get("LABELS"))
    for name, want, left in (("ftp", "ok", "ftp"), ("sip", "EBUSY", "ftp"), ("nosuch", "EOPNOTSUPP", "ftp"),
                             ("", "ok", None), ("ftp", "EBUSY", None)):
        test.check(f"helper: ftp to '{name}'", (want, left),
                   (test.outcome("CT_NEW", dict(FLOW, HELP={"NAME": name})),
                    test.entry().get("HELP", {}).get("NAME")))
    test.nl.request("CT_NEW", dict(FLOW, STATUS=CONFIRMED | FIXED))
    test.check("a fixed timeout stays", "EPERM", test.outcome("CT_NEW", dict(FLOW, TIMEOUT=50)))
    test.flush()


def masters(test):
    child = dict(both(A, B, UDP, 1, 2), TIMEOUT=100)
    test.nl.request("CT_NEW", BASE, CREATE)
    for name, attributes, want in (
            ("its tuple", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"]}, "ok"),
            ("its reply tuple", {"TUPLE_MASTER": FLOW["TUPLE_REPLY"]}, "ok"),
            ("a status that says so before", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"], "STATUS": 9}, "EBUSY"),
            ("in another zone", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"], "ZONE": 4}, "ENOENT"),
            ("with a zone of its own", {"TUPLE_MASTER": tuple_of(A, B, TCP, 1, 2, zone=4)}, "EINVAL")):
        test.check(f"master: {name}", want, test.outcome("CT_NEW", child | attributes, CREATE))
        if want == "ok":
            (got,) = test.nl.request("CT_GET", {"TUPLE_ORIG": child["TUPLE_ORIG"]})
            test.check(f"master: {name}, told", (FLOW["TUPLE_ORIG"], CONFIRMED | EXPECTED),
                       (got["TUPLE_MASTER"], got["STATUS"]))
            test.check("master: it has one for all times", "EOPNOTSUPP",
                       test.outcome("CT_NEW", child | attributes))
            test.check("master: no helper of its own", Ours("EBUSY"),
                       test.outcome("CT_NEW", child | {"HELP": {"NAME": "sip"}}))
            test.nl.request("CT_DELETE", {"TUPLE_ORIG": child["TUPLE_ORIG"]})
    test.flush()


def tuples(test):
    for name, attributes, want in TUPLES:
        for message in "CT_GET", "CT_DELETE", "CT_NEW":
            test.check(f"{message}: {name}", want, test.outcome(message, {"TUPLE_ORIG": attributes}))
    test.check("CT_GET: no tuple", "EINVAL", test.outcome("CT_GET"))
    test.check("CT_NEW: no tuple", "ENOENT", test.outcome("CT_NEW", {"MARK": 1}))
    test.check("CT_NEW: no tuple to make", "EINVAL", test.outcome("CT_NEW", {"MARK": 1}, CREATE))


def outcomes_by_size(test, attributes):
    """Which lengths are too short, and which too long."""
    codes = [test.outcome("CT_GET", attributes(bytes(n))) for n in range(21)]
    return [n for n, code in enumerate(codes) if code == "ERANGE"]


def sizes(test):
    """The least size of each attribute; more is tolerated, as ever."""
    whole = tuple_of("9.9.9.9", "9.9.9.8", TCP, 1, 2)
    short = {"u8": [0], "u16": [0, 1], "u32": [0, 1, 2, 3]}
    for name, (number, kind) in CONN.items():
        if name in ("USE", "SECMARK", "SECCTX", "COUNTERS_ORIG", "COUNTERS_REPLY", "TIMESTAMP",
                    "SYNPROXY", "TUPLE_ORIG"):
            continue
        want = short.get(str(kind), [1, 2, 3])
        if name.startswith("LABELS"):
            want = [17, 18, 19, 20]
        test.check(f"size of {name}", want, outcomes_by_size(
            test, lambda data, n=number: [("TUPLE_ORIG", whole), (n, data)]))
    for spec, inside in (IP, "IP"), (PROTO, "PROTO"), (TUPLE, None):
        for name, (_, kind) in spec.items():
            if name.startswith("ICMP"):
                continue
            want = short.get(str(kind), [1, 2, 3])
            if kind == "ip":
                want = list(range(4 if "V4" in name else 16))

            def attributes(data, inside=inside, name=name):
                if not inside:
                    return {"TUPLE_ORIG": {**whole, name: data}}
                return {"TUPLE_ORIG": {**whole, inside: {**whole[inside], name: data}}}
            test.check(f"size of {inside or 'TUPLE'}_{name}", want, outcomes_by_size(test, attributes))
    test.check("attributes unknown to us", "ENOENT",
               test.outcome("CT_GET", [("TUPLE_ORIG", whole), (27, bytes(4)), (63, bytes(4))]))


def protocols(test):
    """Every protocol's tuple and state, there and back."""
    states = {
        TCP: {"TCP": {"STATE": 3, **ZERO_FLAGS}},
        SCTP: {"SCTP": {"STATE": 3, "VTAG_ORIGINAL": 7, "VTAG_REPLY": 9}},
        DCCP: {"DCCP": {"STATE": 3, "ROLE": 1, "HANDSHAKE_SEQ": 1 << 40 | 9}},
    }
    for src, dst in ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"):
        family = INET6 if ":" in src else INET
        for proto in TCP, UDP, SCTP, DCCP, GRE, UDPLITE, 0, 255, ICMP6 if family == INET6 else ICMP:
            rest = {ICMP: (7, 8, 0), ICMP6: (7, 128, 0), 0: (), 255: ()}.get(proto, (1, 2))
            attributes = dict(both(src, dst, proto, *rest), TIMEOUT=100)
            if proto in states:
                attributes["PROTOINFO"] = states[proto]
            test.nl.request("CT_NEW", attributes, CREATE | EXCL, family)
            (message,) = test.nl.request("CT_GET", {"TUPLE_REPLY": attributes["TUPLE_REPLY"]},
                                         family=family)
            got = {name: message.attributes.get(name) for name in attributes}
            got["TIMEOUT"] += got["TIMEOUT"] == 99
            test.check(f"protocol {proto}, family {family}", (attributes, family, 2),
                       (got, message.family, message.flags))
    test.flush()


def fill(test):
    test.flush()
    for _, attributes, more in TABLE:
        family = INET6 if "V6_SRC" in attributes["TUPLE_ORIG"]["IP"] else INET
        test.nl.request("CT_NEW", attributes | more, CREATE | EXCL, family)


def letters(messages):
    """The names of connections of TABLE; one that comes twice has its name twice."""
    names = []
    for message in messages:
        got = {"zone": message.attributes.get("ZONE"), "tuple": message["TUPLE_ORIG"]}
        names += [name for name, attributes, more in TABLE
                  if got == {"zone": more.get("ZONE"), "tuple": attributes["TUPLE_ORIG"]}]
    return "".join(sorted(names))


def dumps(test):
    fill(test)
    for name, attributes, family, want in FILTERS + DUMPS:
        try:
            messages = test.nl.dump("CT_GET", attributes, family)
            got = letters(messages)
        except Refused as refused:
            messages, got = [], refused.code.replace("ENOTSUP", "EOPNOTSUPP")
        test.check(f"dump: {name}", want, got)
        if messages and OURS:
            filtered = bool(family or set(dict(attributes)) & {"MARK", "STATUS", "ZONE", "FILTER"})
            test.check(f"dump: {name}: flags", {0x22 if filtered else 2},
                       {message.flags for message in messages})
    test.flush()


def deletions(test):
    fill(test)
    for name, attributes, family, want in FILTERS + DELETIONS:
        # In-tree's 6.1 takes a tuple for that of one connection there, whatever the filter.
        if not OURS and os.uname().release.startswith("6.1.") and \
                set(dict(attributes)) & {"FILTER", CONN["FILTER"][0]}:
            continue
        refused = want.want if isinstance(want, Ours) else want
        refused = refused if refused.startswith("E") else ""
        how = test.outcome("CT_DELETE", attributes, family=family)
        left = letters(test.nl.dump())
        went = "".join(sorted(set(ALL) - set(left)))
        test.check(f"delete: {name}", want, went if how == "ok" else how)
        if went:
            fill(test)
    test.nl.send("CT_DELETE", {}, 4, INET6, version=1)
    list(test.nl.answers())
    test.check("delete: a family, as newer programs say it", ALL4, letters(test.nl.dump()))
    test.flush()


def lists(test):
    test.check("stats by CPU", [(0x0, n) for n in range(os.cpu_count())],
               [(m.family, m.res_id) for m in test.nl.dump("CT_GET_STATS_CPU")])
    names = "FOUND INVALID INSERT INSERT_FAILED DROP EARLY_DROP ERROR SEARCH_RESTART CLASH_RESOLVE CHAIN_TOOLONG"
    test.check("stats: which", [names.split()] * os.cpu_count(),
               [list(m.attributes) for m in test.nl.dump("CT_GET_STATS_CPU")])
    test.nl.request("CT_NEW", BASE, CREATE)
    (stats,) = test.nl.request("CT_GET_STATS")
    with open("/proc/sys/net/netfilter/nf_conntrack_max", encoding="ascii") as f:
        test.check("stats", {"ENTRIES": 1, "MAX_ENTRIES": int(f.read())}, stats.attributes)
    for message in "CT_GET_DYING", "CT_GET_UNCONFIRMED":
        test.check(f"{message}: nobody", [], test.nl.dump(message))
        test.check(f"{message}: only as a dump", "EOPNOTSUPP", test.outcome(message))
    (one,), (all_,) = test.nl.request("CT_GET", FLOW), test.nl.dump()
    test.check("a dump tells what a request for one does, and in this order",
               list(ENTRY), list(one.attributes))
    test.check("a dump does not count itself", (1, one.attributes | {"USE": 1, "TIMEOUT": 0}),
               (all_["USE"], all_.attributes | {"TIMEOUT": 0}))
    test.flush()


def counters(test):
    """A packet is counted, told once, and forgotten."""
    flow = both("127.0.0.1", "127.0.0.1", UDP, 5000, 5001)
    with socket_pair() as send:
        send()
        counted = {"PACKETS": 1, "BYTES": 29}
        test.check("counters", counted, test.nl.request("CT_GET", flow)[0]["COUNTERS_ORIG"])
        test.check("counters, read and zeroed", counted,
                   test.nl.request("CT_GET_CTRZERO", flow)[0]["COUNTERS_ORIG"])
        test.check("counters, zeroed", NO_COUNT, test.nl.request("CT_GET", flow)[0]["COUNTERS_ORIG"])
        send()
        test.check("counters, dumped and zeroed", [counted],
                   [m["COUNTERS_ORIG"] for m in test.nl.dump("CT_GET_CTRZERO")])
        test.check("counters, zeroed by a dump", [NO_COUNT],
                   [m["COUNTERS_ORIG"] for m in test.nl.dump()])
        test.check("no adjustment where there is no room", ("ok", "ok", "ok"), (
            test.outcome("CT_NEW", flow | {"SEQ_ADJ_ORIG": SEQ}),
            test.outcome("CT_NEW", flow | {"SYNPROXY": {"ISN": 1, "ITS": 2, "TSOFF": 3}}),
            test.outcome("CT_NEW", flow | {"PROTOINFO": {"TCP": {"STATE": 3}}})))
    test.flush()


class socket_pair:
    """A UDP socket that sends to nobody, over the loopback."""

    def __enter__(self):
        import socket
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 5000))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind(("127.0.0.1", 5001))
        return lambda: self.socket.sendto(b"x", ("127.0.0.1", 5001))

    def __exit__(self, *_):
        self.socket.close()
        self.other.close()


def port_of(message):
    return message["TUPLE_ORIG"]["PROTO"].get("SRC_PORT")


def churn(test):
    """Dumps in small parts while others come and go, and the table with them."""
    if not OURS:
        return
    stay, go, dumps = 500, 2000, 8

    def flow(number, net):
        return dict(both(f"10.{net}.{number >> 8}.{number & 255}", B, UDP, number, 53), TIMEOUT=600)

    def come_and_go(stop):
        other, rounds = Client(), 0
        while not stop.is_set():
            for number in range(go):
                other.send("CT_NEW", flow(number, 2), CREATE)
            test.resize(1 << 17 if rounds % 2 else 1 << 13)
            other.request("CT_DELETE", {"MARK": 0})
            rounds += 1
        other.close()
        print(f"# {rounds} rounds of {go} connections and a resize")

    make, read = Client(), Client()
    for number in range(stay):
        make.request("CT_NEW", dict(flow(number, 1), MARK=1, STATUS=14), CREATE)
    stop = threading.Event()
    thread = threading.Thread(target=come_and_go, args=(stop,))
    thread.start()
    missing = twice = 0
    try:
        for _ in range(dumps):
            # Only those that stay are told, but all are walked over.
            seen = [port_of(m) for m in read.dump("CT_GET", {"MARK": 1}, size=8192)]
            missing += stay - len(set(seen))
            twice += len(seen) - len(set(seen))
    finally:
        stop.set()
        thread.join()
    test.check(f"{dumps} dumps of {stay} while others come and go: missing, twice", (0, 0),
               (missing, twice))
    make.close()
    read.close()
    test.flush()


def rights(test):
    """Who has no CAP_NET_ADMIN in the namespace is refused, whatever they ask."""
    code = ("import sys; sys.path.insert(0, %r); from nlclient import *; r = Client().try_request("
            "'CT_DELETE'); print(r)" % os.path.dirname(os.path.abspath(__file__)))
    got = subprocess.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
                          sys.executable, "-c", code], capture_output=True, text=True)
    test.check("without CAP_NET_ADMIN nothing is possible", "EPERM\n", got.stdout + got.stderr)


def main():
    subprocess.run(["bash", "-ec", f"""
        modprobe -a nf_conntrack_ftp nf_conntrack_sip xt_connlabel
        ip netns add {NAMESPACE}
        ip -n {NAMESPACE} link set lo up
        ip netns exec {NAMESPACE} sysctl -qw net.netfilter.nf_conntrack_acct=1 \
            net.netfilter.nf_conntrack_timestamp=1
        ip netns exec {NAMESPACE} iptables -A INPUT -m connlabel --label 3
        ip netns exec {NAMESPACE} iptables -A INPUT -m state --state NEW
        """], check=True)
    # Both belong to the first namespace.
    buckets = os.open("/proc/sys/net/netfilter/nf_conntrack_buckets", os.O_WRONLY)
    subprocess.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_max=100000"], check=True)
    enter(NAMESPACE)
    ktap = Ktap()
    test = Test(Client(), ktap, buckets)
    for part in (new, clashes, change, sequences, masters, tuples, sizes, protocols, dumps, deletions,
                 lists, counters, rights, churn):
        if part.__name__ in (sys.argv[1:] or [part.__name__]):
            part(test)
    ktap.finish()


main()
