# SPDX-License-Identifier: GPL-2.0-only
"""The host as conntrack-ng finds it: network namespaces, programs, modules."""

import contextlib
import ctypes
import functools
import os
import pathlib
import re
import shutil
import subprocess
import time

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
KERNEL = os.uname().release
STATE = pathlib.Path("/run/conntrack-ng")
IN_TREE, OURS = "in-tree", "conntrack-ng"
BASE = ("nf_conntrack", "nf_conntrack_netlink")

os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


class Failed(Exception):
    """What is to be told to the user."""


def have(program):
    return shutil.which(program) is not None


def run(*command, text=None):
    """What a program prints. It has a session of its own: no Ctrl-C reaches it."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True,
                              start_new_session=True, check=False,
                              stdin=subprocess.DEVNULL if text is None else None)
    except OSError as e:
        raise Failed(f"{command[0]}: {e.strerror}") from e
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise Failed(f"{' '.join(command)}: {said or f'status {done.returncode}'}")
    return done.stdout


def table_program():
    """Beside this file when it is installed, else where make puts it."""
    here = pathlib.Path(__file__).resolve().parent
    for path in here, here.parents[1] / "build/tools/swap":
        if (path / "conntrack-ng-table").exists():
            return str(path / "conntrack-ng-table")
    return None


class Namespace:
    """A network namespace, which stays as long as this has it open."""

    def __init__(self, path, name):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self.fd).st_ino
        self.name = name

    @contextlib.contextmanager
    def entered(self):
        with open("/proc/self/ns/net", "rb") as home:
            set_namespace(self.fd)
            try:
                yield
            finally:
                set_namespace(home.fileno())

    def run(self, *command, text=None):
        with self.entered():
            return run(*command, text=text)

    def read(self, path):
        with self.entered():
            return read(path)


def set_namespace(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")


def read(path, default=""):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return default


def processes():
    return [pid for pid in os.listdir("/proc") if pid.isdigit()]


def open_files():
    """(process, path in /proc, what it leads to) of all of them"""
    for pid in processes():
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    yield pid, entry.path, os.readlink(entry.path)


def program_of(file):
    for pid, _, opened in open_files():
        if opened == file:
            return f"{read(f'/proc/{pid}/comm')} ({pid})"
    return "a program"


def namespace_paths():
    """All that have a process, a name (any mount), or an open file, each with what to call it."""
    yield "/proc/self/ns/net", "the host"  # where this has to run
    for line in read("/proc/self/mountinfo").splitlines():
        words = line.split()
        if re.fullmatch(r"net:\[\d+\]", words[3]):
            yield words[4], os.path.basename(words[4])
    for pid in processes():
        yield f"/proc/{pid}/ns/net", f"process {pid} ({read(f'/proc/{pid}/comm')})"
    for pid, path, file in open_files():
        if file.startswith("net:["):
            yield path, f"an open file of process {pid}"


def namespaces():
    found = {}
    for path, name in namespace_paths():
        with contextlib.suppress(OSError):
            inode = os.stat(path).st_ino
            if inode not in found:
                found[inode] = Namespace(path, name)
    return list(found.values())


def loaded(module):
    return os.path.isdir(f"/sys/module/{module}")


def kind():
    """Which nf_conntrack is loaded, if one is."""
    if not loaded("nf_conntrack"):
        return None
    return OURS if os.path.exists("/sys/module/nf_conntrack/version") else IN_TREE


def holders(module):
    try:
        return sorted(os.listdir(f"/sys/module/{module}/holders"))
    except OSError:
        return []


def references(module):
    """Those that no other module explains."""
    return int(read(f"/sys/module/{module}/refcnt", "0") or 0) - len(holders(module))


def pile(module="nf_conntrack"):
    """The modules that depend on one, those first that nothing depends on, and itself."""
    if not loaded(module):
        return []
    order = []
    for holder in holders(module):
        order += [m for m in pile(holder) if m not in order]
    return [*order, module]


def unload(patience=15):
    """All of the pile. Rules and sockets let go of modules some time after they are gone."""
    end = time.monotonic() + patience
    said = ""
    while modules := pile():
        try:
            run("rmmod", *modules)
        except Failed as e:
            said = str(e).partition(": ")[2]
        if pile() and time.monotonic() > end:
            raise Failed(f"not to be unloaded: {', '.join(pile())} ({said})")
        if pile():
            time.sleep(0.005)


@functools.cache
def about(path):
    """What modinfo says of a file, of each field the first line; reading one takes a while."""
    said = {"description": "", "vermagic": "?", "depends": "", "signer": ""}
    lines = [line.partition(":") for line in run("modinfo", path).splitlines()]
    return {**said, **{name: text.strip() for name, _, text in reversed(lines)}}


def files(wanted, directory=None):
    """Where the modules of a kind are: {name: path}, or Failed."""
    top = f"/lib/modules/{KERNEL}"
    if directory:
        places = [directory]
    elif wanted == IN_TREE:
        places = [f"{top}/kernel/net/netfilter"]
    else:
        places = [f"{top}/{d}" for d in ("updates/dkms", "updates", "extra")]
    found = {}
    for name in BASE:
        for place in places:
            for suffix in ".ko", ".ko.xz", ".ko.zst", ".ko.gz":
                path = os.path.join(place, name + suffix)
                if name not in found and os.path.exists(path):
                    found[name] = path
        if name not in found:
            raise Failed(f"no {name}.ko of {wanted} in {' or '.join(places)}")
        said = about(found[name])
        if said["description"].startswith("conntrack-ng") != (wanted == OURS):
            raise Failed(f"{found[name]} is not {wanted}'s")
        if said["vermagic"].split()[0] != KERNEL:
            raise Failed(f"{found[name]} was built for another kernel")
    return found


def needed_below(paths):
    """What has to be loaded for insmod to find all symbols."""
    names = [n for base in BASE for n in about(paths[base])["depends"].split(",")]
    return [n for n in dict.fromkeys(names) if n and n not in BASE]


def load(wanted, paths, modules, parameters):
    """The two modules from their files, the others by name; what is there already stays."""
    for name in BASE:
        if not loaded(name):
            run("insmod", paths[name], *parameters.get(name, []))
        if kind() != wanted:
            raise Failed(f"{wanted} does not get loaded: another nf_conntrack is there")
    missing = [m for m in modules if m not in BASE and not loaded(m)]
    for name in [m for m in missing if m in parameters]:
        run("modprobe", name, *parameters[name])
    if plain := [m for m in missing if m not in parameters]:
        run("modprobe", "-a", *plain)
