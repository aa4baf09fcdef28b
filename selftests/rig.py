# SPDX-License-Identifier: GPL-2.0-only
"""Crafted packets through a router that tracks them, and what it made of each.

  a (no address) ---- r0  router (conntrack; rules show ctstate as DSCP)  r1 ---- b (no address)
  10.0.0.2                10.0.0.1                            10.0.1.1        10.0.1.2
  fd00:0::2                                                                  fd00:1::2

No host answers on its own at a and b: what happens is what the test sends. Scenarios are data:

    ("name", [("> what is sent", "what is expected"), ...])

where '>' goes from a to b, '<' from b to a, and the expectation is the state that rules see
(new, est, rel, inv, unt; drop if nothing arrives), then the entry as in /proc/net/nf_conntrack:
its protocol state, its timeout in seconds, U for [UNREPLIED], A for [ASSURED]; '-' if there is
none. A word that is left out is not looked at.
"""

import ctypes
import os
import re
import socket
import struct
import subprocess
import time

ROUTER = "router"
ADDRESS = {  # by family (6?) and side
    (False, "a"): "10.0.0.2", (False, "b"): "10.0.1.2",
    (True, "a"): "fd00:0::2", (True, "b"): "fd00:1::2",
}
DSCP = {0: "none", 1: "inv", 2: "new", 3: "est", 4: "rel", 5: "unt"}
MARKER_PORT = 9
ETH_P_ALL, SO_RCVBUFFORCE, PACKET_OUTGOING, CLONE_NEWNET = 3, 33, 4, 0x40000000


