"""EDNS(0): what a client offered in its OPT record, and the OPT record of the reply.

Sources: RFC 6891 (OPT, sizes, versions), RFC 5001 (NSID), RFC 8914 (extended errors).  Unknown
options are ignored.  Pure; called by `wire` and `responder`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from feddns.errors import ErrorReply
from feddns.records import FORMERR, OPT

NSID = 3
EXTENDED_ERROR = 15

OTHER, STALE_ANSWER, NOT_READY, NOT_AUTHORITATIVE = 0, 3, 14, 20
"""Info codes of RFC 8914 §4 that feddns gives."""

DO = 0x8000

_FIXED = struct.Struct("!HHIH")


class ExtendedError(NamedTuple):
    """An info code and a text for a person."""

    code: int
    text: str


class Offer(NamedTuple):
    """A client's OPT record.  `size` as sent, `nsid` whether it asked for one."""

    size: int
    version: int
    do: bool
    nsid: bool


def read_opt(message: bytes, start: int, end: int) -> Offer:
    """Read an OPT record whose fixed part starts at `start` (after its root owner's octet)."""
    _, size, extended, length = _FIXED.unpack_from(message, start)
    position = start + 10
    if position + length > end:
        raise ErrorReply(FORMERR, "OPT record longer than the message")
    nsid = False
    stop = position + length
    while position < stop:
        if position + 4 > stop:
            raise ErrorReply(FORMERR, "EDNS option without a length")
        code, size_of_option = struct.unpack_from("!HH", message, position)
        position += 4 + size_of_option
        nsid = nsid or code == NSID
    if position != stop:
        raise ErrorReply(FORMERR, "EDNS option longer than its record")
    version = (extended >> 16) & 0xFF
    return Offer(size, version, bool(extended & DO), nsid)


def write_opt(
    offer: Offer, own_size: int, rcode: int, nsid: bytes, extended_error: ExtendedError | None
) -> bytes:
    """The OPT record of a reply: our size, the high bits of the rcode, DO mirrored."""
    options = b""
    if offer.nsid and nsid:
        options += struct.pack("!HH", NSID, len(nsid)) + nsid
    if extended_error is not None:
        text = extended_error.text.encode("utf-8")
        options += struct.pack("!HHH", EXTENDED_ERROR, 2 + len(text), extended_error.code) + text
    extended = (rcode >> 4) << 24 | (DO if offer.do else 0)
    return b"\x00" + _FIXED.pack(OPT, own_size, extended, len(options)) + options
