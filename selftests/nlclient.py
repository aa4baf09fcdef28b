# SPDX-License-Identifier: GPL-2.0-only
"""A netlink client for ctnetlink that knows each attribute, and can send wrong ones too.

Attributes are Python dictionaries by the names of linux/netfilter/nfnetlink_conntrack.h
without their prefixes:

    nl = Client()
    nl.request("CT_NEW", {"TUPLE_ORIG": tuple4("10.0.0.1", "10.0.0.2", 6, 1, 2), ...},
               flags=CREATE | EXCL)

A key that is a number, or a value of type bytes, is sent as it is. What comes back is a list
of messages, each with its attributes in the same form, in the order they had.
"""

import ctypes
import errno
import os
import socket
import struct

NETLINK_NETFILTER, SOL_NETLINK, NETLINK_EXT_ACK = 12, 270, 11
NETLINK_ADD_MEMBERSHIP = 1
REQUEST, MULTI, ACK, DUMP, DUMP_INTR = 1, 2, 4, 0x300, 0x10
REPLACE, EXCL, CREATE = 0x100, 0x200, 0x400
CAPPED, ACK_TLVS = 0x100, 0x200
NLA_NESTED = 0x8000
NLMSG_ERROR, NLMSG_DONE = 2, 3
CT, EXP = 1, 2
MESSAGES = {"CT_NEW": (CT, 0), "CT_GET": (CT, 1), "CT_DELETE": (CT, 2), "CT_GET_CTRZERO": (CT, 3),
            "CT_GET_STATS_CPU": (CT, 4), "CT_GET_STATS": (CT, 5), "CT_GET_DYING": (CT, 6),
            "CT_GET_UNCONFIRMED": (CT, 7),
            "EXP_NEW": (EXP, 0), "EXP_GET": (EXP, 1), "EXP_DELETE": (EXP, 2),
            "EXP_GET_STATS_CPU": (EXP, 3)}
NAMES = {number: name for name, number in MESSAGES.items()}

# Groups of events
GROUPS = {"NEW": 1, "UPDATE": 2, "DESTROY": 3, "EXP_NEW": 4, "EXP_UPDATE": 5, "EXP_DESTROY": 6}

PROTO = dict(NUM=(1, "u8"), SRC_PORT=(2, "u16"), DST_PORT=(3, "u16"), ICMP_ID=(4, "u16"),
             ICMP_TYPE=(5, "u8"), ICMP_CODE=(6, "u8"), ICMPV6_ID=(7, "u16"),
             ICMPV6_TYPE=(8, "u8"), ICMPV6_CODE=(9, "u8"))
IP = dict(V4_SRC=(1, "ip"), V4_DST=(2, "ip"), V6_SRC=(3, "ip"), V6_DST=(4, "ip"))
TUPLE = dict(IP=(1, IP), PROTO=(2, PROTO), ZONE=(3, "u16"))
TCP = dict(STATE=(1, "u8"), WSCALE_ORIGINAL=(2, "u8"), WSCALE_REPLY=(3, "u8"),
           FLAGS_ORIGINAL=(4, "bytes"), FLAGS_REPLY=(5, "bytes"))
DCCP = dict(STATE=(1, "u8"), ROLE=(2, "u8"), HANDSHAKE_SEQ=(3, "u64"), PAD=(4, "bytes"))
SCTP = dict(STATE=(1, "u8"), VTAG_ORIGINAL=(2, "u32"), VTAG_REPLY=(3, "u32"))
COUNTERS = dict(PACKETS=(1, "u64"), BYTES=(2, "u64"), PAD=(5, "bytes"))
NAT = dict(V4_MINIP=(1, "ip"), V4_MAXIP=(2, "ip"), PROTO=(3, dict(PORT_MIN=(1, "u16"),
           PORT_MAX=(2, "u16"))), V6_MINIP=(4, "ip"), V6_MAXIP=(5, "ip"))
