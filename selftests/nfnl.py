# SPDX-License-Identifier: GPL-2.0-only
"""Messages of ctnetlink and nfnetlink_queue, byte for byte, as text or as dictionaries.

  CT_NEW create,excl family=2 TUPLE_ORIG(IP(V4_SRC=10.0.1.2 ...) PROTO(NUM=6 ...)) STATUS=0x8

is a message: its type, its flags, the family (and res_id, if it has one), its attributes in
their order. A value that is not of its attribute's type is '#' and its bytes in hex; so is the
attribute's name if it has none. 'NAME*(' is a nest without the flag that says so. parse()
reads what text() writes. As a dictionary the attributes are

  {"TUPLE_ORIG": {"IP": {"V4_SRC": "10.0.1.2", ...}, "PROTO": {"NUM": 6, ...}}, "STATUS": 8}

where a value of type bytes is sent as it is. A list of pairs does too; a number in place of a
name is that of an attribute.
"""

import contextlib
import errno

import re
import socket
import struct

PATIENCE = 30  # seconds for an answer
NETLINK_NETFILTER = 12
ACK, DUMP, DUMP_INTR, EXCL, CREATE = 4, 0x300, 0x10, 0x200, 0x400
CAPPED, ACK_TLVS = 0x100, 0x200
NETLINK_ADD_MEMBERSHIP, NETLINK_EXT_ACK, SOL_NETLINK = 1, 11, 270
SO_RCVBUFFORCE = 33
NLA_NESTED, NLA_TYPE = 0x8000, 0x3fff
HEADER = struct.Struct("=IHHII")
ERROR, DONE = 2, 3

SUBSYSTEMS = {
    1: ("CT", "NEW GET DELETE GET_CTRZERO GET_STATS_CPU GET_STATS GET_DYING GET_UNCONFIRMED"),
    2: ("EXP", "NEW GET DELETE GET_STATS_CPU"),
    3: ("QUEUE", "PACKET VERDICT CONFIG VERDICT_BATCH"),
    4: ("ULOG", "PACKET CONFIG"),
}
TYPES = {sub << 8 | n: f"{name}_{what}" for sub, (name, all_) in SUBSYSTEMS.items()
         for n, what in enumerate(all_.split())}
NUMBERS = {name: kind for kind, name in TYPES.items()}
FLAGS = {"request": 1, "multi": 2, "ack": 4, "echo": 8, "root": 0x100, "match": 0x200,
         "dump": 0x300, "replace": 0x100, "excl": 0x200, "create": 0x400, "append": 0x800}


def table(text, first=1):
    """Attributes in the order of their numbers: NAME:type or NAME(name of a table)."""
    return {n: re.fullmatch(r"(\w+)(?::(\w+)|\((\w+)\))?", word).groups()
            for n, word in enumerate(text.split(), first)}


