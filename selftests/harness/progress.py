# SPDX-License-Identifier: GPL-2.0-only
"""What runs now, how much is done, and how long it will take: on a terminal one line that is
redrawn, below the lines that stay; elsewhere those alone."""

import shutil
import sys
import threading
import time


class Progress:
    def __init__(self, total, cost, jobs):
        self.total, self.cost, self.jobs = total, cost, jobs
        self.done, self.spent = 0, 0
        self.running, self.started = {}, time.monotonic()
        self.lock = threading.Lock()
        self.terminal = sys.stdout.isatty()
        if self.terminal:
            threading.Thread(target=self.redraw, daemon=True).start()

    def begins(self, key, name):
        with self.lock:
            self.running[key] = name, time.monotonic()
            self.draw()

    def ends(self, key, cost):
        with self.lock:
            self.running.pop(key, None)
            self.done += 1
            self.spent += cost

    def line(self, *lines):
        """Lines that stay."""
        with self.lock:
            if self.terminal:
                sys.stdout.write("\r\033[K")
            print(*lines, sep="\n", end="\n" if lines else "", flush=True)
            self.draw()

    def left(self):
        """Seconds, by the figures of the last run and how fast this one has been so far."""
        run = time.monotonic() - self.started
        speed = self.spent / run if self.spent > 60 else self.jobs
        return max(0, self.cost - self.spent) / speed

    def draw(self):
        if self.terminal:
            now = time.monotonic()
            names = ", ".join(f"{name} {now - since:.0f} s" for name, since in self.running.values())
            text = (f"{self.done} of {self.total} done, about {self.left() / 60:.0f} min left; "
                    f"now: {names}")
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write(f"\r\033[K{text[:width]}")
            sys.stdout.flush()

    def redraw(self):
        while True:
            time.sleep(2)
            with self.lock:
                self.draw()
