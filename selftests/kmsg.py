#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's log, for tests that say more than the kernel's buffer holds, or keep warnings off
the console, where tools/vm/run would see them:

  kmsg.py follow FILE     writes what is said from now on to FILE, as it comes, until it is killed
  kmsg.py search FILE     prints what the kernel has reported there; exit status 1 if it has

Who is out of memory on purpose (fault injection) shows where, which is no report.
"""

import errno
import os
import re
import subprocess
import sys
import time

FILE = "/tmp/kmsg"
PATIENCE = 60
LOST = "kmsg.py: lines are missing here"
REPORT = re.compile(
    r"Oops|BUG|WARNING|KASAN|KCSAN|UBSAN|ODEBUG|refcount|[Oo]bjects remaining|"
    r"\blockdep\b(?! checking is enabled)|possible (recursive|circular) locking|"
    r"inconsistent lock state|suspicious RCU|hung task|blocked for more than|detected stall|"
    r"general protection fault|int3: 0000|[Kk]ernel panic|unregister_netdevice: waiting|" + LOST)
# What the kernel says itself if it has no memory for the tracepoints of a module, whosever
TRACING = re.compile(r"WARNING: .* at kernel/trace/trace_events\.c:")
STACK = re.compile(r"Call Trace:")
# Who shows a stack because there is no memory; in the first lines of it
OUT_OF_MEMORY = re.compile(
    r"\b(warn_alloc|pcpu_alloc\w*|__register_sysctl_table|should_fail\w*|trace_event_\w+)\+0x")
FIRST = 12


def follow(path):
    log = os.open("/dev/kmsg", os.O_RDONLY)
    os.lseek(log, 0, os.SEEK_END)
    with open(path, "w", encoding="utf-8") as out:
        while True:
            try:
                record = os.read(log, 8192).decode(errors="replace")
            except OSError as error:
                if error.errno != errno.EPIPE:  # some were overwritten before we came to them
                    raise
                record = f";{LOST}"
            # what else is known of it follows in lines of its own
            print(record.partition(";")[2].split("\n")[0], file=out, flush=True)


def start(path=FILE):
    """Follows it in a process of its own."""
    follower = subprocess.Popen([sys.executable, os.path.abspath(__file__), "follow", path])
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError("nobody follows the kernel's log")
        time.sleep(0.05)
    return follower


def all_lines(path):
    """Of the file, once all that was said by now is there."""
    mark = f"kmsg.py: {os.getpid()} has come to here"
    with open("/dev/kmsg", "w", encoding="utf-8") as log:
        log.write(mark)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        if mark in lines:
            return lines[:lines.index(mark)]
        time.sleep(0.1)
    return [*lines, LOST]


def reports(lines):
    """The lines that report something: their numbers."""
    for number, line in enumerate(lines):
        if TRACING.search(line):
            continue
        if REPORT.search(line) or STACK.search(line) and not any(
                map(OUT_OF_MEMORY.search, lines[number + 1:number + FIRST])):
            yield number


def muted():
    """Are warnings kept off the console? What is not, tools/vm/run sees as well."""
    with open("/proc/sys/kernel/printk", encoding="ascii") as f:
        return int(f.read().split()[0]) <= 4


def search(path=FILE):
    """What is to be shown of it: nothing, or the first report and what stands around it."""
    lines = all_lines(path)
    found = list(reports(lines))
    if not muted():
        found = [number for number in found if lines[number] != LOST]
    if not found:
        return []
    return [*lines[max(0, found[0] - 5):found[0] + 60], f"{len(found)} lines like these"]


if __name__ == "__main__":
    if sys.argv[1] == "follow":
        follow(sys.argv[2])
    shown = search(sys.argv[2])
    print(*shown, sep="\n")
    sys.exit(bool(shown))
