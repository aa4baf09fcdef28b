# SPDX-License-Identifier: GPL-2.0-only
"""The replay module's interface (kmod/replay/record.h), and which nf_conntrack is loaded."""

import array
import ctypes
import glob
import os
import subprocess

GENERATORS = ["tcp", "udp", "udplite", "icmp", "icmpv6", "sctp", "dccp", "gre",
              "generic"]
CAPTURE = len(GENERATORS)
BEGIN, STEP, END, FRAME, WAIT = range(5)
NAT, MUTATE, NO_SUM = 1, 2, 4
(NOTE_RANDOM, NOTE_ODD_SACK, NOTE_SLOW, NOTE_ASIDE, NOTE_BAD_QUOTE,
 NOTE_SHORT_GRE) = (1 << bit for bit in range(6))
ACTIONS = ["begin", "end", "packet", "again", "error", "release", "wait", "inject", "poke"]
PACKETS = [ACTIONS.index(name) for name in ("packet", "again", "error")]
PATHS = ["forward", "input", "output", "lost"]
POKES = ["nf_ct_kill()", "set FIXED_TIMEOUT", "clear FIXED_TIMEOUT", "nf_ct_set_closing()",
         "nf_ct_refresh(77 s)", "deliver events"]
STATS = ["found", "invalid", "insert", "insert_failed", "clash_resolve", "drop", "early_drop",
         "error", "expect_new", "expect_create", "expect_delete", "search_restart",
         "chaintoolong"]

U8, U16, U32, U64, S8, S16, S32 = (getattr(ctypes, f"c_{t}") for t in (
    "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32"))


class Tuple(ctypes.Structure):
    _fields_ = [("src", U8 * 16), ("dst", U8 * 16), ("sport", U16), ("dport", U16),
                ("l3num", U8), ("l4num", U8), ("dir", U8), ("pad", U8)]


class Conn(ctypes.Structure):
    _fields_ = [("status", U32), ("timeout", S32), ("mark", U32), ("zone", U16),
                ("zone_dir", U8), ("zone_flags", U8), ("ext", U32), ("labels", U8 * 16),
                ("packets", U64 * 2), ("bytes", U64 * 2), ("tuple", Tuple * 2),
                ("helper", U8), ("expecting", U8), ("pad", U16), ("master", U32),
                ("seqadj", U32), ("proto", U32 * 16)]


class Event(ctypes.Structure):
    _fields_ = [("mask", U32), ("who", U32)]


class Record(ctypes.Structure):
    _fields_ = [("action", U32), ("arg", U32), ("sent", U32), ("path", U8), ("first", S8),
                ("second", S8), ("ctinfo", U8), ("came", U32), ("ip_summed", U8),
                ("helped", U8), ("result", S8), ("note", U8), ("conn", Conn), ("n_events", U32),
                ("event", Event * 6), ("stat", U32 * len(STATS)), ("logged", U32),
                ("count", U32), ("expected", U32), ("digest", U32)]


class Shown(ctypes.Structure):
    _fields_ = [("len", U16), ("packet", U8 * 382), ("log", ctypes.c_char * 128)]


SIZE = ctypes.sizeof(Record)


def flat(value, name=""):
    """All numbers of a structure by name."""
    if isinstance(value, ctypes.Structure):
        for field in value._fields_:
            yield from flat(getattr(value, field[0]), f"{name}.{field[0]}" if name else field[0])
    elif isinstance(value, ctypes.Array):
        for i, item in enumerate(value):
            yield from flat(item, f"{name}[{STATS[i] if name == 'stat' else i}]")
    else:
        yield name, value


