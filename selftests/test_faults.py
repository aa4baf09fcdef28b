#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""No memory, at each allocation in turn: the first fails, then the second, until all succeed.

Takes a kernel with fault injection (tools/debug/kernel). Only allocations for the module fail,
as far as the kernel can tell by the stack. Arguments are the parts to run, all by default.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kmsg  # noqa: E402
from ctnl import both, tuple_of  # noqa: E402
from nfnl import CREATE, EXCL, Refused, Socket  # noqa: E402
from rig import Ktap  # noqa: E402

DEBUGFS = "/sys/kernel/debug"
FAIL_NTH = "/proc/thread-self/fail-nth"
KINDS = [kind for kind in ("failslab", "fail_page_alloc") if os.path.isdir(f"{DEBUGFS}/{kind}")]
BELOW = ["nf_defrag_ipv4", "nf_defrag_ipv6", "libcrc32c", "nfnetlink"]
SYSCTL = "/proc/sys/net/netfilter/"
CLONE_NEWNET = 0x40000000
FINIT_MODULE = 313
LIBC = ctypes.CDLL(None, use_errno=True)
MOST = int(os.environ.get("MOST", 3000))  # allocations of one thing


def write(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(str(value))


def call(result):
    """A system call's result, or its error as exception."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def setting(kind, name, value):
    path = f"{DEBUGFS}/{kind}/{name}"
    if os.path.exists(path):  # not each kind, nor each kernel, has all
        write(path, value)


def text_of(*modules):
    """The range of the modules' code, or None when one is not loaded."""
    ranges = []
    with open("/proc/modules", encoding="ascii") as f:
        for line in f:
            name, size, *_, start = line.split()[:6]
            if name in modules:
                ranges.append((int(start, 16), int(start, 16) + int(size)))
    if len(ranges) < len(modules):
        return None
    return min(r[0] for r in ranges), max(r[1] for r in ranges)


def aim(*modules):
    """Let only allocations fail that these modules ask for; without any, all."""
    start, end = text_of(*modules) if modules else (0, (1 << 64) - 1)
    for kind in KINDS:
        for name, value in (("verbose", 0), ("ignore-gfp-wait", "N"), ("ignore-gfp-highmem", "N"),
                            ("min-order", 0), ("probability", 0), ("times", -1),
                            ("stacktrace-depth", 32), ("require-start", hex(start)),
                            ("require-end", hex(end))):
            setting(kind, name, value)


class Fault:
    """Within it, the n-th allocation of this thread fails; afterwards, .hit tells if it was."""

    def __init__(self, nth):
        self.nth = nth
        self.hit = False

    def __enter__(self):
        self.fd = os.open(FAIL_NTH, os.O_RDWR)
        os.write(self.fd, b"%d" % self.nth)
        return self

    def __exit__(self, *_):
        left = os.pread(self.fd, 20, 0)
        os.write(self.fd, b"0")
        os.close(self.fd)
        self.hit = int(left) == 0


def each(ktap, name, action, after=None, most=MOST):
    """Do it with the first, the second, … allocation failing, until none fails any more."""
    failures, started = 0, time.monotonic()
    for nth in range(1, most + 1):
        with Fault(nth) as fault:
            try:
                action()
                error = None
            except (OSError, Refused) as caught:
                error = caught
        failures += error is not None
        if after:
            after()
        if not fault.hit:
            break
    ok = not fault.hit and error is None
    ktap.result(ok or nth == most, f"{name}: {nth - 1} allocations, {failures} errors "
                f"({time.monotonic() - started:.0f} s)", f"at the end: {error}")


def module(name):
    """The module's file in memory, open to be read: what a file system does without memory is
    not the question."""
    found = subprocess.run(["modinfo", "-n", name], check=True, capture_output=True, text=True)
    copy = os.memfd_create(name)
    with open(found.stdout.strip(), "rb") as f:
        os.sendfile(copy, f.fileno(), 0, os.fstat(f.fileno()).st_size)
    try:
        return os.open(f"/proc/self/fd/{copy}", os.O_RDONLY)
    finally:
        os.close(copy)  # a module that somebody may write to is refused


def load(file):
    call(LIBC.syscall(FINIT_MODULE, file, b"", 0))


def unload(name):
    if os.path.exists(f"/sys/module/{name}"):
        call(LIBC.syscall(176, name.encode(), os.O_NONBLOCK))  # delete_module


def loading(ktap):
    lib = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib.sh")
    subprocess.run(["bash", "-c", f". {lib}; wait_for 20 unloaded"], check=True)
    subprocess.run(["modprobe", "-a", *BELOW], check=True)
    aim()
    files = {name: module(name) for name in ("nf_conntrack", "nf_conntrack_netlink")}
    for name, more in (("nf_conntrack", None), ("nf_conntrack_netlink", "nf_conntrack")):
        if more:
            load(files[more])
        each(ktap, f"load {name}", lambda name=name: load(files[name]), lambda name=name: unload(name))
        if more:
            unload(more)
    for file in files.values():
        os.close(file)


def in_child(function):
    """In a process of its own, whose exit status is an error's number."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            function()
            status = 0
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def namespace(ktap):
    failures = 0
    for nth in range(1, MOST + 1):
        def enter():
            with Fault(nth) as fault:
                result = LIBC.unshare(CLONE_NEWNET)
                number = ctypes.get_errno()
            if result:
                raise OSError(number, "unshare")
            if not fault.hit:
                raise OSError(255, "not hit")
        status = in_child(enter)
        if status == 255:
            break
        failures += status != 0
    ktap.result(status == 255 and failures, f"network namespace: {nth - 1} allocations, "
                f"{failures} errors", f"status {status}")


CONNECTION = dict(
    both("10.0.0.1", "10.0.0.2", 6, 1000, 21), TIMEOUT=100, STATUS=0xe, MARK=5,
    PROTOINFO={"TCP": {"STATE": 3}}, LABELS=bytes(16), HELP={"NAME": "ftp"},
    NAT_SRC={"V4_MINIP": "10.9.9.9"}, SEQ_ADJ_ORIG=dict.fromkeys(("POS", "BEFORE", "AFTER"), 1))
TUPLE = {"TUPLE_ORIG": CONNECTION["TUPLE_ORIG"]}
EXPECTATION = {
    "MASTER": CONNECTION["TUPLE_ORIG"], "TUPLE": tuple_of("10.0.0.2", "10.0.0.1", 6, 0, 5000),
    "MASK": tuple_of("255.255.255.255", "255.255.255.255", 6, 0, 0xffff), "TIMEOUT": 100}


def requests(ktap):
    subprocess.run(["modprobe", "-a", "nf_conntrack_netlink", "nf_nat_ftp"], check=True)
    aim("nf_conntrack", "nf_conntrack_netlink")
    client = Socket()
    listener = Socket(*range(1, 7))  # all groups of events

    def clean():
        with contextlib.suppress(Refused):
            client.ask("CT_DELETE", TUPLE)

    def again():
        clean()
        client.ask("CT_NEW", CONNECTION, flags=CREATE | EXCL)

    clean()
    each(ktap, "new connection",
         lambda: client.ask("CT_NEW", CONNECTION, flags=CREATE | EXCL), clean)
    again()
    each(ktap, "changed connection", lambda: client.ask("CT_NEW", TUPLE | {
        "MARK": 7, "TIMEOUT": 50, "PROTOINFO": {"TCP": {"STATE": 4}}}))
    each(ktap, "get connection", lambda: client.ask("CT_GET", TUPLE))
    each(ktap, "dump", client.dump)
    each(ktap, "dump by a filter", lambda: client.dump(attributes=TUPLE | {
        "FILTER": {"ORIG_FLAGS": 2, "REPLY_FLAGS": 0}}, family=socket.AF_INET))
    each(ktap, "new expectation", lambda: client.ask("EXP_NEW", EXPECTATION, flags=CREATE),
         lambda: client.ask("EXP_DELETE"))
    again()
    client.ask("EXP_NEW", EXPECTATION, flags=CREATE)
    each(ktap, "get expectation", lambda: client.ask(
        "EXP_GET", {"TUPLE": EXPECTATION["TUPLE"]}))
    each(ktap, "dump expectations", lambda: client.dump("EXP_GET"))
    each(ktap, "dump expectations of one", lambda: client.dump(
        "EXP_GET", {"MASTER": EXPECTATION["MASTER"]}, socket.AF_INET))
    each(ktap, "delete connection", lambda: client.ask("CT_DELETE", TUPLE), again)
    each(ktap, "flush", lambda: client.ask("CT_DELETE", {}), again)
    each(ktap, "statistics", lambda: client.ask("CT_GET_STATS"))
    listener.close()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def files(ktap):
    aim("nf_conntrack")
    for path in ("/proc/net/nf_conntrack", "/proc/net/nf_conntrack_expect",
                 "/proc/net/stat/nf_conntrack", SYSCTL + "nf_conntrack_count"):
        if os.path.exists(path):
            each(ktap, f"read {path}", lambda path=path: read(path))
    sizes = iter([1024, 8192, 4096, 16384] * MOST)
    each(ktap, "resize", lambda: write(SYSCTL + "nf_conntrack_buckets", next(sizes)))


def packets(ktap):
    subprocess.run(["nft", "table inet t { chain o { type filter hook output priority 0; "
                    "ct state new ct mark set 5; ct label set 3; }; chain n { "
                    "type nat hook output priority -100; meta l4proto { tcp, udp } "
                    "th dport 9 redirect to :10; }; }"],
                   check=True)
    aim("nf_conntrack")
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            def send(family=family, kind=kind, address=address):
                with socket.socket(family, kind) as sock:
                    sock.settimeout(5)
                    with contextlib.suppress(ConnectionRefusedError):
                        sock.connect((address, 9))
                        sock.send(b"data")
            each(ktap, f"{kind.name} to {address}", send)
    subprocess.run(["nft", "flush ruleset"], check=True)


def main():
    if not KINDS or not os.path.exists(FAIL_NTH):
        print("1..0 # SKIP this kernel cannot let allocations fail")
        raise SystemExit(4)
    # Who is out of memory says so with a stack, which is no bug: not on the console. All of the
    # log is searched at the end.
    follower = kmsg.start()
    subprocess.run(["dmesg", "-n", "4"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ktap = Ktap()
    parts = {f.__name__: f for f in (loading, requests, namespace, files, packets)}
    for name in sys.argv[1:] or os.environ.get("PARTS", "").split() or parts:
        subprocess.run(["modprobe", "nf_conntrack"] if name not in ("loading",) else ["true"],
                       check=True)
        if name == "namespace":
            aim("nf_conntrack")
        parts[name](ktap)
        aim()
    subprocess.run(["conntrack", "-F"], check=False, capture_output=True)
    count = 0
    for _ in range(50):
        count = int(read(SYSCTL + "nf_conntrack_count"))
        if not count:
            break
        time.sleep(0.2)
    ktap.result(not count, "no connection left", f"{count} left")
    reported = kmsg.search()
    ktap.result(not reported, "nothing in the kernel log", *reported)
    follower.kill()
    ktap.finish()


main()
