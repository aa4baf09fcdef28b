# SPDX-License-Identifier: GPL-2.0-only
"""BPF programs without a compiler: types as the kernel shows them, an assembler of the few
instructions that tests need, and the system call.

    types = Types("nf_conntrack")              # and the kernel's own below
    code = [mov(1, 6), call(types.function("bpf_ct_release")), ...]
    program = Program(XDP, code, types)        # raises VerifierError with what is wrong
    program.run(packet)
"""

import ctypes
import os
import struct

SYS_BPF = 321
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, TEST_RUN = 0, 1, 2, 5, 10
BTF_NEXT_ID, BTF_FD_BY_ID, INFO_BY_FD = 23, 19, 15
TC, XDP = 3, 6
ARRAY, MODULE_BTFS = 2, 1
STRUCT, UNION, FUNC = 4, 5, 12
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr.ljust(144, b"\0"), 144)
    result = libc.syscall(SYS_BPF, command, buffer, 144)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def address(buffer):
    return ctypes.addressof(buffer)


class Types:
    """The types (BTF) of a module, on top of the kernel's: by name, with their ids."""

    def __init__(self, module):
        self.ids, self.members, self.names, self.count = {}, {}, b"", 1
        for name in ("vmlinux", module):
            with open(f"/sys/kernel/btf/{name}", "rb") as f:
                self.parse(f.read(), name == module)
        self.fd = self.open(module)

    def parse(self, data, of_module):
        _, _, _, head, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
        self.names += data[head + str_off:head + str_off + str_len]
        at, end = head + type_off, head + type_off + type_len
        while at < end:
            name, info, size = struct.unpack_from("<III", data, at)
            kind, count = info >> 24 & 31, info & 0xffff
            more = {1: 4, 3: 12, 4: 12 * count, 5: 12 * count, 6: 8 * count, 13: 8 * count,
                    14: 4, 15: 12 * count, 17: 4, 19: 12 * count}.get(kind, 0)
            # Of the kernel's many only two are asked for.
            if of_module or kind == STRUCT:
                word = self.name(name)
                if of_module or word == "nf_conn":
                    self.ids[kind, word] = self.count
                if kind == STRUCT and word == "nf_conn":
                    for i in range(count):
                        field, _, bits = struct.unpack_from("<III", data, at + 12 + 12 * i)
                        self.members[self.name(field)] = (bits & 0xffffff) // 8
            at += 12 + more
            self.count += 1

    def name(self, offset):
        return self.names[offset:self.names.index(b"\0", offset)].decode()

    def open(self, module):
        number = 0
        while True:
            number = struct.unpack_from("<II", bpf(BTF_NEXT_ID, struct.pack("<I", number))[1])[1]
            fd = bpf(BTF_FD_BY_ID, struct.pack("<I", number))[0]
            name = ctypes.create_string_buffer(64)
            info = ctypes.create_string_buffer(struct.pack("<QIIQII", 0, 0, 0, address(name), 64, 0), 40)
            bpf(INFO_BY_FD, struct.pack("<IIQ", fd, 40, address(info)))
            if name.value.decode() == module:
                return fd
            os.close(fd)

    def function(self, name):
        return self.ids[FUNC, name]


class VerifierError(Exception):
    """The kernel does not take a program; the text is its log."""


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, src << 4 | dst, off, imm)


def mov(dst, src):
    return insn(0xbf, dst, src)


def imm(dst, value):
    return insn(0xb7, dst, imm=value)


def load(dst, src, off):
    """A 32-bit word from memory."""
    return insn(0x61, dst, src, off)


def store(dst, off, src):
    return insn(0x63, dst, src, off)


def map_value(dst, map_fd, offset):
    return insn(0x18, dst, 2, imm=map_fd) + insn(0, imm=offset)


def call(function):
    """A function of the module whose types the program is loaded with."""
    return insn(0x85, src=2, off=1, imm=function)


def unless_null(reg, *code):
    body = b"".join(code)
    return insn(0x15, reg, off=len(body) // 8) + body


def leave(value=0):
    return imm(0, value) + insn(0x95)


class Memory:
    """What programs and the test share: the only value of an array."""

    def __init__(self, size):
        self.size = size
        self.fd = bpf(MAP_CREATE, struct.pack("<IIII", ARRAY, 4, size, 1))[0]
        self.key = ctypes.create_string_buffer(4)
        self.value = ctypes.create_string_buffer(size)

    def read(self):
        bpf(MAP_LOOKUP, struct.pack("<IIQQ", self.fd, 0, address(self.key), address(self.value)))
        return self.value.raw

    def write(self, data):
        self.value.raw = data.ljust(self.size, b"\0")
        bpf(MAP_UPDATE, struct.pack("<IIQQQ", self.fd, 0, address(self.key), address(self.value), 0))


class Program:
    """A loaded program of a type, XDP or TC, that may call the module's functions."""

    def __init__(self, kind, code, types):
        text = b"".join(code)
        insns = ctypes.create_string_buffer(text, len(text))
        licence = ctypes.create_string_buffer(b"GPL")
        log = ctypes.create_string_buffer(1 << 20)
        fds = (ctypes.c_int * 2)(0, types.fd)
        attr = struct.pack("<IIQQIIQII16sIIIIQIIQIIIIQ", kind, len(text) // 8, address(insns),
                           address(licence), 1, len(log), address(log), 0, 0, b"test", 0, 0, 0, 0,
                           0, 0, 0, 0, 0, 0, 0, 0, address(fds))
        try:
            self.fd = bpf(PROG_LOAD, attr)[0]
        except OSError as error:
            raise VerifierError(f"{error}: {log.value.decode()}") from error

    def run(self, packet):
        data = ctypes.create_string_buffer(packet, len(packet))
        _, attr = bpf(TEST_RUN, struct.pack("<IIIIQQII", self.fd, 0, len(packet), 0, address(data),
                                            0, 1, 0))
        return struct.unpack_from("<II", attr)[1]

    def close(self):
        os.close(self.fd)