class Scenario:
    """Operations that begin in a fresh world: a generator, its seed, seeds of the steps."""

    def __init__(self, gen, flags, seed, steps):
        self.gen, self.flags, self.seed, self.steps = gen, flags, seed, steps

    @classmethod
    def random(cls, rng, gen, flags):
        steps = array.array("I", rng.randbytes(4 * rng.randrange(10, 80)))
        return cls(gen, flags, rng.getrandbits(32), steps)

    def __len__(self):
        return len(self.steps) + 2

    def __str__(self):
        return (f"{GENERATORS[self.gen]}{' with NAT' if self.flags & NAT else ''}, scenario "
                f"{self.seed:#x}, steps {' '.join(map(hex, self.steps))}")

    def protocol(self, _at):
        """Of the packet of a record."""
        return GENERATORS[self.gen]

    def played(self, records):
        """Protocols, and how many packets of each."""
        actions = records[0::SIZE]
        yield GENERATORS[self.gen], sum(actions.count(bytes([n])) for n in PACKETS)

    def ops(self):
        ops = array.array("Q", [BEGIN | self.gen << 8 | self.flags << 16 | self.seed << 32])
        ops.extend([STEP | seed << 32 for seed in self.steps])
        ops.append(END)
        return ops.tobytes()

    def only(self, steps):
        return Scenario(self.gen, self.flags, self.seed, array.array("I", steps))


def blob(scenarios):
    """What to write to play them, made anew for each playing."""
    return b"".join(scenario.ops() for scenario in scenarios)


def batch(rng, gen, packets):
    """So many packets of a protocol, a third of them with NAT."""
    for flags, share in ((0, 2), (NAT, 1)):
        left = packets * share // 3
        scenarios = []
        while left > 0:
            scenarios.append(Scenario.random(rng, gen, flags))
            left -= len(scenarios[-1].steps)
        yield scenarios


def read_line(path):
    with open(path, encoding="ascii") as f:
        return f.readline()


def sh(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


HELPERS = [f"nf_{kind}_{name}" for name in ("amanda", "ftp", "h323", "irc", "pptp", "sip", "tftp")
           for kind in ("nat", "conntrack")] + [
               "nf_conntrack_sane", "nf_nat_snmp_basic", "nf_conntrack_snmp",
               "nf_conntrack_netbios_ns", "nf_conntrack_broadcast"]


class Tracker:
    """The two modules, of which one is loaded at a time; and the replay module on top."""

    def __init__(self, ours, replay, helpers=False):
        self.replay, self.helpers = replay, HELPERS if helpers else []
        base = f"/lib/modules/{os.uname().release}/kernel/net/netfilter/nf_conntrack.ko"
        self.path = {"in-tree": glob.glob(base + "*")[0], "ours": ours}
        self.loaded = None
        sh("ip", "link", "set", "lo", "up")
        for prefix, family in (("10.0.0.0/8", "-4"), ("fd00::/16", "-6")):
            sh("ip", family, "route", "replace", "local", prefix, "dev", "lo")
        for module in ("nf_defrag_ipv4", "nf_defrag_ipv6", "libcrc32c"):
            sh("modprobe", module)
        # Pieces that wait for one which was lost stay: when their time is up, which is one of
        # the clock, the host says so by an ICMP error about somebody's connection.
        for name, time in (("ipv4.ipfrag", "time"), ("ipv6.ip6frag", "time"),
                           ("netfilter.nf_conntrack_frag6", "timeout")):
            sh("sysctl", "-q", f"net.{name}_high_thresh={1 << 28}", f"net.{name}_{time}=100000")

    def load(self, which):
        if self.loaded == which:
            return
        self.unload()
        sh("insmod", self.path[which], "hashsize=1024")
        self.loaded = which
        sh("modprobe", "-a", "nf_nat", *self.helpers)
        sh("insmod", self.replay)

    def unload(self):
        if self.loaded:
            sh("rmmod", "ctng_replay", *self.helpers, "nf_nat", "nf_conntrack")
        self.loaded = None

    @staticmethod
    def counts():
        """Packets that were played since the load, and of how many of them bytes were changed."""
        directory = "/sys/module/ctng_replay/parameters/"
        return [int(read_line(directory + name)) for name in ("played", "changed")]

    @staticmethod
    def play(data, show=False, keep=True):
        """What came of the operations: a record of each."""
        for name, value in (("show", show), ("keep", keep)):
            with open(f"/sys/module/ctng_replay/parameters/{name}", "w", encoding="ascii") as f:
                f.write("1" if value else "0")
        fd = os.open("/proc/ctng_replay", os.O_RDWR)
        try:
            if os.write(fd, data) != len(data):
                raise OSError("not all was played")
            os.lseek(fd, 0, os.SEEK_SET)
            out = []
            while keep:
                out.append(os.read(fd, 1 << 24))
                if not out[-1]:
                    break
        finally:
            os.close(fd)
        return b"".join(out)
