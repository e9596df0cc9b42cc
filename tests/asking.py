"""A server without sockets to ask, and an eye on everything that must hold for every reply.

`Server.ask` asks the same question over UDP and TCP, with an empty cache and with a warm one, reads
each reply with dnspython and with dnslib, and gives what all of them say.
"""

from __future__ import annotations

import re

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dnslib

from feddns import config, names
from feddns.config import Settings
from feddns.events import Gone, Put
from feddns.resolver.responder import Peer, Responder
from feddns.snapshot import Snapshot, View
from feddns.store import Store
from tests import world, zonetext
from tests.zonetext import ORIGIN, SERIAL, Said

_PLAIN = re.compile(rb"[-\w]*", re.ASCII)
CLIENT = "192.0.2.53"
UDP = Peer(CLIENT, 40000)
TCP = Peer(CLIENT, 40000, True)


def settings(**given: object) -> Settings:
    """Settings by their Python names; ns.dns has an address unless told otherwise."""
    given.setdefault("nameserver_address", ["10.96.0.10"])
    given.setdefault("nsid", "unit")
    return config.load({key.replace("_", "-"): value for key, value in given.items()}, {}, None)


def query(
    name: str, kind: str = "A", *, payload: int | None = 4096, ident: int = 4711, **more: object
) -> dns.message.QueryMessage:
    """A question; names without a final dot stand in front of cluster.local."""
    message = dns.message.make_query(
        dns.name.from_text(name, ORIGIN), dns.rdatatype.from_text(kind),
        use_edns=payload is not None, payload=payload or 512, **more,
    )  # fmt: skip
    message.id = ident
    return message


class Server:
    """A responder over a world, with a virtual clock."""

    def __init__(
        self, text: str = "synced", *, view: bool = True, federation: str = "", **given: object
    ) -> None:
        self.settings = settings(**given)
        self.now = 0.0
        empty = Snapshot(
            federation=federation.encode(),
            cluster=self.settings.cluster_name,
            view=View() if view else None,
        )
        self.store = Store(empty)
        self.objects: dict[object, object] = {}
        self.responder = Responder(self.settings, self.store, SERIAL)
        self.happen(text)

    def happen(self, text: str) -> None:
        """All events of the text as one step."""
        batch = [self._known(event) for event in world.events(text)]
        self.store.commit(batch)

    def _known(self, event: object) -> object:
        """A deletion tells the object's last form, whatever the line says."""
        if isinstance(event, Put | Gone):
            place = type(event.object), event.object.key
            if isinstance(event, Put):
                self.objects[place] = event.object
            else:
                return Gone(self.objects.pop(place))
        return event

    def send(self, message: bytes, *, tcp: bool = False) -> bytes | None:
        """One message in, one reply or silence out."""
        return self.responder.respond(message, TCP if tcp else UDP, self.now)

    def exchange(self, message: dns.message.Message, *, tcp: bool = False) -> dns.message.Message:
        """One question, one reply, read by two libraries; never longer than allowed."""
        raw = message.to_wire()
        reply = self.send(raw, tcp=tcp)
        assert reply is not None
        parsed = check(raw, reply)
        if not tcp:
            assert len(reply) <= allowed(message, self.settings)
        return parsed

    def ask(self, name: str, kind: str = "A", **more: object) -> dns.message.Message:
        """The reply over UDP; fails when TCP or a ready answer say anything else."""
        question = query(name, kind, **more)
        first = self.exchange(question)
        said = zonetext.read(first).sorted()
        for _ in range(3):  # built, let in, ready
            again = self.exchange(question)
            assert zonetext.read(again).sorted() == said or first.flags & dns.flags.TC
        if not first.flags & dns.flags.TC:
            for _ in range(3):
                assert zonetext.read(self.exchange(question, tcp=True)).sorted() == said
        return first

    def said(self, name: str, kind: str = "A", **more: object) -> Said:
        """What the reply says, without an order."""
        return zonetext.read(self.ask(name, kind, **more)).sorted()

    def expect(self, name: str, kind: str, expected: str, **more: object) -> None:
        """The reply says exactly what the zone text says."""
        assert self.said(name, kind, **more) == zonetext.parse(expected, name).sorted()


def allowed(message: dns.message.Message, settings: Settings) -> int:
    """The longest reply over UDP (RFC 6891 §6.2.5, RFC 1035 §4.2.1)."""
    if message.edns < 0:
        return 512
    return max(512, min(message.payload, settings.edns_size))


def check(question: bytes, reply: bytes) -> dns.message.Message:
    """What holds for every reply to a well-formed question; returns dnspython's reading of it."""
    parsed = dns.message.from_wire(reply)  # raises on trailing bytes
    if all(_PLAIN.fullmatch(label) for label in parsed.question[0].name.labels):
        _compare_with_dnslib(reply, parsed)
    assert reply[:2] == question[:2]
    assert parsed.flags & dns.flags.QR
    assert not parsed.flags & (dns.flags.RA | dns.flags.AD)
    _check_chain(parsed)
    return parsed


def _compare_with_dnslib(reply: bytes, parsed: dns.message.Message) -> None:
    """dnslib reads the same records; it does not escape what is odd in a name."""
    other = dnslib.DNSRecord.parse(reply)
    counts = (len(other.rr), len(other.auth))
    assert counts == tuple(sum(map(len, s)) for s in (parsed.answer, parsed.authority))
    assert _by_dnslib(other) == _by_dnspython(parsed)


def _check_chain(parsed: dns.message.Message) -> None:
    """Each answer stands at the question or at the target of the CNAME before it."""
    if not parsed.answer:
        return
    expected = parsed.question[0].name
    for rrset in parsed.answer:
        assert rrset.name == expected
        if rrset.rdtype == dns.rdatatype.CNAME:
            assert len(rrset) == 1
            expected = rrset[0].target


def _by_dnslib(record: dnslib.DNSRecord) -> list[tuple[str, int, int, str]]:
    return sorted(
        (str(rr.rname).lower(), rr.rtype, rr.ttl, _plain(rr.rtype, str(rr.rdata)))
        for rr in (*record.rr, *record.auth, *record.ar)
        if rr.rtype in _COMPARED
    )


def _by_dnspython(message: dns.message.Message) -> list[tuple[str, int, int, str]]:
    return sorted(
        (rrset.name.to_text().lower(), int(rrset.rdtype), rrset.ttl, _plain(rrset.rdtype, str(rd)))
        for section in (message.answer, message.authority, message.additional)
        for rrset in section
        for rd in rrset
        if rrset.rdtype in _COMPARED
    )


def _plain(kind: int, text: str) -> str:
    if kind == dns.rdatatype.AAAA:
        return world.ip(text).hex()
    return text.lower()


_COMPARED = frozenset(
    dns.rdatatype.from_text(text) for text in ("A", "AAAA", "NS", "CNAME", "SOA", "PTR", "SRV")
)


def wire(name: str) -> bytes:
    """A wire name; without a final dot in front of cluster.local."""
    return names.parse(dns.name.from_text(name, ORIGIN).to_text())
