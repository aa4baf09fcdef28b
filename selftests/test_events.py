#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who is told of events, and what becomes of those that a listener has no room for."""

import errno
import os
import pathlib
import re
import socket
import subprocess
import time

import hosts
import needs
import nfnl
from rig import Ktap

HERE = pathlib.Path(__file__).resolve().parent
SYSCTL = "/proc/sys/net/netfilter/nf_conntrack_events"
BROADCAST_ERROR, NO_ENOBUFS = 4, 5
NEW, UPDATE, DESTROY = 1, 2, 3
MANY = 400
TUPLES = ("TUPLE_ORIG(IP(V4_SRC=10.1.0.1 V4_DST=10.1.0.2) PROTO(NUM=17 SRC_PORT={0} DST_PORT=9)) "
          "TUPLE_REPLY(IP(V4_SRC=10.1.0.2 V4_DST=10.1.0.1) PROTO(NUM=17 SRC_PORT=9 DST_PORT={0}))")

ktap = Ktap()


def network():
    subprocess.run(["/bin/bash", "-c", '. "$1"; network; trap - EXIT', "-", HERE / "lib.sh"],
                   check=True)
    for rules in "router", "server":
        subprocess.run(["ip", "netns", "exec", rules, "nft", "-f", "-"], check=True, text=True,
                       input="table inet t { chain c { type filter hook prerouting priority 0; "
                             "ct state invalid drop; }; }")
        # nothing is to expire while we listen
        subprocess.run(["ip", "netns", "exec", rules, "sysctl", "-qw",
                        "net.netfilter.nf_conntrack_udp_timeout=600"], check=True)


def listener(*groups, ns="router", room=None):
    with hosts.netns(ns):
        sock = nfnl.Socket(*groups)
    if room:
        sock.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    return sock


def reliable(*groups, room):
    sock = listener(*groups, room=room)
    for option in BROADCAST_ERROR, NO_ENOBUFS:
        sock.sock.setsockopt(nfnl.SOL_NETLINK, option, 1)
    return sock


def heard(sock, patience=0.3):
    """What there is to hear, as the words that differ: type, flags, source port."""
    got = []
    while messages := sock.receive(patience):
        for message in messages:
            found = re.match(r"(\S+) (\S+) .*?SRC_PORT=(\d+)", nfnl.text(message))
            got.append(found.groups())
    return got


def setting(value):
    with hosts.netns("router"), open(SYSCTL, "w", encoding="ascii") as f:
        f.write(str(value))


def ask(name, port):
    hosts.COMMANDS["udp"](name, "client", "10.0.2.2", "7", str(port))
    quiet("ask", name)


def quiet(command, *args):
    """What hosts.py says is of no interest."""
    with open(os.devnull, "w", encoding="ascii") as null:
        stdout, hosts.sys.stdout = hosts.sys.stdout, null
        try:
            hosts.COMMANDS[command](*args)
        finally:
            hosts.sys.stdout = stdout


def check(name, ok, *diagnostics):
    ktap.result(bool(ok), name, *diagnostics)


