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

import functools
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
_START = struct.Struct("!HHH")
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
        return self.question[-4] << 8 | self.question[-3]


class Copy(msgspec.Struct, gc=False):
    """What a reply said.

    `body` is all after the question, `additional` where its third section starts, `ttls` pairs of
    place and TTL.  `error` is upstream's extended error or our own.  `asked`: in how many different
    seconds; `recheck`: until when a stale copy is given without asking again; `cost`: the bytes it
    takes where it is kept.
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
    cost: int = 0

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
    head, tail = _around(asked.wants, option, edns)
    return ident.to_bytes(2, "big") + head + asked.question + tail


@functools.lru_cache(maxsize=256)
def _around(wants: int, option: bytes, edns: bool) -> tuple[bytes, bytes]:
    """What stands between the id and the question, and behind that."""
    # AD in a question asks for AD in the reply (RFC 6840 §5.7); who does not want it will not see.
    flags = AD | (RD if wants & WANTS_RD else 0) | (CD if wants & WANTS_CD else 0)
    head = _HEADER.pack(0, flags, 1, 0, 0, int(edns))[2:]
    do = DO if wants & WANTS_DO else 0
    return head, _OPT.pack(0, OPT, SIZE, do, len(option)) + option if edns else b""


# --- from upstream ----------------------------------------------------------------------------


def matches(message: bytes, ident: int, question: bytes) -> bool:
    """Whether this is the reply to that question, and no one else's."""
    if len(message) < 12:
        return False
    found, flags, questions = _START.unpack_from(message)
    if found != ident or not flags & QR or flags & OPCODE:
        return False
    if questions == 1:
        said = message[12 : 12 + len(question)]
        return said == question or said[:-4].lower() + said[-4:] == question
    # Old servers answer FORMERR and the like with a bare header.
    return questions == 0 and len(message) == 12 and flags & 15 not in (NOERROR, NXDOMAIN)


def read(message: bytes, asked: Asked, now: float, longest: float, negative: float) -> Copy | None:
    """What a reply that `matches` says; `longest` and `negative` bound its lifetime."""
    _, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(message)
    start = 12 + len(asked.question) if questions else 12
    try:
        said = _records(message, start, answers, authorities, asked.type)
        opt = _additionals(message, start, said, additionals)
    except (IndexError, struct.error, _Broken):
        return None
    rcode = flags & 15 | opt.extended << 4
    truncated = bool(flags & TC)
    return Copy(
        rcode, (answers, authorities, opt.before), message[start : opt.end], said.end - start,
        tuple(said.ttls), 0.0 if truncated else _lifetime(said, rcode, longest, negative), now,
        bool(flags & AD), truncated, opt.error,
    )  # fmt: skip


def _lifetime(said: _Said, rcode: int, longest: float, negative: float) -> float:
    if rcode not in FINAL:
        return FAILURE_TTL
    if rcode == NXDOMAIN or (rcode == NOERROR and not said.answered):
        if said.minimum is None:
            return 0.0
        longest = min(longest, negative, said.minimum)
    return float(min(longest, said.smallest))


class _Broken(Exception):
    """A name that runs backwards or out of the message."""


class _Said(msgspec.Struct, gc=False):
    """The answer and the authority section.  `ttls` are those that a copy has.

    `answered`: there is a record of the type asked; `minimum`: the SOA's, for denials.
    """

    ttls: list[int]
    smallest: int
    answered: bool
    minimum: int | None
    end: int


def _records(message: bytes, start: int, answers: int, authorities: int, asked: int) -> _Said:
    ttls: list[int] = []
    smallest, minimum, answered = _LARGEST_TTL, None, False
    end = start
    for index in range(answers + authorities):
        place = _end_of_name(message, end)
        kind, _, ttl, length = _RECORD.unpack_from(message, place)
        end = place + 10 + length
        if ttl > _LARGEST_TTL:
            ttl = 0  # its highest bit is set (RFC 2181 §8)
        ttls += (place + 4 - start, ttl)
        if ttl < smallest:
            smallest = ttl
        if index < answers:
            answered = answered or kind == asked or asked == ANY
        elif kind == SOA and length >= 22:
            number = int.from_bytes(message[end - 4 : end], "big")
            minimum = min(ttl, number & _LARGEST_TTL)
    if end > len(message):
        raise _Broken
    return _Said(ttls, smallest, answered, minimum, end)


class _Opt(msgspec.Struct, gc=False):
    """What the OPT record says, and how many additional records stand before it, up to where."""

    before: int
    end: int
    extended: int = 0
    error: ExtendedError | None = None


def _additionals(message: bytes, start: int, said: _Said, number: int) -> _Opt:
    """Those before the OPT record, whose TTLs go to the others, and the record itself."""
    found: _Opt | None = None
    end = said.end
    for index in range(number):
        place = _end_of_name(message, end)
        kind, _, ttl, length = _RECORD.unpack_from(message, place)
        if kind == OPT and found is None:
            options = message[place + 10 : place + 10 + length]
            found = _Opt(index, end, ttl >> 24, _extended_error(options) if length else None)
        elif found is None:
            said.ttls += (place + 4 - start, ttl if ttl <= _LARGEST_TTL else 0)
        end = place + 10 + length
    if end > len(message):
        raise _Broken
    return found or _Opt(number, end)


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
