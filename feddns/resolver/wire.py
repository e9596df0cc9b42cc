"""DNS messages: read a question, write a reply (RFC 1035 §4).

    read_query, in this order           outcome
    shorter than a header               Ignored: nothing to reply to
    QR set                              Ignored: a response is never replied to
    opcode other than QUERY             NOTIMP
    QDCOUNT other than 1                FORMERR (RFC 9619)
    name runs over, compressed, > 255   FORMERR
    records in answer or authority      FORMERR
    OPT twice, or not at the root       FORMERR (RFC 6891 §6.1.1)
    bytes after the message             FORMERR

Replies keep the question as it was asked, case included, and compress names against it
(RFC 1035 §4.1.4), never inside SRV (RFC 2782).  A reply is built as `Reply` parts, so that the
address records of an answer can be rotated as bytes without being built again.

Pure; every read of bytes from outside is in this file and in `edns`.  Called by `responder`.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from feddns.errors import ErrorReply, Ignored
from feddns.names import LONGEST_NAME, Name
from feddns.records import AAAA, CNAME, FORMERR, NOTIMP, NS, OPT, PTR, SOA, A, RRset
from feddns.resolver import edns

QR, AA, TC, RD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0010
OPCODE = 0x7800
NO_QUERY = 0xF8
"""QR and opcode in the third octet of a message."""

POINTER = 0xC000
HEAD = 10
"""Octets of a header without its id."""


_HEADER = struct.Struct("!HHHHHH")
_COUNTS = struct.Struct("!HHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_ONE_QUESTION = b"\x00\x01\x00\x00\x00\x00\x00"  # QDCOUNT … and the first octet of ARCOUNT


class Query(msgspec.Struct, gc=False):
    """A well-formed question.

    `question` is its section as sent; `name` lower-cased; `offsets` of its labels' length octets
    within `name`; `flags` the bits that a reply copies (RD, CD).
    """

    flags: int
    question: bytes
    name: Name
    offsets: list[int]
    type: int
    klass: int
    edns: edns.Offer | None = None


class Reply(NamedTuple):
    """A reply without its id: `head` + `block` + `tail`; `block` is `total` records of one size.

    Without a choice of orders all of it is in `head` and `total` is 0.

    Rotating the block by whole records gives the same answer in another order.  `shown` is how
    many of the block's records go into one reply (fewer than `total` when it is truncated).
    """

    head: bytes
    block: bytes
    tail: bytes
    total: int
    shown: int


# --- reading ----------------------------------------------------------------------------------


def read_query(message: bytes) -> Query:
    """Raises `Ignored` or `ErrorReply` as the table above says, and nothing else."""
    size = len(message)
    if size < 12:
        raise Ignored("shorter than a header")
    _, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(message)
    if flags & QR:
        raise Ignored("a response")
    if flags & OPCODE:
        raise ErrorReply(NOTIMP, f"opcode {(flags & OPCODE) >> 11}")
    if questions != 1 or answers or authorities:
        raise ErrorReply(FORMERR, "not exactly one question and nothing else")
    offsets = []
    position = 12
    try:
        while length := message[position]:
            if length > 63:
                raise ErrorReply(FORMERR, "compression or unknown label type in a question")
            offsets.append(position - 12)
            position += length + 1
        end = position + 5
        kind, klass = _QUESTION.unpack_from(message, position + 1)
    except (IndexError, struct.error):
        raise ErrorReply(FORMERR, "question cut short") from None
    if position - 11 > LONGEST_NAME:
        raise ErrorReply(FORMERR, "name over 255 octets")
    offer = None
    if additionals or end != size:
        offer = _read_additional(message, end, additionals)
    return Query(
        flags & (RD | CD), message[12:end], message[12 : end - 4].lower(),
        offsets, kind, klass, offer,
    )  # fmt: skip


def end_of_question(message: bytes) -> int:
    """Where the first question ends, without a look at its name; perhaps behind the message."""
    size = len(message)
    position = 12
    while position < size and (length := message[position]):
        position += length + 1
    return position + 5


def _read_additional(message: bytes, position: int, count: int) -> edns.Offer | None:
    size = len(message)
    offer = None
    for _ in range(count):
        owner = position
        position = _skip_name(message, position)
        if position + 10 > size:
            raise ErrorReply(FORMERR, "additional record cut short")
        kind, _, _, length = _RECORD.unpack_from(message, position)
        if kind == OPT:
            if offer is not None or position != owner + 1:
                raise ErrorReply(FORMERR, "two OPT records, or one that is not at the root")
            offer = edns.read_opt(message, position, size)
        position += 10 + length
    if position != size:
        raise ErrorReply(FORMERR, "bytes missing or left over after the records")
    return offer


def _skip_name(message: bytes, position: int) -> int:
    try:
        while length := message[position]:
            if length >= 0xC0:
                return position + 2
            if length > 63:
                raise ErrorReply(FORMERR, "unknown label type")
            position += length + 1
    except IndexError:
        raise ErrorReply(FORMERR, "name cut short") from None
    return position + 1


# --- writing ----------------------------------------------------------------------------------


def write_error(message: bytes, rcode: int) -> bytes:
    """A bare header with `rcode`: never longer than what it answers."""
    ident, flags = struct.unpack_from("!HH", message)
    return _HEADER.pack(ident, QR | flags & (OPCODE | RD) | rcode, 0, 0, 0, 0)


def write_empty(message: bytes, flags: int, opt: bytes) -> bytes | None:
    """A reply to a question that was hardly looked at: header, question, `opt` if OPT was sent.

    Never longer than what it answers but for `opt`; None for what is no question.
    """
    if len(message) < 12 or message[2] & NO_QUERY or message[4] or message[5] > 1:
        return None
    end = end_of_question(message) if message[5] else 12
    if end > len(message):
        return None
    if not message[11]:
        opt = b""
    copied = message[2] << 8 & RD | message[3] & CD
    return message[:2] + _empty_head(flags | copied, message[5], opt) + message[12:end] + opt


@functools.lru_cache(maxsize=64)
def _empty_head(flags: int, questions: int, opt: bytes) -> bytes:
    return _COUNTS.pack(QR | flags, questions, 0, 0, 1 if opt else 0)


def negative_head(query: Query, rcode: int, edns: bool) -> bytes:
    """The header, without id, of a reply that says no: a question, one SOA, perhaps an OPT."""
    return _COUNTS.pack(QR | AA | query.flags | rcode & 15, 1, 0, 1, int(edns))


def write_authority(query: Query, rrset: RRset) -> bytes:
    """A zone's SOA as it stands right after a question below it.

    Only the zone's own name within the question compresses it, so that the bytes are right behind
    every question of that length.
    """
    writer = _Writer(query)
    zone = 12 + len(query.name) - len(rrset.owner)
    writer.places = {name: place for name, place in writer.places.items() if place >= zone}
    writer.rrset(rrset)
    return b"".join(writer.parts[2:])


class Sections(NamedTuple):
    """The record sets of a reply; the last of `answers` is the one that is rotated."""

    answers: Sequence[RRset] = ()
    authorities: Sequence[RRset] = ()
    additionals: Sequence[RRset] = ()


def write_reply(query: Query, flags: int, sections: Sections, opt: bytes, limit: int) -> Reply:
    """A reply of at most `limit` octets, id included.

    What does not fit goes in this order: additional records, all (no TC: RFC 2181 §9); then the
    answer's last records, with TC.
    """
    writer = _Writer(query)
    answers, authorities, additionals = sections
    leading = sum(map(writer.rrset, answers[:-1]))
    block_start = writer.size
    last = answers[-1] if answers else None
    count = writer.rrset(last) if last is not None else 0
    block_end = writer.size
    authority = sum(map(writer.rrset, authorities))
    authority_end = writer.size
    additional = sum(map(writer.rrset, additionals))
    room = limit - len(opt)
    end = writer.size
    if end > room:
        additional, end = 0, authority_end
    body = b"".join(writer.parts)
    head, block, tail = body[:block_start], body[block_start:block_end], body[block_end:end]
    even = last is not None and last.type in _EVEN
    shown = count
    if end > room:
        flags |= TC
        fitting = max(0, room - block_start) // (len(block) // count) if even else 0
        shown, tail, authority = min(fitting, count), b"", 0
        if block_start > room:
            head, leading = head[: 12 + len(query.question)], 0
    counts = (1, leading + shown, authority, additional + (1 if opt else 0))
    head = _COUNTS.pack(QR | flags | query.flags, *counts) + head[12:]
    if not even or count < 2:
        return Reply(head + (block if shown else b"") + tail + opt, b"", b"", 0, 0)
    return Reply(head, block, tail + opt, count, shown)


class _Writer:
    """Collects parts and remembers where names stand; offsets count from the message's start."""

    def __init__(self, query: Query) -> None:
        self.parts = [b"\x00" * 12, query.question]
        self.size = 12 + len(query.question)
        name = query.name
        self.places = {name[offset:]: 12 + offset for offset in query.offsets}

    def rrset(self, rrset: RRset) -> int:
        """Write all records of the set; returns how many."""
        for rdata in rrset.rdatas:
            self._name(rrset.owner)
            if rrset.type in _COMPRESSED:
                self._compressed_rdata(rrset, rdata)
            else:
                self._put(_RECORD.pack(rrset.type, 1, rrset.ttl, len(rdata)) + rdata)
        return len(rrset.rdatas)

    def _compressed_rdata(self, rrset: RRset, rdata: bytes) -> None:
        """NS, CNAME, PTR: one name; SOA: two names and five numbers (RFC 1035 §3.3)."""
        index = len(self.parts)
        self._put(b"\x00" * 10)
        before = self.size
        first = _skip_name(rdata, 0)
        self._name(rdata[:first])
        if rrset.type == SOA:
            second = _skip_name(rdata, first)
            self._name(rdata[first:second])
            self._put(rdata[second:])
        self.parts[index] = _RECORD.pack(rrset.type, 1, rrset.ttl, self.size - before)

    def _name(self, name: Name) -> None:
        position = 0
        while name[position]:
            rest = name[position:].lower()
            place = self.places.get(rest)
            if place is not None:
                self._put(name[:position] + (POINTER | place).to_bytes(2, "big"))
                return
            if self.size + position < 0x4000:
                self.places[rest] = self.size + position
            position += name[position] + 1
        self._put(name)

    def _put(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)


_COMPRESSED = frozenset((NS, CNAME, PTR, SOA))
_EVEN = frozenset((A, AAAA))  # all records of such a set have one size on the wire
