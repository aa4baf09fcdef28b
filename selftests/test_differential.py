#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# boot: nr_cpus=1
# ends with any module
"""The same packets to the in-tree module and to ours: do both make the same of each?

In the environment: PROTO, protocols (all); N, packets of each protocol, or SECONDS, time for all
of them; SEED, to play the same again; SHOW, how many differences to shorten and show. FUZZ=1:
bytes of every other packet are changed, until N of each protocol were, nothing is compared, the
kernel is to survive it.
"""

import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "differential")]
from compare import Judge  # noqa: E402
from replay import GENERATORS, MUTATE, NAT, Scenario, Tracker, batch, blob  # noqa: E402
from rig import Ktap  # noqa: E402
from tally import Totals, enough, modules, play_round, report, seed  # noqa: E402

PACKETS_WANTED = int(os.environ.get("N") or 0)
SECONDS = float(os.environ.get("SECONDS", 60))
# packets of a protocol between two loads
ROUND = int(os.environ.get("ROUND", 20000 if PACKETS_WANTED else 4000))


def compare(tracker, generators, rng):
    totals = {GENERATORS[gen]: Totals() for gen in generators}
    judge, started = Judge(tracker), time.monotonic()
    while min(t.packets for t in totals.values()) < PACKETS_WANTED if PACKETS_WANTED else \
            time.monotonic() - started < SECONDS:
        play_round(judge, [part for gen in generators for part in batch(rng, gen, ROUND)], totals)
        if enough(totals):
            break
    report(Ktap(), totals, started)


def fuzz(tracker, generators, rng):
    packets = PACKETS_WANTED or 100000
    tracker.load(os.environ.get("MODULE", "ours"))
    ktap = Ktap()
    for gen in generators:
        started, played, changed = time.monotonic(), *tracker.counts()
        while tracker.counts()[1] - changed < packets:
            part = [Scenario.random(rng, gen, flags | MUTATE) for flags in (0, NAT)
                    for _ in range(100)]
            tracker.play(blob(part), keep=False)
        now = tracker.counts()
        ktap.result(True, f"{GENERATORS[gen]}: survived {now[0] - played} packets, "
                    f"{now[1] - changed} of them changed, in {time.monotonic() - started:.0f} s")
    tracker.unload()
    ktap.finish()


def main():
    tracker, rng = Tracker(*modules()), random.Random(seed())
    wanted = os.environ.get("PROTO", "").split() or GENERATORS
    generators = [GENERATORS.index(name) for name in wanted]
    (fuzz if os.environ.get("FUZZ") else compare)(tracker, generators, rng)


main()
