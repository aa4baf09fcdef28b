# SPDX-License-Identifier: GPL-2.0-only
"""Captured packets as scenarios, with what may happen to packets on their way."""

import collections
import glob
import itertools
import os
import random
import struct

from pcap import Packet, packets, with_sum
from replay import BEGIN, CAPTURE, END, FRAME, NAT, NO_SUM, PATHS, WAIT

PIECE = 96           # packets of a scenario: NAT and timeouts are others in each
LONGEST = 100000     # seconds between two packets
FRESH = itertools.count(1)    # ids of packets that come in pieces
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp",
             136: "udplite"}


def op(kind, gen, flags, arg):
    return struct.pack("=BBHI", kind, gen, flags, arg)


def protocol_of(packet):
    proto = PROTOCOLS.get(packet.layer4[0], "generic")
    other = "icmp" if packet.six else "icmpv6"
    return "generic" if proto == other else proto


class Frame:
    """A packet and its way through the hooks; the seed is for what rules do to it."""

    def __init__(self, packet, path, seed):
        self.packet, self.path, self.seed = packet, path, seed
        self.protocol = protocol_of(packet)

    def op(self, ids):
        data, at = self.packet.data, self.packet.fragment_id
        if at is not None:
            data = data[:at] + ids[data[at:at + 2]] + data[at + 2:]
            data = data if self.packet.six else with_sum(data)
        return (op(FRAME, PATHS.index(self.path), len(data), self.seed) +
                data + bytes(-len(data) % 8))


class Wait:
    protocol = "wait"

    def __init__(self, seconds):
        self.seconds = seconds

    def op(self, _ids):
        return op(WAIT, 0, 0, self.seconds)


class Captured:
    """Operations that begin in a fresh world: packets of a capture, and pauses."""

    gen = CAPTURE

    def __init__(self, name, flags, seed, steps):
        self.name, self.flags, self.seed, self.steps = name, flags, seed, steps

    def __len__(self):
        return len(self.steps) + 2

    def __str__(self):
        return (f"{self.name}{' with NAT' if self.flags & NAT else ''}"
                f"{' without checksums' if self.flags & NO_SUM else ''}, scenario {self.seed:#x}, "
                f"{len(self.steps)} steps")

    def ops(self):
        # a piece that was left over is not to meet those of the next playing
        ids = collections.defaultdict(lambda: struct.pack("!H", next(FRESH) & 0xffff))
        return b"".join([op(BEGIN, self.gen, self.flags, self.seed),
                         *(step.op(ids) for step in self.steps), op(END, 0, 0, 0)])

    def played(self, _records):
        """Protocols, and how many packets of each."""
        return collections.Counter(step.protocol for step in self.steps
                                   if isinstance(step, Frame)).items()

    def only(self, steps):
        return Captured(self.name, self.flags, self.seed, steps)

    def protocol(self, at):
        """Of the packet of a record."""
        return self.steps[at - 1].protocol if 0 < at <= len(self.steps) else "wait"


def path_of(packet, local):
    src, dst = packet.addresses
    if local == src:
        return "output"
    return "input" if local == dst else "forward"


def steps_of(rng, part, local):
    """The packets, each some whole seconds after the one before if it was captured so."""
    now = int(part[0].when)
    for packet in part:
        pause = min(int(packet.when) - now, LONGEST)
        if pause > 0:
            yield Wait(pause)
            now = int(packet.when)
        yield Frame(packet, path_of(packet, local), rng.getrandbits(32))


def spoilt(rng, packet):
    """Some bytes behind the IP header are others, or missing."""
    start, data = packet.layer4[1], bytearray(packet.data)
    if start >= len(data):
        return packet
    if rng.random() < .25:
        del data[rng.randrange(start, len(data)):]
        at = 4 if packet.six else 2
        data[at:at + 2] = (len(data) - (40 if packet.six else 0)).to_bytes(2, "big")
    for _ in range(rng.randrange(4)):
        # headers more often than what follows
        end = min(len(data), start + 64) if rng.random() < .8 else len(data)
        if end > start:
            data[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    data = bytes(data)
    return Packet(packet.when, data if packet.six else with_sum(data), packet.cut)


def disturbed(rng, steps):
    """What happens on the way: loss, duplicates, other orders, errors, pauses."""
    out, late = [], []
    for step in steps:
        luck = rng.random()
        if isinstance(step, Frame):
            if luck < .03:
                continue
            if luck < .06:
                late.append(step)
                continue
            if luck < .08:
                step = Frame(spoilt(rng, step.packet), step.path, step.seed)
            elif luck < .09:
                step = Frame(step.packet, "lost", step.seed)
            elif luck < .12:
                out.append(step)
            elif luck < .13:
                out.append(Wait(rng.choice((1, 2, 5, 10, 15, 30, 60, 120, 300))))
        out.append(step)
        while late and rng.random() < .4:
            out.append(late.pop(rng.randrange(len(late))))
    return out + late


class Capture:
    """A file, in pieces that are scenarios."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        found = list(packets(path))
        self.packets = len(found)
        self.protocols = collections.Counter(map(protocol_of, found))
        self.parts = [found[at:at + PIECE] for at in range(0, len(found), PIECE)]

    def scenarios(self, seed, turn):
        """As they are, then with NAT, then with whatever may happen to them."""
        for number, part in enumerate(self.parts):
            rng = random.Random(f"{seed} {self.name} {number} {turn}")
            flags = NO_SUM if any(packet.cut for packet in part) else 0
            local = rng.choice((None, None, *rng.choice(part).addresses)) if turn else None
            steps = list(steps_of(rng, part, local))
            if turn % 2:
                flags |= NAT
            if turn > 1:
                flags |= rng.choice((0, NO_SUM))
                steps = disturbed(rng, steps)
            name = f"{self.name} from packet {1 + number * PIECE} on, turn {turn}"
            yield Captured(name, flags, rng.getrandbits(32), steps)


def all_captures(*folders):
    """The captures of some folders that have IP packets, those of the same name once."""
    paths = {os.path.basename(path): path for folder in folders
             for pattern in ("*.pcap", "*.cap") for path in glob.glob(f"{folder}/**/{pattern}",
                                                                      recursive=True)}
    found = (Capture(path) for _, path in sorted(paths.items()))
    return [capture for capture in found if capture.packets]
