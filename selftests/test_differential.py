#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The same packets to the in-tree module and to ours: do both make the same of each?

In the environment: PROTO, protocols (all); N, packets of each protocol, or SECONDS, time for all
of them; SEED, to play the same again; SHOW, how many differences to shorten and show. FUZZ=1:
bytes of the packets are changed, nothing is compared, the kernel is to survive it.
"""

import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "differential")]
from compare import Judge, differences  # noqa: E402
from replay import (GENERATORS, MUTATE, PACKETS, SIZE, Scenario, Tracker, batch,  # noqa: E402
                    blob, fresh_seed)
from rig import Ktap  # noqa: E402
from rules import explained  # noqa: E402

PACKETS_WANTED = int(os.environ.get("N", 0))
SECONDS = float(os.environ.get("SECONDS", 60))
SHOW = int(os.environ.get("SHOW", 3))
# packets of a protocol between two loads
ROUND = int(os.environ.get("ROUND", 20000 if PACKETS_WANTED else 4000))

SPENT = {}    # seconds of playing


class Totals:
    """What was found of a protocol: cases by kind, and of the intended ones by rule."""

    def __init__(self):
        self.packets = 0
        self.unexplained, self.transient, self.explained = {}, {}, {}

    @staticmethod
    def count(cases):
        return sum(map(len, cases.values()))


def count_packets(data):
    actions = data[0::SIZE]
    return sum(actions.count(bytes([n])) for n in PACKETS)


def play_round(judge, rng, generators, totals):
    tracker = judge.tracker
    work = [(gen, part) for gen in generators for part in batch(rng, gen, ROUND)]
    answers = {}
    first = tracker.loaded or "in-tree"
    blobs = [blob(part) for _, part in work]
    for which in (first, "ours" if first == "in-tree" else "in-tree"):
        tracker.load(which)
        started = time.monotonic()
        answers[which] = [tracker.play(data) for data in blobs]
        SPENT[which] = SPENT.get(which, 0) + time.monotonic() - started
    for (gen, part), theirs, ours in zip(work, answers["in-tree"], answers["ours"]):
        total = totals[gen]
        total.packets += count_packets(theirs)
        for case in differences(part, theirs, ours):
            judge_case(judge, case, total)


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


def finish(totals, started):
    ktap = Ktap()
    print(f"# {sum(t.packets for t in totals.values())} packets on each module in "
          f"{time.monotonic() - started:.0f} s; played in "
          + ", ".join(f"{seconds:.0f} s ({which})" for which, seconds in SPENT.items()))
    for gen, total in totals.items():
        rules = "".join(f", {len(cases)} {name}" for name, cases in total.explained.items())
        print(f"# {GENERATORS[gen]}: {total.packets} packets, "
              f"{total.count(total.unexplained)} unexplained differences, "
              f"{total.count(total.transient)} of timing{rules}")
        for what, cases in (("unexplained", total.unexplained), ("timing", total.transient)):
            for kind, same in sorted(cases.items()):
                print(f"#   {what}, {len(same)} times, the first in scenario "
                      f"{same[0].scenario.seed:#x}: {kind}: {same[0].values()}")
        ktap.result(not total.unexplained and total.packets,
                    f"{GENERATORS[gen]}: the same of each packet")
    ktap.finish()


def compare(tracker, generators, seed):
    totals = {gen: Totals() for gen in generators}
    judge, rng, started = Judge(tracker), random.Random(seed), time.monotonic()
    while min(t.packets for t in totals.values()) < PACKETS_WANTED if PACKETS_WANTED else \
            time.monotonic() - started < SECONDS:
        play_round(judge, rng, generators, totals)
        if sum(len(t.unexplained) for t in totals.values()) >= SHOW:
            break
    finish(totals, started)


def fuzz(tracker, generators, seed):
    packets = PACKETS_WANTED or 100000
    tracker.load(os.environ.get("MODULE", "ours"))
    rng, ktap = random.Random(seed), Ktap()
    for gen in generators:
        done = 0
        while done < packets:
            part = [Scenario.random(rng, gen, flags | MUTATE) for flags in (0, 1)
                    for _ in range(100)]
            tracker.play(blob(part), keep=False)
            done += sum(len(s.steps) for s in part)
        ktap.result(True, f"{GENERATORS[gen]}: survived {done} packets")
    tracker.unload()
    ktap.finish()


def main():
    modules = os.environ.get("CTNG_TEST_MODULES", "")
    replay, ours = modules + "/ctng_replay.ko", modules + "/../../nf_conntrack.ko"
    if not os.path.exists(replay) or not os.path.exists(ours):
        print(f"1..0 # SKIP no {replay}")
        raise SystemExit(4)
    seed = int(os.environ.get("SEED") or fresh_seed())
    print(f"# SEED={seed}", flush=True)
    wanted = os.environ.get("PROTO", "").split() or GENERATORS
    generators = [GENERATORS.index(name) for name in wanted]
    tracker = Tracker(ours, replay)
    (fuzz if os.environ.get("FUZZ") else compare)(tracker, generators, seed)


main()
