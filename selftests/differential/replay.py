# SPDX-License-Identifier: GPL-2.0-only
"""The replay module's interface (kmod/replay/record.h), and which nf_conntrack is loaded."""

import array
import ctypes
import glob
import os
import random
import subprocess

GENERATORS = ["tcp", "udp", "udplite", "icmp", "icmpv6", "sctp", "dccp", "gre",
              "generic"]
BEGIN, STEP, END = range(3)
NAT, MUTATE = 1, 2
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

    def ops(self):
        ops = array.array("Q", [BEGIN | self.gen << 8 | self.flags << 16 | self.seed << 32])
        ops.extend([STEP | seed << 32 for seed in self.steps])
        ops.append(END)
        return ops

    def only(self, steps):
        return Scenario(self.gen, self.flags, self.seed, array.array("I", steps))


def blob(scenarios):
    ops = array.array("Q")
    for scenario in scenarios:
        ops.extend(scenario.ops())
    return ops.tobytes()


def batch(rng, gen, packets):
    """So many packets of a protocol, a third of them with NAT."""
    for flags, share in ((0, 2), (NAT, 1)):
        left = packets * share // 3
        scenarios = []
        while left > 0:
            scenarios.append(Scenario.random(rng, gen, flags))
            left -= len(scenarios[-1].steps)
        yield scenarios


def sh(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Tracker:
    """The two modules, of which one is loaded at a time; and the replay module on top."""

    def __init__(self, ours, replay):
        self.replay = replay
        base = f"/lib/modules/{os.uname().release}/kernel/net/netfilter/nf_conntrack.ko"
        self.path = {"in-tree": glob.glob(base + "*")[0], "ours": ours}
        self.loaded = None
        sh("ip", "link", "set", "lo", "up")
        for prefix, family in (("10.0.0.0/8", "-4"), ("fd00::/16", "-6")):
            sh("ip", family, "route", "replace", "local", prefix, "dev", "lo")
        for module in ("nf_defrag_ipv4", "nf_defrag_ipv6", "libcrc32c"):
            sh("modprobe", module)

    def load(self, which):
        if self.loaded == which:
            return
        self.unload()
        sh("insmod", self.path[which], "hashsize=1024")
        self.loaded = which
        sh("modprobe", "nf_nat")
        sh("insmod", self.replay)

    def unload(self):
        if self.loaded:
            sh("rmmod", "ctng_replay", "nf_nat", "nf_conntrack")
        self.loaded = None

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


def fresh_seed():
    return random.SystemRandom().getrandbits(32)
