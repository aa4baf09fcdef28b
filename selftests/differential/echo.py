# SPDX-License-Identifier: GPL-2.0-only
"""A server that sends back what it gets, and a client: echo.py serve|call TYPE PROTO ADDR PORT"""

import socket
import sys
import time

ROLE, KIND, PROTO, ADDRESS, PORT = (int(arg) if arg.isdigit() else arg for arg in sys.argv[1:])
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
SOL_DCCP, SERVICE = 269, 2

sock = socket.socket(FAMILY, KIND, PROTO)
if PROTO == 33:
    sock.setsockopt(SOL_DCCP, SERVICE, 42)
if ROLE == "serve":
    sock.bind((ADDRESS, PORT))
    if KIND == socket.SOCK_DGRAM:
        while True:
            data, peer = sock.recvfrom(2000)
            sock.sendto(data, peer)
    sock.listen(4)
    while True:
        peer = sock.accept()[0]
        try:
            while data := peer.recv(2000):
                peer.send(data)
        except OSError:
            pass
        peer.close()

sock.settimeout(2)
try:
    sock.connect((ADDRESS, PORT))
    for size in (1, 100, 1000, 30, 3):
        sock.send(bytes(size))
        print(len(sock.recv(2000)))
        time.sleep(.5)
except OSError as error:
    print(error)
sock.close()
time.sleep(1)