def sh(command, **more):
    return subprocess.run(["bash", "-ec", command], check=True, capture_output=True, text=True,
                          **more).stdout


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def inet(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo_header(src, dst, proto, length):
    if ":" in src:
        return inet(src) + inet(dst) + struct.pack("!IHBB", length, 0, 0, proto)
    return inet(src) + inet(dst) + struct.pack("!BBH", 0, proto, length)


def l4_checksum(src, dst, proto, data, at):
    """The packet with the checksum of its pseudo header and itself at an offset."""
    data = data[:at] + bytes(2) + data[at + 2:]
    value = checksum(pseudo_header(src, dst, proto, len(data)) + data) or 0xffff
    return data[:at] + struct.pack("!H", value) + data[at + 2:]


def ip_packet(src, dst, proto, payload, ident=0, frag=0):
    if ":" in src:
        header = struct.pack("!IHBB", 6 << 28 | ident, len(payload), proto, 64)
        return header + inet(src) + inet(dst) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, frag, 64, proto, 0,
                         inet(src), inet(dst))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def tcp(src, dst, sport, dport, flags, seq=0, ack=0, win=64240, data=b"", options=b""):
    options += bytes(-len(options) % 4)
    bits = sum({"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}[f]
               for f in flags)
    header = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                         (20 + len(options)) // 4 << 4, bits, win, 0, 0)
    return l4_checksum(src, dst, socket.IPPROTO_TCP, header + options + data, 16)


def udp(src, dst, sport, dport, data=b"data"):
    header = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    return l4_checksum(src, dst, socket.IPPROTO_UDP, header + data, 6)


def icmp(src, dst, kind, code=0, rest=bytes(4), data=b""):
    packet = struct.pack("!BBH", kind, code, 0) + rest + data
    if ":" in src:
        return l4_checksum(src, dst, socket.IPPROTO_ICMPV6, packet, 2)
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


RULES = "table inet show {{\n chain f {{\n type filter hook forward priority 0\n{}\n }}\n}}\n".format(
    "\n".join(f"ct state {state} {family} dscp set {value}" for family in ("ip", "ip6")
              for value, state in enumerate(("invalid", "new", "established", "related",
                                             "untracked"), 1)))


class Rig:
    def __init__(self):
        sh(f"""
        modprobe nf_conntrack
        ip netns add {ROUTER}
        sysctl -qw net.ipv6.conf.default.disable_ipv6=1
        ip link add a0 type veth peer r0 netns {ROUTER}; ip link set a0 up
        ip link add b0 type veth peer r1 netns {ROUTER}; ip link set b0 up
        ethtool -K a0 tx off rx off >/dev/null; ethtool -K b0 tx off rx off >/dev/null
        ip netns exec {ROUTER} bash -ec '
            sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
            sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
            ip link set lo up; ip link set r0 up; ip link set r1 up
            ip addr add 10.0.0.1/24 dev r0; ip addr add fd00:0::1/64 dev r0 nodad
            ip addr add 10.0.1.1/24 dev r1; ip addr add fd00:1::1/64 dev r1 nodad'
        """)
        mac = {dev: self.mac_of(dev) for dev in ("a0", "b0")}
        for (six, side), address in ADDRESS.items():
            dev = "r0" if side == "a" else "r1"
            sh(f"ip -n {ROUTER} neigh add {address} dev {dev} lladdr {mac[side + '0']}")
        sh(f"ip netns exec {ROUTER} nft -f -", input=RULES)

        self.ours = os.path.exists("/sys/module/nf_conntrack/version")
        self.eth, self.sock, self.ident = {}, {}, 0
        for side, dev, peer in (("a", "a0", "r0"), ("b", "b0", "r1")):
            router_mac = sh(f"ip netns exec {ROUTER} cat /sys/class/net/{peer}/address").strip()
            self.eth[side] = bytes.fromhex((router_mac + mac[dev]).replace(":", ""))
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            sock.bind((dev, 0))
            sock.settimeout(60)
            self.sock[side] = sock
        # from here on in the router: /proc follows
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{ROUTER}", "rb") as netns:
            if libc.setns(netns.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    @staticmethod
    def mac_of(dev):
        with open(f"/sys/class/net/{dev}/address", encoding="ascii") as file:
            return file.read().strip()

    @staticmethod
    def sysctl(name, value=None):
        path = f"/proc/sys/net/netfilter/nf_conntrack_{name}"
        with open(path, "r" if value is None else "w", encoding="ascii") as file:
            return file.read().strip() if value is None else file.write(str(value))

    def inject(self, side, packet):
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        self.sock[side].send(self.eth[side] + kind + packet)

    def send(self, side, proto, payload, six=False, frag=0):
        """Sends one packet; returns the state that the rules saw, or 'drop'."""
        other = "b" if side == "a" else "a"
        src, dst = ADDRESS[six, side], ADDRESS[six, other]
        self.ident = self.ident % 60000 + 2
        marker = self.ident - 1
        self.inject(side, ip_packet(src, dst, proto, payload, self.ident, frag))
        # what comes out before the marker is the packet, if it comes out at all
        src, dst = ADDRESS[False, side], ADDRESS[False, other]
        self.inject(side, ip_packet(src, dst, socket.IPPROTO_UDP,
                                    udp(src, dst, MARKER_PORT, MARKER_PORT), marker))
        seen = "drop"
        while True:
            frame, origin = self.sock[other].recvfrom(65536)
            if origin[2] == PACKET_OUTGOING:
                continue
            if frame[12:14] == b"\x08\x00":
                ident, dscp = struct.unpack("!H", frame[18:20])[0], frame[15] >> 2
            elif frame[12:14] == b"\x86\xdd":
                word = struct.unpack("!I", frame[14:18])[0]
                ident, dscp = word & 0xfffff, word >> 22 & 0x3f
            else:
                continue
            if ident == marker:
                return seen
            if ident == self.ident:
                seen = DSCP.get(dscp, str(dscp))

    @staticmethod
    def entries(*patterns):
        with open("/proc/net/nf_conntrack", encoding="ascii") as file:
            return [line for line in file if all(re.search(p, line) for p in patterns)]

    def entry(self, *patterns):
        """The one entry as 'STATE timeout U A', or '-'."""
        lines = self.entries(*patterns)
        if len(lines) != 1:
            return "-" if not lines else f"{len(lines)} entries"
        words = lines[0].split()
        first = next(i for i, word in enumerate(words) if word.startswith("src="))
        state = [w for w in words[5:first] if not w.startswith("[")]
        flags = [mark for text, mark in (("[UNREPLIED]", "U"), ("[ASSURED]", "A"))
                 if text in lines[0]]
        return " ".join([words[4], *state, *flags])


def agrees(want, seen, entry, began):
    """Does what was seen of a packet and its entry agree with the expectation?

    A timeout may have run since the scenario began, at that monotonic time.
    """
    words = want.split()
    if words[0] != seen:
        return False
    if len(words) == 1:
        return True
    if words[1] == "-" or entry == "-":
        return words[1] == entry
    timeout, *rest = entry.split()
    numbers = [int(w) for w in words[1:] if w.isdigit()]
    run = time.monotonic() - began + 2
    if numbers and not numbers[0] - run <= int(timeout) <= numbers[0]:
        return False
    return sorted(w for w in words[1:] if not w.isdigit()) == sorted(rest)


class Ktap:
    def __init__(self):
        self.count = self.failed = 0

    def result(self, ok, name, *diagnostics):
        self.count += 1
        self.failed += not ok
        if not ok:
            for line in diagnostics:
                print("#", line)
        print(f"{'ok' if ok else 'not ok'} {self.count} {name}", flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} {name} # SKIP {reason}", flush=True)

    def finish(self):
        print(f"1..{self.count}")
        raise SystemExit(bool(self.failed))


def counted(ktap, rig, *reasons):
    """In the course of the test packets met their fate for each of these reasons."""
    if not rig.ours:
        return
    with open("/proc/net/stat/nf_conntrack_ng", encoding="ascii") as file:
        counts = dict(line.split()[1:] for line in file if line.startswith("reason "))
    for reason in reasons:
        ktap.result(int(counts.get(reason, 0)) > 0, f"counted as {reason}")


def play(ktap, name, steps, send):
    """Plays a scenario; send(step) gives what the rules saw, and the entry afterwards."""
    trace, began = [], time.monotonic()
    ok = True
    for step, want in steps:
        seen, entry = send(step)
        good = agrees(want, seen, entry, began)
        ok &= good
        trace.append(f"{step:44} {seen} {entry}" + ("" if good else f"   WANTED {want}"))
    ktap.result(ok, name, *trace)


def play_protocol(name, number, packet, timeouts, scenarios, unchecked, reasons):
    """The test of a protocol: every scenario over IPv4 and IPv6, from a port of its own.

    packet(step, port, six) is the side that sends in a step, and what; timeouts are set before,
    and by steps '= STATE seconds';
    the unchecked scenarios are played with nf_conntrack_checksum=0; the reasons have to come up.
    """
    rig, ktap = Rig(), Ktap()
    port = 1024
    for state, seconds in timeouts.items():
        rig.sysctl(f"{name}_timeout_{state}", seconds)

    def sender(six, port):
        def send(step):
            if step.startswith("="):
                state, seconds = step.split()[1:]
                rig.sysctl(f"{name}_timeout_{state}", seconds)
                return "set", "-"
            side, data = packet(step, port, six)
            seen = rig.send(side, number, data, six)
            return seen, rig.entry(f" {name} ", "ipv6 " if six else "ipv4 ", f"port={port} ")
        return send

    for some, check in ((scenarios, 1), (unchecked, 0)):
        rig.sysctl("checksum", check)
        for title, steps in some:
            for six in (False, True):
                port += 1
                play(ktap, f"{title} ({'IPv6' if six else 'IPv4'})", steps, sender(six, port))
    counted(ktap, rig, *reasons)
    ktap.finish()
