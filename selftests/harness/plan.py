# SPDX-License-Identifier: GPL-2.0-only
"""Which test runs on which kernel, what it costs there, and which skips are no failure: the files
plan and skips beside this one."""

import fnmatch
import json
import os
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
TOP = TESTS.parent
FIGURES = TOP / "build/vm/figures.json"   # CPU seconds of the last run, by kernel and test
UNKNOWN_COST = 120                        # of a test that has never run
KERNELS = "6.1", "6.12"                   # whose costs the plan has


def lines_of(name):
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def version_of(kernel):
    """As the plan names it: 6.12 of 6.12.117+deb12-amd64."""
    return ".".join(re.findall(r"\d+", kernel)[:2])


class Plan:
    def __init__(self):
        self.where, self.cost, self.words = {}, {}, {}
        for line in lines_of("plan"):
            test, where, *costs = line.split()
            self.where[test] = set(where.split("+"))
            self.cost[test] = dict(zip(KERNELS, map(int, costs[:len(KERNELS)])))
            self.words[test] = costs[len(KERNELS):]
        self.skips = [line.split("\t") for line in lines_of("skips")]
        try:
            self.figures = json.loads(FIGURES.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.figures = {}

    def in_check(self, test, kernel):
        """Does `make check` run it on that kernel? What the plan does not know runs everywhere."""
        return version_of(kernel) in self.where.get(test, {version_of(kernel)})

    def expected(self, test, kernel):
        """CPU seconds: those of the last run here, or the plan's."""
        known = self.figures.get(kernel, {}).get(test)
        return known or self.cost.get(test, {}).get(version_of(kernel)) or UNKNOWN_COST

    def measured(self, test, kernel, seconds):
        self.figures.setdefault(kernel, {})[test] = round(seconds, 1)

    def save(self):
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        new = FIGURES.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(self.figures, indent=1, sort_keys=True), encoding="utf-8")
        new.replace(FIGURES)

    def may_skip(self, test, kernel, text, in_tree):
        return any(fnmatch.fnmatch(test, name) and fnmatch.fnmatch(text, what) and
                   (fnmatch.fnmatch(kernel, where) or where == "in-tree" and in_tree)
                   for name, where, what, _why in self.skips)

    def table(self):
        """Rows for Documentation/testing.md."""
        for test, where in sorted(self.where.items()):
            costs = " / ".join(str(self.cost[test].get(v, "-")) for v in KERNELS)
            less = f", with {' '.join(self.words[test])}" if self.words[test] else ""
            yield f"| `{test}` | {', '.join(sorted(where, key=version_key))}{less} | {costs} |"


def version_key(version):
    return [int(n) for n in re.findall(r"\d+", version)]