SEQADJ = dict(CORRECTION_POS=(1, "u32"), OFFSET_BEFORE=(2, "u32"), OFFSET_AFTER=(3, "u32"))
CONN = dict(
    TUPLE_ORIG=(1, TUPLE), TUPLE_REPLY=(2, TUPLE), STATUS=(3, "u32"),
    PROTOINFO=(4, dict(TCP=(1, TCP), DCCP=(2, DCCP), SCTP=(3, SCTP))),
    HELP=(5, dict(NAME=(1, "str"), INFO=(2, "bytes"))), NAT_SRC=(6, NAT), TIMEOUT=(7, "u32"),
    MARK=(8, "u32"), COUNTERS_ORIG=(9, COUNTERS), COUNTERS_REPLY=(10, COUNTERS),
    USE=(11, "u32"), ID=(12, "u32"), NAT_DST=(13, NAT), TUPLE_MASTER=(14, TUPLE),
    SEQ_ADJ_ORIG=(15, SEQADJ), SEQ_ADJ_REPLY=(16, SEQADJ), SECMARK=(17, "u32"),
    ZONE=(18, "u16"), SECCTX=(19, dict(NAME=(1, "str"))),
    TIMESTAMP=(20, dict(START=(1, "u64"), STOP=(2, "u64"), PAD=(3, "bytes"))),
    MARK_MASK=(21, "u32"), LABELS=(22, "bytes"), LABELS_MASK=(23, "bytes"),
    SYNPROXY=(24, dict(ISN=(1, "u32"), ITS=(2, "u32"), TSOFF=(3, "u32"))),
    FILTER=(25, dict(ORIG_FLAGS=(1, "h32"), REPLY_FLAGS=(2, "h32"))), STATUS_MASK=(26, "u32"))
EXPECT = dict(
    MASTER=(1, TUPLE), TUPLE=(2, TUPLE), MASK=(3, TUPLE), TIMEOUT=(4, "u32"), ID=(5, "u32"),
    HELP_NAME=(6, "str"), ZONE=(7, "u16"), FLAGS=(8, "u32"), CLASS=(9, "u32"),
    NAT=(10, dict(DIR=(1, "u32"), TUPLE=(2, TUPLE))), FN=(11, "str"))
CPU = {name: (number, "u32") for number, name in enumerate(
    "SEARCHED FOUND NEW INVALID IGNORE DELETE DELETE_LIST INSERT INSERT_FAILED DROP EARLY_DROP "
    "ERROR SEARCH_RESTART CLASH_RESOLVE CHAIN_TOOLONG".split(), 1)}
EXP_CPU = {name: (number, "u32") for number, name in enumerate("NEW CREATE DELETE".split(), 1)}
SPECS = {"CT_GET_STATS_CPU": CPU, "CT_GET_STATS": dict(ENTRIES=(1, "u32"), MAX_ENTRIES=(2, "u32")),
         "EXP_GET_STATS_CPU": EXP_CPU}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "h32": 4, "u64": 8}


def spec_of(message):
    return SPECS.get(message) or (CONN if message.startswith("CT") else EXPECT)


def attribute(number, data):
    length = 4 + len(data)
    return struct.pack("=HH", length, number) + data + bytes(-length % 4)


def encode_value(kind, value):
    if isinstance(value, bytes):
        return value
    if kind == "ip":
        return socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)
    if kind == "str":
        return value.encode() + b"\0"
    return value.to_bytes(SIZES[kind], "little" if kind[0] == "h" else "big")


def encode(attributes, spec):
    """The bytes of attributes given as a dictionary, or as a list of pairs."""
    out = b""
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    for name, value in pairs:
        number, kind = spec.get(name, (name, "bytes"))
        if isinstance(kind, dict) and not isinstance(value, bytes):
            out += attribute(number | NLA_NESTED, encode(value, kind))
        else:
            out += attribute(number, encode_value(kind, value))
    return out


def split(data):
    """The (number, data) of each attribute."""
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        if not 4 <= length <= len(data):
            raise ValueError(f"attribute of length {length} in {len(data)} bytes")
        yield number, data[4:length]
        data = data[(length + 3) & ~3:]
    if data:
        raise ValueError(f"{len(data)} bytes left over")


def decode(data, spec):
    """Attributes as a dictionary; repeated or unknown ones are errors of who sent them."""
    names = {number: (name, kind) for name, (number, kind) in spec.items()}
    out = {}
    for number, value in split(data):
        name, kind = names[number & ~NLA_NESTED]
        if name in out:
            raise ValueError(f"{name} comes twice")
        if isinstance(kind, dict):
            if not number & NLA_NESTED:
                raise ValueError(f"{name} is not marked as nested")
            value = decode(value, kind)
        elif kind == "ip":
            value = socket.inet_ntop(socket.AF_INET6 if len(value) == 16 else socket.AF_INET, value)
        elif kind == "str":
            if not value.endswith(b"\0"):
                raise ValueError(f"{name} has no end")
            value = value[:-1].decode()
        elif kind != "bytes":
            if len(value) != SIZES[kind]:
                raise ValueError(f"{name} has {len(value)} bytes")
            value = int.from_bytes(value, "little" if kind[0] == "h" else "big")
        out[name] = value
    return out


class Refused(Exception):
    """An error that the kernel answered with: number and text."""

    def __init__(self, code, text, offset=None):
        super().__init__(f"{errno.errorcode.get(code, code)}{': ' + text if text else ''}")
        self.code, self.text, self.offset = errno.errorcode.get(code, str(code)), text, offset


