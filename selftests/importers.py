#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-only
"""Prints the modules of the running kernel that import a symbol from nf_conntrack, one in
a line, followed by the word 'table' if it is a symbol that gives access to the table of the
kernel's own nf_conntrack."""

import lzma
import os
import struct
import sys

TABLE = {"nf_conntrack_hash", "nf_conntrack_lock", "nf_conntrack_locks"}

base = f"/lib/modules/{os.uname().release}/"


def exports():
    """What depmod found nf_conntrack to export."""
    with open(base + "modules.symbols") as f:
        lines = [line.split() for line in f]
    return {p[1].removeprefix("symbol:") for p in lines
            if p[0] == "alias" and p[2] == "nf_conntrack"}


def users():
    """The files of the modules that depmod found to need nf_conntrack, directly or not."""
    with open(base + "modules.dep") as f:
        for line in f:
            file, _, needs = line.partition(":")
            if any("/nf_conntrack.ko" in n for n in needs.split()):
                yield file


def imports(file):
    """The symbols that a module imports: its section __versions has their CRCs."""
    with open(base + file, "rb") as f:
        elf = f.read()
    if file.endswith(".xz"):
        elf = lzma.decompress(elf)
    (offset,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    headers = [struct.unpack_from("<IIQQQQ", elf, offset + size * i) for i in range(count)]
    strings = headers[names][4]
    for name, _, _, _, start, length in headers:
        if elf.startswith(b"__versions\0", strings + name):
            return {elf[i + 8:i + 64].split(b"\0")[0].decode()
                    for i in range(start, start + length, 64)}
    sys.exit(f"{file} has no section __versions")


def main():
    ours = exports() | TABLE
    if ours == TABLE:
        sys.exit("depmod knows of no exports of nf_conntrack")
    for file in sorted(users(), key=os.path.basename):
        found = imports(file) & ours
        if found:
            print(os.path.basename(file).split(".")[0], *["table"] if found & TABLE else [])


main()
