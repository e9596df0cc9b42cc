"""Load of one query per TCP connection: connect, ask, read, close, and again.

dnsperf waits 100 ms before it connects again, hence this client.  It keeps a fixed number of
connections going over one epoll, each closed by us with FIN as a stub resolver does.  `rounds`
calls `run`.
"""

from __future__ import annotations

import itertools
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import dns.message
import dns.rcode

from bench.check import ADDRESS, Question
from bench.dnsperf import Load

# Below 10, the listen backlog of Knot: a SYN over it is dropped, and comes again a second later.
OUTSTANDING = 8
TIMEOUT = 2.0

# Ports of closed connections rest for a minute; one source address has 28,000 of them.
SOURCES = [f"127.0.1.{number}" for number in range(1, 21)]


class Client:
    """At most `OUTSTANDING` connections at a time to one server."""

    def __init__(self, port: int, wires: Iterator[bytes]) -> None:
        self._port = port
        self._wires = wires
        self._sources = itertools.cycle(SOURCES)
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}
        self.sent = self.completed = 0
        self.rcodes: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        for _ in range(OUTSTANDING):
            self._connect()
        while self._open:
            for number, _ in self._epoll.poll(0.1):
                self._read(number)
                if time.perf_counter() < end:
                    self._connect()
            self._drop_silent()
        self._epoll.close()

    def _connect(self) -> None:
        client = socket.socket()
        # Lets the kernel choose the port at connect, where only the pair must be unused.
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((next(self._sources), 0))
        self.sent += 1
        try:
            # Over loopback this returns at once: accepting is the kernel's work.
            client.settimeout(TIMEOUT)
            client.connect((ADDRESS, self._port))
            client.sendall(next(self._wires))
        except OSError:
            client.close()
            return
        self._open[client.fileno()] = (client, time.perf_counter())
        self._epoll.register(client, select.EPOLLIN)

    def _read(self, number: int) -> None:
        client, _ = self._open.pop(number)
        with client:
            try:
                reply = client.recv(4096)
            except OSError:
                return
            # Short answers come whole: server and client share one machine.
            if len(reply) >= 14 and len(reply) == 2 + struct.unpack("!H", reply[:2])[0]:
                self.completed += 1
                self.rcodes[dns.rcode.to_text(dns.rcode.Rcode(reply[5] & 15))] += 1

    def _drop_silent(self) -> None:
        overdue = time.perf_counter() - TIMEOUT
        for number, (client, since) in list(self._open.items()):
            if since < overdue:
                client.close()
                del self._open[number]


def run(port: int, questions: Sequence[Question], seconds: float) -> Load:
    """Ask `questions` over and over for `seconds`."""
    wires = [_framed(name, kind) for name, kind in questions]
    client = Client(port, itertools.cycle(wires))
    client.run(seconds)
    return Load(client.sent, client.completed, dict(client.rcodes))


def _framed(name: str, kind: str) -> bytes:
    wire = dns.message.make_query(name, kind, id=0x4D2).to_wire()
    return struct.pack("!H", len(wire)) + wire
