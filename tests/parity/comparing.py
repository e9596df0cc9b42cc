"""What two DNS servers say to the same question, side by side.

    differences = compare(("127.1.1.1", 53), ("127.1.1.2", 53), questions)

An answer is its rcode, the flags AA, TC and RA, and three sets of records with their TTL; whether
there is an OPT record and its DO bit; not its size or options, nor the serial of a SOA.  Imports
nothing of pytest.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Place = tuple[str, int]
_AT_ONCE = 64
_PATIENCE = 1.0
_TRIES = 3


@dataclass(frozen=True)
class Question:
    """A name with its dot at the end, and how it is asked; `edns` None is no OPT record."""

    name: str
    type: str
    edns: int | None = 1232
    want_dnssec: bool = False
    tcp: bool = False
    klass: str = "IN"

    def __str__(self) -> str:
        way = "tcp" if self.tcp else "udp"
        size = "no edns" if self.edns is None else f"edns {self.edns}"
        flags = " do" if self.want_dnssec else ""
        return f"{self.name} {self.klass} {self.type} ({way}, {size}{flags})"

    @functools.cached_property
    def wire(self) -> bytes:
        """The message, from its flags on."""
        message = dns.message.make_query(
            dns.name.from_text(self.name, None), self.type, self.klass, id=0,
            use_edns=None if self.edns is None else 0, payload=self.edns,
            want_dnssec=self.want_dnssec,
        )  # fmt: skip
        wire: bytes = message.to_wire()[2:]
        return wire


@dataclass(frozen=True)
class Said:
    """One answer, as it counts; `rcode` is SILENCE when there was none."""

    rcode: str
    flags: str = ""
    answer: frozenset[str] = frozenset()
    authority: frozenset[str] = frozenset()
    additional: frozenset[str] = frozenset()
    edns: str = ""

    @property
    def kind(self) -> str:
        """NODATA is a NOERROR without an answer."""
        return "NODATA" if self.rcode == "NOERROR" and not self.answer else self.rcode

    def __str__(self) -> str:
        sections = ("answer", "authority", "additional")
        parts = [
            f"{section}: " + " | ".join(sorted(getattr(self, section)))
            for section in sections
            if getattr(self, section)
        ]
        return "; ".join([f"{self.rcode} {self.flags} {self.edns}".strip(), *parts])


@dataclass(frozen=True)
class Difference:
    """The answers of the first and the second server to a question, where they are not alike."""

    question: Question
    first: Said
    second: Said

    def __str__(self) -> str:
        return f"{self.question}\n    {self.first}\n    {self.second}"


def compare(first: Place, second: Place, questions: Sequence[Question]) -> list[Difference]:
    """Ask both everything."""
    pairs = zip(questions, ask(first, questions), ask(second, questions), strict=True)
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def ask(place: Place, questions: Sequence[Question]) -> list[Said]:
    """What one server says to each."""
    found: dict[int, bytes] = {}
    for tcp in (False, True):
        wanted = [i for i, question in enumerate(questions) if question.tcp is tcp]
        send = _over_tcp if tcp else _over_udp
        for start in range(0, len(wanted), 30_000):  # ids have 16 bits
            batch = wanted[start : start + 30_000]
            wires = [
                number.to_bytes(2, "big") + questions[i].wire for number, i in enumerate(batch)
            ]
            for number, reply in send(place, wires).items():
                found[batch[number]] = reply
    return [read(found.get(i)) for i in range(len(questions))]


def read(wire: bytes | None) -> Said:
    """An answer from the wire."""
    if wire is None:
        return Said("SILENCE")
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except dns.exception.DNSException as error:
        return Said(f"UNREADABLE {error}")
    flags = [flag for flag in ("AA", "TC", "RA") if message.flags & dns.flags.Flag[flag]]
    edns = "" if message.edns < 0 else f"EDNS{message.edns}"
    if message.ednsflags & dns.flags.DO:
        edns += "+DO"
    return Said(
        rcode=dns.rcode.to_text(message.rcode()),
        flags=" ".join(flags),
        answer=frozenset(_lines(message.answer)),
        authority=frozenset(_lines(message.authority)),
        additional=frozenset(_lines(message.additional)),
        edns=edns,
    )


def _lines(section: Iterable[dns.rrset.RRset]) -> Iterable[str]:
    """Each record as a line, the case of its names kept, the serial of a SOA not."""
    for rrset in section:
        for rdata in rrset:
            text = rdata.to_text()
            if rdata.rdtype == dns.rdatatype.SOA:
                words = text.split()
                text = " ".join([*words[:2], "…", *words[3:]])
            kind = dns.rdatatype.to_text(rdata.rdtype)
            klass = "" if rdata.rdclass == dns.rdataclass.IN else f"class{rdata.rdclass} "
            yield f"{rrset.name} {rrset.ttl} {klass}{kind} {text}"


def _over_udp(place: Place, wires: Sequence[bytes]) -> dict[int, bytes]:
    """Replies by number; the unanswered are asked again, twice."""
    found: dict[int, bytes] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.connect(place)
        udp.settimeout(0.05)
        for _ in range(_TRIES):
            left = [number for number in range(len(wires)) if number not in found]
            for start in range(0, len(left), _AT_ONCE):
                batch = left[start : start + _AT_ONCE]
                for number in batch:
                    udp.send(wires[number])
                _receive(udp, set(batch), found)
    return found


def _receive(udp: socket.socket, waiting: set[int], found: dict[int, bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while waiting and time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            reply = udp.recv(65_535)
            number = int.from_bytes(reply[:2], "big")
            if number in waiting:
                waiting.discard(number)
                found[number] = reply


def _over_tcp(place: Place, wires: Sequence[bytes]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not wires:
        return found
    with socket.create_connection(place, timeout=5) as tcp, tcp.makefile("rb") as stream:
        for start in range(0, len(wires), _AT_ONCE):
            batch = wires[start : start + _AT_ONCE]
            tcp.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in batch))
            with contextlib.suppress(TimeoutError):
                for _ in batch:
                    (length,) = struct.unpack("!H", stream.read(2))
                    reply = stream.read(length)
                    found[int.from_bytes(reply[:2], "big")] = reply
    return found