TABLES = {
    "CT": table(
        "TUPLE_ORIG(TUPLE) TUPLE_REPLY(TUPLE) STATUS:x4 PROTOINFO(PROTOINFO) HELP(HELP) "
        "NAT_SRC(NAT) TIMEOUT:n4 MARK:n4 COUNTERS_ORIG(COUNTERS) COUNTERS_REPLY(COUNTERS) "
        "USE:n4 ID:n4 NAT_DST(NAT) TUPLE_MASTER(TUPLE) SEQ_ADJ_ORIG(SEQADJ) "
        "SEQ_ADJ_REPLY(SEQADJ) SECMARK:n4 ZONE:n2 SECCTX(SECCTX) TIMESTAMP(TIMESTAMP) "
        "MARK_MASK:n4 LABELS:raw LABELS_MASK:raw SYNPROXY(SYNPROXY) FILTER(FILTER) "
        "STATUS_MASK:x4"),
    "TUPLE": table("IP(IP) PROTO(PROTO) ZONE:n2"),
    "IP": table("V4_SRC:ip4 V4_DST:ip4 V6_SRC:ip6 V6_DST:ip6"),
    "PROTO": table("NUM:n1 SRC_PORT:n2 DST_PORT:n2 ICMP_ID:n2 ICMP_TYPE:n1 ICMP_CODE:n1 "
                   "ICMPV6_ID:n2 ICMPV6_TYPE:n1 ICMPV6_CODE:n1"),
    "PROTOINFO": table("TCP(TCP) DCCP(DCCP) SCTP(SCTP)"),
    "TCP": table("STATE:n1 WSCALE_ORIG:n1 WSCALE_REPLY:n1 FLAGS_ORIG:raw FLAGS_REPLY:raw"),
    "DCCP": table("STATE:n1 ROLE:n1 HANDSHAKE_SEQ:n8 PAD:raw"),
    "SCTP": table("STATE:n1 VTAG_ORIG:n4 VTAG_REPLY:n4"),
    "HELP": table("NAME:str INFO:raw"),
    "NAT": table("V4_MINIP:ip4 V4_MAXIP:ip4 PROTO(PROTONAT) V6_MINIP:ip6 V6_MAXIP:ip6"),
    "PROTONAT": table("PORT_MIN:n2 PORT_MAX:n2"),
    "COUNTERS": table("PACKETS:n8 BYTES:n8 PACKETS32:n4 BYTES32:n4 PAD:raw"),
    "SEQADJ": table("POS:n4 BEFORE:n4 AFTER:n4"),
    "SECCTX": table("NAME:str"),
    "TIMESTAMP": table("START:n8 STOP:n8 PAD:raw"),
    "SYNPROXY": table("ISN:n4 ITS:n4 TSOFF:n4"),
    "FILTER": table("ORIG_FLAGS:h4 REPLY_FLAGS:h4"),
    "EXP": table("MASTER(TUPLE) TUPLE(TUPLE) MASK(TUPLE) TIMEOUT:n4 ID:n4 HELP_NAME:str ZONE:n2 "
                 "FLAGS:n4 CLASS:n4 NAT(EXPNAT) FN:str"),
    "EXPNAT": table("DIR:n4 TUPLE(TUPLE)"),
    "CT_STATS": table("SEARCHED:n4 FOUND:n4 NEW:n4 INVALID:n4 IGNORE:n4 DELETE:n4 DELETE_LIST:n4 "
                      "INSERT:n4 INSERT_FAILED:n4 DROP:n4 EARLY_DROP:n4 ERROR:n4 "
                      "SEARCH_RESTART:n4 CLASH_RESOLVE:n4 CHAIN_TOOLONG:n4"),
    "CT_GLOBAL": table("ENTRIES:n4 MAX_ENTRIES:n4"),
    "EXP_STATS": table("NEW:n4 CREATE:n4 DELETE:n4"),
    "QUEUE": table(
        "PACKET_HDR:raw VERDICT_HDR:raw MARK:n4 TIMESTAMP:raw IFINDEX_INDEV:n4 IFINDEX_OUTDEV:n4 "
        "IFINDEX_PHYSINDEV:n4 IFINDEX_PHYSOUTDEV:n4 HWADDR:raw PAYLOAD:raw CT(CT) CT_INFO:n4 "
        "CAP_LEN:n4 SKB_INFO:n4 EXP(EXP) UID:n4 GID:n4 SECCTX:raw VLAN:raw L2HDR:raw "
        "PRIORITY:n4 CGROUP_CLASSID:n4"),
    "QUEUE_CONFIG": table("CMD:raw PARAMS:raw QUEUE_MAXLEN:n4 MASK:n4 FLAGS:n4"),
    "ULOG": table(
        "PACKET_HDR:raw MARK:n4 TIMESTAMP:raw IFINDEX_INDEV:n4 IFINDEX_OUTDEV:n4 "
        "IFINDEX_PHYSINDEV:n4 IFINDEX_PHYSOUTDEV:n4 HWADDR:raw PAYLOAD:raw PREFIX:str UID:n4 "
        "SEQ:n4 SEQ_GLOBAL:n4 GID:n4 HWTYPE:n2 HWHEADER:raw HWLEN:n2 CT(CT) CT_INFO:n4 "
        "VLAN:raw L2HDR:raw"),
    "ULOG_CONFIG": table("CMD:raw MODE:raw NLBUFSIZ:n4 TIMEOUT:n4 QTHRESH:n4 FLAGS:n2"),
}


def attributes_of(kind, reply):
    """Which attributes a message has; that of statistics is another one in a reply."""
    name = TYPES[kind]
    if reply and "GET_STATS" in name:
        return TABLES["CT_GLOBAL" if name == "CT_GET_STATS" else name.split("_")[0] + "_STATS"]
    if name in ("QUEUE_CONFIG", "ULOG_CONFIG"):
        return TABLES[name]
    return TABLES[name.split("_")[0]]


def value_text(kind, data):
    sizes = {"n": ">", "x": ">", "h": "="}
    if kind and kind[0] in sizes and len(data) == int(kind[1:2]):
        number = int.from_bytes(data, "little" if kind[0] == "h" else "big")
        return hex(number) if kind[0] == "x" else str(number)
    if kind == "ip4" and len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    if kind == "ip6" and len(data) == 16:
        return socket.inet_ntop(socket.AF_INET6, data)
    if kind == "str" and re.fullmatch(rb"[-\w.]+\0", data):
        return data[:-1].decode()
    return "#" + data.hex()


