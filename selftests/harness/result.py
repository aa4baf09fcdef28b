# SPDX-License-Identifier: GPL-2.0-only
"""What the output of a test says."""

import re

RESULT = re.compile(r"^(ok|not ok) \d+ ?(.*)$", re.M)
PLAN = re.compile(r"^1\.\.(\d+)", re.M)
KSFT_SKIP = 4


class Result:
    def __init__(self, passed=0, failed=(), skipped=()):
        self.passed, self.failed, self.skipped = passed, list(failed), list(skipped)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def judge(output, status):
    """What KTAP and the exit status say; anything that is not a clean pass counts."""
    result = Result()
    for word, text in RESULT.findall(output):
        text = text.lstrip("- ")
        if word == "not ok":
            result.failed.append(text)
        elif "# SKIP" in text:
            result.skipped.append(text)
        else:
            result.passed += 1

    done = result.passed + len(result.failed) + len(result.skipped)
    plan = PLAN.search(output)
    if status == KSFT_SKIP and not done:
        result.skipped.append(output.strip().rpartition("# SKIP")[2].strip() or "all of it")
    elif status == "timeout":
        result.failed.append("took too long")
    elif not plan or int(plan[1]) != done:
        result.failed.append(f"ended early, with exit status {status}")
    elif status and not result.failed:
        result.failed.append(f"exit status {status}")
    elif not done:
        result.failed.append("no test was done")
    return result
