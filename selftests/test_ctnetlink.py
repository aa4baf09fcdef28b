#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Connections made and changed by ctnetlink: what each attribute does, what is refused and how."""

from ctnl import (A, ASSURED, B, BASE, CONFIRMED, DYING, EXPECTED, FIXED, FLOW, HELPER,
                  INET6, NATTED, NO_SEQ, OURS, Ours, SEEN, SEQ, SEQ_ADJUST, TCP, UDP,
                  ZERO_FLAGS, both, labels, tuple_of, run)
from nfnl import CREATE, EXCL


def nat(reply_src=B, reply_dst=A, sport=80, dport=1000, flags=0):
    """How the entry differs with NAT."""
    return {"TUPLE_REPLY": tuple_of(reply_src, reply_dst, TCP, sport, dport),
            "STATUS": CONFIRMED | NATTED | flags}


# Attributes beside BASE, and what differs from or the error
NEW = [
    ("nothing", {}, {}),
    ("a timeout of 0 ends at once", {"TIMEOUT": 0}, "gone"),
    ("a timeout beyond all bounds", {"TIMEOUT": 0xffffffff}, {"TIMEOUT": 0x7fffffff // 250}),
    ("without a state", {"PROTOINFO": {}}, {"PROTOINFO": {"TCP": {"STATE": 0, **ZERO_FLAGS}}}),
    ("the state of another protocol", {"PROTOINFO": {"SCTP": {"STATE": 1}}},
     {"PROTOINFO": {"TCP": {"STATE": 0, **ZERO_FLAGS}}}),
    ("a state that TCP has not", {"PROTOINFO": {"TCP": {"STATE": 20}}}, "ERANGE"),
    ("windows and flags of TCP",
     {"PROTOINFO": {"TCP": {"STATE": 3, "WSCALE_ORIG": 7, "WSCALE_REPLY": 8,
                            "FLAGS_ORIG": b"\x0b\x0b", "FLAGS_REPLY": b"\x0b\x0b"}}},
     {"PROTOINFO": {"TCP": {"STATE": 3, "WSCALE_ORIG": 7, "WSCALE_REPLY": 8,
                            "FLAGS_ORIG": b"\x0b\0", "FLAGS_REPLY": b"\x0b\0"}}}),
    ("a scale beyond RFC 7323", {"PROTOINFO": {"TCP": {"WSCALE_ORIG": 15}}}, "ERANGE"),
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
    ("half a sequence adjustment", {"SEQ_ADJ_REPLY": {"POS": 1}}, "EINVAL"),
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
    ("half a sequence adjustment", {"SEQ_ADJ_REPLY": {"AFTER": 1}}, "EINVAL"),
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
    {"TIMEOUT": 33, "PROTOINFO": {"TCP": {"STATE": 5}}, "SEQ_ADJ_ORIG": {"AFTER": 1}},
    {"TIMEOUT": 33, "STATUS": SEEN | ASSURED | CONFIRMED, "SYNPROXY": {"ISN": 1}},
]


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
        test.nl.ask("CT_NEW", start, CREATE | EXCL)
        how = test.outcome("CT_NEW", {**FLOW, **attributes})
        if isinstance(want, str) and want != "gone":
            test.check(f"change: {name}", want, how)
            test.same(f"change: {name}: nothing happened", unchanged, test.entry())
        else:
            want = want if want == "gone" else {**unchanged, **want}
            test.same(f"change: {name}", want, test.entry() if how == "ok" else how)
        test.flush()
    for attributes in HALF if OURS else []:
        test.nl.ask("CT_NEW", start, CREATE | EXCL)
        how = test.outcome("CT_NEW", {**FLOW, **attributes})
        test.same(f"change: {', '.join(attributes)}, refused as a whole ({how})", unchanged,
                  test.entry() if how != "ok" else how)
        test.flush()


def sequences(test):
    """Changes upon changes: marks, labels, a fixed timeout, helpers, masters."""
    test.nl.ask("CT_NEW", dict(BASE, MARK=0xf0, HELP={"NAME": "ftp"}), CREATE)
    for attributes, want in (({"MARK": 5, "MARK_MASK": 0xf}, 0xf5),
                             ({"MARK": 0x33, "MARK_MASK": 0xf0}, 0x36),
                             ({"MARK": 0xff, "MARK_MASK": 0}, 0xc9), ({"MARK": 1}, 1)):
        test.nl.ask("CT_NEW", {**FLOW, **attributes})
        test.check(f"mark: {attributes}", want, test.entry()["MARK"])
    for attributes, want in (({"LABELS": b"\xff" * 16}, b"\xff" * 16),
                             ({"LABELS": b"\x0f" * 16, "LABELS_MASK": b"\x03" * 16}, b"\xf3" * 16),
                             ({"LABELS": b"\xf0" * 4, "LABELS_MASK": b"\x30" * 4},
                              b"\x33" * 4 + bytes(12)),
                             ({"LABELS": b""}, None)):
        test.nl.ask("CT_NEW", {**FLOW, **attributes})
        test.check(f"labels: {attributes}", want, test.entry().get("LABELS"))
    for name, want, left in (("ftp", "ok", "ftp"), ("sip", "EBUSY", "ftp"), ("nosuch", "EOPNOTSUPP", "ftp"),
                             ("", "ok", None), ("ftp", "EBUSY", None)):
        test.check(f"helper: ftp to '{name}'", (want, left),
                   (test.outcome("CT_NEW", dict(FLOW, HELP={"NAME": name})),
                    test.entry().get("HELP", {}).get("NAME")))
    test.nl.ask("CT_NEW", dict(FLOW, STATUS=CONFIRMED | FIXED))
    test.check("a fixed timeout stays", "EPERM", test.outcome("CT_NEW", dict(FLOW, TIMEOUT=50)))
    test.flush()


def masters(test):
    child = dict(both(A, B, UDP, 1, 2), TIMEOUT=100)
    test.nl.ask("CT_NEW", BASE, CREATE)
    for name, attributes, want in (
            ("its tuple", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"]}, "ok"),
            ("its reply tuple", {"TUPLE_MASTER": FLOW["TUPLE_REPLY"]}, "ok"),
            ("a status that says so before", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"], "STATUS": 9}, "EBUSY"),
            ("in another zone", {"TUPLE_MASTER": FLOW["TUPLE_ORIG"], "ZONE": 4}, "ENOENT"),
            ("with a zone of its own", {"TUPLE_MASTER": tuple_of(A, B, TCP, 1, 2, zone=4)}, "EINVAL")):
        test.check(f"master: {name}", want, test.outcome("CT_NEW", child | attributes, CREATE))
        if want == "ok":
            (got,) = test.nl.ask("CT_GET", {"TUPLE_ORIG": child["TUPLE_ORIG"]})
            test.check(f"master: {name}, told", (FLOW["TUPLE_ORIG"], CONFIRMED | EXPECTED),
                       (got["TUPLE_MASTER"], got["STATUS"]))
            test.check("master: it has one for all times", "EOPNOTSUPP",
                       test.outcome("CT_NEW", child | attributes))
            test.check("master: no helper of its own", Ours("EBUSY"),
                       test.outcome("CT_NEW", child | {"HELP": {"NAME": "sip"}}))
            test.nl.ask("CT_DELETE", {"TUPLE_ORIG": child["TUPLE_ORIG"]})
    test.flush()


run(new, clashes, change, sequences, masters)