def in_time(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def settings():
    """0: no events; 1: of all connections; 2: of those that began while somebody listened."""
    for value, before, while_listening in (0, [], []), (1, ["5001"], ["5002"]), (2, [], ["5002"]):
        setting(value)
        ask("a", 5001)
        sock = listener(NEW, UPDATE)
        ask("b", 5002)
        quiet("answer", "b")
        quiet("ask", "a")
        quiet("answer", "a")
        ports = {"5001": [], "5002": []}
        got = heard(sock)
        for _, flags, port in got:
            ports[port].append(flags)
        want = {"5001": ["-"] if before else [], "5002": ["excl,create", "-"] if while_listening else []}
        check(f"nf_conntrack_events = {value}", ports == want, got)
        sock.close()
        delete_all()
        for name in "a", "b":
            hosts.COMMANDS["close"](name)
    setting(2)


def namespaces():
    """A listener is told of its own namespace alone."""
    here, there = listener(NEW, UPDATE, DESTROY), listener(NEW, UPDATE, DESTROY, ns="server")
    ask("a", 5003)
    hosts.COMMANDS["close"]("a")
    mine, theirs = heard(here), heard(there)
    check("the router's events in the router", mine == [("CT_NEW", "excl,create", "5003")], mine)
    check("the server's events in the server", theirs == [("CT_NEW", "excl,create", "5003")], theirs)
    delete_all()
    mine, theirs = heard(here), heard(there)
    check("a flush of the router", mine == [("CT_DELETE", "-", "5003")] and not theirs, mine, theirs)
    for sock in here, there:
        sock.close()


def delete_all():
    control.request("CT_DELETE request,ack family=2")


def create_many():
    for port in range(1, MANY + 1):
        reply, = control.request("CT_NEW request,ack,create,excl family=2 TIMEOUT=1000 " +
                                 TUPLES.format(port))
        if nfnl.text(reply) != "error 0":
            raise OSError(nfnl.text(reply))


def drops(sock):
    port = sock.sock.getsockname()[0]
    with hosts.netns("router"), open("/proc/net/netlink", encoding="ascii") as f:
        return next(int(line.split()[8]) for line in f.readlines()[1:]
                    if line.split()[1:3] == ["12", str(port)])


def unreliable():
    """Without room for it an event is lost: its listener gets ENOBUFS, and it is counted."""
    sock = listener(DESTROY, room=8192)
    other = listener(DESTROY)
    create_many()
    delete_all()
    try:
        heard(sock)
        error = 0
    except OSError as e:
        error = e.errno
    check("ENOBUFS", error == errno.ENOBUFS)
    lost = drops(sock)
    got = len(heard(sock))
    check("each event is there, or counted in /proc/net/netlink", 0 < lost and lost + got == MANY,
          f"{lost} lost, {got} there")
    check("another listener lost none", len(heard(other)) == MANY and not drops(other))
    for used in sock, other:
        used.close()


def dying():
    """The ports of those that have ended, and whose end is not yet told."""
    return [re.search(r"SRC_PORT=(\d+)", nfnl.text(message))[1]
            for message in control.request("CT_GET_DYING request,dump family=2")]


def redelivered():
    """With reliable delivery a connection's end is told in the end."""
    sock = reliable(DESTROY, room=8192)
    create_many()
    delete_all()
    waiting = dying()
    check("ended connections wait for their events, and are listed once",
          0 < len(set(waiting)) == len(waiting) < MANY, len(waiting), waiting)
    got = []
    check("they go when their events are delivered",
          in_time(lambda: got.extend(heard(sock)) or not dying()), dying())
    got += heard(sock)
    ports = sorted(int(port) for _, _, port in got)
    check("each end is told, and told once", ports == list(range(1, MANY + 1)), len(got), ports)
    sock.close()
    create_many()
    delete_all()
    check("without the listener none waits", not dying(), dying())


def missed():
    """What a reliable listener missed of a connection comes with its next event."""
    sock = reliable(NEW, UPDATE, room=4096)
    create_many()
    for port in range(6000, 6005):
        ask(str(port), port)
    early = heard(sock)
    new = {port for _, flags, port in early if flags == "excl,create"}
    check("some are missed", "6004" not in new and early, len(early))
    for port in range(6000, 6005):
        quiet("answer", str(port))
    late = heard(sock)
    check("they come with the next event of their connection",
          {("CT_NEW", "excl,create", str(p)) for p in range(6000, 6005)} <= set(late), late)
    for port in range(6000, 6005):
        hosts.COMMANDS["close"](str(port))
    sock.close()
    delete_all()


def vanish():
    """A namespace goes while ends of connections wait in it."""
    sock = reliable(DESTROY, room=8192)
    create_many()
    delete_all()
    waiting = dying()
    sock.close()
    control.close()
    subprocess.run(["/bin/bash", "-c", '. "$1"; network_down', "-", HERE / "lib.sh"], check=True)
    check("a namespace goes though events wait", waiting)


needs.modules("nf_conntrack_netlink")
network()
hosts.COMMANDS["listen"]("server", "7")
with hosts.netns("router"):
    control = nfnl.Socket()
settings()
namespaces()
unreliable()
redelivered()
missed()
vanish()
ktap.finish()
