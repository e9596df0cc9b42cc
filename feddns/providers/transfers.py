"""A zone as it is transferred: whole (RFC 5936, AXFR) or what is new (RFC 1995, IXFR).

    records of the answer             it is
    a lone SOA of the known serial    nothing new
    SOA, pieces, SOA                  what changed; a piece is an SOA of before with what went, and
                                      an SOA of after with what came
    SOA, anything else, SOA           the whole zone, also when IXFR was asked: by a server that
                                      does not remember as far back

What the server makes by itself is left out: the SOA, the NS of the apex, the signatures of DNSSEC
and the chain of its denials.

`Transfer` is fed with messages until it is done; `Copy` is the zone that it made.  Pure: time, TSIG
and sockets are `tcpdns`'.  Called by `rfc2136`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feddns import names
from feddns.names import Name
from feddns.providers import rdata
from feddns.providers.rdata import Broken
from feddns.providers.recordsets import Key, RecordSet, record_set

_SOA = 6
_LEFT_OUT = frozenset({"SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "TYPE65534"})
_TIMERS = bytes(16)


class Record(NamedTuple):
    """One record; `name` lower case as octets, `place` and `length` of its rdata in `message`."""

    name: Name
    type: int
    ttl: int
    message: bytes
    place: int
    length: int

    @property
    def text(self) -> str:
        return rdata.read(rdata.type_name(self.type), self.message, self.place, self.length)

    @property
    def serial(self) -> int:
        """Of an SOA: before the four timers."""
        end = self.place + self.length
        return int.from_bytes(self.message[end - 20 : end - 16], "big")


class Reply(NamedTuple):
    """A message that came.  `last`: where its last record begins, which may be its TSIG."""

    ident: int
    rcode: int
    answers: Sequence[Record]
    additional: Sequence[Record]
    last: int


def question(name: str, type: str) -> bytes:
    """A plain question with id 0, without recursion."""
    head = b"\0\0\0\0\0\1" + bytes(6)
    return head + names.parse(name) + rdata.type_number(type).to_bytes(2, "big") + b"\0\1"


def request(zone: str, serial: int | None) -> bytes:
    """The question for the zone, or for what is newer than `serial`."""
    if serial is None:
        return question(zone, "AXFR")
    message = bytearray(question(zone, "IXFR"))
    message[8:10] = b"\0\1"  # NSCOUNT: the SOA that is known
    soa = names.ROOT + names.ROOT + serial.to_bytes(4, "big") + _TIMERS
    head = b"\0\6\0\1" + bytes(4) + len(soa).to_bytes(2, "big")
    return bytes(message + b"\xc0\x0c" + head + soa)


def read(message: bytes) -> Reply:
    """A message taken apart as far as its records.  Raises `Broken`."""
    if len(message) < 12:
        raise Broken("a message that is cut off")
    words = [int.from_bytes(message[at : at + 2], "big") for at in range(0, 12, 2)]
    position = 12
    for _ in range(words[2]):
        position = rdata.read_name(message, position)[1] + 4
    known: dict[int, tuple[Name, int]] = {}
    sections: list[list[Record]] = []
    last = position
    for count in words[3:]:
        records: list[Record] = []
        for _ in range(count):
            last = position
            record = _record(message, position, known)
            position = record.place + record.length
            records.append(record)
        sections.append(records)
    if position > len(message):
        raise Broken("a message that is cut off")
    return Reply(words[0], words[1] & 15, sections[0], sections[2], last)


def _record(message: bytes, position: int, known: dict[int, tuple[Name, int]]) -> Record:
    """`known`: names by where a pointer said they are, as most owners were there before."""
    if message[position : position + 1] >= b"\xc0":
        target = int.from_bytes(message[position : position + 2], "big") & 0x3FFF
        if target >= position:
            raise Broken("a name that points ahead")
        if (found := known.get(target)) is None:
            found = known[target] = rdata.read_name(message, target)
        name, end = found[0], position + 2
    else:
        name, end = rdata.read_name(message, position)
    head = message[end : end + 10]
    if len(head) < 10:
        raise Broken("a message that is cut off")
    ttl = int.from_bytes(head[4:8], "big")
    length = int.from_bytes(head[8:10], "big")
    return Record(name, int.from_bytes(head[:2], "big"), ttl, message, end + 10, length)


class Transfer:
    """An answer to `request` as it comes.

    `is_whole`: what came is the zone; else what is between the known serial and `serial`.
    """

    def __init__(self, known: int | None) -> None:
        self.serial = 0
        self.is_whole = known is None
        self.is_done = False
        self.steps: list[tuple[bool, Record]] = []
        """What came (True) and went (False), in order."""
        self._known = known
        self._count = 0
        self._adding = True

    def feed(self, records: Iterable[Record]) -> None:
        """The answers of the next message.  Raises `Broken`."""
        for record in records:
            if self.is_done:
                raise Broken("a transfer that goes on after its end")
            self._take(record)
            self._count += 1
        # RFC 1995 §4: nothing but the SOA, of a serial that is not newer.
        if not self.steps and not self._is_newer():
            self.is_done = True

    def _is_newer(self) -> bool:
        """Than what is known (RFC 1982)."""
        return self._known is None or 0 < (self.serial - self._known) & 0xFFFFFFFF < 2**31

    def _take(self, record: Record) -> None:
        if self._count == 0:
            if record.type != _SOA:
                raise Broken("a transfer that does not begin with the SOA")
            self.serial = record.serial
        elif self._count == 1 and not self.is_whole and record.type != _SOA:
            self.is_whole = True
            self.steps.append((True, record))
        elif record.type != _SOA:
            self.steps.append((self._adding, record))
        elif self.is_whole or self._is_last(record):
            self.is_done = True
        else:
            self._adding = not self._adding

    def _is_last(self, soa: Record) -> bool:
        """Not the SOA of a piece: after what came, and of the newest serial."""
        return self._adding and self._count > 1 and soa.serial == self.serial


class Copy:
    """The record sets of a zone at a serial."""

    def __init__(self, zone: str, whole: Transfer) -> None:
        self._zone = zone
        self._sets: dict[Key, RecordSet] = {}
        self._texts: dict[Name, str] = {}
        self.serial = whole.serial
        self.follow(whole)

    def records(self) -> list[RecordSet]:
        return list(self._sets.values())

    def follow(self, transfer: Transfer) -> None:
        """What changed.  Raises `Broken` when it does not fit; the copy is worth nothing then."""
        touched: dict[Key, tuple[int, dict[str, None]]] = {}
        for is_coming, record in transfer.steps:
            type = rdata.type_name(record.type)
            key = self._text(record.name), type
            if type in _LEFT_OUT or key == (self._zone, "NS"):
                continue
            ttl, values = touched.get(key) or self._values(key)
            value = record.text
            if not is_coming and value not in values:
                raise Broken(f"{key[0]} {type} {value} goes, and was not there")
            if is_coming:
                values[value] = None
                ttl = record.ttl
            else:
                del values[value]
            touched[key] = ttl, values
        for key, (ttl, values) in touched.items():
            if values:
                self._sets[key] = record_set(*key, ttl, values)
            else:
                self._sets.pop(key, None)
        self.serial = transfer.serial
        self._texts.clear()

    def _values(self, key: Key) -> tuple[int, dict[str, None]]:
        there = self._sets.get(key)
        return (there.ttl, dict.fromkeys(there.values)) if there else (0, {})

    def _text(self, name: Name) -> str:
        if (text := self._texts.get(name)) is None:
            text = self._texts[name] = names.format(name)
        return text
