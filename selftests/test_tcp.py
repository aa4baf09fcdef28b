#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""TCP, state by state and around the edges of the window, over IPv4 and IPv6.

A step is '> FLAGS key=value...': seq and ack are relative to the two initial sequence numbers
(the sender's and the receiver's), len is the amount of data, win the window field, scale and
sack options of a SYN, sackto=N a SACK block that ends at N.
"""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import ADDRESS, Ktap, Rig, counted, play, tcp  # noqa: E402

ISN = {"a": 1_000_000, "b": 0xfffffff0}  # one of them wraps at once

OPEN = [
    ("> S", "new SYN_SENT 120 U"),
    ("< SA seq=0 ack=1", "est SYN_RECV 60"),
    ("> A seq=1 ack=1", "est ESTABLISHED 432000 A"),
]
OPEN_SCALED = [
    ("> S scale=7 sack", "new SYN_SENT 120 U"),
    ("< SA seq=0 ack=1 scale=7 sack", "est SYN_RECV 60"),
    ("> A seq=1 ack=1 win=500", "est ESTABLISHED 432000 A"),
]
IDLE = "est ESTABLISHED 432000 A"

SCENARIOS = [
    ("handshake, data, orderly close by the client", OPEN + [
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED A"),
        ("< A seq=1 ack=101", IDLE),
        ("< AP seq=1 ack=101 len=1000", "est ESTABLISHED A"),
        ("> A seq=101 ack=1001", IDLE),
        ("> FA seq=101 ack=1001", "est FIN_WAIT 120 A"),
        ("< A seq=1001 ack=102", "est CLOSE_WAIT 60 A"),
        ("< FA seq=1001 ack=102", "est LAST_ACK 30 A"),
        ("> A seq=102 ack=1002", "est TIME_WAIT 120 A"),
    ]),
    ("close by the server", OPEN + [
        ("< FA seq=1 ack=1", "est FIN_WAIT 120 A"),
        ("> A seq=1 ack=2", "est CLOSE_WAIT 60 A"),
        ("> FA seq=1 ack=2", "est LAST_ACK 30 A"),
        ("< A seq=2 ack=2", "est TIME_WAIT 120 A"),
    ]),
    ("both close at once", OPEN + [
        ("> FA seq=1 ack=1", "est FIN_WAIT 120 A"),
        ("< FA seq=1 ack=1", "est LAST_ACK 30 A"),
        ("> A seq=2 ack=2", "est TIME_WAIT 120 A"),
        ("< A seq=2 ack=2", "est TIME_WAIT 120 A"),
    ]),
    ("half close: data goes on in the other direction", OPEN + [
        ("> FA seq=1 ack=1", "est FIN_WAIT 120 A"),
        ("< A seq=1 ack=2", "est CLOSE_WAIT 60 A"),
        ("< AP seq=1 ack=2 len=500", "est CLOSE_WAIT A"),
        ("> A seq=2 ack=501", "est CLOSE_WAIT 60 A"),
        ("< FA seq=501 ack=2", "est LAST_ACK 30 A"),
        ("> A seq=2 ack=502", "est TIME_WAIT 120 A"),
    ]),
    ("a FIN seen twice counts for both sides", OPEN + [
        ("> FA seq=1 ack=1", "est FIN_WAIT 120 A"),
        ("> FA seq=1 ack=1", "est LAST_ACK 30 A"),
        ("< A seq=1 ack=2", "est TIME_WAIT 120 A"),
    ]),
    ("simultaneous open", [
        ("> S", "new SYN_SENT 120 U"),
        ("< S", "est SYN_SENT2 120"),
        ("> SA seq=0 ack=1", "est SYN_RECV 60"),
        ("< SA seq=0 ack=1", "est SYN_RECV 60"),
        ("> A seq=1 ack=1", IDLE),
    ]),
    ("retransmitted SYN and SYN/ACK", [
        ("> S", "new SYN_SENT 120 U"),
        ("> S", "new SYN_SENT 120 U"),
        ("< SA seq=0 ack=1", "est SYN_RECV 60"),
        ("< SA seq=0 ack=1", "est SYN_RECV 60"),
        ("> S", "est SYN_RECV"),
        ("> A seq=1 ack=1", IDLE),
    ]),
    ("refused: RST in answer to the SYN", [
        ("> S", "new SYN_SENT 120 U"),
        ("< RA seq=0 ack=1", "est -"),
    ]),
    ("RST in answer to the SYN with a wrong acknowledgement", [
        ("> S", "new SYN_SENT 120 U"),
        ("< RA seq=0 ack=5000", "inv SYN_SENT U"),
    ]),
    ("RST of an unanswered connection by its sender", [
        ("> S", "new SYN_SENT 120 U"),
        ("> R seq=1", "new -"),
    ]),
    ("RST inside the window ends it", OPEN + [
        ("> AP seq=1 ack=1 len=10", "est ESTABLISHED A"),
        ("< A seq=1 ack=11", IDLE),
        ("< R seq=1", "est CLOSE 100 A"),
    ]),
    ("RST outside the window is INVALID", OPEN + [
        ("< A seq=1 ack=1", IDLE),
        ("< R seq=-100000", "inv ESTABLISHED A"),
        ("> A seq=1 ack=1", IDLE),
    ]),
    ("data beyond the window is INVALID, and just inside is not", OPEN + [
        ("< A seq=1 ack=1 win=1000", IDLE),
        ("> AP seq=200001 ack=1 len=10", "inv ESTABLISHED A"),
        ("> AP seq=1 ack=1 len=1000", "est ESTABLISHED A"),
    ]),
    ("an acknowledgement of what was never sent is INVALID", OPEN + [
        ("< A seq=1 ack=100000", "inv ESTABLISHED A"),
        ("< A seq=1 ack=1", IDLE),
    ]),
    ("an acknowledgment from long ago", OPEN + [
        ("< AP seq=60001 ack=1 len=10", "est ESTABLISHED A"),
        ("> A seq=1 ack=60011", "est ESTABLISHED A"),
        ("< AP seq=120001 ack=1 len=10", "est ESTABLISHED A"),
        ("> A seq=1 ack=1", "est ESTABLISHED A"),
    ]),
    ("a SYN/ACK of the client", OPEN + [("> SA seq=0 ack=1", "inv ESTABLISHED A")]),
    ("the last ACK, and one that challenges a SYN", OPEN + [
        ("> FA seq=1 ack=1", "est FIN_WAIT A"),
        ("< A seq=1 ack=2", "est CLOSE_WAIT A"),
        ("< FA seq=1 ack=2", "est LAST_ACK A"),
        ("> S seq=5000", "est LAST_ACK A"),
        ("< A seq=2 ack=2", "est LAST_ACK A"),
        ("> A seq=2 ack=2", "est TIME_WAIT A"),
    ]),
    ("an old segment is taken for one that lost its way", OPEN + [
        ("> AP seq=1 ack=1 len=1000", "est ESTABLISHED A"),
        ("< A seq=1 ack=1001", IDLE),
        ("> A seq=-200000 ack=1", "est ESTABLISHED A"),
    ]),
    ("retransmitted data", OPEN + [
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("< A seq=1 ack=101", IDLE),
    ]),
    ("window scaling lets far segments in", OPEN_SCALED + [
        ("< A seq=1 ack=1 win=4000", IDLE),
        ("> AP seq=400001 ack=1 len=10 win=500", "est ESTABLISHED A"),
        ("> AP seq=9400001 ack=1 len=10 win=500", "inv ESTABLISHED A"),
    ]),
    ("without an option from both sides nothing is scaled", [
        ("> S scale=7", "new SYN_SENT 120 U"),
        ("< SA seq=0 ack=1", "est SYN_RECV 60"),
        ("> A seq=1 ack=1 win=500", IDLE),
        ("< A seq=1 ack=1 win=4000", IDLE),
        ("> AP seq=400001 ack=1 len=10", "inv ESTABLISHED A"),
    ]),
    ("SACK of data that arrived out of order", OPEN_SCALED + [
        ("> AP seq=1001 ack=1 len=1000", "est ESTABLISHED A"),
        ("< A seq=1 ack=1 win=500 sackto=2001", "est ESTABLISHED A"),
        ("> AP seq=1 ack=1 len=1000", "est ESTABLISHED A"),
        ("< A seq=1 ack=2001 win=500", IDLE),
    ]),
    ("picked up in the middle (tcp_loose)", [
        ("> A seq=5000 ack=7000", "new ESTABLISHED 300 U"),
        ("< A seq=7000 ack=5000", "est ESTABLISHED 300"),
        ("> AP seq=5000 ack=7000 len=10", "est ESTABLISHED A"),
    ]),
    ("reopened after TIME_WAIT: a new entry", OPEN + [
        ("> FA seq=1 ack=1", "est FIN_WAIT 120 A"),
        ("< FA seq=1 ack=2", "est LAST_ACK 30 A"),
        ("> A seq=2 ack=2", "est TIME_WAIT 120 A"),
        ("> S seq=5000000", "new SYN_SENT 120 U"),
    ]),
    ("flags that cannot be", [
        ("> SF", "inv -"),
        ("> ", "inv -"),
        ("> FSRPAU", "inv -"),
        ("> SR", "inv -"),
    ]),
    ("flags that can", [
        ("> SEC", "new SYN_SENT 120 U"),
        ("< SAE seq=0 ack=1", "est SYN_RECV 60"),
        ("> APU seq=1 ack=1 len=5", "est ESTABLISHED A"),
    ]),
    ("a SYN/ACK, FIN or RST starts nothing", [
        ("> SA ack=1", "inv -"),
        ("> R", "inv -"),
    ]),
    ("SYN in an established connection does not disturb it", OPEN + [
        ("> S seq=90000000", "est ESTABLISHED A"),
        ("> A seq=1 ack=1", "est ESTABLISHED A"),
    ]),
]

# Once all of the window is acknowledged, its first segment is older than the window is wide.
FULL_WINDOW = [
    (step, "est ESTABLISHED A") for at in range(1, 67201, 1400)
    for step in (f"> AP seq={at} ack=1 len=1400 win=257", f"< A seq=1 ack={at + 1400} win=65535")
]
ANSWERED = [
    ("> S win=65535 scale=8 sack", "new SYN_SENT 120 U"),
    ("< SA seq=0 ack=1 win=65535", "est SYN_RECV 60"),
    ("> A seq=1 ack=1 win=65535", IDLE),
    ("< A seq=1 ack=1 len=1000 win=65535", "est ESTABLISHED A"),
    ("< A seq=1001 ack=1 len=1000 win=65535", "est ESTABLISHED A"),
    ("< A seq=2001 ack=1 len=1000 win=65535", "est ESTABLISHED A"),
    ("> A seq=1 ack=1001 win=65535", "est ESTABLISHED A"),
    ("> A seq=1 ack=2001 win=65535", "est ESTABLISHED A"),
    ("> A seq=1 ack=3001 win=65535", "est ESTABLISHED A"),
    ("> AP seq=1 ack=3001 len=1000 win=65535", "est ESTABLISHED A"),
]

# How ends recover that disagree, or that have not heard each other. The situations are those
# of the packetdrill scripts among the kernel's own tests of conntrack.
RECOVERY = [
    ("an acknowledgement was lost: the segment comes again and is answered", [
        ("> S win=32792", "new SYN_SENT 120 U"),
        ("< SA seq=0 ack=1 win=65535", "est SYN_RECV 60"),
        ("> A seq=1 ack=1 win=65535", IDLE),
    ] + FULL_WINDOW + [
        ("> AP seq=1 ack=1 len=1400 win=257", "est ESTABLISHED A"),
        ("< A seq=1 ack=67201 win=65535", "est ESTABLISHED A"),
    ]),
    ("a RST out of sequence after both have ended", ANSWERED + [
        ("< FA seq=3001 ack=1001 win=65535", "est FIN_WAIT 120 A"),
        ("> A seq=1001 ack=3002 win=65535", "est CLOSE_WAIT 60 A"),
        ("> RA seq=1001 ack=3002 win=65535", "est CLOSE 100 A"),
        ("< R seq=2001 win=0", "est CLOSE 100 A"),
    ]),
    ("only the RST that is next in sequence ends a connection", ANSWERED + [
        ("< R seq=0 win=0", "inv ESTABLISHED A"),
        ("< R seq=1000000 win=0", "inv ESTABLISHED A"),
        ("< R seq=42 win=0", "inv ESTABLISHED A"),
        ("< A seq=3001 ack=1001 win=65535", IDLE),
        ("< RA seq=3000 ack=1001 win=0", "inv ESTABLISHED A"),
        ("< RA seq=3001 ack=1001 win=0", "est CLOSE 100 A"),
    ]),
    ("a new SYN finds the server in an old connection: challenged, it resets that", [
        ("> S win=65535 scale=8 sack", "new SYN_SENT 120 U"),
        ("< A seq=145824453 ack=643160523 win=240", "est SYN_SENT 120"),
        ("> R seq=643160523 win=0", "est CLOSE 100"),
        ("> S win=65535 scale=8 sack", "new SYN_SENT 120 U"),
        ("< SA seq=0 ack=1 win=250 scale=0", "est SYN_RECV 60"),
        ("> A seq=1 ack=1 win=256", IDLE),
    ]),
    ("a SYN/ACK from an old connection, then the right one", [
        ("> S win=65535 scale=8 sack", "new SYN_SENT 120 U"),
        ("< SA seq=145824453 ack=643160523 win=240 scale=0", "inv SYN_SENT U"),
        ("> S win=65535 scale=8 sack", "new SYN_SENT 120 U"),
        ("< SA seq=145758918 ack=1 win=250 scale=0", "est SYN_RECV 60"),
        ("> A seq=1 ack=145758919 win=256", IDLE),
        ("> AP seq=1 ack=145758919 len=1 win=256", "est ESTABLISHED A"),
    ]),
    ("a client that has forgotten its connection opens it again", [
        ("> S win=32792 scale=7", "new SYN_SENT 120 U"),
        ("< SA seq=0 ack=1 win=65535 scale=8", "est SYN_RECV 60"),
        ("> A seq=1 ack=1 win=257", IDLE),
        ("> AP seq=1 ack=1 len=100 win=257", "est ESTABLISHED A"),
        ("< A seq=1 ack=101 win=256", IDLE),
        ("> S seq=2000 win=32792 scale=7", "est ESTABLISHED A"),
        ("< A seq=1 ack=101 win=256", "est ESTABLISHED A"),
        ("> RA seq=101 ack=1 win=257", "est CLOSE 100 A"),
        ("> S seq=2000 win=32792 scale=0", "new SYN_SENT 120 U"),
        ("< SA seq=50000 ack=2001 win=65535 scale=8", "est SYN_RECV 60"),
    ]),
]

STRICT = [
    ("tcp_loose=0: nothing is picked up in the middle", {"tcp_loose": 0}, [
        ("> A seq=5000 ack=7000", "inv -"),
    ]),
    ("tcp_be_liberal=1: out of the window is let through", {"tcp_be_liberal": 1}, OPEN + [
        ("> AP seq=200001 ack=1 len=10", "est ESTABLISHED A"),
    ]),
    ("tcp_max_retrans=1", {"tcp_max_retrans": 1}, OPEN + [
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
        ("> AP seq=1 ack=1 len=100", "est ESTABLISHED 300 A"),
    ]),
    ("timeouts are those of the sysctls", {
        "tcp_timeout_syn_sent": 33, "tcp_timeout_syn_recv": 44,
        "tcp_timeout_established": 5555, "tcp_timeout_fin_wait": 66,
        "tcp_timeout_close_wait": 77, "tcp_timeout_last_ack": 88, "tcp_timeout_time_wait": 99,
    }, [
        ("> S", "new SYN_SENT 33 U"),
        ("< SA seq=0 ack=1", "est SYN_RECV 44"),
        ("> A seq=1 ack=1", "est ESTABLISHED 5555 A"),
        ("> FA seq=1 ack=1", "est FIN_WAIT 66 A"),
        ("< A seq=1 ack=2", "est CLOSE_WAIT 77 A"),
        ("< FA seq=1 ack=2", "est LAST_ACK 88 A"),
        ("> A seq=2 ack=2", "est TIME_WAIT 99 A"),
    ]),
    ("tcp_ignore_invalid_rst=1: a wild RST is not INVALID", {"tcp_ignore_invalid_rst": 1}, OPEN + [
        ("< R seq=-100000", "est ESTABLISHED A"),
    ]),
]


def options_of(facts):
    options = b""
    if "scale" in facts:
        options += struct.pack("!BBBB", 1, 3, 3, int(facts["scale"]))
    if "sack" in facts:
        options += struct.pack("!BBBB", 4, 2, 1, 1)
    if "sackto" in facts:
        end = ISN["a"] + int(facts["sackto"])
        options += struct.pack("!BBBBII", 1, 1, 5, 10, end - 1000, end)
    return options


def main():
    rig, ktap = Rig(), Ktap()
    rig.sysctl("tcp_timeout_close", 100)  # the default is short for a machine that stands still
    port = 1024

    def sender(six, sport):
        def send(step):
            arrow, _, rest = step.partition(" ")
            words = rest.split()
            flags = words.pop(0) if words and words[0].isupper() else ""
            facts = dict(word.partition("=")[::2] for word in words)
            side, other = ("a", "b") if arrow == ">" else ("b", "a")
            ports = (sport, 80) if side == "a" else (80, sport)
            segment = tcp(ADDRESS[six, side], ADDRESS[six, other], *ports, flags,
                          seq=ISN[side] + int(facts.get("seq", 0)),
                          ack=ISN[other] + int(facts["ack"]) if "ack" in facts else 0,
                          win=int(facts.get("win", 64240)),
                          data=bytes(int(facts.get("len", 0))), options=options_of(facts))
            seen = rig.send(side, socket.IPPROTO_TCP, segment, six)
            return seen, rig.entry(" tcp ", "ipv6 " if six else "ipv4 ", f"port={sport} ")
        return send

    for name, changes, steps in [(n, {}, s) for n, s in SCENARIOS + RECOVERY] + STRICT:
        before = {key: rig.sysctl(key) for key in changes}
        for key, value in changes.items():
            rig.sysctl(key, value)
        for six in (False, True):
            port += 1
            play(ktap, f"{name} ({'IPv6' if six else 'IPv4'})", steps, sender(six, port))
        for key, value in before.items():
            rig.sysctl(key, value)
    counted(ktap, rig, "tcp-flags", "tcp-not-a-start", "tcp-pickup-off", "tcp-state",
            "tcp-seq-over-window", "tcp-seq-under-window", "tcp-ack-over-window",
            "tcp-ack-under-window", "tcp-rst-out-of-window", "tcp-out-of-sync-ignored",
            "tcp-challenge-ack")
    ktap.finish()


main()
