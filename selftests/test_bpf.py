#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""BPF programs at XDP and at tc that find, make and change connections."""

import errno
import os
import re
import socket
import struct
import subprocess
import sys
import time

import bpf
import needs
from bpf import call, imm, leave, load, map_value, mov, store, unless_null

# In the memory that programs share with us
TUPLE, OPTS, FOUND, MARK, STATUS, TIMEOUT, RESULT, SIZE = 0, 40, 56, 60, 64, 68, 72, 128
PACKET = bytes(12) + b"\x08\x00\x45\x00" + bytes(60)
CONFIRMED, SEEN_REPLY, ASSURED, DYING, FIXED_TIMEOUT = 8, 2, 4, 512, 1024
V4, V6 = 12, 36
COUNT = "net.netfilter.nf_conntrack_count"
done = 0
failed = 0


def check(name, want, got):
    global done, failed
    done += 1
    if want == got:
        print(f"ok {done} {name}")
    else:
        failed += 1
        print(f"not ok {done} {name}\n# wanted: {want}\n# got:    {got}\n# "
              + conntrack("-L").replace("\n", "\n# "))


def sh(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def tuple_of(src, dst, sport, dport):
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    return socket.inet_pton(family, src) + socket.inet_pton(family, dst) + \
        struct.pack("!HH", sport, dport)


def options(netns=-1, proto=6, zone=0, zone_dir=0, reserved=b"\0\0\0"):
    return struct.pack("<iiBBHB3s", netns, 0, proto, 255, zone, zone_dir, reserved)


class Place:
    """Programs at XDP or tc; each asks for the tuple that lies in the memory, first of all."""

    def __init__(self, kind, types):
        self.kind, self.types = kind, types
        self.prefix = {bpf.XDP: "bpf_xdp_ct_", bpf.TC: "bpf_skb_ct_"}[kind]
        self.memory = bpf.Memory(SIZE)

    def ask(self, what, tuple_size, opts_size):
        """A connection in register 6, or NULL."""
        fd = self.memory.fd
        return [mov(7, 1), map_value(9, fd, 0),
                map_value(2, fd, TUPLE) if tuple_size else imm(2, 0), imm(3, tuple_size),
                map_value(4, fd, OPTS), imm(5, opts_size),
                call(self.types.function(self.prefix + what)), mov(6, 0)]

    def call(self, name, *args):
        return [mov(1, 6), *(imm(2 + i, a) for i, a in enumerate(args)),
                call(self.types.function(name))]

    def look(self):
        member = self.types.members
        return [imm(1, 1), store(9, FOUND, 1),
                load(1, 6, member["mark"]), store(9, MARK, 1),
                load(1, 6, member["status"]), store(9, STATUS, 1),
                load(1, 6, member["timeout"]), store(9, TIMEOUT, 1)]

    def program(self, code):
        return bpf.Program(self.kind, [*code, leave()], self.types)

    def run(self, code, tup, opts):
        program = self.program(code)
        try:
            self.memory.write(tup.ljust(OPTS, b"\0") + opts)
            program.run(PACKET)
        finally:
            program.close()
        return Answer(self.memory.read())

    def lookup(self, tup, opts=None, *, opts_size=12, tuple_size=None, then=()):
        size = len(tup) if tuple_size is None else tuple_size
        return self.run([*self.ask("lookup", size, opts_size),
                         unless_null(6, *self.look(), *then, *self.call("bpf_ct_release"))],
                        tup, opts or options())

    def create(self, tup, opts=None, *, opts_size=12, before=()):
        return self.run([*self.ask("alloc", len(tup), opts_size),
                         unless_null(6, *before, *self.call("bpf_ct_insert_entry"), mov(6, 0),
                                     unless_null(6, *self.look(), *self.call("bpf_ct_release")))],
                        tup, opts or options())

    def verdict(self, code):
        """What the verifier says to a program, in a word or two."""
        try:
            self.program(code).close()
            return "accepted"
        except bpf.VerifierError as error:
            if match := re.search(r"no write support to nf_conn at off|Unreleased reference|"
                                  r"expected pointer to STRUCT (\w+)|beyond the member", str(error)):
                return match[0]
            return str(error)


class Answer:
    def __init__(self, memory):
        self.netns, error, _, self.dir = struct.unpack_from("<iiBB", memory, OPTS)
        self.found, self.mark, self.status, self.timeout = struct.unpack_from("<IIII", memory, FOUND)
        self.result = struct.unpack_from("<i", memory, RESULT)[0]
        self.error = errno.errorcode.get(-error, error)

    def outcome(self):
        return "found" if self.found else self.error


def conntrack(*args):
    return sh("conntrack", *args).stdout


def entry(sport):
    """What conntrack shows of the connection of a source port."""
    lines = [line for line in conntrack("-L").splitlines() if f" sport={sport} " in line]
    return re.sub(r" +", " ", " | ".join(lines).strip())


def keep(offset=RESULT):
    return store(9, offset, 0)


def mistakes(at, base, with_zones):
    tup = tuple_of("10.0.0.1", "10.0.0.2", base, 80)
    cases = [
        ("no tuple", {"tup": b""}, "EINVAL"),
        ("a namespace below -1", {"opts": options(netns=-2)}, "EINVAL"),
        ("a namespace that is not there", {"opts": options(netns=0xf00f)}, "ENONET"),
        ("no such connection", {}, "ENOENT"),
        ("ICMP", {"opts": options(proto=1)}, "EPROTO"),
        ("UDP is another protocol", {"opts": options(proto=17)}, "ENOENT"),
        ("a tuple of odd size", {"tuple_size": 11}, "EAFNOSUPPORT"),
        ("options of odd size", {"opts_size": 11}, "EINVAL"),
        ("options of size 13", {"opts_size": 13}, "EINVAL"),
        ("a reserved byte", {"opts": options(reserved=b"\0\0\1"), "opts_size": 16}, "EINVAL"),
        ("a zone without room for it", {"opts": options(zone=1)}, "EINVAL"),
        ("options with room for a zone", {"opts_size": 16}, "ENOENT" if with_zones else "EINVAL"),
        ("wrong size and wrong protocol", {"opts": options(proto=1), "tuple_size": 11}, "EPROTO"),
        ("no such namespace, wrong size", {"opts": options(netns=0xf00f), "tuple_size": 11},
         "EAFNOSUPPORT"),
    ]
    for name, args, want in cases:
        check(f"{at.prefix}lookup, {name}: {want}", want,
              at.lookup(args.pop("tup", tup), args.pop("opts", None), **args).outcome())


def existing(at, sport):
    """A connection that somebody else made is found and changed."""
    tup = tuple_of("10.0.0.1", "10.0.0.2", sport, 80)
    reply = tuple_of("10.0.0.2", "10.0.0.1", 80, sport)
    sh("conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", str(sport),
       "--dport", "80", "--state", "ESTABLISHED", "-t", "600", "-u", "SEEN_REPLY", "-m", "42")
    found = at.lookup(tup)
    check("found, original", ("found", 42, 0), (found.outcome(), found.mark, found.dir))
    check("found, reply", ("found", 1), ((a := at.lookup(reply)).outcome(), a.dir))
    check("confirmed, and a reply was seen", CONFIRMED | SEEN_REPLY,
          found.status & (CONFIRMED | SEEN_REPLY | ASSURED))
    check("its own namespace has no number, so 0 is none", "ENONET",
          at.lookup(tup, options(netns=0)).outcome())

    check("the timeout is changed", 0,
          at.lookup(tup, then=[*at.call("bpf_ct_change_timeout", 5000000), keep()]).result)
    check("to what was wanted", True, 4990 <= int((entry(sport).split() + [0] * 3)[2]) <= 5000)
    check("the status is changed", 0, at.lookup(
        tup, then=[*at.call("bpf_ct_change_status", CONFIRMED | SEEN_REPLY | ASSURED), keep()]).result)
    check("to what was wanted", True, "[ASSURED]" in entry(sport))
    check("dying is not for programs", -errno.EBUSY, at.lookup(tup, then=[*at.call(
        "bpf_ct_change_status", CONFIRMED | SEEN_REPLY | ASSURED | DYING), keep()]).result)
    check("nor is taking back a reply", -errno.EBUSY, at.lookup(
        tup, then=[*at.call("bpf_ct_change_status", CONFIRMED), keep()]).result)
    at.lookup(tup, then=[imm(1, 77), store(6, at.types.members["mark"], 1)])
    check("the mark is written", True, " mark=77 " in entry(sport))
    at.lookup(tup, then=at.call("bpf_ct_change_status", CONFIRMED | SEEN_REPLY | ASSURED | FIXED_TIMEOUT))
    check("a fixed timeout stays", -errno.EPERM, at.lookup(
        tup, then=[*at.call("bpf_ct_change_timeout", 1000), keep()]).result)
    conntrack("-F")
    check("gone", "ENOENT", at.lookup(tup).outcome())


def made(at, sport):
    """A connection that a program makes is like any other."""
    mark = at.types.members["mark"]
    tup = tuple_of("10.0.0.1", "10.0.0.2", sport, 80)
    new = at.create(tup, before=[*at.call("bpf_ct_set_timeout", 300000), imm(1, 5), store(6, mark, 1),
                                 *at.call("bpf_ct_set_status", ASSURED | SEEN_REPLY), keep()])
    check("made, inserted", ("found", 5, 0), (new.outcome(), new.mark, new.result))
    check("its status", CONFIRMED | SEEN_REPLY | ASSURED, new.status)
    shown = entry(sport)
    check("conntrack shows it", True, bool(re.match(
        rf"tcp 6 (29\d|300) NONE src=10.0.0.1 dst=10.0.0.2 sport={sport} dport=80 src=10.0.0.2 "
        rf"dst=10.0.0.1 sport=80 dport={sport} \[ASSURED\] mark=5 use=1$", shown)) or shown)
    check("it is found", ("found", 0), ((a := at.lookup(tup)).outcome(), a.dir))
    check("its timeout runs", True, at.lookup(tup).timeout == new.timeout)
    check("another of the same tuple is not inserted", 0, at.create(tup).found)
    check("confirmed is not for programs to set", -errno.EBUSY, at.create(
        tuple_of("10.0.0.1", "10.0.0.2", sport, 81),
        before=[*at.call("bpf_ct_set_status", CONFIRMED), keep()]).result)
    conntrack("-F")

    udp = options(proto=17)
    check("UDP", "found", at.create(tup, udp).outcome())
    shown = entry(sport)
    check("without a timeout of its own", True, bool(re.match(
        r"udp 17 \d+ src=\S+ dst=\S+ \S+ \S+ \[UNREPLIED\]", shown)) or shown)
    print("# " + shown)
    conntrack("-F")
    six = tuple_of("fd00::1", "fd00::2", sport, 80)
    check("IPv6", "found", at.create(six, before=at.call("bpf_ct_set_timeout", 60000)).outcome())
    check("and found from behind", ("found", 1),
          ((a := at.lookup(tuple_of("fd00::2", "fd00::1", 80, sport))).outcome(), a.dir))
    check("ICMP", ("EPROTO", 0), ((a := at.create(tup, options(proto=1))).error, a.found))
    conntrack("-F")


def namespaces(at, sport):
    """Another namespace by its id, which goes as soon as it is deleted."""
    tup = tuple_of("10.0.0.1", "10.0.0.2", sport, 80)
    sh("ip", "netns", "add", "other")
    sh("ip", "netns", "set", "other", "5")
    there = options(netns=5)
    check("not in the other namespace", "ENOENT", at.lookup(tup, there).outcome())
    check("made there", "found", at.create(
        tup, there, before=at.call("bpf_ct_set_timeout", 300000)).outcome())
    check("found there, not here", ("found", "ENOENT"),
          (at.lookup(tup, there).outcome(), at.lookup(tup).outcome()))
    check("shown there", True, f"sport={sport} " in sh(
        "ip", "netns", "exec", "other", "conntrack", "-L").stdout)
    sh("ip", "netns", "del", "other")
    deadline = time.monotonic() + 120
    while "nsid 5" in sh("ip", "netns", "list-id").stdout and time.monotonic() < deadline:
        time.sleep(0.1)
    check("nothing holds it when it is deleted", "", sh("ip", "netns", "list-id").stdout)


def zones(at, sport):
    tup = tuple_of("10.0.0.1", "10.0.0.2", sport, 80)
    seven = options(zone=7, zone_dir=3)
    check("made in a zone", "found", at.create(
        tup, seven, opts_size=16, before=at.call("bpf_ct_set_timeout", 60000)).outcome())
    for name, opts, want in (("it", seven, "found"), ("no zone", options(), "ENOENT"),
                             ("its original direction alone", options(zone=7, zone_dir=1), "found"),
                             ("its reply direction alone", options(zone=7, zone_dir=2), "ENOENT"),
                             ("no direction", options(zone=7), "found"),
                             ("another zone", options(zone=8, zone_dir=3), "ENOENT")):
        check(f"looked for in {name}: {want}", want, at.lookup(tup, opts, opts_size=16).outcome())
    conntrack("-F")


def refused(at):
    """What the verifier does not let programs do."""
    alloc, lookup = at.ask("alloc", V4, 12), at.ask("lookup", V4, 12)
    release = at.call("bpf_ct_release")
    check("lost: refused", "Unreleased reference", at.verdict(lookup))
    check("released without insertion: refused", "expected pointer to STRUCT nf_conn",
          at.verdict([*alloc, unless_null(6, *release)]))
    check("inserted what was found: refused", "expected pointer to STRUCT nf_conn___init",
          at.verdict([*lookup, unless_null(6, *at.call("bpf_ct_insert_entry"), *release)]))
    check("changed what was not inserted: refused", "expected pointer to STRUCT nf_conn",
          at.verdict([*alloc, unless_null(6, *at.call("bpf_ct_change_timeout", 1))]))
    check("status written: refused", "no write support to nf_conn at off",
          at.verdict([*lookup, unless_null(6, store(6, at.types.members["status"], 7), *release)]))


def main():
    needs.programs("conntrack")
    needs.modules("nf_conntrack", "nf_conntrack_netlink")
    sh("sysctl", "-w", "net.core.bpf_jit_enable=1")
    ours = os.path.exists("/sys/module/nf_conntrack/version")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        needs.skip_all("this kernel has no types (BTF)")
    if not os.path.exists("/sys/kernel/btf/nf_conntrack"):
        needs.give_up("the module has types (BTF), as the kernel has", "built without: see tools/btf")
    # The in-tree module of 6.1 knows no zones here.
    with_zones = ours or not os.uname().release.startswith("6.1.")
    types = bpf.Types("nf_conntrack")
    print(f"# {'conntrack-ng' if ours else 'in-tree'}, mark at {types.members['mark']}")
    for number, kind in enumerate((bpf.XDP, bpf.TC)):
        at = Place(kind, types)
        base = 1000 + 100 * number
        mistakes(at, base, with_zones)
        existing(at, base + 1)
        made(at, base + 2)
        if with_zones:
            zones(at, base + 3)
        namespaces(at, base + 4)
        refused(at)
        check("no connection is left", "0\n", sh("sysctl", "-n", COUNT).stdout)
    print(f"1..{done}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
