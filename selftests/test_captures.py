#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# boot: nr_cpus=1
# ends with any module
"""Captured packets to the in-tree module and to ours: do both make the same of each?

In the environment: TURNS, how often each capture is played, or SECONDS, time for all of it, two
turns at least; SEED, to play the same again; CAPTURES, patterns of the names of files; SHOW, how
many differences to shorten and show.
"""

import collections
import fnmatch
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "differential")]
from captures import all_captures  # noqa: E402
from compare import Judge  # noqa: E402
from replay import Tracker  # noqa: E402
from rig import Ktap  # noqa: E402
from tally import Totals, enough, modules, play_round, report, seed  # noqa: E402

TURNS = int(os.environ.get("TURNS") or 0)
SECONDS = float(os.environ.get("SECONDS", 25))
WANTED = (os.environ.get("CAPTURES") or "*").split()
KEPT = os.path.join(HERE, "differential/captures")
FETCHED = os.path.join(HERE, "../build/captures")
# What is in KEPT: files, and their packets by protocol
FILES = 12
PACKETS = {"tcp": 857, "udp": 335, "icmpv6": 166, "icmp": 60, "dccp": 50, "gre": 39, "sctp": 26,
           "udplite": 22, "generic": 12}
BATCH = 50    # scenarios that are played at once


def kept_are_read(ktap):
    """A file that can't be read any more, or a protocol that is not known, would not be missed."""
    kept = all_captures(KEPT)
    counts = sum((capture.protocols for capture in kept), collections.Counter())
    ktap.result((len(kept), counts) == (FILES, PACKETS), "the captures that are kept are all read",
                f"{len(kept)} files, {dict(counts)}", f"wanted: {FILES} files, {PACKETS}")


def main():
    tracker, first = Tracker(*modules(), helpers=True), seed()
    ktap, judge, totals, turn = Ktap(), Judge(tracker), collections.defaultdict(Totals), 0
    captures = [capture for capture in all_captures(KEPT, *([FETCHED] if TURNS else []))
                if any(fnmatch.fnmatch(capture.name, pattern) for pattern in WANTED)]
    packets = sum(capture.packets for capture in captures)
    kept_are_read(ktap)
    ktap.result(captures, f"{len(captures)} captures with {packets} packets")
    if TURNS and not os.path.exists(FETCHED):
        ktap.skip("captures from Debian's packages", "they could not be had (differential/fetch)")
    started = time.monotonic()
    while turn < TURNS if TURNS else turn < 2 or time.monotonic() - started < SECONDS:
        scenarios = [s for capture in captures for s in capture.scenarios(first, turn)]
        play_round(judge, [scenarios[at:at + BATCH] for at in range(0, len(scenarios), BATCH)],
                   totals)
        turn += 1
        if enough(totals):
            break
    print(f"# {turn} turns")
    report(ktap, totals, started)


main()
