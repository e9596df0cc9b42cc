"""The one mutable cell: it holds the current snapshot, and tells who must forget what.

`commit` moves the world by a batch of events as one step: a reader sees the snapshot from before
or from after, never one between.  Single-threaded; called by whoever receives events (`feed`,
`manifests.follow`), read by `resolver.responder`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from feddns import snapshot as world
from feddns.events import Event
from feddns.snapshot import Dependency, Snapshot

Forget = Callable[[set[Dependency]], None]


class Store:
    """Current snapshot and the listeners that keep something derived from it."""

    def __init__(self, initial: Snapshot) -> None:
        self.current = initial
        self._listeners: list[Forget] = []

    def listen(self, forget: Forget) -> None:
        """`forget(dependencies)` is called after each step, before anybody can read."""
        self._listeners.append(forget)

    def commit(self, events: Iterable[Event]) -> None:
        """Apply a batch of events as one step."""
        snapshot = self.current
        dependencies: set[Dependency] = set()
        for event in events:
            snapshot = world.apply(snapshot, event, dependencies)
        self.swap(snapshot, dependencies)

    def swap(self, snapshot: Snapshot, dependencies: set[Dependency]) -> None:
        """Put a new world in place; `dependencies` name what it changes in answers."""
        self.current = snapshot
        for forget in self._listeners:
            forget(dependencies)
