"""What the sources hold and how they are followed, in numbers and words: for /metrics, the log and
`feddns status`.  Values only.  Pure.
"""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """Something that does not count, and why.

    `path` is the file it came from, empty for an object of an API; `line` is 0 when it is not
    known.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}" if self.path else self.reason


class Counts(NamedTuple):
    """How many of what, from one source."""

    objects: dict[str, int]
    ignored: dict[str, int]
    refused: int


class InformerState(NamedTuple):
    """How one resource of an API is followed.  Times are Unix seconds, 0 for never.

    `phase`: listing, watching, waiting (to try again) or forbidden; `since` when it began;
    `errors` by kind, with the last one's words.
    """

    source: str
    resource: str
    phase: str
    since: float
    objects: int
    last_event: float
    last_bookmark: float
    resource_version: str
    lists: int
    watches: int
    errors: dict[str, int]
    last_error: str


LATENCY_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets of an upstream's latencies, in seconds."""


class Upstream(NamedTuple):
    """A server that questions are forwarded to, in numbers.

    `latency` is the smoothed one, `seconds` the sum of all, `buckets` counts them by
    LATENCY_BOUNDS, the last one above all; `loops`: it leads back to this server, and is left out.
    """

    server: str
    up: bool
    loops: bool
    in_flight: int
    asked: int
    answered: int
    timeouts: int
    errors: int
    refusals: int
    latency: float
    seconds: float
    buckets: tuple[int, ...]


class Inventory(NamedTuple):
    """What the watching process knows.

    Objects by kind, kinds passed over, what is refused now by source, the informers, when a change
    last came (Unix time), and the upstream servers as each answering process sees them.
    """

    objects: dict[str, int]
    ignored: dict[str, int]
    refused: dict[str, int]
    informers: list[InformerState]
    changed: float = 0.0
    upstreams: dict[int, list[Upstream]] = {}  # noqa: RUF012 - shared and never changed
