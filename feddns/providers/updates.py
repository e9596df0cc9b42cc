"""Changes as messages of DNS UPDATE (RFC 2136), each of which is done whole or not at all.

    of a change                          prerequisite                          update
    a removal                            these very records are there          the set goes
    what it keeps                        these very records are there
    an addition, nothing removed there   no such set                           its records come
    an addition beside others            no CNAME at the name
    a CNAME, nothing removed there       nothing at the name at all
    a CNAME in place of something        no set of the other types

The last three because a server passes over what a CNAME excludes, without a word (§3.4.2.2).  That
somebody else changed only a TTL is nothing that a prerequisite can say.

Several changes share a message where no name is touched twice: the prerequisites are all looked at
before the first update.  Pure.  Called by `rfc2136`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from feddns import names
from feddns.errors import NameRefused
from feddns.names import Name
from feddns.providers import rdata
from feddns.providers.recordsets import CNAME, Change, RecordSet, contradiction

LONGEST = 65_000
"""Octets of a message, TSIG apart."""

IN, NONE, ANY = 1, 254, 255
_SOA = 6
_UPDATE = 5 << 11
_POINTABLE = 0x4000
_LONGEST_TTL = 2**31 - 1
EXCLUDED = (
    "A", "AAAA", "TXT", "MX", "NS", "SRV", "CAA", "PTR", "HTTPS", "SVCB", "NAPTR", "DNAME", "TLSA",
    "SSHFP", "LOC", "HINFO", "RP", "SPF", "URI", "DS", "CERT", "OPENPGPKEY", "SMIMEA", "AFSDB",
)  # fmt: skip
"""What may stand at a name whose set is replaced by a CNAME; there is no way to ask for any."""


class TooLong(Exception):
    """More than a message holds."""


def batches(changes: Sequence[Change], most: int) -> Iterator[Sequence[Change]]:
    """The changes in order, in pieces of at most `most` that touch each name once."""
    start = 0
    touched: set[str] = set()
    for number, change in enumerate(changes):
        there = _names(change)
        if number - start == most or not touched.isdisjoint(there):
            yield changes[start:number]
            start, touched = number, set()
        touched |= there
    if start < len(changes):
        yield changes[start:]


def _names(change: Change) -> set[str]:
    return {record.name for record in (*change.removals, *change.additions, *change.keeps)}


def write(zone: str, changes: Iterable[Change]) -> bytes:
    """The message with id 0, without TSIG.

    Raises `TooLong`, and `NameRefused` for what cannot be said: no values, no such type or TTL,
    a name outside the zone, a CNAME and something else.
    """
    changes = tuple(changes)
    writer = _Writer(zone)
    required = sum(_require(writer, change) for change in changes)
    updated = sum(_update(writer, change) for change in changes)
    return writer.finished(required, updated)


def probe(zone: str, name: str = "") -> bytes:
    """A message that changes nothing: empty, or the removal of a TXT that is not there."""
    writer = _Writer(zone)
    if name:
        writer.record(name, "TXT", ANY)
    return writer.finished(0, 1 if name else 0)


def _require(writer: _Writer, change: Change) -> int:
    if name := contradiction(change.additions):
        raise NameRefused(f"{name} cannot have a CNAME and something else")
    count = 0
    removed = {record.key for record in change.removals}
    for record in (*change.keeps, *change.removals):
        _check(record, writer.zone)
        for value in record.values:
            writer.record(record.name, record.type, IN, 0, value)
        count += len(record.values)
    absent: dict[tuple[str, str], None] = {}
    for record in change.additions:
        _check(record, writer.zone)
        absent |= dict.fromkeys(_absent(record, change))
    for name, type in absent:
        if (name, type) not in removed:
            writer.record(name, type, NONE)
            count += 1
    return count


def _absent(record: RecordSet, change: Change) -> Iterator[tuple[str, str]]:
    """Which sets must not be there for this addition, but for what the change removes."""
    if record.type != CNAME:
        yield record.key
        yield record.name, CNAME
    elif any(other.name == record.name for other in (*change.removals, *change.keeps)):
        yield record.key
        for type in EXCLUDED:
            yield record.name, type
    else:
        yield record.name, "ANY"


def _check(record: RecordSet, zone: str) -> None:
    if not f".{record.name}".endswith(f".{zone}"):
        raise NameRefused(f"{record.name} does not lie in {zone}")
    if not record.values:
        raise NameRefused(f"{record.name} {record.type} has no values")
    if record.type == CNAME and len(record.values) > 1:
        raise NameRefused(f"{record.name} cannot have {len(record.values)} CNAMEs")
    if not 0 <= record.ttl <= _LONGEST_TTL:
        raise NameRefused(f"{record.name} {record.type}: {record.ttl} is no TTL")


def _update(writer: _Writer, change: Change) -> int:
    for record in change.removals:
        writer.record(record.name, record.type, ANY)
    count = len(change.removals)
    for record in change.additions:
        for value in record.values:
            writer.record(record.name, record.type, IN, record.ttl, value)
        count += len(record.values)
    return count


class _Writer:
    """The octets of one message; names are compressed as far as they were there before."""

    def __init__(self, zone: str) -> None:
        self._octets = bytearray(b"\0\0" + _UPDATE.to_bytes(2, "big") + bytes(8))
        self.zone = zone
        self._places: dict[Name, int] = {}
        self._parsed: dict[str, Name] = {}
        self._numbers: dict[str, int] = {"ANY": 255}
        self._name(zone)
        self._octets += _SOA.to_bytes(2, "big") + IN.to_bytes(2, "big")

    def record(self, name: str, type: str, kind: int, ttl: int = 0, value: str = "") -> None:
        """One record of the prerequisites or of the updates; `kind` is its class."""
        octets = rdata.write(type, value) if value else b""
        if (number := self._numbers.get(type)) is None:
            number = self._numbers[type] = rdata.type_number(type)
        self._name(name)
        self._octets += b"%b%b%b%b%b" % (
            number.to_bytes(2, "big"), kind.to_bytes(2, "big"), ttl.to_bytes(4, "big"),
            len(octets).to_bytes(2, "big"), octets,
        )  # fmt: skip
        if len(self._octets) > LONGEST:
            raise TooLong

    def finished(self, required: int, updated: int) -> bytes:
        counts = (1, required, updated, 0)
        self._octets[4:12] = b"".join(count.to_bytes(2, "big") for count in counts)
        return bytes(self._octets)

    def _name(self, text: str) -> None:
        if (rest := self._parsed.get(text)) is None:
            rest = self._parsed[text] = names.parse(text)
        while rest != names.ROOT:
            if (place := self._places.get(rest)) is not None:
                self._octets += (0xC000 | place).to_bytes(2, "big")
                return
            if len(self._octets) < _POINTABLE:
                self._places[rest] = len(self._octets)
            length = rest[0] + 1
            self._octets += rest[:length]
            rest = rest[length:]
        self._octets += names.ROOT
