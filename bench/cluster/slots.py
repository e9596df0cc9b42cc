"""The questions of the open-loop client as one block of memory that is ready to be sent.

    65,536 octets                   the rcode that each slot must get
    65,536 × 2 octets               the length of each question
    65,536 × 128 octets             the questions; the id of each is the number of its slot

With as many slots as there are ids, the answer's id says which question it answers, and nothing
need be written for a question that is asked again.  Pure; `storm` packs, `openloop` sends.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

SLOTS = 1 << 16
STRIDE = 128

_KINDS = {"A": 1, "PTR": 12, "AAAA": 28, "SRV": 33}
_RCODES = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}


def pack(asked: Sequence[tuple[str, str, str]]) -> bytes:
    """The block for these names, types and rcodes, repeated until all slots have a question."""
    rcodes, lengths, questions = bytearray(SLOTS), bytearray(2 * SLOTS), bytearray(STRIDE * SLOTS)
    for slot in range(SLOTS):
        name, kind, rcode = asked[slot % len(asked)]
        wire = question(slot, name, kind)
        rcodes[slot] = _RCODES[rcode]
        struct.pack_into("=H", lengths, 2 * slot, len(wire))
        questions[STRIDE * slot : STRIDE * slot + len(wire)] = wire
    return bytes(rcodes + lengths + questions)


def unpack(block: bytes) -> tuple[bytes, memoryview, bytearray]:
    """Rcodes, lengths, questions."""
    lengths = memoryview(block)[SLOTS : 3 * SLOTS].cast("H")
    return block[:SLOTS], lengths, bytearray(block[3 * SLOTS :])


def question(number: int, name: str, kind: str) -> bytes:
    """A question with RD, without EDNS."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return (
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
        + labels
        + struct.pack("!2H", _KINDS[kind], 1)
    )
