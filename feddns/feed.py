"""Events between processes: frames of bytes, and the snapshot they build up on the other side.

    frame      4 octets of length, then msgpack of `Step`
    Step       reset   start from an empty world, not from the current one
               events  to apply; an object may be there as the msgpack it is kept as
               commit  the world is whole: put it in place, as one step
               (none of these: the sender lives)

The other way a reader tells how its upstream servers are, as lists of `inventory.Upstream` with its
process id, framed alike.

A new reader is sent everything there is (a first frame with `reset`, and `commit` in the last when
the sources have been read whole), then what comes, as it comes.  Frames are small, so that a
reader can answer questions between two of them while the old world stays in place.

Pure; `app.watching` sends, `app.answering` receives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from feddns import snapshot as world
from feddns.events import Event, Put
from feddns.inventory import Upstream
from feddns.snapshot import EVERYTHING, Dependency, Snapshot
from feddns.store import Store

EVENTS_A_FRAME = 100


class Step(msgspec.Struct, array_like=True):
    """See the module's docstring."""

    reset: bool
    commit: bool
    events: list[Event]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Step)


def steps(events: Iterable[Event], *, reset: bool, commit: bool) -> Iterator[Step]:
    """One step in small parts; with `commit` the last part ends it."""
    pending: list[Event] = []
    for event in events:
        if len(pending) == EVENTS_A_FRAME:
            yield Step(reset, False, pending)
            pending, reset = [], False
        pending.append(event)
    yield Step(reset, commit, pending)


BEAT = 2.0
"""Seconds between two signs of life of the sender."""


def frames(events: Iterable[Event], *, reset: bool, commit: bool) -> Iterator[bytes]:
    """The same as bytes."""
    for step in steps(events, reset=reset, commit=commit):
        body = _encoder.encode(step)
        yield len(body).to_bytes(4, "big") + body


def beat() -> bytes:
    """A frame that says nothing but that the sender lives."""
    return next(frames((), reset=False, commit=False))


class Told(msgspec.Struct, array_like=True):
    """What a reader of the feed says of itself."""

    process: int
    upstreams: list[Upstream]


def told(process: int, upstreams: list[Upstream]) -> bytes:
    """A frame for the sender of the feed."""
    body = _encoder.encode(Told(process, upstreams))
    return len(body).to_bytes(4, "big") + body


read_told = msgspec.msgpack.Decoder(Told).decode


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._stream = bytearray()

    def feed(self, data: bytes) -> None:
        self._stream += data

    def has_more(self) -> bool:
        """Whether something is left to take, whole or in part."""
        return len(self._stream) > 0

    def take(self) -> Step | None:
        """The next whole step, or None."""
        stream = self._stream
        if len(stream) < 4:
            return None
        end = 4 + int.from_bytes(stream[:4], "big")
        if len(stream) < end:
            return None
        with memoryview(stream) as view:
            step = _decoder.decode(view[4:end])
        del stream[:end]
        return step


class Builder:
    """Applies steps to a store; what is not committed yet nobody sees."""

    def __init__(self, store: Store, empty: Snapshot) -> None:
        self._store = store
        self._empty = empty
        self._building: Snapshot | None = None
        self._dependencies: set[Dependency] = set()
        self._triggered: list[float] = []

    def apply(self, step: Step) -> None:
        """One step.  After `commit` the store has the new world."""
        snapshot = self._building or self._store.current
        if step.reset:
            snapshot = self._empty
            self._dependencies.add(EVERYTHING)
        for event in step.events:
            snapshot = world.apply(snapshot, event, self._dependencies)
            if isinstance(event, Put) and event.triggered:
                self._triggered.append(event.triggered)
        self._building = snapshot
        if step.commit:
            dependencies = self._dependencies
            self._building, self._dependencies = None, set()
            self._store.swap(snapshot, dependencies)

    def take_triggered(self) -> list[float]:
        """Unix times of what made the changes that were put in place since the last call."""
        if self._building is not None or not self._triggered:
            return []
        taken, self._triggered = self._triggered, []
        return taken

    def abandon(self) -> None:
        """The sender is gone: forget what was begun."""
        self._building, self._dependencies = None, set()
        self._triggered.clear()
