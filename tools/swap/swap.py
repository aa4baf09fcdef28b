# SPDX-License-Identifier: GPL-2.0-only
"""The swap, step by step, and the way back from any of them."""

import os
import signal
import time

import host
import rules
import settings

JOURNAL = host.STATE / "journal"
SWAPPED, BLOCKED, ROLLED_BACK, DAMAGED = 0, 3, 4, 5


class Swap:
    """One swap. From close() to open() no packet gets to conntrack."""

    def __init__(self, survey, directory, say):
        self.survey = survey
        self.target = survey.target
        self.origin = host.kind()
        self.directory = directory
        self.say = say
        self.places = survey.places
        self.held = [place for place in self.places if place.involved()]
        self.modules = [m for m in reversed(survey.modules) if m not in host.BASE]
        self.begun = []
        self.interrupted = None
        self.closed = self.saved = self.opened = None
        self.wrong = []  # on the way back

    def run(self):
        """After prepare(); in a process of its own, for take_over() to be of use."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, self.interrupt)
        try:
            self.do(self.close, self.flush, self.save, self.unload, self.load, self.set,
                    self.restore, self.fill, self.verify)
        except Exception as e:  # pylint: disable=broad-except; whatever it is, the host goes on
            return self.roll_back(e)
        self.open()
        self.say(f"nf_conntrack is {self.target}'s now; "
                 f"packets waited for {self.waited():.0f} ms.")
        return SWAPPED

    def take_over(self):
        """The process that was at it is no more: the way back from where it was."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        journal = [line.split() for line in host.read(JOURNAL).splitlines()]
        self.begun = [step for step, _ in journal]
        started = {step: float(when) for step, when in journal}
        self.closed = started.get("close")
        self.saved = started.get("save") if "unload" in started else None
        return self.roll_back("the swap was killed")

    def interrupt(self, number, _):
        self.interrupted = signal.Signals(number).name

    def do(self, *steps):
        failing, _, how = os.environ.get("CONNTRACK_NG_FAIL", "").partition(":")
        for step in steps:
            started = time.monotonic()
            self.begun.append(step.__name__)
            with open(JOURNAL, "a", encoding="ascii") as journal:
                print(step.__name__, started, file=journal)
            step()
            self.say(f"  {step.__name__}: {1000 * (time.monotonic() - started):.0f} ms")
            # for the tests of the way back
            if step.__name__ == failing and how:
                os.kill(os.getpid(), getattr(signal, how))
            elif step.__name__ == failing:
                raise host.Failed(f"told to fail after {failing}")
            if self.interrupted:
                raise host.Failed(f"interrupted by {self.interrupted}")

    def prepare(self):
        """All that takes time and changes nothing that matters."""
        JOURNAL.write_text("", encoding="ascii")
        self.table = host.table_program()
        self.paths = self.survey.paths
        # without it there is no way to save the connections
        if not host.loaded("nf_conntrack_netlink"):
            host.load(self.origin, self.paths[self.origin], [], {})
        for paths in self.paths.values():
            if needed := host.needed_below(paths):
                host.run("modprobe", "-a", *needed)

        self.on_top = {m: p for m in self.modules if (p := settings.parameters(m))}
        self.own = {str(p.namespace.inode): p.sysctls for p in self.places}
        before = settings.kept().get(self.target, {})
        self.before = before.get("sysctls", {})
        self.parameters = {
            self.origin: settings.parameters("nf_conntrack"),
            self.target: before.get("parameters") or settings.configured("nf_conntrack")}
        if "nfnetlink_cttimeout" in self.modules:
            for place in self.places:
                place.namespace.run(self.table, "save-policies", place.policies)

    def close(self):
        self.closed = time.monotonic()
        for place in self.held:
            with place.namespace.entered():
                rules.hold()

    def flush(self):
        for place in self.held:
            with place.namespace.entered():
                place.rules.flush()

    def save(self):
        saved = time.monotonic()
        for place in self.held:
            end = time.monotonic() + 3
            # The flow tables are gone with the rules, and give their connections back.
            while "nf_flow_table" in self.modules and time.monotonic() < end and \
                    int(place.namespace.run(self.table, "offloaded")):
                time.sleep(0.01)
            place.count = int(place.namespace.run(self.table, "save", place.file))
        self.saved = saved

    def unload(self):
        host.unload()

    def load(self):
        self.load_kind(self.target)

    def load_kind(self, kind):
        host.load(kind, self.paths[kind], self.modules,
                  {"nf_conntrack": self.parameters[kind], **self.on_top})

    def set(self):
        for place in self.places:
            inode = str(place.namespace.inode)
            with place.namespace.entered():
                wrong = settings.set_sysctls({**self.before.get(inode, {}), **place.sysctls})
                if wrong:
                    raise host.Failed(f"sysctls in {place.name}: {'; '.join(wrong)}")
                if os.path.exists(place.policies):
                    host.run(self.table, "load", place.policies)

    def restore(self):
        for place in self.held:
            with place.namespace.entered():
                place.rules.restore()

    def fill(self):
        for place in self.held:
            place.namespace.run(self.table, "load", place.file)

    def verify(self):
        if host.kind() != self.target:
            raise host.Failed(f"{self.target} is not what is loaded")
        self.compare()
        settings.keep(self.origin, self.own, self.parameters[self.origin], self.directory)

    def differences(self):
        for place in self.places:
            with place.namespace.entered():
                if names := settings.differing(place.sysctls):
                    yield f"sysctls in {place.name} are others: {', '.join(names)}"
        for place in self.held:
            with place.namespace.entered():
                if lines := place.rules.differences():
                    yield "\n".join([f"the rules in {place.name} are not what they were:", *lines])
                try:
                    said = host.run(self.table, "compare", place.file, str(int(self.saved)))
                    self.say(f"    {place.name}: {said.strip()}")
                except host.Failed as e:
                    yield f"connections in {place.name}: {e}"

    def compare(self):
        if wrong := list(self.differences()):
            raise host.Failed("; ".join(wrong))

    def open(self):
        for place in self.held:
            with place.namespace.entered():
                rules.release()
        self.opened = time.monotonic()
        self.remove_files()

    def waited(self):
        return 1000 * (self.opened - self.closed)

    def remove_files(self):
        for place in self.places:
            for path in place.file, place.policies:
                if os.path.exists(path):
                    os.unlink(path)

    def attempt(self, what, *arguments):
        """On the way back one failure is no reason to leave out the rest."""
        try:
            what(*arguments)
        except Exception as e:  # pylint: disable=broad-except
            self.wrong.append(str(e))
            self.say(f"  on the way back: {e}")

    def roll_back(self, reason):
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
        self.say(f"conntrack-ng: {reason}")
        if not self.begun:
            self.say("Nothing was changed.")
            self.remove_files()
            return ROLLED_BACK
        self.say("Rolling back.")
        if "unload" in self.begun:
            self.attempt(self.flush)
            if host.kind() != self.origin:
                self.attempt(host.unload)
            self.attempt(self.load_kind, self.origin)
            self.attempt(self.set)
        if "flush" in self.begun:
            if "unload" not in self.begun:
                self.attempt(self.flush)
            self.attempt(self.restore)
        if "unload" in self.begun:
            self.attempt(self.fill)
        if self.saved:
            self.attempt(self.compare)
        for place in self.held:
            with place.namespace.entered():
                self.attempt(rules.release)
        if not self.wrong:
            self.remove_files()
        self.opened = time.monotonic()
        self.say(f"Back on {host.kind()}; packets waited for {self.waited():.0f} ms."
                 + (f" NOT as before, see above; what was saved is in {host.STATE}."
                    if self.wrong else ""))
        return DAMAGED if self.wrong else ROLLED_BACK
