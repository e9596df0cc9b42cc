"""Events between processes: frames of bytes, and the snapshot they build up on the other side.

    frame      4 octets of length, then msgpack of `Step`
    Step       reset   start from an empty world, not from the current one
               events  to apply
               commit  the world is whole: put it in place, as one step

A new reader is sent everything there is (a first frame with `reset`, and `commit` in the last when
the sources have been read whole), then what comes, as it comes.  Frames are small, so that a
reader can answer questions between two of them while the old world stays in place.

Pure; `app.watching` sends, `app.answering` receives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from feddns import snapshot as world
from feddns.events import Event
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


def frames(events: Iterable[Event], *, reset: bool, commit: bool) -> Iterator[bytes]:
    """The same as bytes."""
    for step in steps(events, reset=reset, commit=commit):
        body = _encoder.encode(step)
        yield len(body).to_bytes(4, "big") + body


class Splitter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._stream = bytearray()

    def feed(self, data: bytes) -> None:
        self._stream += data

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

    def apply(self, step: Step) -> None:
        """One step.  After `commit` the store has the new world."""
        snapshot = self._building or self._store.current
        if step.reset:
            snapshot = self._empty
            self._dependencies.add(EVERYTHING)
        for event in step.events:
            self._dependencies.update(world.touched(snapshot, event))
            snapshot = world.apply(snapshot, event)
        self._building = snapshot
        if step.commit:
            self._store.swap(snapshot, self._dependencies)
            self._building, self._dependencies = None, set()

    def abandon(self) -> None:
        """The sender is gone: forget what was begun."""
        self._building, self._dependencies = None, set()
