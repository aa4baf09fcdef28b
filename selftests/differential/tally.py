# SPDX-License-Identifier: GPL-2.0-only
"""Both modules play, and what is found: differences by kind, the intended ones by rule; and the report of it."""

import os
import random
import time

import needs
from compare import differences
from replay import SIZE, blob
from rules import explained, too_often

SHOW = int(os.environ.get("SHOW", 3))
SPENT = {}    # seconds of playing


class Totals:
    """What was found of a protocol: cases by kind, and of the intended ones by rule."""

    def __init__(self):
        self.packets = 0
        self.unexplained, self.transient, self.explained = {}, {}, {}

    @staticmethod
    def count(cases):
        return sum(map(len, cases.values()))


def judge_case(judge, case, total):
    """Is it intended? If not, and if it comes again, it is shown, unless its like was."""
    rule, kind = explained(case), case.summary()
    if rule:
        total.explained.setdefault(rule.__name__, []).append(case)
        return
    if kind in total.unexplained or len(total.unexplained) >= SHOW:
        total.unexplained.setdefault(kind, []).append(case)
        return
    again = judge.again(case)
    if not again:
        total.transient.setdefault(kind, []).append(case)
        return
    total.unexplained[kind] = [case]
    print("".join(f"# {part}\n" for line in judge.show(judge.shorten(again))
                  for part in line.split("\n")), flush=True)


def play_round(judge, parts, totals):
    """Plays lists of scenarios on both modules, each of which is loaded once for all."""
    tracker = judge.tracker
    answers = {}
    first = tracker.loaded or "in-tree"
    for which in (first, "ours" if first == "in-tree" else "in-tree"):
        tracker.load(which)
        blobs = [blob(part) for part in parts]
        started = time.monotonic()
        answers[which] = [tracker.play(data) for data in blobs]
        SPENT[which] = SPENT.get(which, 0) + time.monotonic() - started
    for part, theirs, ours in zip(parts, answers["in-tree"], answers["ours"]):
        at = 0
        for scenario in part:
            end = at + len(scenario) * SIZE
            for protocol, packets in scenario.played(theirs[at:end]):
                totals[protocol].packets += packets
            at = end
        for case in differences(part, theirs, ours):
            judge_case(judge, case, totals[case.gen])


def enough(totals):
    """There is enough to show."""
    return sum(len(total.unexplained) for total in totals.values()) >= SHOW


def report(ktap, totals, started):
    print(f"# {sum(t.packets for t in totals.values())} packets on each module in "
          f"{time.monotonic() - started:.0f} s; played in "
          + ", ".join(f"{seconds:.0f} s ({which})" for which, seconds in SPENT.items()))
    for protocol, total in totals.items():
        rules = "".join(f", {len(cases)} {name}" for name, cases in total.explained.items())
        print(f"# {protocol}: {total.packets} packets, "
              f"{total.count(total.unexplained)} unexplained differences, "
              f"{total.count(total.transient)} of timing{rules}")
        for what, cases in (("unexplained", total.unexplained), ("timing", total.transient)):
            for kind, same in sorted(cases.items()):
                print(f"#   {what}, {len(same)} times, the first in scenario "
                      f"{same[0].scenario.seed:#x}: {kind}: {same[0].values()}")
        for name in too_often(total):
            print(f"#   {name} explains more than it should")
        ktap.result(not total.unexplained and not too_often(total) and
                    (total.packets or protocol == "wait"),
                    f"{protocol}: the same of each packet")
    ktap.finish()


def modules():
    """Paths of our module and of the replay module."""
    ours, replay = needs.test_modules("../../nf_conntrack", "ctng_replay")
    return ours, replay


def seed():
    """The one that is wanted, or a fresh one; printed, to be wanted again."""
    value = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    print(f"# SEED={value}", flush=True)
    return value
