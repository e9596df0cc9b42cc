"""The bytes to and from upstream: one question, and what its reply is good for.

    a reply …                                        outcome
    with another id, question, opcode, or no QR      does not match: waited on
    that matches, cut short, or with a bad pointer   None: as if the server had failed
    otherwise                                        `Copy`: its records as they came

Of a reply all after the question is kept as bytes, without the OPT record (RFC 6891 §6.2.1: it is
between two neighbours), and put behind the asker's spelling of the question, which has the same
length, so that the compression pointers hold.  Additional records behind an OPT record go with it.
TTLs are found once, so that they can be counted down in place.

    lifetime of                                                    seconds
    records                                                        the smallest TTL, --forward-ttl
    NXDOMAIN, and NOERROR without the type, with a SOA             that, the SOA's minimum (RFC 2308
                                                                   §5), --forward-negative-ttl
    the same without a SOA, a referral, a truncated reply          0
    SERVFAIL, REFUSED and the like                                 2 (RFC 9520 §3.2)

Never raises for bytes from outside.  Pure; called by `forwarder` and `relay`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from feddns.names import LONGEST_NAME, ROOT, Name
from feddns.records import ANY, CNAME, NOERROR, NXDOMAIN, OPT, SERVFAIL, SOA, RRset
from feddns.resolver.edns import DO, EXTENDED_ERROR, ExtendedError

QR, TC, RD, RA, AD, CD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
OPCODE = 0x7800
YXDOMAIN = 6
FAILURE_TTL = 2.0
SIZE = 1232

WANTS_RD, WANTS_CD, WANTS_DO = 1, 2, 4

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_OPT = struct.Struct("!BHHIH")
_PAIR = struct.Struct("!HH")
_LARGEST_TTL = 0x7FFF_FFFF
_LONGEST_TEXT = 200

FINAL = frozenset((NOERROR, NXDOMAIN, YXDOMAIN))
"""These are answers; all other rcodes are troubles of the server."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A question as upstream gets it: name in lower case, type and class; which bits it wants.

    `domain`: of the route.  A stub domain that comes or goes makes it another question.
    """

    question: bytes
    wants: int
    domain: Name = ROOT

    @property
    def type(self) -> int:
        return int.from_bytes(self.question[-4:-2], "big")


class Copy(msgspec.Struct, gc=False):
    """What a reply said.

    `body` is all after the question, `additional` where its third section starts, `ttls` pairs of
    place and TTL.  `error` is upstream's extended error or our own.  `asked`: in how many different
    seconds; `recheck`: until when a stale copy is given without asking again.
    """

    rcode: int
    counts: tuple[int, int, int] = (0, 0, 0)
    body: bytes = b""
    additional: int = 0
    ttls: tuple[int, ...] = ()
    lifetime: float = 0.0
    received: float = 0.0
    authentic: bool = False
    truncated: bool = False
    error: ExtendedError | None = None
    asked: int = 0
    recheck: float = 0.0

    @property
    def expires(self) -> float:
        return self.received + self.lifetime


def failure(code: int, text: str, now: float) -> Copy:
    """SERVFAIL of our own, with the reason."""
    error = ExtendedError(code, text[:_LONGEST_TEXT])
    return Copy(SERVFAIL, lifetime=FAILURE_TTL, received=now, error=error)


# --- to upstream ------------------------------------------------------------------------------


def write(asked: Asked, ident: int, option: bytes, *, edns: bool) -> bytes:
    """The question for upstream; `option` goes into its OPT record."""
    wants = asked.wants
    # AD in a question asks for AD in the reply (RFC 6840 §5.7); who does not want it will not see.
    flags = AD | (RD if wants & WANTS_RD else 0) | (CD if wants & WANTS_CD else 0)
    message = _HEADER.pack(ident, flags, 1, 0, 0, int(edns)) + asked.question
    if edns:
        do = DO if wants & WANTS_DO else 0
        message += _OPT.pack(0, OPT, SIZE, do, len(option)) + option
    return message


# --- from upstream ----------------------------------------------------------------------------


def matches(message: bytes, ident: int, question: bytes) -> bool:
    """Whether this is the reply to that question, and no one else's."""
    if len(message) < 12:
        return False
    found, flags, questions = struct.unpack_from("!HHH", message)
    if found != ident or not flags & QR or flags & OPCODE:
        return False
    if questions == 0 and len(message) == 12 and flags & 15 not in (NOERROR, NXDOMAIN):
        return True  # old servers answer FORMERR and the like with a bare header
    end = 12 + len(question)
    if questions != 1 or len(message) < end or message[end - 4 : end] != question[-4:]:
        return False
    name = message[12 : end - 4]
    return name == question[:-4] or name.lower() == question[:-4]


