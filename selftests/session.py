#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plays sessions: commands, and what they print, as in a transcript of a terminal. Each has
a network of its own (see lib.sh).

  # a comment
  $ conntrack -L -p udp              a line for bash, run in the network namespace 'router'
  udp 17 30~ src=10.0.1.2 ~ ...      what it prints: in any order, errors too
  [1]                                its exit status, unless it is 0
  > connect t client 10.0.2.2 7      a command of hosts.py; '~' takes whatever it prints, but no
                                     failure
  & conntrack -E                     starts a listener of netlink events in the background
  & messages 1 3                     listens to these netlink groups itself
  ? 2                                ends it when it has printed as many lines, in this order;
                                     without a listener: what came unasked to the socket of '!'
  ! CT_GET request,ack ...           a netlink message, see nfnl.py, and the answers to it
  %if ours                           up to '%end' only with conntrack-ng; 'in-tree', '6.1', '6.12'

'~' stands for any word, '30~' for a timeout that may have run since there was a step with the
ports of the line, and spaces in a row are one. Each command is a test. With --record NAME the transcript is
printed instead, with what was really printed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import hosts
import nfnl

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60   # seconds for what should happen at once
# Seconds that a timeout is told less than it is, by rounding; a program that sets what it has read
# (nfct-mnl-set-label) rounds once more each time.
SLACK = 6
PORT = re.compile(r"port[=> ](\d{3,})", re.I)
NOISE = re.compile(r"^conntrack v[0-9.]+ \(conntrack-tools\): | progname=\S+$| TIMESTAMP=#\w+")
OURS = os.path.exists("/sys/module/nf_conntrack/version")


def facts():
    return {"ours" if OURS else "in-tree", ".".join(os.uname().release.split(".")[:2])}


def words(line):
    return " ".join(NOISE.sub("", line).split())


class Ages:
    """How long a timeout that a line tells may have run: nothing is older than the first step with
    its ports. Those of no step, and those that are too short to tell, say nothing."""

    def __init__(self):
        self.began = time.monotonic()
        self.first = {}

    def step(self, text):
        for number in re.findall(r"\d{3,}", text):
            self.first.setdefault(number, time.monotonic())

    def of(self, line):
        known = [self.first[port] for port in PORT.findall(line) if port in self.first]
        return time.monotonic() - max(known, default=self.began) + SLACK


def same_line(want, got, ages):
    # what was wrong is said by conntrack-ng alone, but for a missing object
    if OURS and re.fullmatch(r"error (22|34|95)", want):
        return re.fullmatch(want + " .+", got)
    if OURS and re.fullmatch(r"error \d+", want) and want != "error 0":
        got = " ".join(got.split()[:2])
    pattern, limits = "", []
    for piece in re.split(r"(\d*~)", want):
        if piece == "~":
            pattern += r"[^\s<>]*"
        elif piece.endswith("~"):
            pattern += r"(\d+)"
            limits.append(int(piece[:-1]))
        else:
            pattern += re.escape(piece)
    found = re.fullmatch(pattern, got)
    return found and all(limit - ages.of(got) <= int(n) <= limit
                         for limit, n in zip(limits, found.groups()))


