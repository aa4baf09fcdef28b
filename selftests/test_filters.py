#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which connections a filter of a dump or of a deletion takes."""

import os

from ctnl import (A, B, ICMP, ICMP6, INET, INET6, OURS, Ours, SCTP, TCP, UDP, both, ips,
                  tuple_of, run)
from nfnl import CREATE, EXCL, Refused, attribute


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
FILTER = 25  # CTA_FILTER
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
    ("a filter not marked as nested", [(FILTER, attribute(1, bytes(4)))], INET, "EINVAL"),
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


def fill(test):
    test.flush()
    for _, attributes, more in TABLE:
        family = INET6 if "V6_SRC" in attributes["TUPLE_ORIG"]["IP"] else INET
        test.nl.ask("CT_NEW", attributes | more, CREATE | EXCL, family)


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
                set(dict(attributes)) & {"FILTER", FILTER}:
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


run(dumps, deletions)
