#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Many expectations: a dump tells of each that is there throughout, and tells it once, while
others come and go; and what a flood of wrong messages leaves behind."""

import os
import pathlib
import random
import re
import subprocess

import hosts
import needs
import nfnl
from rig import Ktap

HERE = pathlib.Path(__file__).resolve().parent
STAY, COME, GO = range(1, 121), range(121, 161), range(161, 201)
TUPLE = "TUPLE_{2}(IP(V4_SRC={0} V4_DST={1}) PROTO(NUM=17 SRC_PORT={3} DST_PORT={4}))"
MASTER = "IP(V4_SRC=10.1.0.1 V4_DST=10.1.0.2) PROTO(NUM=17 SRC_PORT={0} DST_PORT=69)"
# All wait for the same address and port, so all are in one bucket of the table.
EXPECT = ("MASTER(" + MASTER + ") TUPLE(IP(V4_SRC=10.2.0.{1} V4_DST=10.1.0.1) "
          "PROTO(NUM=17 SRC_PORT={0} DST_PORT=9)) MASK(IP(V4_SRC=255.255.255.255 "
          "V4_DST=255.255.255.255) PROTO(NUM=17 SRC_PORT=65535 DST_PORT=65535))")
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))

ktap = Ktap()


def check(name, ok, *diagnostics):
    ktap.result(bool(ok), name, *diagnostics)


def done(sock, line):
    reply = sock.request(line)[-1]
    return nfnl.text(reply)


def master(n):
    return done(control, "CT_NEW request,ack,create,excl family=2 TIMEOUT=1000 HELP(NAME=tftp) " +
                TUPLE.format("10.1.0.1", "10.1.0.2", "ORIG", n, 69) + " " +
                TUPLE.format("10.1.0.2", "10.1.0.1", "REPLY", 69, n))


def expect(n):
    return done(control, "EXP_NEW request,ack,create,excl family=2 " + EXPECT.format(n, n % 250))


def forget(n):
    tuple_ = re.search(r" (TUPLE\(.*?\)\))", EXPECT.format(n, n % 250))[1]
    return done(control, f"EXP_DELETE request,ack family=2 {tuple_}")


def sources(messages):
    return [int(re.search(r" TUPLE\(IP\(.*?\) PROTO\(NUM=17 SRC_PORT=(\d+)", nfnl.text(m))[1])
            for m in messages]


def dump_in_steps(disturb):
    """A dump read packet by packet, with something else done in between."""
    with hosts.netns("router"):
        reader = nfnl.Socket()
    reader.room = 4096  # the kernel makes its packets no larger
    reader.sock.send(nfnl.parse("EXP_GET request,dump family=2", 1))
    got, packets, more = [], 0, True
    while more:
        messages = reader.receive(hosts.PATIENCE)
        more = bool(messages) and nfnl.HEADER.unpack_from(messages[-1])[1] != nfnl.DONE
        got += sources(m for m in messages if nfnl.HEADER.unpack_from(m)[1] > nfnl.DONE)
        packets += 1
        disturb()
    reader.close()
    return got, packets


def dumps():
    errors = {master(n) for n in (*STAY, *COME, *GO)} | {expect(n) for n in (*STAY, *GO)}
    check("many connections, and one expected by each of most", errors == {"error 0"}, errors)
    coming, going = iter(COME), iter(GO)

    def disturb():
        for n in [n for n, _ in zip(coming, range(4))]:
            errors.add(expect(n))
        for n in [n for n, _ in zip(going, range(4))]:
            errors.add(forget(n))

    got, packets = dump_in_steps(disturb)
    check("the dump takes several packets", packets > 5, packets)
    check("others come and go meanwhile", errors == {"error 0"}, errors)
    check("those that stay are all told of", set(STAY) <= set(got), set(STAY) - set(got))
    check("nothing is told twice", len(got) == len(set(got)), sorted(got))

    with hosts.netns("router"):
        abandoned = nfnl.Socket()
    abandoned.sock.send(nfnl.parse("EXP_GET request,dump family=2", 1))
    abandoned.receive(hosts.PATIENCE)
    abandoned.close()
    check("a dump that nobody reads on", done(control, "EXP_DELETE request,ack family=2") == "error 0")
    left = control.request("EXP_GET request,dump family=2")
    check("a flush leaves none", not left, len(left))
    errors = {expect(n) for n in range(1, 11)}
    check("connections are free to expect again", errors == {"error 0"}, errors)
    done(control, "CT_DELETE request,ack family=2")
    left = control.request("EXP_GET request,dump family=2")
    check("and none stays without its connection", not left, len(left))


def wrong_messages():
    """Each is a right one with some of its bytes changed."""
    master(1)
    print(f"# SEED={SEED}")
    rng = random.Random(SEED)
    nat = " NAT(DIR=1 TUPLE(IP(V4_SRC=10.0.1.5 V4_DST=0.0.0.0) PROTO(NUM=17 SRC_PORT=3 DST_PORT=0)))"
    lines = [f"EXP_NEW request,create family=2 {EXPECT.format(1, 1)} TIMEOUT=100 FLAGS=1 CLASS=0 "
             f"HELP_NAME=tftp FN=nat-follow-master ZONE=0{nat}",
             f"EXP_GET request family=2 MASTER({MASTER.format(1)}) ID=1",
             f"EXP_GET request,dump family=2 MASTER({MASTER.format(1)})",
             f"EXP_DELETE request family=2 TUPLE({MASTER.format(1)}) ZONE=1"]
    for i in range(1000):
        message = bytearray(nfnl.parse(lines[i % len(lines)], i))
        for _ in range(rng.randrange(1, 4)):
            where = rng.randrange(nfnl.HEADER.size, len(message))
            message[where] = rng.choice((0, 1, 4, 255, rng.randrange(256)))
        control.sock.send(message)
        while control.receive_now(0.0005):
            pass
    control.unasked.clear()
    check("wrong messages are survived", done(control, "EXP_DELETE request,ack family=2") == "error 0")
    check("and right ones answered", expect(1) == "error 0")
    check("once", expect(1) == "error 17")


def picked_up():
    """A connection comes from another router with its helper's name and no more."""
    rules = "table ip t { chain f { type filter hook forward priority 0; ct state invalid drop; }; }"
    subprocess.run(["ip", "netns", "exec", "router", "nft", rules], check=True)
    hosts.COMMANDS["listen"]("server", "21")
    hosts.COMMANDS["connect"]("f", "client", "10.0.2.2", "21", "5000")
    done(control, "CT_DELETE request,ack family=2")
    flow = "TUPLE_{}(IP(V4_SRC={} V4_DST={}) PROTO(NUM=6 SRC_PORT={} DST_PORT={}))"
    check("the connection comes", done(
        control, "CT_NEW request,ack,create,excl family=2 STATUS=0xe TIMEOUT=1000 HELP(NAME=ftp) "
        "PROTOINFO(TCP(STATE=3)) " + flow.format("ORIG", "10.0.1.2", "10.0.2.2", 5000, 21) + " " +
        flow.format("REPLY", "10.0.2.2", "10.0.1.2", 21, 5000)) == "error 0")
    hosts.CLIENTS["f"].sendall(b"PORT 10,0,1,2,40,1\r\n")
    arrived = hosts.PEERS["f"][0].recv(100)
    expected = [nfnl.text(m) for m in control.request("EXP_GET request,dump family=2")]
    check("its first command is understood", arrived.startswith(b"PORT") and
          len(expected) == 1 and "DST_PORT=10241" in expected[0], arrived, *expected)


needs.modules("nf_conntrack_netlink", "nf_conntrack_tftp", "nf_conntrack_ftp", "nf_nat")
subprocess.run(["/bin/bash", "-c", '. "$1"; network; trap - EXIT', "-", HERE / "lib.sh"],
               check=True)
subprocess.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_expect_max=2000"], check=True)
with hosts.netns("router"):
    control = nfnl.Socket()
dumps()
wrong_messages()
picked_up()
control.close()
subprocess.run(["/bin/bash", "-c", '. "$1"; network_down', "-", HERE / "lib.sh"], check=True)
ktap.finish()