def value_bytes(kind, text):
    if text.startswith("#"):
        return bytes.fromhex(text[1:])
    if kind == "str":
        return text.encode() + b"\0"
    if kind == "ip4":
        return socket.inet_pton(socket.AF_INET, text)
    if kind == "ip6":
        return socket.inet_pton(socket.AF_INET6, text)
    return int(text, 0).to_bytes(int(kind[1]), "little" if kind[0] == "h" else "big")


def split(data):
    """The number, flags included, and the bytes of each attribute."""
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if not 4 <= size <= len(data):
            raise ValueError(f"attribute of length {size} in {len(data)} bytes")
        yield kind, data[4:size]
        data = data[size + 3 & ~3:]
    if data:
        raise ValueError(f"{len(data)} bytes left over")


def attribute(kind, value):
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def encode(attributes, names):
    """The bytes of attributes given as a dictionary, or as a list of pairs."""
    numbers = {name: (n, leaf, nest) for n, (name, leaf, nest) in names.items()}
    data = b""
    for name, value in attributes.items() if isinstance(attributes, dict) else attributes:
        number, leaf, nest = numbers.get(name, (name, None, None))
        if nest and not isinstance(value, bytes):
            number |= NLA_NESTED
            value = encode(value, TABLES[nest])
        elif not isinstance(value, bytes):
            value = value_bytes(leaf, str(value))
        data += attribute(number, value)
    return data


def decode(data, names):
    """Attributes as a dictionary; what is not as it should be is an error of who sent it."""
    attributes = {}
    for kind, value in split(data):
        name, leaf, nest = names[kind & NLA_TYPE]
        if name == "PAD" and not value:
            continue  # before numbers of 8 bytes, on machines that want them aligned
        if name in attributes or bool(nest) != bool(kind & NLA_NESTED):
            raise ValueError(f"{name} comes twice, or is not marked as what it is")
        if nest:
            value = decode(value, TABLES[nest])
        elif leaf != "raw":
            words = value_text(leaf, value)
            if words.startswith("#"):
                raise ValueError(f"{name} is {words}")
            value = int(words, 0) if leaf[0] in "nxh" else words
        attributes[name] = value
    return attributes


def attributes_text(data, names):
    words = []
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        value, data = data[4:size], data[(size + 3) & ~3:]
        name, leaf, nest = names.get(kind & NLA_TYPE, (str(kind & NLA_TYPE), None, None))
        if nest:
            star = "" if kind & NLA_NESTED else "*"
            words.append(f"{name}{star}({attributes_text(value, TABLES[nest])})")
        else:
            words.append(f"{name}={value_text(leaf, value)}")
    if data:
        words.append("#" + data.hex())
    return " ".join(words)


def attributes_bytes(words, names):
    """Take the attributes of one nest from a list of words and parentheses."""
    numbers = {name: (n, leaf, nest) for n, (name, leaf, nest) in names.items()}
    data = b""
    while words and words[0] != ")":
        word = words.pop(0)
        if word.startswith("#"):
            data += bytes.fromhex(word[1:])
            continue
        if word.endswith("("):
            number, _, nest = numbers[word.rstrip("*(")]
            value = attributes_bytes(words, TABLES[nest])
            words.pop(0)
            number |= 0 if word.endswith("*(") else NLA_NESTED
        else:
            name, text = word.split("=", 1)
            number, leaf, _ = numbers[name] if name in numbers else (int(name), None, None)
            value = value_bytes(leaf, text)
        data += attribute(number, value)
    return data


def flags_text(kind, flags):
    """In a message of the kernel: bits of a new entry, or of an answer."""
    names = ["request", "multi", "ack", "echo"]
    if TYPES[kind].endswith("_NEW"):
        names += ["replace", "excl", "create", "append"]
    known = [name for name in names if flags & FLAGS[name]]
    rest = flags & ~sum(FLAGS[name] for name in known)
    return ",".join([*known, hex(rest)] if rest else known) or "-"


def text(message):
    """A message without its number and its port."""
    size, kind, flags, _, _ = HEADER.unpack_from(message)
    body = message[HEADER.size:size]
    if kind == ERROR:
        error = error_of(message)
        return f"error {error.number} {error.text}".rstrip()
    if kind not in TYPES:
        return f"{kind:#x} {body.hex()}"
    family, version, res_id = struct.unpack_from(">BBH", body)
    head = [TYPES[kind], flags_text(kind, flags), f"family={family}"]
    if version or res_id:
        head.append(f"version={version} res_id={res_id}")
    return " ".join([*head, attributes_text(body[4:], attributes_of(kind, True))]).rstrip()


class Refused(Exception):
    """An error that the kernel answered with: its name and text."""

    def __init__(self, number, words=""):
        self.number, self.code, self.text = number, errno.errorcode.get(number, number), words
        super().__init__(f"{self.code}{': ' + words if words else ''}")


