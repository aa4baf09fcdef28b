# SPDX-License-Identifier: GPL-2.0-only
"""Compares what two modules made of the same scenarios, and shortens what differs."""

import ctypes

from replay import ACTIONS, PATHS, POKES, SIZE, Record, Shown, blob, flat
from rules import explained, logs_more


LOGGED = Record.logged.offset


class Case:
    """A difference: the scenario, the operation, all records, the names of the fields."""

    def __init__(self, scenario, at, theirs, ours):
        self.scenario, self.at, self.all_theirs = scenario, at, theirs
        self.theirs, self.ours = record(theirs, at), record(ours, at)
        self.gen = scenario.protocol(at)
        other = dict(flat(self.ours))
        self.fields = [name for name, value in flat(self.theirs) if value != other[name]]
        if "logged" in self.fields and logs_more(self.gen, self.theirs, self.ours):
            self.fields.remove("logged")

    def past(self):
        """What the in-tree module made of the operations before."""
        return (record(self.all_theirs, at) for at in range(self.at))

    def values(self):
        theirs, ours = dict(flat(self.theirs)), dict(flat(self.ours))
        return ", ".join(f"{name} {theirs[name]:#x} / {ours[name]:#x}" for name in self.fields[:12])

    def summary(self):
        """The kind of difference that it is."""
        names = dict.fromkeys(name.partition("[")[0] if name.startswith("conn.") else name
                              for name in self.fields)
        return f"{ACTIONS[self.theirs.action]}: {', '.join(names)}"


def record(data, at):
    return Record.from_buffer_copy(data, at * SIZE)


def only_logged(gen, theirs, ours):
    end = LOGGED + 4
    return theirs[:LOGGED] == ours[:LOGGED] and theirs[end:] == ours[end:] and \
        logs_more(gen, record(theirs, 0), record(ours, 0))


def first_difference(scenario, theirs, ours):
    """The first operation of a scenario that differs, or None."""
    for at in range(len(scenario)):
        a, b = (data[at * SIZE:(at + 1) * SIZE] for data in (theirs, ours))
        if a == b or only_logged(scenario.protocol(at), a, b):
            continue
        return Case(scenario, at, theirs, ours)
    return None


def differences(scenarios, theirs, ours):
    at = 0
    for scenario in scenarios:
        end = at + len(scenario) * SIZE
        if theirs[at:end] != ours[at:end]:
            case = first_difference(scenario, theirs[at:end], ours[at:end])
            if case:
                yield case
        at = end


class Judge:
    """Plays scenarios on both modules and tells the unexplained differences."""

    def __init__(self, tracker):
        self.tracker = tracker

    def both(self, scenarios):
        out, first = {}, self.tracker.loaded
        for which in (first, "ours" if first == "in-tree" else "in-tree"):
            self.tracker.load(which)
            out[which] = self.tracker.play(blob(scenarios))
        return [case for case in differences(scenarios, out["in-tree"], out["ours"])
                if not explained(case)]

    def again(self, case):
        """The difference once more, or None if it was one of timing. In modules loaded afresh: what
        shares a bucket, the keys of GRE calls and the ports that are reserved are not to be those
        of the first time."""
        for _ in range(2):
            self.tracker.unload()
            self.tracker.load("in-tree")
            found = self.both([case.scenario])
            if found:
                return found[0]
        return None

    def shorten(self, case):
        """The shortest sequence of steps, by leaving out ever smaller parts, that differs."""
        case = self.again_to_the_point(case) or case
        while True:
            steps = case.scenario.steps
            sizes = [len(steps) >> n for n in range(1, len(steps).bit_length())]
            tries = [case.scenario.only(steps[:at] + steps[at + size:])
                     for size in sizes for at in range(0, len(steps), size)]
            found = self.both(tries) if tries else []
            if not found:
                return case
            case = min(found, key=lambda c: c.at)
            case.scenario = case.scenario.only(case.scenario.steps[:case.at])

    def again_to_the_point(self, case):
        found = self.both([case.scenario.only(case.scenario.steps[:case.at])])
        return found[0] if found else None

    def show(self, case):
        """The sequence and what both modules made of it, as lines."""
        plain, shown = {}, {}
        for which in ("in-tree", "ours"):
            self.tracker.load(which)
            plain[which], shown[which] = split(self.tracker.play(blob([case.scenario]), show=True))
        yield str(case.scenario)
        for at in range(len(case.scenario)):
            here = Case(case.scenario, at, plain["in-tree"], plain["ours"])
            yield f"{at}: {describe(here.theirs, shown['in-tree'][at])}"
            yield f"     {outcome(here.theirs)}"
            if not here.fields:
                continue
            yield f"     {outcome(here.ours)}"
            for which in ("in-tree", "ours"):
                log = shown[which][at].log.decode(errors="replace")
                if log:
                    yield f"     {which} logs: {log}"
            theirs, ours = dict(flat(here.theirs)), dict(flat(here.ours))
            for name in here.fields:
                yield f"     {name}: in-tree {theirs[name]:#x}, ours {ours[name]:#x}"


def split(data):
    """Records, and what is shown of each beside it."""
    each = SIZE + ctypes.sizeof(Shown)
    starts = range(0, len(data), each)
    return (b"".join(data[at:at + SIZE] for at in starts),
            [Shown.from_buffer_copy(data, at + SIZE) for at in starts])


def outcome(rec):
    if rec.ctinfo == 0xff:
        return f"-> {rec.first} {rec.second}"
    conn = rec.conn
    return (f"-> {rec.first} {rec.second} ctinfo {rec.ctinfo} status {conn.status:#x} "
            f"timeout {conn.timeout} proto {' '.join(f'{n:x}' for n in conn.proto).rstrip('0 ')}")


def packet_summary(data):
    try:
        from scapy.layers.inet import IP  # pylint: disable=import-outside-toplevel
        from scapy.layers.inet6 import IPv6  # pylint: disable=import-outside-toplevel
        import scapy.layers.sctp  # noqa: F401 pylint: disable=import-outside-toplevel
        return (IPv6 if data[0] >> 4 == 6 else IP)(data).summary()
    except Exception:  # pylint: disable=broad-except
        return ""  # whatever scapy makes of hostile packets


def describe(rec, shown):
    action = ACTIONS[rec.action]
    if action == "poke" and rec.arg < len(POKES):
        return f"{action}: {POKES[rec.arg]} = {rec.result}"
    if action == "wait":
        return f"{action}: {rec.arg} seconds"
    if action not in ("packet", "again", "error"):
        return action
    data = bytes(shown.packet[:min(shown.len, 382)])
    return f"{action} ({PATHS[rec.path]}): {packet_summary(data)}\n     {data.hex()}"
