# SPDX-License-Identifier: GPL-2.0-only
"""VMs that run one test or several, and what becomes of each test in them."""

import importlib.machinery
import importlib.util
import os
import re
import subprocess
import threading
import time

from plan import TESTS, TOP
from result import Result, judge

KERNEL_REPORT = 99
# A test says how long it may take; what takes longer than that by so much does not answer.
SLACK = 120
BOOT_WORDS = re.compile(r"^# boot: (.*)$", re.M)
ALONE = re.compile(r"^# vm: alone", re.M)


def reports():
    """The patterns of tools/vm/run for what the kernel's log may not have."""
    path = str(TOP / "tools/vm/run")
    loader = importlib.machinery.SourceFileLoader("vm_run", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("vm_run", loader))
    module.__dict__["__file__"] = path
    loader.exec_module(module)
    return module.REPORT


REPORTS = reports()


class Outcome:
    """Of one test in one VM."""

    def __init__(self, test, output, result, seconds, cpu):
        self.test, self.output, self.result = test, output, result
        self.seconds, self.cpu = seconds, cpu
        self.final = False      # not to be run again alone: it is the kernel that has failed


def srcversion(kernel, in_tree):
    if in_tree:
        return ""
    return subprocess.run(["modinfo", "-F", "srcversion", TOP / "build" / kernel / "nf_conntrack.ko"],
                          check=True, capture_output=True, text=True).stdout.strip()


def cpu_of(pid):
    """CPU seconds of a process and of all that has come from it, the ended ones included."""
    used, children, left = {}, {}, [pid]
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        used[int(name)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(name))
    for one in left:
        left += children.get(one, [])
    return sum(used.get(one, 0) for one in left) / os.sysconf("SC_CLK_TCK")


class Vm:
    """A boot of a kernel, with the tests that it is to run; outcomes come by way of done()."""

    def __init__(self, kernel, tests, words, args, done, begins):
        self.kernel, self.tests, self.words, self.args = kernel, list(tests), words, args
        self.done, self.begins = done, begins
        self.mark = "@" + os.urandom(6).hex()
        self.test, self.began, self.used = None, time.monotonic(), 0.0
        self.text, self.end_text, self.status, self.outcomes = [], [], None, []
        self.late = None

    def command(self, log):
        modules = TOP / "build" / self.kernel
        text = (TESTS / self.tests[0]).read_text(encoding="utf-8")
        words = [self.args.append] if self.args.append else []
        words += BOOT_WORDS.findall(text)
        command = [TOP / "tools/vm/run", "-k", self.kernel, "-m", str(self.args.memory), "-l", log,
                   "-t", str(len(self.tests) * (self.args.timeout + SLACK) + 600)]
        if words:
            command += ["-a", " ".join(words)]
        if not self.args.in_tree:
            command += ["-M", modules]
        return command + ["--", "env", f"CTNG_TEST_MODULES={modules}/selftests/kmod",
                          f"CTNG_TEST_TIME={self.args.timeout}", *self.args.environment,
                          TESTS / "guest", self.mark, srcversion(self.kernel, self.args.in_tree),
                          *(" ".join([test, *self.words.get(test, [])]) for test in self.tests)]

    def run(self):
        """Runs the tests. Gives those that this VM did not come to, and what its log says beyond
        what the tests' own ends have seen: pairs of a test and a failure."""
        log = TOP / "build/vm" / f"check-{self.mark[1:]}.log"
        process = subprocess.Popen(self.command(log), cwd=TOP, stdin=subprocess.DEVNULL, text=True,
                                   errors="replace", stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.process = process
        over = threading.Event()
        threading.Thread(target=self.watch, args=(over,), daemon=True).start()
        for line in process.stdout:
            if line.startswith(self.mark):
                self.marked(line.split()[1:])
            else:
                (self.text if self.status is None else self.end_text).append(line)
        status = process.wait()
        over.set()
        if self.test:
            self.close(self.late or f"the VM ended with status {status}")
        if not self.outcomes:
            for test in self.tests:
                self.done(Outcome(test, "".join(self.text), Result(failed=[
                    f"the VM did not get to it, status {status}"]), 0, 0))
            return [], []
        blamed = list(self.blamed(log)) if status == KERNEL_REPORT else []
        if os.path.exists(log) and not blamed and not any(o.result.failed for o in self.outcomes):
            os.unlink(log)
        reached = {outcome.test for outcome in self.outcomes}
        return [test for test in self.tests if test not in reached], blamed

    def watch(self, over):
        """Ends the VM when a test has had its time and does not answer."""
        while not over.wait(1):
            if self.test and time.monotonic() - self.began > self.args.timeout + SLACK + \
                    (300 if self.status is not None else 0):
                self.late = "took too long, and the VM does not answer"
                self.process.terminate()
                return

    def marked(self, words):
        what, *rest = words
        if what == "begin":
            self.test, self.began = rest[0], time.monotonic()
            self.text, self.end_text, self.status = [], [], None
            self.used = cpu_of(self.process.pid)
            self.begins(rest[0])
        elif what == "end":
            self.status = rest[1] if rest[1] == "timeout" else int(rest[1])
        elif what == "done":
            self.close()
        else:
            self.text.append(f"this VM is given up: {' '.join(rest)}\n")

    def close(self, trouble=None):
        used = cpu_of(self.process.pid) - self.used if not trouble else 0
        text, end_text = "".join(self.text), "".join(self.end_text)
        if self.status is None:
            result = Result(failed=[trouble])
        else:
            result = judge(text, self.status)
        final = False
        if self.status is not None:
            end = judge(end_text, 0) if not trouble else Result(failed=[f"its end: {trouble}"])
            final = bool(end.failed)
            result.add(end)
        outcome = Outcome(self.test, text + end_text, result, time.monotonic() - self.began,
                          used)
        outcome.final = final
        self.outcomes.append(outcome)
        self.test = None
        self.done(outcome)

    def blamed(self, log):
        """The tests that ran when the kernel has reported something, unless their ends have said so."""
        known = {outcome.test for outcome in self.outcomes if outcome.final}
        running, found = None, {}
        with open(log, encoding="utf-8", errors="replace") as f:
            for line in f:
                if begun := re.search(r"selftests: (\S+) begins", line):
                    running = begun[1]
                elif REPORTS.search(line):
                    found.setdefault(running, line.strip())
        for test, line in found.items():
            if test not in known:
                yield test or "boot", (f"the kernel reported: {line}; whole log in "
                                       f"{os.path.relpath(log, TOP)}")
