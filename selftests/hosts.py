#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plays all hosts of a test network at once: sockets in any network namespace.

A command is a line of words separated by tabs, the name of one of the functions marked
@command and its arguments. The answer is what that prints and a last line, '.ok' or
'.failed'. One process for both ends of a connection needs no synchronization and no
start of a program for each packet, which takes long where the CPU is emulated.
"""

import contextlib
import ctypes
import errno
import os
import re
import select
import socket
import struct
import sys
import threading
import time

PATIENCE = 30  # seconds for what should happen at once, on a machine that may stand still for some
CLONE_NEWNET = 0x40000000
IP_RECVERR, IPV6_RECVERR = 11, 25
IP_PKTINFO, IPV6_RECVPKTINFO = 8, 49
SO_ORIGINAL_DST = 80
FIN_WAIT2 = 5  # of TCP_INFO
LIBC = ctypes.CDLL(None, use_errno=True)
HOME = open("/proc/self/ns/net", "rb")

COMMANDS = {}
LISTENERS = {}  # socket: (namespace, port)
CLIENTS = {}    # name: client's socket
PEERS = {}      # name: server's socket and, for UDP, the addresses to answer to and from
FTP = {}        # name: FtpClient
FLOODS = {}     # name: threading.Event that stops it
CHATS = {}      # name: Chat


def command(function):
    COMMANDS[function.__name__] = function
    return function


def setns(fd):
    if LIBC.setns(fd.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def netns(name):
    with open(f"/run/netns/{name}", "rb") as fd:
        setns(fd)
    try:
        yield
    finally:
        setns(HOME)


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def new_socket(ns, kind, addr, src="", sport=0):
    with netns(ns):
        sock = socket.socket(family(addr), kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(PATIENCE)
    sock.bind((src, int(sport)))
    return sock


def seen(client, address, server):
    """What both ends know: address the server sees, the client's own, where it arrived."""
    local = client.getsockname()
    print(*address[:2], *local[:2], *LISTENERS[server])


def waiting(kind, patience=PATIENCE):
    ready = select.select([s for s in LISTENERS if s.type == kind], [], [], patience)[0]
    if not ready:
        raise TimeoutError("nothing arrived at the servers")
    return ready[0]


@command
def listen(ns, *ports):
    """Serve TCP and UDP on these ports."""
    for port in map(int, ports):
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            for any_addr in "0.0.0.0", "::":
                with netns(ns):
                    sock = socket.socket(family(any_addr), kind)
                if ":" in any_addr:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                else:
                    sock.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((any_addr, port))
                if kind == socket.SOCK_STREAM:
                    sock.listen(64)
                LISTENERS[sock] = (ns, port)


@command
def connect(name, ns, addr, port, sport=0, src="", timeout=PATIENCE):
    """Open a TCP connection and accept it."""
    client = new_socket(ns, socket.SOCK_STREAM, addr, src, sport)
    client.settimeout(float(timeout))
    try:
        client.connect((addr, int(port)))
    except OSError:
        client.close()
        raise
    listener = waiting(socket.SOCK_STREAM)
    peer, address = listener.accept()
    CLIENTS[name], PEERS[name] = client, (peer, None)
    seen(client, address, listener)


@command
def knock(ns, addr, port, sport=0):
    """Send a SYN and don't wait for what comes."""
    client = new_socket(ns, socket.SOCK_STREAM, addr, "", sport)
    client.setblocking(False)
    client.connect_ex((addr, int(port)))
    client.close()


def transfer(source, sink, data, patience):
    source.setblocking(False)
    sink.setblocking(False)
    sent, got = 0, b""
    while len(got) < len(data):
        readable, writable, _ = select.select(
            [sink], [source] if sent < len(data) else [], [], patience)
        if not readable and not writable:
            raise TimeoutError(f"{len(got)} of {len(data)} bytes arrived")
        if writable:
            sent += source.send(data[sent:sent + 65536])
        if readable:
            piece = sink.recv(65536)
            if not piece:
                raise ConnectionError("closed by the other end")
            got += piece
    if got != data:
        raise ValueError("the bytes that arrived are others than those sent")


