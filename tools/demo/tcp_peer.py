#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One end of a TCP connection that does one thing at a time, told by a line on its input."""

import socket
import sys

role, addr, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
conn = None
if role == "server":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((addr, port))
    listener.listen()
print("ready", flush=True)

for line in sys.stdin:
    match line.strip():
        case "connect":  # sends a SYN, and does not wait
            conn = socket.socket()
            conn.setblocking(False)
            conn.connect_ex((addr, port))
        case "accept":
            conn, _ = listener.accept()
        case "send":
            conn.send(b"x")
        case "shutdown":
            conn.shutdown(socket.SHUT_WR)
        case "close":
            conn.close()
    print("done", flush=True)
