# SPDX-License-Identifier: GPL-2.0-only
"""The IP packets of a capture, as the IP layer would let them through to the first hook."""

import struct

MAGIC = {b"\xa1\xb2\xc3\xd4": (">", 1e6), b"\xd4\xc3\xb2\xa1": ("<", 1e6),
         b"\xa1\xb2\x3c\x4d": (">", 1e9), b"\x4d\x3c\xb2\xa1": ("<", 1e9)}
IPV4, IPV6, FRAGMENT = 0x0800, 0x86dd, 44
EXTENSIONS = (0, 43, 60)
VLAN, PPPOE = (0x8100, 0x88a8, 0x9100), 0x8864
PPP = {0x21: IPV4, 0x57: IPV6}


class Packet:
    """An IP packet: when it came, all of it, and if what is zeros at its end was not captured."""

    def __init__(self, when, data, cut):
        self.when, self.data, self.cut = when, data, cut

    @property
    def six(self):
        return self.data[0] >> 4 == 6

    @property
    def addresses(self):
        """Source and destination."""
        return ((self.data[8:24], self.data[24:40]) if self.six else
                (self.data[12:16], self.data[16:20]))

    @property
    def layer4(self):
        """Protocol, and offset of what it is about; a fragment's is that of the fragment."""
        if not self.six:
            return self.data[9], 4 * (self.data[0] & 15)
        proto, at = self.data[6], 40
        while proto in EXTENSIONS and at + 8 <= len(self.data):
            proto, at = self.data[at], at + 8 * (1 + self.data[at + 1])
        return proto, at

    @property
    def fragment_id(self):
        """Offset of the two bytes that tell which packet this is a piece of, or None."""
        if not self.six:
            return 4 if self.data[6] & 0x3f or self.data[7] else None
        proto, at = self.layer4
        return at + 6 if proto == FRAGMENT and at + 8 <= len(self.data) else None


def ethernet(data, at, kind):
    while kind in VLAN:
        kind, at = int.from_bytes(data[at + 2:at + 4], "big"), at + 4
    if kind == PPPOE:
        kind, at = PPP.get(int.from_bytes(data[at + 6:at + 8], "big")), at + 8
    return (kind, data[at:]) if kind in (IPV4, IPV6) else None


def raw(data):
    return (IPV6 if data[:1] and data[0] >> 4 == 6 else IPV4), data


def ppp(data):
    at = 2 if data[:2] == b"\xff\x03" else 0
    return PPP.get(int.from_bytes(data[at:at + 2], "big")), data[at + 2:]


def number(data, at):
    return int.from_bytes(data[at:at + 2], "big")


# By the number of the link layer, www.tcpdump.org/linktypes.html
LINKS = {
    0: lambda d: raw(d[4:]),
    1: lambda d: ethernet(d, 14, number(d, 12)),
    9: ppp,
    12: raw,
    14: raw,
    101: raw,
    104: lambda d: (number(d, 2), d[4:]),
    108: lambda d: raw(d[4:]),
    113: lambda d: ethernet(d, 16, number(d, 14)),
    228: raw,
    229: raw,
    276: lambda d: ethernet(d, 20, number(d, 0)),
}


def header_sum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def with_sum(data):
    """With a right checksum of the IPv4 header: no other one gets to the hooks."""
    end = 4 * (data[0] & 15)
    header = bytearray(data[:end])
    header[10:12] = bytes(2)
    header[10:12] = header_sum(bytes(header)).to_bytes(2, "big")
    return bytes(header) + data[end:]


def ip_packet(when, kind, data, missing):
    """A packet for the hooks, or None if the IP layer would drop it."""
    if kind == IPV4 and len(data) >= 20 and data[0] >> 4 == 4:
        header, whole = 4 * (data[0] & 15), number(data, 2)
        # who hands over more than a packet can be at once leaves the length to the card
        whole = whole or min(len(data), 0xffff)
        if not 20 <= header <= min(whole, len(data)):
            return None
        data = with_sum(data[:2] + whole.to_bytes(2, "big") + data[4:])
    elif kind == IPV6 and len(data) >= 40 and data[0] >> 4 == 6:
        whole = 40 + number(data, 4)
    else:
        return None
    if whole > min(len(data) + missing, 0xffff):
        return None
    return Packet(when, data[:whole].ljust(whole, b"\0"), whole > len(data))


def packets(path):
    """All IP packets of a file; none if it is no capture or of a link layer not known here."""
    with open(path, "rb") as file:
        blob = file.read()
    order, fraction = MAGIC.get(blob[:4], (None, None))
    if not order or len(blob) < 24:
        return
    strip = LINKS.get(struct.unpack_from(order + "I", blob, 20)[0] & 0xffff)
    at = 24
    while strip and at + 16 <= len(blob):
        seconds, parts, there, whole = struct.unpack_from(order + "4I", blob, at)
        at += 16 + there
        found = strip(blob[at - there:at])
        packet = found and ip_packet(seconds + parts / fraction, *found, max(0, whole - there))
        if packet:
            yield packet