def error_of(message):
    """The Refused in an error message; its number is 0 in an acknowledgement."""
    size, _, flags, _, _ = HEADER.unpack_from(message)
    number, inner = struct.unpack_from("=iI", message, HEADER.size)
    words = ""
    if flags & ACK_TLVS:
        skip = 16 if flags & CAPPED else inner + 3 & ~3
        for kind, value in split(message[HEADER.size + 4 + skip:size]):
            if kind & NLA_TYPE == 1:
                words = value[:-1].decode()
    return Refused(-number, words)


def parse(line, number):
    """TYPE flags [family=N] [res_id=N] attributes..."""
    name, flags, *_ = line.split()
    kind = NUMBERS[name]
    family, res_id = 0, 0
    words = re.findall(r"[\w]+\*?\(|\)|[^\s()]+", line)[2:]
    while words and words[0].split("=")[0] in ("family", "res_id"):
        key, value = words.pop(0).split("=")
        family, res_id = (int(value), res_id) if key == "family" else (family, int(value))
    body = struct.pack(">BBH", family, 0, res_id)
    body += attributes_bytes(words, attributes_of(kind, False))
    bits = 0
    for flag in flags.split(","):
        bits |= FLAGS[flag] if flag != "-" else 0
    return HEADER.pack(HEADER.size + len(body), kind, bits, number, 0) + body


class Message:
    """What came as an answer."""

    def __init__(self, data):
        size, self.kind, self.flags, self.number, _ = HEADER.unpack_from(data)
        self.family, self.version, self.res_id = struct.unpack_from(">BBH", data, HEADER.size)
        self.attributes = decode(data[HEADER.size + 4:size], attributes_of(self.kind, True))

    def __getitem__(self, name):
        return self.attributes[name]


class Socket:
    """To be opened in the network namespace that it is for."""

    def __init__(self, *groups):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        for group in groups:
            self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        with contextlib.suppress(PermissionError):  # who may do nothing asks nevertheless
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        self.number = 0
        self.unasked = []
        self.room = 1 << 17

    def close(self):
        self.sock.close()

    def receive(self, patience):
        """The messages of one packet, if there comes one; first those that came meanwhile."""
        if self.unasked:
            unasked, self.unasked = self.unasked, []
            return unasked
        return self.receive_now(patience)

    def receive_now(self, patience):
        self.sock.settimeout(patience)
        try:
            data = self.sock.recv(self.room)
        except TimeoutError:
            return []
        messages = []
        while len(data) >= HEADER.size:
            size = (HEADER.unpack_from(data)[0] + 3) & ~3
            messages.append(data[:size])
            data = data[size:]
        return messages

    def request(self, line):
        """Send a message; what comes back, up to the end of a dump or the acknowledgement."""
        flags = line.split()[1].split(",")
        self.number += 1
        message = parse(line, self.number)
        self.sock.send(message)
        replies = []
        while True:
            got = self.receive_now(PATIENCE)
            if not got:
                raise TimeoutError("no answer")
            for reply in got:
                _, kind, _, number, _ = HEADER.unpack_from(reply)
                if number != self.number:
                    self.unasked.append(reply)
                    continue
                if kind == DONE:
                    return replies
                replies.append(reply)
                if kind == ERROR or not {"dump", "ack"} & set(flags):
                    return replies

    def send(self, name, attributes=(), flags=0, family=socket.AF_INET, version=0):
        self.number += 1
        body = struct.pack(">BBH", family, version, 0)
        body += encode(attributes, attributes_of(NUMBERS[name], False))
        self.sock.send(HEADER.pack(HEADER.size + len(body), NUMBERS[name], flags | 1,
                                   self.number, 0) + body)

    def answers(self):
        """What answers the last message; raises Refused."""
        replies = []
        while True:
            got = self.receive_now(PATIENCE)
            if not got:
                raise TimeoutError("no answer")
            for reply in got:
                _, kind, _, number, _ = HEADER.unpack_from(reply)
                if number != self.number:
                    continue
                error = error_of(reply) if kind == ERROR else None
                if kind == DONE:
                    error = Refused(-struct.unpack_from("=i", reply, HEADER.size)[0])
                if error and error.number:
                    raise error
                if error:
                    return replies
                replies.append(Message(reply))

    def ask(self, name, attributes=(), flags=0, family=socket.AF_INET):
        self.send(name, attributes, flags | ACK, family)
        return self.answers()

    def dump(self, name="CT_GET", attributes=(), family=socket.AF_UNSPEC):
        """All of a kind, or all that a filter takes."""
        self.send(name, attributes, DUMP, family)
        return self.answers()
