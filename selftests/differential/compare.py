# SPDX-License-Identifier: GPL-2.0-only
"""Compares what two modules made of the same scenarios, and shortens what differs."""

import ctypes

from replay import (ACTIONS, GENERATORS, NAT, PATHS, POKES, SIZE, Record, Shown, blob, flat)
from rules import NOT_COMPARED, explained


class Case:
    """A difference: the scenario, the operation, both records, the names of the fields."""

    def __init__(self, scenario, at, theirs, ours):
        self.scenario, self.at, self.theirs, self.ours = scenario, at, theirs, ours
        self.gen = GENERATORS[scenario.gen]
        other = dict(flat(ours))
        self.fields = [name for name, value in flat(theirs) if value != other[name] and
                       name not in NOT_COMPARED.get(self.gen, ())]


    def values(self):
        theirs, ours = dict(flat(self.theirs)), dict(flat(self.ours))
        return ", ".join(f"{name} {theirs[name]:#x} / {ours[name]:#x}" for name in self.fields[:12])

    def summary(self):
        """The kind of difference that it is."""
        names = dict.fromkeys(name.partition("[")[0] if name.startswith("conn.") else name
                              for name in self.fields)
        return f"{ACTIONS[self.theirs.action]}: {', '.join(names)}"


def records(data, size=SIZE):
    return [data[at:at + size] for at in range(0, len(data), size)]


def first_difference(scenario, theirs, ours):
    """The first operation of a scenario that differs, or None."""
    for at, (a, b) in enumerate(zip(records(theirs), records(ours))):
        if a == b:
            continue
        case = Case(scenario, at, Record.from_buffer_copy(a), Record.from_buffer_copy(b))
        if case.fields:
            return case
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
        data, out = blob(scenarios), {}
        first = self.tracker.loaded
        for which in (first, "ours" if first == "in-tree" else "in-tree"):
            self.tracker.load(which)
            out[which] = self.tracker.play(data)
        return [case for case in differences(scenarios, out["in-tree"], out["ours"])
                if not explained(case)]

    def again(self, case):
        """The difference once more, or None if it was one of timing."""
        for _ in range(2):
            found = self.both([case.scenario])
            if found:
                return found[0]
        return None

    def shorten(self, case):
        """The shortest sequence of steps, by leaving out ever smaller parts, that differs."""
        case = self.again_to_the_point(case) or case
        size = max(1, len(case.scenario.steps) // 2)
        while True:
            steps = case.scenario.steps
            tries = [case.scenario.only(steps[:at] + steps[at + size:])
                     for at in range(0, len(steps), size)]
            found = self.both(tries) if len(steps) > 1 else []
            if found:
                case = min(found, key=lambda c: c.at)
                case = Case(case.scenario.only(case.scenario.steps[:case.at]), case.at,
                            case.theirs, case.ours)
                size = min(size, max(1, len(case.scenario.steps) // 2))
            elif size == 1:
                return case
            else:
                size = (size + 1) // 2

    def again_to_the_point(self, case):
        found = self.both([case.scenario.only(case.scenario.steps[:case.at])])
        return found[0] if found else None

    def show(self, case):
        """The sequence and what both modules made of it, as lines."""
        data, out = blob([case.scenario]), {}
        for which in ("in-tree", "ours"):
            self.tracker.load(which)
            out[which] = records(self.tracker.play(data, show=True), SIZE + ctypes.sizeof(Shown))
        yield (f"{case.gen}{' with NAT' if case.scenario.flags & NAT else ''}, scenario "
               f"{case.scenario.seed:#x}, steps {' '.join(map(hex, case.scenario.steps))}")
        for at, (a, b) in enumerate(zip(out["in-tree"], out["ours"])):
            theirs, ours = Record.from_buffer_copy(a), Record.from_buffer_copy(b)
            yield f"{at}: {describe(theirs, Shown.from_buffer_copy(a[SIZE:]))}"
            yield f"     {outcome(theirs)}"
            if not Case(case.scenario, at, theirs, ours).fields:
                continue
            yield f"     {outcome(ours)}"
            for which, raw in (("in-tree", a), ("ours", b)):
                log = Shown.from_buffer_copy(raw[SIZE:]).log.decode(errors="replace")
                if log:
                    yield f"     {which} logs: {log}"
            other = dict(flat(ours))
            for name, value in flat(theirs):
                if value != other[name]:
                    yield f"     {name}: in-tree {value:#x}, ours {other[name]:#x}"


def outcome(record):
    if record.ctinfo == 0xff:
        return f"-> {record.first} {record.second}"
    conn = record.conn
    return (f"-> {record.first} {record.second} ctinfo {record.ctinfo} status {conn.status:#x} "
            f"timeout {conn.timeout} proto {' '.join(f'{n:x}' for n in conn.proto).rstrip('0 ')}")


def packet_summary(data):
    try:
        from scapy.layers.inet import IP  # pylint: disable=import-outside-toplevel
        from scapy.layers.inet6 import IPv6  # pylint: disable=import-outside-toplevel
        import scapy.layers.sctp  # noqa: F401 pylint: disable=import-outside-toplevel
        return (IPv6 if data[0] >> 4 == 6 else IP)(data).summary()
    except Exception:  # pylint: disable=broad-except
        return ""  # whatever scapy makes of hostile packets


def describe(record, shown):
    action = ACTIONS[record.action]
    if action == "poke":
        return f"{action}: {POKES[record.arg]} = {record.result}"
    if action == "wait":
        return f"{action}: {record.arg} seconds"
    if action not in ("packet", "again", "error"):
        return action
    data = bytes(shown.packet[:min(shown.len, 382)])
    return f"{action} ({PATHS[record.path]}): {packet_summary(data)}\n     {data.hex()}"