def read(message: bytes, asked: Asked, now: float, longest: float, negative: float) -> Copy | None:
    """What a reply that `matches` says; `longest` and `negative` bound its lifetime."""
    _, flags, questions, *numbers = _HEADER.unpack_from(message)
    reader = _Reader(message, 12 + len(asked.question) if questions else 12, asked.type)
    try:
        reader.sections(numbers)
    except (IndexError, struct.error, _Broken):
        return None
    rcode = flags & 15 | reader.extended << 4
    truncated = bool(flags & TC)
    return Copy(
        rcode, (numbers[0], numbers[1], reader.shown), message[reader.start : reader.end],
        reader.additional - reader.start, tuple(reader.ttls),
        0.0 if truncated else _lifetime(reader, rcode, longest, negative), now,
        bool(flags & AD), truncated, reader.error,
    )  # fmt: skip


def _lifetime(reader: _Reader, rcode: int, longest: float, negative: float) -> float:
    if rcode not in FINAL:
        return FAILURE_TTL
    positive = rcode == NOERROR and reader.answered
    if not positive and rcode != YXDOMAIN:
        if reader.minimum is None:
            return 0.0
        longest = min(longest, negative, reader.minimum)
    return float(min(longest, reader.smallest))


class _Broken(Exception):
    """A name that runs backwards or out of the message."""


class _Reader:
    """Walks over the records of a reply."""

    def __init__(self, message: bytes, start: int, kind: int) -> None:
        self.message = message
        self.start = self.end = self.additional = start
        self.ttls: list[int] = []
        self.smallest = _LARGEST_TTL
        self.minimum: int | None = None
        self.answered = False
        self.extended = 0
        self.error: ExtendedError | None = None
        self.shown = 0
        self._kind = kind

    def sections(self, numbers: list[int]) -> None:
        answers, authorities, additionals = numbers
        self._records(answers, answer=True)
        self._records(authorities, answer=False)
        self.additional = self.end
        has_opt = False
        position = self.end
        for _ in range(additionals):
            owner = _end_of_name(self.message, position)
            kind, _, ttl, length = _RECORD.unpack_from(self.message, owner)
            end = owner + 10 + length
            if end > len(self.message):
                raise _Broken
            if kind == OPT and not has_opt:
                has_opt = True
                self.extended = ttl >> 24
                self.error = _extended_error(self.message[owner + 10 : end])
            elif not has_opt:
                self._note(owner, ttl)
                self.shown += 1
                self.end = end
            position = end

    def _records(self, number: int, *, answer: bool) -> None:
        message = self.message
        position = self.end
        for _ in range(number):
            place = _end_of_name(message, position)
            kind, _, ttl, length = _RECORD.unpack_from(message, place)
            position = place + 10 + length
            if position > len(message):
                raise _Broken
            ttl = self._note(place, ttl)
            if ttl < self.smallest:
                self.smallest = ttl
            if answer:
                if kind == self._kind or self._kind == ANY:
                    self.answered = True
            elif kind == SOA and length >= 22:
                minimum = int.from_bytes(message[position - 4 : position], "big")
                self.minimum = min(ttl, minimum & _LARGEST_TTL)
        self.end = position

    def _note(self, place: int, ttl: int) -> int:
        """A TTL with its highest bit set means 0 (RFC 2181 §8)."""
        ttl = 0 if ttl > _LARGEST_TTL else ttl
        self.ttls += (place + 4 - self.start, ttl)
        return ttl


