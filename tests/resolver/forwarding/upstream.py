"""A responder that forwards, with servers made of lists, in virtual time.

outside = Outside("synced", upstream=["192.0.2.1"])
asker = outside.ask("www.example.net.")
outside.reply("www.example.net. 300 A 192.0.2.10")
assert asker.reply.answer == …
"""

from __future__ import annotations

import itertools

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

from feddns.resolver.forwarding.forwarder import Forwarder
from feddns.resolver.forwarding.inflight import Exchange
from feddns.resolver.forwarding.relay import Pending, Relay
from feddns.resolver.forwarding.servers import Server
from tests import asking

MARK = b"8 octets"
STEP = 0.025


class Asker:
    """One message and its reply, when it is there."""

    def __init__(self, outside: Outside, message: bytes) -> None:
        self.outside = outside
        self.message = message
        self.replies: list[bytes] = []

    @property
    def reply(self) -> dns.message.Message:
        (whole,) = self.replies
        return dns.message.from_wire(whole)

    @property
    def is_answered(self) -> bool:
        return bool(self.replies)

    @property
    def rcode(self) -> str:
        return dns.rcode.to_text(self.reply.rcode())

    @property
    def answer(self) -> list[str]:
        return [line for rrset in self.reply.answer for line in rrset.to_text().splitlines()]

    @property
    def authority(self) -> list[str]:
        return [line for rrset in self.reply.authority for line in rrset.to_text().splitlines()]

    @property
    def error(self) -> tuple[int, str] | None:
        """The extended error."""
        for option in self.reply.options:
            if option.otype == 15:
                return int(option.code), option.text or ""
        return None


class Outside:
    """The server, and what it sends to upstream."""

    def __init__(
        self, text: str = "synced", *, view: bool = False, probes: bool = False, **given: object
    ) -> None:
        given.setdefault("upstream", ["192.0.2.1"])
        given.setdefault("upstream_policy", "sequential")
        self.server = asking.Server(text, view=view, **given)
        self.responder = self.server.responder
        self.now = 1000.0
        self.sent: list[Exchange] = []
        self.open: list[Exchange] = []
        self.unreachable: set[str] = set()
        self.told: list[str] = []
        self._probes = probes
        self._idents = itertools.count(1)
        self._asked = itertools.count(4711)
        self.forwarder = Forwarder(
            self.server.settings, self, lambda: self.now, self._chance, MARK, self.told.append
        )
        self.relay = Relay(self.responder, self.forwarder)
        self.responder.relay = self.relay

    # --- the transport -------------------------------------------------------------------------

    def _chance(self, below: int) -> int:
        return next(self._idents) % below

    def send(self, exchange: Exchange) -> bool:
        if exchange.server.address in self.unreachable:
            return False
        self.sent.append(exchange)
        self.open.append(exchange)
        return True

    def drop(self, exchange: Exchange) -> None:
        if exchange in self.open:
            self.open.remove(exchange)

    # --- who asks ------------------------------------------------------------------------------

    def ask(self, name: str, kind: str = "A", *, tcp: bool = False, **more: object) -> Asker:
        more.setdefault("ident", next(self._asked))
        return self.ask_wire(asking.query(name, kind, **more).to_wire(), tcp=tcp)

    def ask_wire(self, message: bytes, *, tcp: bool = False) -> Asker:
        asker = Asker(self, message)
        found = self.responder.respond(message, asking.TCP if tcp else asking.UDP, self.now)
        if isinstance(found, Pending):
            found.send = asker.replies.append
        elif found is not None:
            asker.replies.append(found)
        return asker

    # --- who answers ---------------------------------------------------------------------------

    def question(self, exchange: Exchange | None = None) -> dns.message.Message:
        """What was sent."""
        return dns.message.from_wire((exchange or self.sent[-1]).message)

    def whom(self) -> list[str]:
        """Whom messages were sent to, in order."""
        return [exchange.server.address.removesuffix(":53") for exchange in self.sent]

    def reply(
        self, *records: str, rcode: str = "NOERROR", authority: tuple[str, ...] = (),
        exchange: Exchange | None = None, flags: int = 0,
    ) -> bool:  # fmt: skip
        """A server's reply to the last message that was sent, or to another."""
        exchange = exchange or self.sent[-1]
        reply = dns.message.make_response(self.question(exchange), our_payload=1232)
        reply.flags |= dns.flags.RA | flags
        reply.use_edns(exchange.edns)
        reply.set_rcode(dns.rcode.from_text(rcode))
        reply.answer = [rrset(*line.split(None, 3)) for line in records]
        reply.authority = [rrset(*line.split(None, 3)) for line in authority]
        return self.receive(exchange, reply.to_wire(max_size=65_535))

    def receive(self, exchange: Exchange, message: bytes) -> bool:
        """Any message from an exchange's server."""
        is_taken = self.forwarder.received(exchange, message)
        if is_taken:
            self.drop(exchange)
        return is_taken

    def server_of(self, address: str) -> Server:
        return self.forwarder.servers.of(address if ":" in address else f"{address}:53")

    # --- time ----------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Time goes by, with sweeps and ticks."""
        end = self.now + seconds
        ticks = 0
        while self.now < end - 1e-9:
            self.now = round(self.now + STEP, 3)
            ticks += 1
            self.forwarder.sweep()
            if ticks % 10 == 0:
                self.tick()

    def tick(self) -> None:
        if not self._probes:
            for server in self.forwarder.servers.known.values():
                server.probed_at = self.now
        self.forwarder.tick()
        for ready in (self.responder.udp, self.responder.tcp):
            ready.sweep(self.now)


def rrset(owner: str, ttl: str, kind: str, rdata: str) -> dns.rrset.RRset:
    """One record; `a/b` in the data of an address set stands for two."""
    return dns.rrset.from_text(owner, int(ttl), "IN", kind, *rdata.split(" / "))
