# SPDX-License-Identifier: GPL-2.0-only
"""For the tests of ctnetlink, request by request, in a namespace of their own.

Expectations are data, and those of the in-tree module too; what is in Ours() differs on purpose
and is looked at only with ours. Arguments of a test are the parts to run, all by default.
"""

import os
import struct
import subprocess
import sys
import time

import hosts
import needs
import nfnl
from nfnl import Refused
from rig import Ktap

needs.modules("nf_conntrack_netlink")
OURS = os.path.exists("/sys/module/nf_conntrack/version")
NAMESPACE = "ctnl"
INET, INET6 = 2, 10
TCP, UDP, ICMP, ICMP6, GRE, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 47, 33, 132, 136
EXPECTED, SEEN, ASSURED, CONFIRMED = 1, 2, 4, 8
SEQ_ADJUST, DYING, FIXED, HELPER, OFFLOAD = 0x40, 0x200, 0x400, 0x2000, 0x4000
NATTED = 0x180  # NAT was set up, for source and destination


def ips(src, dst):
    version = "V6" if ":" in src else "V4"
    return {f"{version}_SRC": src, f"{version}_DST": dst}


def tuple_of(src, dst, proto, *rest, zone=None):
    """A tuple; rest is ports, or id, type and code of ICMP and ICMPv6."""
    names = {1: ("ICMP_ID", "ICMP_TYPE", "ICMP_CODE"),
             58: ("ICMPV6_ID", "ICMPV6_TYPE", "ICMPV6_CODE")}.get(proto, ("SRC_PORT", "DST_PORT"))
    out = {"IP": ips(src, dst), "PROTO": {"NUM": proto, **dict(zip(names, rest))}}
    if zone is not None:
        out["ZONE"] = zone
    return out


def both(src, dst, proto, *rest, zone=None):
    """The tuples of a connection without NAT; the reply of ICMP's type 8 (128) is 0 (129)."""
    back = rest[::-1]
    if proto in (1, 58):
        back = (rest[0], {8: 0, 128: 129, 13: 14}[rest[1]], rest[2])
    return {"TUPLE_ORIG": tuple_of(src, dst, proto, *rest, zone=zone),
            "TUPLE_REPLY": tuple_of(dst, src, proto, *back)}


A, B = "10.0.0.1", "10.0.0.2"
FLOW = both(A, B, TCP, 1000, 80)
BASE = dict(FLOW, TIMEOUT=100, PROTOINFO={"TCP": {"STATE": 3}})
ZERO_FLAGS = {"WSCALE_ORIG": 0, "WSCALE_REPLY": 0, "FLAGS_ORIG": bytes(2),
              "FLAGS_REPLY": bytes(2)}
NO_COUNT = {"PACKETS": 0, "BYTES": 0}
TIMEOUTS = 33, 50, 100, 0x7fffffff // 250  # that the tests set
# What BASE becomes, in the order of the attributes
ENTRY = dict(FLOW, STATUS=CONFIRMED, MARK=0, ID=None, USE=2, TIMEOUT=100,
             PROTOINFO={"TCP": {"STATE": 3, **ZERO_FLAGS}}, COUNTERS_ORIG=NO_COUNT,
             COUNTERS_REPLY=NO_COUNT, TIMESTAMP=None, SYNPROXY={"ISN": 0, "ITS": 0, "TSOFF": 0})
SEQ = {"POS": 1, "BEFORE": 2, "AFTER": 0xfffffffd}
NO_SEQ = {"POS": 0, "BEFORE": 0, "AFTER": 0}


def as_set(timeout, since):
    """The timeout that was set since that monotonic time, of which some seconds may have run."""
    run = time.monotonic() - since + 1
    return next((t for t in TIMEOUTS if timeout <= t <= timeout + run), timeout)


class Ours:
    """An expectation that the in-tree module does not meet."""

    def __init__(self, want):
        self.want = want


def labels(*words):
    return struct.pack(f"={len(words)}I", *words)


class Test:
    def __init__(self, nl, ktap):
        self.nl, self.ktap, self.flushed = nl, ktap, time.monotonic()

    def check(self, name, want, got):
        if isinstance(want, Ours):
            if not OURS:
                return
            want = want.want
        self.ktap.result(want == got, name, f"want {want}", f"got  {got}")

    def outcome(self, *args, **named):
        """'ok' or the name of the error; ours say what was wrong."""
        try:
            self.nl.ask(*args, **named)
        except Refused as refused:
            # ENOENT and EEXIST say it all.
            if OURS and refused.code in ("EINVAL", "EBUSY") and not refused.text:
                return f"{refused.code}, without a word"
            return refused.code.replace("ENOTSUP", "EOPNOTSUPP")
        return "ok"

    def flush(self):
        self.nl.ask("CT_DELETE")
        self.flushed = time.monotonic()

    def entry(self, flow=FLOW):
        """The attributes of a connection, without what differs from run to run; or 'gone'."""
        try:
            (message,) = self.nl.ask("CT_GET", {"TUPLE_ORIG": flow["TUPLE_ORIG"]})
        except Refused as refused:
            return "gone" if refused.code == "ENOENT" else refused.code
        got = message.attributes
        got["ID"] = None
        got["TIMESTAMP"] = None if list(got["TIMESTAMP"]) == ["START"] else got["TIMESTAMP"]
        got["TIMEOUT"] = as_set(got["TIMEOUT"], self.flushed)
        return got

    def same(self, name, changes, got):
        """Is it ENTRY with changes, in the order of the numbers that the dump has?"""
        if isinstance(changes, Ours):
            changes = changes.want if OURS else got
        want = changes if isinstance(changes, str) else {**ENTRY, **changes}
        self.ktap.result(want == got, name, f"want {want}", f"got  {got}")


def run(*parts):
    """Plays the parts of a test in a namespace with accounting, timestamps, labels and helpers."""
    subprocess.run(["bash", "-ec", f"""
        modprobe -a nf_conntrack_ftp nf_conntrack_sip xt_connlabel
        ip netns add {NAMESPACE}
        ip -n {NAMESPACE} link set lo up
        ip netns exec {NAMESPACE} sysctl -qw net.netfilter.nf_conntrack_acct=1 \
            net.netfilter.nf_conntrack_timestamp=1
        ip netns exec {NAMESPACE} iptables -A INPUT -m connlabel --label 3
        ip netns exec {NAMESPACE} iptables -A INPUT -m state --state NEW
        """], check=True)
    with open(f"/run/netns/{NAMESPACE}", "rb") as netns:
        hosts.setns(netns)
    test = Test(nfnl.Socket(), Ktap())
    for part in parts:
        if part.__name__ in (sys.argv[1:] or [part.__name__]):
            part(test)
    test.ktap.finish()
