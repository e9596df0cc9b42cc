"""What an answering process counts: a flat array of 64-bit numbers for others to read.

    replies     (transport, type, rcode, ready or built)     one slot each, see `slot`
    durations   a histogram: one slot for each bound of BOUNDS, one above, then the sum in ns
    restarts    how often the process was started again
    gauges      one slot for each name of GAUGES

One increment is one addition into memory: nothing is looked up and nothing is lost when the
process is killed.  Pure; `responder`, `udp` and `tcp` add, `metrics` reads.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from feddns.records import (
    AAAA,
    ANY,
    BADVERS,
    CNAME,
    FORMERR,
    NOERROR,
    NOTIMP,
    NS,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    SRV,
    TXT,
    A,
)

OTHER = 0
"""Stands for every type that has no slot of its own, and for messages that have no type."""

TYPES = (A, AAAA, SRV, PTR, CNAME, TXT, NS, SOA, ANY, 65, OTHER)
SILENCE = -1
"""Stands in the place of an rcode where nothing was sent."""

RCODES = (NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS, SILENCE)

BOUNDS = (
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.1,
)
"""Upper bounds of the histogram's buckets, in seconds."""

GAUGES = (
    "ready",
    "stale",
    "snapshot_version",
    "snapshot_changed_ns",
    "answers_ready",
    "answers_ready_bytes",
    "tcp_connections",
    "replies_unsent",
    "process_id",
    "turned_ns",
)

_TYPE_INDEX = {number: index for index, number in enumerate(TYPES)}
_RCODE_INDEX = {rcode: index for index, rcode in enumerate(RCODES)}

_DURATIONS = 2 * len(TYPES) * len(RCODES) * 2
RESTARTS = _DURATIONS + len(BOUNDS) + 2
_GAUGES = RESTARTS + 1
SIZE = _GAUGES + len(GAUGES)
"""How many slots there are."""


class Readable(Protocol):
    """An array of SIZE numbers."""

    def __getitem__(self, index: int, /) -> int:
        """The number in a slot."""


class Counts(Readable, Protocol):
    """One that can be written."""

    def __setitem__(self, index: int, number: int, /) -> None:
        """Put a number into a slot."""


class Row(NamedTuple):
    """The labels of one slot of replies."""

    tcp: bool
    type: int
    rcode: int
    ready: bool


@functools.lru_cache(maxsize=1024)  # bounded: a client may ask for any of 65,536 types
def slot(tcp: bool, kind: int, rcode: int, ready: bool) -> int:
    """Where replies of this sort are counted."""
    kind_index = _TYPE_INDEX.get(kind, len(TYPES) - 1)
    index = (tcp * len(TYPES) + kind_index) * len(RCODES) + _RCODE_INDEX.get(rcode, 0)
    return index * 2 + ready


def rows() -> Iterator[tuple[int, Row]]:
    """Every slot of replies with its labels."""
    for tcp in (False, True):
        for kind in TYPES:
            for rcode in RCODES:
                for ready in (False, True):
                    yield slot(tcp, kind, rcode, ready), Row(tcp, kind, rcode, ready)


def observe(counts: Counts, seconds: float, queries: int) -> None:
    """`queries` questions were each answered `seconds` after they were taken from the kernel."""
    counts[_DURATIONS + bisect_left(BOUNDS, seconds)] += queries
    counts[_DURATIONS + len(BOUNDS) + 1] += int(seconds * 1e9) * queries


def durations(counts: Readable) -> tuple[list[int], float]:
    """Observations in each bucket (the last one above all bounds), and their sum in seconds."""
    buckets = [counts[_DURATIONS + index] for index in range(len(BOUNDS) + 1)]
    return buckets, counts[_DURATIONS + len(BOUNDS) + 1] / 1e9


def gauge(name: str) -> int:
    """The slot of a gauge."""
    return _GAUGES + GAUGES.index(name)