@command
def talk(name, size=1000, patience=PATIENCE):
    """Send so many bytes in both directions of a TCP connection and compare them."""
    client, (peer, _) = CLIENTS[name], PEERS[name]
    data = bytes(i * 7 % 251 for i in range(1009))
    data = (data * (int(size) // len(data) + 1))[:int(size)]
    transfer(client, peer, data, float(patience))
    transfer(peer, client, data[::-1], float(patience))


@command
def resume(name):
    """Let what was left of an interrupted talk arrive, in both directions."""
    client, (peer, _) = CLIENTS[name], PEERS[name]
    for source, sink in (client, peer), (peer, client):
        source.setblocking(True)
        source.settimeout(PATIENCE)
        sink.setblocking(True)
        sink.settimeout(3 * PATIENCE)  # TCP sends again after some time only
        source.sendall(b"\0")
        while sink.recv(65536)[-1:] != b"\0":
            pass


@command
def close(name):
    """End a connection as it should be, the client first.

    The server waits with its FIN until that of the client is acknowledged: whether both would be
    one packet is a matter of milliseconds.
    """
    client = CLIENTS.pop(name)
    if name in PEERS and PEERS[name][1] is None:
        peer = PEERS[name][0]
        client.shutdown(socket.SHUT_WR)
        peer.settimeout(PATIENCE)
        if peer.recv(1):
            raise ValueError("bytes that nobody sent")
        # Acknowledge it now: a timer would take 40 ms, and a machine that stands still then sends
        # it again.
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        deadline = time.monotonic() + PATIENCE
        while client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != FIN_WAIT2:
            if time.monotonic() > deadline:
                raise TimeoutError("the FIN is not acknowledged")
            time.sleep(0.01)
        peer.close()
    client.close()
    PEERS.pop(name, None)


@command
def abort(name):
    """End a TCP connection by a RST of the client."""
    client = CLIENTS.pop(name)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    PEERS.pop(name)[0].close()


@command
def original(name):
    """Where the client wanted to go, as a transparent proxy learns it."""
    peer = PEERS[name][0]
    if peer.family == socket.AF_INET:
        data = peer.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        port, addr = struct.unpack("!2xH4s8x", data)
    else:
        data = peer.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
        port, addr = struct.unpack("!2xH4x16s4x", data)
    print(socket.inet_ntop(peer.family, addr), port)


@command
def udp(name, ns, addr, port, sport=0, src=""):
    """Make a UDP socket; nothing is sent yet."""
    client = new_socket(ns, socket.SOCK_DGRAM, addr, src, sport)
    if client.family == socket.AF_INET:
        client.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    else:
        client.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    client.connect((addr, int(port)))
    CLIENTS[name] = client


@command
def fire(name, size=4):
    """Send a datagram and don't care if it arrives."""
    CLIENTS[name].send(b"x" * int(size))


@command
def request(name):
    """Ask for a file by TFTP and don't care what comes."""
    CLIENTS[name].send(b"\0\1file\0octet\0")


@command
def arrive():
    """Print the datagram that arrives at a server: who sent it, and how long it is."""
    data, address = waiting(socket.SOCK_DGRAM).recvfrom(65536)
    print(*address[:2], len(data))


@command
def ask(name, patience=PATIENCE):
    """Send a datagram; it has to arrive."""
    client = CLIENTS[name]
    data = f"from {name}".encode()
    client.send(data)
    listener = waiting(socket.SOCK_DGRAM, float(patience))
    got, ancillary, _, address = listener.recvmsg(65536, 512)
    if got != data:
        raise ValueError(f"{got!r} arrived")
    if listener.family == socket.AF_INET:
        ancillary = [(*ancillary[0][:2], bytes(4) + ancillary[0][2][4:])]  # from any device
    PEERS[name] = (listener, (address, ancillary))
    seen(client, address, listener)


@command
def answer(name):
    """Reply to the last datagram; it has to arrive."""
    peer, (address, ancillary) = PEERS[name]
    data = f"to {name}".encode()
    peer.sendmsg([data], ancillary, 0, address)
    got = CLIENTS[name].recv(65536)
    if got != data:
        raise ValueError(f"{got!r} arrived")


@command
def error(name):
    """The ICMP error that a UDP socket received: errno, who sent it, type, code, info."""
    client = CLIENTS[name]
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(BlockingIOError):
            _, ancillary, _, _ = client.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            break
        if time.monotonic() > deadline:
            raise TimeoutError("no ICMP error")
        time.sleep(0.01)
    data = ancillary[0][2]
    number, _, kind, code, info = struct.unpack_from("=IBBBxI", data)
    if client.family == socket.AF_INET:
        offender = socket.inet_ntop(socket.AF_INET, data[20:24])
    else:
        offender = socket.inet_ntop(socket.AF_INET6, data[24:40])
    print(errno.errorcode[number], offender, kind, code, info)


@command
def ttl(name, hops):
    """Let the datagrams of a UDP socket live that long."""
    client = CLIENTS[name]
    if client.family == socket.AF_INET:
        client.setsockopt(socket.SOL_IP, socket.IP_TTL, int(hops))
    else:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, int(hops))


@command
def mtu(name, size):
    """Send without fragmentation; the path's limit has to become known."""
    client = CLIENTS[name]
    level, discover, which = ((socket.SOL_IP, 10, 14) if client.family == socket.AF_INET
                              else (socket.IPPROTO_IPV6, 23, 24))
    client.setsockopt(level, discover, 2)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            client.send(bytes(int(size)))
        except OSError as e:
            if e.errno == errno.EMSGSIZE:
                break
            raise
        time.sleep(0.01)
    print(client.getsockopt(level, which))


@command
def segment(ns, addr, sport, dport, flags, seq=1000, ack=0):
    """Send a TCP segment that belongs to no socket."""
    with netns(ns):
        probe = socket.socket(family(addr), socket.SOCK_DGRAM)
        raw = socket.socket(family(addr), socket.SOCK_RAW, socket.IPPROTO_TCP)
    probe.connect((addr, 9))
    bits = sum(1 << "FSRPAU".index(f) for f in flags)
    data = struct.pack("!HHIIBBHHH", int(sport), int(dport), int(seq), int(ack),
                       5 << 4, bits, 8192, 0, 0)
    if probe.family == socket.AF_INET6:
        raw.setsockopt(socket.IPPROTO_IPV6, 7, 16)  # IPV6_CHECKSUM
    else:
        pseudo = socket.inet_aton(probe.getsockname()[0]) + socket.inet_aton(addr)
        pseudo += struct.pack("!HH", socket.IPPROTO_TCP, len(data))
        total = sum(struct.unpack(f"!{len(pseudo + data) // 2}H", pseudo + data))
        total = (total & 0xffff) + (total >> 16)
        total = (total & 0xffff) + (total >> 16)
        data = data[:16] + struct.pack("!H", ~total & 0xffff) + data[18:]
    raw.sendto(data, (addr, 0))
    probe.close()
    raw.close()


@command
def tftp(ns, addr, server_ns):
    """Ask for a file on port 69; the server answers from another port, and so on."""
    client = new_socket(ns, socket.SOCK_DGRAM, addr)
    client.sendto(b"\0\1file\0octet\0", (addr, 69))
    listener = waiting(socket.SOCK_DGRAM)
    request, address = listener.recvfrom(512)
    if request != b"\0\1file\0octet\0":
        raise ValueError(f"{request!r} arrived")
    data = new_socket(server_ns, socket.SOCK_DGRAM, addr)
    data.sendto(b"\0\3\0\1content", address)
    got, source = client.recvfrom(512)
    client.sendto(b"\0\4\0\1", source)
    data.settimeout(PATIENCE)
    print(got[4:].decode(), data.recvfrom(512)[0].hex(), source[0])
    client.close()
    data.close()


def lines_of(ns, path, patterns):
    """Those that match all patterns. OSError if the file can't be read to its end."""
    with netns(ns), open(path, encoding="ascii") as f:
        lines = f.read().splitlines()
    return [line for line in lines if all(re.search(p, line) for p in patterns)]


def look_for(tries, ns, path, patterns):
    for _ in range(tries):
        lines = lines_of(ns, path, patterns)
        if lines:
            print("\n".join(lines))
            return
        time.sleep(0.05)
    raise LookupError(f"no such line in {path}")


def looks():
    """How often to look: the in-tree list may leave out an entry when another one expires."""
    return 1 if os.path.exists("/sys/module/nf_conntrack/version") else 3


@command
def cat(ns, path, *patterns):
    """Lines of a file of /proc/net or /proc/sys/net that match all patterns, if there are."""
    look_for(looks(), ns, path, patterns)


@command
def find(ns, path, *patterns):
    """The same of what may take its time to get there."""
    look_for(100, ns, path, patterns)


@command
def none(ns, path, *patterns):
    """There is no such line: fails if there is, and if that can't be read."""
    for _ in range(looks()):
        lines = lines_of(ns, path, patterns)
        if lines:
            raise ValueError("\n".join([f"in {path}:", *lines]))


@command
def write(ns, path, value):
    """Set a sysctl."""
    with netns(ns), open(path, "w", encoding="ascii") as f:
        f.write(value + "\n")


def flooding(ns, addr, stop):
    with open(f"/run/netns/{ns}", "rb") as fd:
        setns(fd)
    sock = socket.socket(family(addr), socket.SOCK_DGRAM)
    port = 0
    while not stop.is_set():
        port = port % 60000 + 1
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            sock.sendto(b"flood", (addr, port))
        # Where a packet takes long, as in debug kernels, others are to get their turn too.
        time.sleep(max(0.0005, 10 * (time.monotonic() - begun)))


@command
def flood(name, ns, addr):
    """From now on send datagrams to one port after the other, each a new connection."""
    FLOODS[name] = threading.Event()
    threading.Thread(target=flooding, args=(ns, addr, FLOODS[name]), daemon=True).start()


@command
def calm(name):
    """End a flood."""
    FLOODS.pop(name).set()


class Standstill(threading.Thread):
    """How long the machine has stood still: by how much a thread oversleeps that has nothing to
    do. What happens to packets does not hold it up."""

    NAP = 0.05

    def __init__(self):
        super().__init__(daemon=True)
        self.slept = 0.0, time.monotonic()  # lost until then

    def run(self):
        while True:
            time.sleep(self.NAP)
            self.slept = self.so_far(), time.monotonic()

    def so_far(self):
        """With what the nap that is under way has lasted too long."""
        lost, since = self.slept
        return lost + max(0.0, time.monotonic() - since - self.NAP)


STANDSTILL = Standstill()


class Chat(threading.Thread):
    """Word and answer over a connection, one after the other, as over ssh."""

    def __init__(self, client, peer, to):
        super().__init__(daemon=True)
        self.client, self.peer, self.to = client, peer, to
        self.words, self.problem = 0, None
        self.lately = self.ever = 0.0  # the longest silences
        self.done = threading.Event()
        if not STANDSTILL.is_alive():
            STANDSTILL.start()

    def round(self, word):
        """TCP sees to it that all arrives; what UDP loses is said again."""
        self.client.send(word)
        if self.to is None:
            got = self.peer.recv(64)
            self.peer.send(got[::-1])
        else:
            got, address = self.peer.recvfrom(64)
            self.peer.sendmsg([got[::-1]], self.to, 0, address)
        return got == word and self.client.recv(64) == word[::-1]

    def run(self):
        for end in self.client, self.peer:
            end.settimeout(4 * PATIENCE if self.to is None else 0.2)
        last, lost = time.monotonic(), STANDSTILL.so_far()
        while not self.done.wait(0.2):
            try:
                good = self.round(b"%08d" % self.words)
            except (TimeoutError, PermissionError) as e:
                if self.to is None:
                    self.problem = e
                    return
                continue
            except OSError as e:
                self.problem = e
                return
            # a late answer of UDP is that to an earlier word
            if not good and self.to is None:
                self.problem = ValueError("another word arrived")
                return
            now, so_far = time.monotonic(), STANDSTILL.so_far()
            silent_for = now - last - (so_far - lost)
            self.lately, self.ever = max(self.lately, silent_for), max(self.ever, silent_for)
            last, lost = now, so_far
            self.words += 1


@command
def chat(name):
    """From now on talk word by word over a connection, TCP or UDP."""
    peer, udp_peer = PEERS[name]
    CHATS[name] = Chat(CLIENTS[name], peer, udp_peer and udp_peer[1])
    CHATS[name].start()


@command
def silence(*names):
    """Do the talks still go on? The longest times in ms, since this was asked last and ever, in
    which nothing was said though the machine did not stand still."""
    said = {name: CHATS[name].words for name in names}
    # TCP says again what was lost after about as long as nothing got through.
    deadline = time.monotonic() + 2 * PATIENCE
    for name, words in said.items():
        talk_of = CHATS[name]
        while talk_of.words < words + 2:
            if talk_of.problem or time.monotonic() > deadline:
                raise talk_of.problem or TimeoutError(f"{name} says nothing any more")
            time.sleep(0.01)
        lately, talk_of.lately = talk_of.lately, 0.0
        print(name, int(1000 * lately), int(1000 * talk_of.ever))


@command
def silent(name):
    """End the talk."""
    talk_of = CHATS.pop(name)
    talk_of.done.set()
    talk_of.join()
    for end in talk_of.client, talk_of.peer:
        end.settimeout(PATIENCE)


class FtpClient:
    """An FTP session with the data connection opened in two steps, to look in between."""

    def __init__(self, ns, addr, port):
        import ftplib  # takes long, for the TLS that comes with it
        self.ns = ns
        self.data = self.address = None
        with netns(ns):
            self.session = ftplib.FTP(timeout=PATIENCE)
            self.session.connect(addr, int(port))
        self.session.login()

    def prepare(self, mode):
        local = self.session.sock.getsockname()[0]
        if mode == "passive":
            self.session.trust_server_pasv_ipv4_address = True
            self.address = self.session.makepasv()
            return self.address
        self.data = new_socket(self.ns, socket.SOCK_STREAM, local)
        self.data.listen(1)
        port = self.data.getsockname()[1]
        # The reply is left for later: some servers connect before they reply.
        if ":" in local:
            self.session.putcmd(f"EPRT |2|{local}|{port}|")
        else:
            self.session.putcmd(f"PORT {local.replace('.', ',')},{port >> 8},{port & 255}")
        return local, port

    def open(self, request):
        if self.data:
            self.session.voidresp()
            self.session.sendcmd(request)
            conn, source = self.data.accept()
            self.data.close()
            self.data = None
        else:
            with netns(self.ns):
                conn = socket.create_connection(self.address, PATIENCE)
            self.session.sendcmd(request)
            source = self.address
        conn.settimeout(PATIENCE)
        return conn, source


@command
def ftp(name, ns, addr, port):
    """Log in."""
    FTP[name] = FtpClient(ns, addr, port)


@command
def ftp_prepare(name, mode):
    """Agree on a data connection: print the address and port that the client knows."""
    print(*FTP[name].prepare(mode))


@command
def ftp_get(name, path, size):
    """Fetch a file of that many bytes 'x'; print who it came from."""
    conn, source = FTP[name].open(f"RETR {path}")
    got = b"".join(iter(lambda: conn.recv(65536), b""))
    conn.close()
    FTP[name].session.voidresp()
    if got != b"x" * int(size):
        raise ValueError(f"{len(got)} bytes arrived")
    print(source[0])


@command
def ftp_put(name, path, size):
    """Store a file of that many bytes 'x'."""
    conn, _ = FTP[name].open(f"STOR {path}")
    conn.sendall(b"x" * int(size))
    conn.close()
    FTP[name].session.voidresp()


@command
def ftp_chat(name, count):
    """Many commands and replies on the control connection."""
    for i in range(int(count)):
        FTP[name].session.voidcmd("NOOP")
        FTP[name].session.pwd()
        if FTP[name].session.sendcmd(f"ALLO {i}")[:1] != "2":
            raise ValueError("strange reply")


@command
def ftp_quit(name):
    """Log out."""
    FTP.pop(name).session.quit()


def main():
    for line in sys.stdin:
        name, *args = line.rstrip("\n").split("\t")
        try:
            COMMANDS[name](*args)
            print(".ok", flush=True)
        except Exception as e:  # the script decides what a failure means
            print(f"{type(e).__name__}: {e}\n.failed", flush=True)


if __name__ == "__main__":
    main()
