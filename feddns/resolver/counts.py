"""What an answering process counts: a flat array of 64-bit numbers for others to read.

    replies     (transport, type, rcode, ready or built)     one slot each, see `slot`
    histograms  each one slot for each of its bounds, one above, then the sum in ns: DURATIONS of
                answers, PROGRAMMING from what changed an endpoint to the answer
    restarts    how often the process was started again
    counters    one slot for each name of COUNTERS
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
    BADCOOKIE,
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

RCODES = (NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS, BADCOOKIE, SILENCE)

BOUNDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1,
)  # fmt: skip
"""Upper bounds of the buckets of DURATIONS, in seconds."""

PROGRAMMING_BOUNDS = tuple(0.001 * 2**power for power in range(20))
"""The same of PROGRAMMING: those of CoreDNS, 1 ms to 9 minutes."""

GAUGES = (
    "ready",
    "stale",
    "stale_since_ns",
    "snapshot_version",
    "snapshot_changed_ns",
    "answers_ready",
    "answers_ready_bytes",
    "tcp_connections",
    "replies_unsent",
    "process_id",
    "turned_ns",
    "forward_in_flight",
    "forward_waiting",
    "forward_entries",
    "forward_bytes",
)

FORWARDED = (
    "forward_hits", "forward_misses", "forward_answered", "forward_failed", "forward_stale",
    "forward_prefetches", "forward_refused_full", "forward_loops",
)  # fmt: skip

COUNTERS = (
    "limited_silence", "limited_truncated", "limited_badcookie", "cookie_exempt", *FORWARDED,
)  # fmt: skip
"""What only grows and is no reply: it outlives the process, as the replies do."""

_TYPE_INDEX = {number: index for index, number in enumerate(TYPES)}
_RCODE_INDEX = {rcode: index for index, rcode in enumerate(RCODES)}

_DURATIONS = 2 * len(TYPES) * len(RCODES) * 2
_PROGRAMMING = _DURATIONS + len(BOUNDS) + 2
RESTARTS = _PROGRAMMING + len(PROGRAMMING_BOUNDS) + 2
_COUNTERS = RESTARTS + 1
_GAUGES = _COUNTERS + len(COUNTERS)
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


class Histogram(NamedTuple):
    """Where one stands, and the upper bounds of its buckets in seconds."""

    start: int
    bounds: tuple[float, ...]

    def observe(self, counts: Counts, seconds: float, times: int = 1) -> None:
        """It took `seconds`, so many times."""
        counts[self.start + bisect_left(self.bounds, seconds)] += times
        counts[self.start + len(self.bounds) + 1] += int(seconds * 1e9) * times

    def read(self, counts: Readable) -> tuple[list[int], float]:
        """Observations in each bucket (the last one above all bounds), and their sum in seconds."""
        end = self.start + len(self.bounds) + 1
        return [counts[slot] for slot in range(self.start, end)], counts[end] / 1e9


DURATIONS = Histogram(_DURATIONS, BOUNDS)
"""From taking a question out of the kernel to handing its reply back."""

PROGRAMMING = Histogram(_PROGRAMMING, PROGRAMMING_BOUNDS)
"""From what changed an endpoint to the answers that follow it."""


def counter(name: str) -> int:
    """The slot of a counter."""
    return _COUNTERS + COUNTERS.index(name)


def gauge(name: str) -> int:
    """The slot of a gauge."""
    return _GAUGES + GAUGES.index(name)