class Message:
    def __init__(self, data):
        length, kind, self.flags, self.seq, self.pid = struct.unpack_from("=IHHII", data)
        self.raw = data[16:length]
        self.kind = kind
        self.name = NAMES.get((kind >> 8, kind & 0xff))
        if self.name:
            self.family, self.version, self.res_id = struct.unpack_from("!BBH", self.raw)
            self.attributes = decode(self.raw[4:], spec_of(self.name))

    def __getitem__(self, name):
        return self.attributes[name]

    def error(self):
        """The Refused of an NLMSG_ERROR, or None for an acknowledgement."""
        code = -struct.unpack_from("=i", self.raw)[0]
        if not code:
            return None
        text, offset = "", None
        if self.flags & ACK_TLVS:
            inner = struct.unpack_from("=I", self.raw, 4)[0]
            skip = 16 if self.flags & CAPPED else (inner + 3) & ~3
            for number, value in split(self.raw[4 + skip:]):
                if number == 1:
                    text = value.rstrip(b"\0").decode()
                elif number == 2:
                    offset = struct.unpack("=I", value)[0]
        return Refused(code, text, offset)


class Client:
    def __init__(self, groups=(), buffer=None):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, 33, buffer)  # SO_RCVBUFFORCE
        self.socket.bind((0, 0))
        for group in groups:
            self.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUPS[group])
        self.socket.settimeout(30)
        self.seq = 0

    def close(self):
        self.socket.close()

    def send(self, message, attributes=None, flags=0, family=socket.AF_INET, raw=None, version=0):
        """Send one request; raw takes the place of all attributes."""
        subsystem, number = MESSAGES[message]
        self.seq += 1
        body = struct.pack("!BBH", family, version, 0)
        body += encode(attributes or {}, spec_of(message)) if raw is None else raw
        self.socket.send(struct.pack("=IHHII", 16 + len(body), subsystem << 8 | number,
                                     flags | REQUEST, self.seq, 0) + body)

    def receive(self, size=1 << 16):
        """The messages of one datagram."""
        data = self.socket.recv(size)
        while len(data) >= 16:
            length = struct.unpack_from("=I", data)[0]
            yield Message(data[:length])
            data = data[(length + 3) & ~3:]

    def answers(self, size=1 << 16):
        """Yield the messages that answer the last request; raises Refused."""
        while True:
            for message in self.receive(size):
                if message.seq != self.seq:
                    continue
                if message.kind == NLMSG_DONE:
                    code = -struct.unpack_from("=i", message.raw)[0]
                    if code:
                        raise Refused(code, "")
                    return
                if message.kind == NLMSG_ERROR:
                    refused = message.error()
                    if refused:
                        raise refused
                    return
                yield message

    def request(self, message, attributes=None, flags=0, family=socket.AF_INET, raw=None):
        self.send(message, attributes, flags | ACK, family, raw)
        return list(self.answers())

    def dump(self, message="CT_GET", attributes=None, family=socket.AF_UNSPEC, raw=None,
             size=1 << 16):
        """All messages of a dump; a filter may be given."""
        self.send(message, attributes, DUMP, family, raw)
        return list(self.answers(size))

    def try_request(self, *args, **named):
        """The answers, or the error as 'NAME' or 'NAME: text'."""
        try:
            return self.request(*args, **named)
        except Refused as refused:
            return refused


def ips(src, dst):
    version = "V6" if ":" in src else "V4"
    return {f"{version}_SRC": src, f"{version}_DST": dst}


def tuple_of(src, dst, proto, *rest, zone=None):
    """A tuple; rest is ports, or id, type and code of ICMP and ICMPv6."""
    names = {1: ("ICMP_ID", "ICMP_TYPE", "ICMP_CODE"),
             58: ("ICMPV6_ID", "ICMPV6_TYPE", "ICMPV6_CODE")}.get(proto, ("SRC_PORT", "DST_PORT"))
    out = {"IP": ips(src, dst), "PROTO": {"NUM": proto, **dict(zip(names, rest))}}
    if zone is not None:
        out["ZONE"] = zone
    return out


def both(src, dst, proto, *rest, zone=None):
    """The tuples of a connection without NAT; the reply of ICMP's type 8 (128) is 0 (129)."""
    back = rest[::-1]
    if proto in (1, 58):
        back = (rest[0], {8: 0, 128: 129, 13: 14}[rest[1]], rest[2])
    return {"TUPLE_ORIG": tuple_of(src, dst, proto, *rest, zone=zone),
            "TUPLE_REPLY": tuple_of(dst, src, proto, *back)}


def enter(namespace):
    """Go into a network namespace made by ip netns."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
