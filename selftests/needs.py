# SPDX-License-Identifier: GPL-2.0-only
"""What a test takes: a program or a module that is not there has it skipped (KTAP, status 4); a
module that is there and does not load is a failure."""

import os
import shutil
import subprocess

KSFT_SKIP = 4


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    raise SystemExit(KSFT_SKIP)


def give_up(what, text):
    """A failure without which nothing else makes sense."""
    print(f"not ok 1 {what}", *(f"# {line}" for line in text.splitlines()), "1..1", sep="\n")
    raise SystemExit(1)


def programs(*names):
    for name in names:
        if not shutil.which(name):
            skip_all(f"no {name}")


def modules(*names):
    """All are loaded then."""
    for name in names:
        if subprocess.run(["modinfo", "-n", name], capture_output=True, check=False).returncode:
            skip_all(f"no {name}")
    loaded = subprocess.run(["modprobe", "-a", *names], check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if loaded.returncode:
        give_up(f"modprobe {' '.join(names)}", loaded.stdout)


def test_modules(*names):
    """The files of modules of the tests' own: who says where they are has built them."""
    folder = os.environ.get("CTNG_TEST_MODULES")
    if not folder:
        skip_all(f"no CTNG_TEST_MODULES, where {names[0]}.ko would be")
    files = [os.path.join(folder, f"{name}.ko") for name in names]
    for file in files:
        if not os.path.exists(file):
            give_up(f"{os.path.basename(file)} has been built", f"no {file}")
    return files
