"""A small DNS server for tests: what it does with a question is a function of the test.

    def script(query, tcp):  # a dnspython message, its transport
        return reply(query, "www.example.net. 300 A 192.0.2.10")

A script gives a message, octets, several of them in a list (sent one after the other), or None for
silence.  It runs in threads of its own on one loopback address, UDP and TCP on the same port.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from tests.serving import endpoint, free_port, loopback

Said = dns.message.Message | bytes | list[bytes] | None
Script = Callable[[dns.message.Message, bool], Said]


def reply(
    query: dns.message.Message, *records: str, rcode: str = "NOERROR", flags: int = 0
) -> dns.message.Message:
    """A reply with these records in the answer section."""
    made = dns.message.make_response(query, our_payload=1232)
    made.set_rcode(dns.rcode.from_text(rcode))
    made.flags |= dns.flags.RA | flags
    made.answer = [
        dns.rrset.from_text(owner, int(ttl), "IN", kind, rdata)
        for owner, ttl, kind, rdata in (line.split(None, 3) for line in records)
    ]
    return made


class Upstream:
    """One running server.  `asked` is what came, without probes for loops."""

    def __init__(self, script: Script, address: str = "") -> None:
        self.script = script
        self.address = address or loopback()
        self.port = free_port(self.address)
        self.asked: list[tuple[dns.message.Message, bool]] = []
        self.peers: list[tuple[str, int]] = []
        self.delay = 0.0
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp = socket.socket(family)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for bound in (self._udp, self._tcp):
            bound.bind((self.address, self.port))
            bound.settimeout(0.05)
        self._tcp.listen(64)
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def place(self) -> str:
        """As a flag takes it."""
        return endpoint(self.address, self.port)

    def names(self) -> list[str]:
        """The names that were asked, each once: on a busy machine a question is repeated."""
        return list(dict.fromkeys(query.question[0].name.to_text() for query, _ in self.asked))

    def ways(self) -> list[bool]:
        """Over UDP or TCP, in order, each once."""
        return list(dict.fromkeys(tcp for _, tcp in self.asked))

    def close(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while not self._ends.is_set():
            try:
                raw, peer = self._udp.recvfrom(4096)
            except TimeoutError:
                continue
            for part in self._say(raw, False, peer):
                with contextlib.suppress(OSError):
                    self._udp.sendto(part, peer)

    def _serve_tcp(self) -> None:
        while not self._ends.is_set():
            try:
                connection, peer = self._tcp.accept()
            except TimeoutError:
                continue
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                raw = connection.recv(size, socket.MSG_WAITALL)
                for part in self._say(raw, True, peer):
                    connection.sendall(len(part).to_bytes(2, "big") + part)

    def _say(self, raw: bytes, tcp: bool, peer: tuple[str, int]) -> list[bytes]:
        query = dns.message.from_wire(raw)
        if query.question[0].rdtype == 13:  # a probe for loops
            return [reply(query, rcode="NXDOMAIN").to_wire()]
        self.asked.append((query, tcp))
        self.peers.append(peer)
        said = self.script(query, tcp)
        time.sleep(self.delay)
        if said is None:
            return []
        if isinstance(said, list):
            return said
        return [said if isinstance(said, bytes) else said.to_wire(max_size=65_535)]


@contextlib.contextmanager
def upstreams() -> Iterator[Callable[..., Upstream]]:
    """Starts servers, and stops them at the end."""
    running: list[Upstream] = []

    def start(script: Script, **more: str) -> Upstream:
        running.append(Upstream(script, **more))
        return running[-1]

    try:
        yield start
    finally:
        for server in running:
            server.close()
