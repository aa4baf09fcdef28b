#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tuples, sizes of attributes, protocols, lists, counters and rights, by ctnetlink."""

import os
import socket
import subprocess
import sys
import time

from ctnl import (A, B, BASE, DCCP, ENTRY, FLOW, GRE, ICMP, ICMP6, INET, INET6, NO_COUNT, SCTP,
                  SEQ, TCP, UDP, UDPLITE, ZERO_FLAGS, as_set, both, ips, tuple_of, run)
from nfnl import CREATE, EXCL, TABLES


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


def too_short(leaf, nest):
    """The lengths that are no attribute of a kind: of a number, an address or a nest."""
    sizes = {"ip4": 4, "ip6": 16}
    if nest or leaf not in sizes and not leaf[1:].isdigit():
        return [1, 2, 3]
    return list(range(sizes.get(leaf) or int(leaf[1:])))


def sizes(test):
    """The least size of each attribute; more is tolerated, as ever."""
    whole = tuple_of("9.9.9.9", "9.9.9.8", TCP, 1, 2)
    for number, (name, leaf, nest) in TABLES["CT"].items():
        if name in ("USE", "SECMARK", "SECCTX", "COUNTERS_ORIG", "COUNTERS_REPLY", "TIMESTAMP",
                    "TUPLE_ORIG"):
            continue
        want = too_short(leaf, nest)
        if name.startswith("LABELS"):
            want = [17, 18, 19, 20]
        if name == "SYNPROXY":
            want = []
        test.check(f"size of {name}", want, outcomes_by_size(
            test, lambda data, n=number: [("TUPLE_ORIG", whole), (n, data)]))
    for inside in "IP", "PROTO", "TUPLE":
        for name, leaf, nest in TABLES[inside].values():
            if name.startswith("ICMP"):
                continue

            def attributes(data, inside=inside, name=name):
                if inside == "TUPLE":
                    return {"TUPLE_ORIG": {**whole, name: data}}
                return {"TUPLE_ORIG": {**whole, inside: {**whole[inside], name: data}}}
            test.check(f"size of {inside}_{name}", too_short(leaf, nest),
                       outcomes_by_size(test, attributes))
    test.check("attributes unknown to us", "ENOENT",
               test.outcome("CT_GET", [("TUPLE_ORIG", whole), (27, bytes(4)), (63, bytes(4))]))
    synproxy = [test.outcome("CT_NEW", [*BASE.items(), ("SYNPROXY", bytes(n))], CREATE)
                for n in range(4)]
    test.check("a SYN proxy cut short", ["EINVAL"] * 4, synproxy)
    test.flush()


def protocols(test):
    """Every protocol's tuple and state, there and back."""
    states = {
        TCP: {"TCP": {"STATE": 3, **ZERO_FLAGS}},
        SCTP: {"SCTP": {"STATE": 3, "VTAG_ORIG": 7, "VTAG_REPLY": 9}},
        DCCP: {"DCCP": {"STATE": 3, "ROLE": 1, "HANDSHAKE_SEQ": 1 << 40 | 9}},
    }
    for src, dst in ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"):
        family = INET6 if ":" in src else INET
        for proto in TCP, UDP, SCTP, DCCP, GRE, UDPLITE, 0, 255, ICMP6 if family == INET6 else ICMP:
            rest = {ICMP: (7, 8, 0), ICMP6: (7, 128, 0), 0: (), 255: ()}.get(proto, (1, 2))
            attributes = dict(both(src, dst, proto, *rest), TIMEOUT=100)
            if proto in states:
                attributes["PROTOINFO"] = states[proto]
            began = time.monotonic()
            test.nl.ask("CT_NEW", attributes, CREATE | EXCL, family)
            (message,) = test.nl.ask("CT_GET", {"TUPLE_REPLY": attributes["TUPLE_REPLY"]},
                                         family=family)
            got = {name: message.attributes.get(name) for name in attributes}
            got["TIMEOUT"] = as_set(got["TIMEOUT"], began)
            test.check(f"protocol {proto}, family {family}", (attributes, family, 2),
                       (got, message.family, message.flags))
    test.flush()


def lists(test):
    test.check("stats by CPU", [(0x0, n) for n in range(os.cpu_count())],
               [(m.family, m.res_id) for m in test.nl.dump("CT_GET_STATS_CPU")])
    names = "FOUND INVALID INSERT INSERT_FAILED DROP EARLY_DROP ERROR SEARCH_RESTART CLASH_RESOLVE CHAIN_TOOLONG"
    test.check("stats: which", [names.split()] * os.cpu_count(),
               [list(m.attributes) for m in test.nl.dump("CT_GET_STATS_CPU")])
    test.nl.ask("CT_NEW", BASE, CREATE)
    (stats,) = test.nl.ask("CT_GET_STATS")
    with open("/proc/sys/net/netfilter/nf_conntrack_max", encoding="ascii") as f:
        test.check("stats", {"ENTRIES": 1, "MAX_ENTRIES": int(f.read())}, stats.attributes)
    for message in "CT_GET_DYING", "CT_GET_UNCONFIRMED":
        test.check(f"{message}: nobody", [], test.nl.dump(message))
        test.check(f"{message}: only as a dump", "EOPNOTSUPP", test.outcome(message))
    (one,), (all_,) = test.nl.ask("CT_GET", FLOW), test.nl.dump()
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
        test.check("counters", counted, test.nl.ask("CT_GET", flow)[0]["COUNTERS_ORIG"])
        test.check("counters, read and zeroed", counted,
                   test.nl.ask("CT_GET_CTRZERO", flow)[0]["COUNTERS_ORIG"])
        test.check("counters, zeroed", NO_COUNT, test.nl.ask("CT_GET", flow)[0]["COUNTERS_ORIG"])
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
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 5000))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind(("127.0.0.1", 5001))
        return lambda: self.socket.sendto(b"x", ("127.0.0.1", 5001))

    def __exit__(self, *_):
        self.socket.close()
        self.other.close()


def rights(test):
    """Who has no CAP_NET_ADMIN in the namespace is refused, whatever they ask."""
    code = ("import sys; sys.path.insert(0, %r); import nfnl; nfnl.Socket().ask('CT_DELETE')" %
            os.path.dirname(os.path.abspath(__file__)))
    got = subprocess.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
                          sys.executable, "-c", code], capture_output=True, text=True)
    test.check("without CAP_NET_ADMIN nothing is possible", ["nfnl.Refused: EPERM"],
               got.stderr.splitlines()[-1:])



run(tuples, sizes, protocols, lists, counters, rights)