def same(want, got, in_order, ages):
    if len(want) != len(got):
        return False
    if in_order:
        return all(same_line(*lines, ages) for lines in zip(want, got))
    left = list(got)
    for line in want:
        match = next((g for g in left if same_line(line, g, ages)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def stopped_clock():
    """The environment of conntrack -U: see one_second.c."""
    library = pathlib.Path(tempfile.gettempdir(), "one_second.so")
    if not library.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "one_second.c"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


def arguments(line):
    """Of a line for bash, which is not started for what is but a program and words: it takes as long
    as the program, where the CPU is emulated."""
    words_ = line.split()
    if re.fullmatch(r"[\w /.:,=+-]+", line) and "=" not in words_[0] and shutil.which(words_[0]):
        return words_
    return ["/bin/bash", "-c", line]


class Player:
    def __init__(self, record):
        self.record = record
        self.done, self.failed = 0, 0
        self.listener = self.output = self.socket = None
        self.ages = Ages()

    def judge(self, step, want, got, in_order=False):
        got = [words(line) for line in got if line.strip()]
        if self.record:
            print(step, *got, sep="\n", flush=True)
            return
        self.done += 1
        good = same([words(line) for line in want], got, in_order, self.ages)
        print(f"{'ok' if good else 'not ok'} {self.done} {step}")
        if not good:
            self.failed += 1
            print(*(f"# wanted: {line}" for line in want), *(f"# got:    {line}" for line in got),
                  sep="\n", flush=True)

    def shell(self, step, want):
        environment = stopped_clock() if "conntrack -U" in step else None
        with hosts.netns("router"):
            ran = subprocess.run(arguments(step[2:]), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 timeout=5 * PATIENCE, check=False, env=environment)
        got = ran.stdout.splitlines()
        if ran.returncode:
            got.append(f"[{ran.returncode}]")
        self.judge(step, want, got)

    def hosts(self, step, want):
        name, *args = step[2:].split()
        printed, failed = tempfile.TemporaryFile("w+"), False
        stdout, sys.stdout = sys.stdout, printed
        try:
            hosts.COMMANDS[name](*args)
        except Exception as e:
            print(f"{type(e).__name__}: {e}")
            failed = True
        finally:
            sys.stdout = stdout
        printed.seek(0)
        got = printed.read().splitlines()
        self.judge(step, want, want if want == ["~"] and not failed else got)

    def message(self, step, want):
        try:
            got = [nfnl.text(reply) for reply in self.socket.request(step[2:])]
        except OSError as e:
            got = [str(e)]
        self.judge(step, want, got)

    def start(self, step, _want):
        if self.record:
            print(step)
        if step.startswith("& messages "):
            with hosts.netns("router"):
                self.listener = nfnl.Socket(*map(int, step.split()[2:]))
            return
        self.output = tempfile.NamedTemporaryFile("w")
        with hosts.netns("router"):
            before = self.members()
            self.listener = subprocess.Popen(step[2:].split(), stdin=subprocess.DEVNULL,
                                             stdout=self.output, stderr=subprocess.STDOUT)
            deadline = time.monotonic() + PATIENCE
            while not self.members() - before:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{step[2:]} does not listen")
                time.sleep(0.02)

    @staticmethod
    def members():
        """Which netlink sockets (their inodes) have joined a group of netfilter's?"""
        with open("/proc/net/netlink", encoding="ascii") as f:
            lines = [line.split() for line in f]
        return {line[-1] for line in lines[1:] if line[1] == "12" and int(line[3], 16)}

    def printed(self):
        """Read through a file of our own, whose position the writer does not share."""
        with open(self.output.name, encoding="utf-8") as f:
            return f.read().splitlines()

    def stop(self, step, want):
        count = int(step[2:])
        source = self.listener or self.socket
        if isinstance(source, nfnl.Socket):
            got = []
            while messages := source.receive(PATIENCE if len(got) < count else 0.2):
                got += map(nfnl.text, messages)
            if source is self.listener:
                source.close()
            self.listener = None
            self.judge(step, want, got, in_order=True)
            return
        deadline = time.monotonic() + PATIENCE
        while len(self.printed()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # for what should not come
        self.listener.send_signal(2)
        self.listener.wait(PATIENCE)
        self.listener = None
        got = [line for line in self.printed() if "have been shown" not in line]
        self.judge(step, want, got, in_order=True)

    def fresh_network(self):
        """Sockets keep the namespace that they are of alive."""
        for sock in [*hosts.LISTENERS, *hosts.CLIENTS.values(), *(p for p, _ in hosts.PEERS.values())]:
            sock.close()
        for known in hosts.LISTENERS, hosts.CLIENTS, hosts.PEERS:
            known.clear()
        if self.socket:
            self.socket.close()
        subprocess.run(["/bin/bash", "-c", '. "$1"; network; trap - EXIT', "-", HERE / "lib.sh"],
                       check=True)
        with hosts.netns("router"):
            self.socket = nfnl.Socket()

    def play(self, path):
        self.fresh_network()
        self.ages = Ages()
        plays = {"$": self.shell, ">": self.hosts, "!": self.message,
                 "&": self.start, "?": self.stop}
        known = facts()
        step, want, skipping = None, [], False
        for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
            if line.startswith("%"):
                skipping = line != "%end" and not set(line.split()[1:]) <= known
            elif skipping:
                continue
            elif line[:2] in ("$ ", "> ", "! ", "& ", "? ", "# ", "#", ""):
                if step:
                    self.ages.step(step)
                    plays[step[0]](step, want)
                step, want = line if line and line[0] in plays else None, []
                if self.record and not step:
                    print(line)
                continue
            else:
                want.append(line)
            if self.record and line.startswith("%"):
                print(line)
        if step:
            self.ages.step(step)
            plays[step[0]](step, want)


def main():
    record = sys.argv[1] == "--record"
    player = Player(record)
    for name in sys.argv[1 + record:]:
        player.play(HERE / "sessions" / name)
    if not record:
        print(f"1..{player.done}")
    return 1 if player.failed else 0


if __name__ == "__main__":
    sys.exit(main())