def _end_of_name(message: bytes, position: int) -> int:
    start = position
    while length := message[position]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[position + 1]
            if not 12 <= target < start:
                raise _Broken
            return position + 2
        if length > 63:
            raise _Broken
        position += length + 1
    return position + 1


def _extended_error(options: bytes) -> ExtendedError | None:
    position = 0
    while position + 4 <= len(options):
        code, length = _PAIR.unpack_from(options, position)
        position += 4
        option = options[position : position + length]
        if code == EXTENDED_ERROR and len(option) == length >= 2:
            text = option[2:].decode("utf-8", "replace")[:_LONGEST_TEXT]
            return ExtendedError(int.from_bytes(option[:2], "big"), text)
        position += length
    return None


def places(reply: bytes, start: int, skipped: int) -> tuple[int, ...]:
    """Places (from `start`) and values of the TTLs in a reply of our own, without its id.

    Those of the first `skipped` records and of OPT records are left out.
    """
    numbers = struct.unpack_from("!HHH", reply, 4)
    found: list[int] = []
    position = start
    for index in range(sum(numbers)):
        while (length := reply[position]) and length < 0xC0:
            position += length + 1
        position += 2 if length else 1
        kind, _, ttl, length = _RECORD.unpack_from(reply, position)
        if index >= skipped and kind != OPT:
            found += (position + 4 - start, ttl)
        position += 10 + length
    return tuple(found)


# --- records out of a copy, for chains --------------------------------------------------------


def rrsets(copy: Copy, question: bytes) -> tuple[list[RRset], list[RRset]] | None:
    """The sets of the answer and the authority section, without compression; None when broken."""
    message = bytes(12) + question + copy.body
    position = 12 + len(question)
    sections: list[list[RRset]] = []
    try:
        for number in copy.counts[:2]:
            found: list[RRset] = []
            for _ in range(number):
                record, position = _record(message, position)
                found.append(record)
            sections.append(list(_grouped(found)))
    except (IndexError, struct.error, _Broken):
        return None
    return sections[0], sections[1]


def _grouped(found: list[RRset]) -> Iterator[RRset]:
    """Neighbours of one owner, type and TTL as one set."""
    last: RRset | None = None
    for record in found:
        if last is not None and last[:3] == record[:3]:
            last = last._replace(rdatas=last.rdatas + record.rdatas)
        else:
            if last is not None:
                yield last
            last = record
    if last is not None:
        yield last


def _record(message: bytes, position: int) -> tuple[RRset, int]:
    owner, position = _name(message, position)
    kind, _, ttl, length = _RECORD.unpack_from(message, position)
    start = position + 10
    end = start + length
    if end > len(message):
        raise _Broken
    before, count = _WITH_NAMES.get(kind, (0, 0))
    rdata = message[start : start + before]
    start += before
    for _ in range(count):
        name, start = _name(message, start)
        rdata += name
    if start > end:
        raise _Broken
    ttl = 0 if ttl > _LARGEST_TTL else ttl
    return RRset(owner, kind, ttl, (rdata + message[start:end],)), end


def _name(message: bytes, position: int) -> tuple[Name, int]:
    parts: list[bytes] = []
    size, end, low = 1, 0, position
    while length := message[position]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[position + 1]
            if not 12 <= target < low:
                raise _Broken
            end = end or position + 2
            position = low = target
            continue
        size += length + 1
        if length > 63 or size > LONGEST_NAME:
            raise _Broken
        parts.append(message[position : position + length + 1])
        position += length + 1
    return b"".join(parts) + b"\x00", end or position + 1


_WITH_NAMES = {
    2: (0, 1), 3: (0, 1), 4: (0, 1), CNAME: (0, 1), SOA: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1),
    12: (0, 1), 14: (0, 2), 15: (2, 1), 17: (0, 2), 18: (2, 1), 21: (2, 1), 26: (2, 2), 33: (6, 1),
    36: (2, 1), 39: (0, 1),
}  # fmt: skip
"""Types whose rdata may have compressed names (RFC 3597 §4): octets before them, and how many."""
