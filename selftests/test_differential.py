#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The same packets to the in-tree module and to ours: do both make the same of each?

In the environment: PROTO, protocols (all); N, packets of each protocol, or SECONDS, time for all
of them; SEED, to play the same again. FUZZ=1: bytes of the packets are changed, nothing is
compared, the kernel is to survive it.
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

ROUND = int(os.environ.get("ROUND", 4000))  # packets of a protocol between two loads
SHOWN = int(os.environ.get("SHOW", 3))  # differences of a protocol to shorten and show


SPENT = {}    # seconds of playing


class Totals:
    def __init__(self):
        self.packets = self.unexplained = self.transient = 0
        self.explained = {}
        self.shown = []
        self.classes = {}


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
    rule = explained(case)
    if rule:
        total.explained[rule.__name__] = total.explained.get(rule.__name__, 0) + 1
        return
    if len(total.shown) >= SHOWN:
        total.unexplained += 1
        total.classes.setdefault(case.summary(), []).append(case)
        return
    again = judge.again(case)
    if not again:
        total.transient += 1
        return
    total.unexplained += 1
    lines = list(judge.show(judge.shorten(again)))
    total.shown.append(lines)
    print("".join(f"# {part}\n" for line in lines for part in line.split("\n")), flush=True)


def compare(tracker, generators, seed):
    packets, seconds = int(os.environ.get("N", 0)), float(os.environ.get("SECONDS", 120))
    totals = {gen: Totals() for gen in generators}
    judge, rng, started = Judge(tracker), random.Random(seed), time.monotonic()
    while min(t.packets for t in totals.values()) < packets if packets else \
            time.monotonic() - started < seconds:
        play_round(judge, rng, generators, totals)
        if sum(len(t.shown) for t in totals.values()) >= SHOWN:
            break

    ktap = Ktap()
    print(f"# {sum(t.packets for t in totals.values())} packets on each module in "
          f"{time.monotonic() - started:.0f} s; played in "
          + ", ".join(f"{seconds:.0f} s ({which})" for which, seconds in SPENT.items()))
    for gen, total in totals.items():
        rules = "".join(f", {n} {name}" for name, n in total.explained.items())
        print(f"# {GENERATORS[gen]}: {total.packets} packets, {total.unexplained} unexplained "
              f"differences, {total.transient} of timing{rules}")
        for summary, cases in sorted(total.classes.items()):
            print(f"#   also {len(cases)} times, the first in scenario "
                  f"{cases[0].scenario.seed:#x}: {summary}: {cases[0].values()}")
        ktap.result(not total.unexplained and total.packets,
                    f"{GENERATORS[gen]}: the same of each packet")
    ktap.finish()


def fuzz(tracker, generators, seed):
    packets = int(os.environ.get("N", 100000))
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
