"""What the API keeps: one immutable entry for each object, one revision over all, recent events.

    create, update, delete    one revision each; the listeners are told at once
    page                      a part of a list, as it was at a revision
    since                     the events after a revision, for a watch that begins in the past
    compact                   forgets events; who asks for what is forgotten gets `Expired`

What lies in the past is found by undoing the events since, so no snapshot is kept for anybody.

Pure.  Called by `handling`; `journal` listens and makes it durable.  Knows nothing of kinds but
their resource ("deployments.apps"), and of an object only `metadata`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

_EVENTS = 20_000
"""Events of one resource that are remembered, at most."""
_AGE = 300.0
"""Seconds that an event is remembered: as etcd is compacted by kube-apiserver."""
_NOTHING: Mapping[str, str] = {}


class Expired(Exception):
    """The past that is asked for is forgotten; `oldest` is the first revision that is known."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {revision} ({oldest})")
        self.oldest = oldest


class Conflicting(Exception):
    """The object is not at the expected revision; `found` is what is there, if anything."""

    def __init__(self, found: Entry | None) -> None:
        super().__init__("the object is at another revision")
        self.found = found


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object at one revision.  `body` is JSON without kind and apiVersion."""

    key: str
    """`namespace/name`, or the name alone."""
    revision: int
    body: bytes
    labels: Mapping[str, str] = _NOTHING
    uid: str = ""
    owners: tuple[str, ...] = ()
    """uids of its ownerReferences."""

    def object(self) -> dict[str, Any]:
        """A copy of one's own."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded


class Event(NamedTuple):
    """A change.  `entry` is None when the object is gone: then `last` has the revision of that."""

    revision: int
    resource: str
    key: str
    entry: Entry | None
    before: Entry | None
    last: Entry
    """The entry, or what was last there, at the revision of its end."""
    time: float


class Page(NamedTuple):
    """Part of a list.  `remaining`: how many entries come after it."""

    entries: list[Entry]
    revision: int
    remaining: int


class _Shelf:
    """The entries of one resource, in the order of their keys, and its events."""

    __slots__ = ("entries", "events", "forgotten", "keys")

    def __init__(self, revision: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.events: deque[Event] = deque()
        self.forgotten = revision
        """The revision of the newest event that is not remembered."""


class Store:
    """The objects of one server.  `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float], *, events: int = _EVENTS) -> None:
        self.revision = 1
        self.listeners: list[Callable[[Event], None]] = []
        self._clock = clock
        self._events = events
        self._start = 1
        self._shelves: dict[str, _Shelf] = {}

    def load(self, revision: int, rows: Iterable[tuple[str, Entry]]) -> None:
        """What was kept by an earlier process, once, before anything else."""
        for resource, entry in rows:
            self._shelf(resource).entries[entry.key] = entry
        for shelf in self._shelves.values():
            shelf.keys = sorted(shelf.entries)
            shelf.forgotten = revision
        self.revision = self._start = revision

    # --- reading ---------------------------------------------------------------------------------

    def get(self, resource: str, key: str) -> Entry | None:
        shelf = self._shelves.get(resource)
        return shelf.entries.get(key) if shelf else None

    def resources(self) -> list[str]:
        """Those that have objects."""
        return [name for name, shelf in self._shelves.items() if shelf.entries]

    def entries(self, resource: str, namespace: str = "") -> list[Entry]:
        """All there are now, in order."""
        shelf = self._shelf(resource)
        keys = shelf.keys[slice(*_range(shelf.keys, namespace))] if namespace else shelf.keys
        return [shelf.entries[key] for key in keys]

    def page(
        self, resource: str, namespace: str = "", *, at: int = 0, after: str = "", limit: int = 0
    ) -> Page:
        """The entries after the key `after`, `limit` at most, as they were at revision `at`.

        Without `at` as they are now.  Raises `Expired`.
        """
        shelf = self._shelf(resource)
        changed = self._changed_since(shelf, at, namespace) if at else {}
        keys = shelf.keys
        if changed:
            keys = sorted({*keys, *changed} - {key for key, was in changed.items() if not was})
        first, last = _range(keys, namespace)
        if after:
            first = max(first, bisect_left(keys, after + "\0"))
        stop = min(last, first + limit) if limit else last
        entries = [changed.get(key) or shelf.entries[key] for key in keys[first:stop]]
        return Page(entries, at or self.revision, max(last - stop, 0))

    def since(self, resource: str, revision: int) -> list[Event]:
        """The events after this revision, oldest first.  Raises `Expired`."""
        shelf = self._shelf(resource)
        if revision < shelf.forgotten:
            raise Expired(revision, shelf.forgotten)
        found: list[Event] = []
        for event in reversed(shelf.events):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    # --- writing ---------------------------------------------------------------------------------

    def create(self, resource: str, key: str, obj: dict[str, Any]) -> Entry:
        """Keep a new object; its resourceVersion is set.  Raises `Conflicting`: it exists."""
        found = self.get(resource, key)
        if found is not None:
            raise Conflicting(found)
        return self._put(resource, key, obj, None)

    def update(self, resource: str, key: str, obj: dict[str, Any], expected: int) -> Entry:
        """Replace the object that is at revision `expected`.  Raises `Conflicting`."""
        return self._put(resource, key, obj, self._expect(resource, key, expected))

    def delete(
        self, resource: str, key: str, expected: int, last: dict[str, Any] | None = None
    ) -> Entry:
        """Remove the object; what it was (or `last`), at the revision of its end.

        Raises `Conflicting`.
        """
        before = self._expect(resource, key, expected)
        self.revision += 1
        end = _entry(key, before.object() if last is None else last, self.revision)
        shelf = self._shelf(resource)
        del shelf.entries[key]
        del shelf.keys[bisect_left(shelf.keys, key)]
        self._tell(shelf, Event(self.revision, resource, key, None, before, end, self._clock()))
        return end

    def compact(self, *, everything: bool = False) -> None:
        """Forget the events that are too old, or all of them."""
        oldest = self._clock() - _AGE
        for shelf in self._shelves.values():
            while shelf.events and (everything or shelf.events[0].time < oldest):
                shelf.forgotten = shelf.events.popleft().revision
            if everything:
                shelf.forgotten = self.revision
        if everything:
            self._start = self.revision

    # --- within ----------------------------------------------------------------------------------

    def _shelf(self, resource: str) -> _Shelf:
        shelf = self._shelves.get(resource)
        if shelf is None:
            shelf = self._shelves[resource] = _Shelf(self._start)
        return shelf

    def _expect(self, resource: str, key: str, expected: int) -> Entry:
        found = self.get(resource, key)
        if found is None or found.revision != expected:
            raise Conflicting(found)
        return found

    def _put(self, resource: str, key: str, obj: dict[str, Any], before: Entry | None) -> Entry:
        self.revision += 1
        entry = _entry(key, obj, self.revision)
        shelf = self._shelf(resource)
        shelf.entries[key] = entry
        if before is None:
            insort(shelf.keys, key)
        self._tell(shelf, Event(self.revision, resource, key, entry, before, entry, self._clock()))
        return entry

    def _tell(self, shelf: _Shelf, event: Event) -> None:
        shelf.events.append(event)
        if len(shelf.events) > self._events:
            shelf.forgotten = shelf.events.popleft().revision
        for listener in self.listeners:
            listener(event)

    def _changed_since(self, shelf: _Shelf, at: int, namespace: str) -> dict[str, Entry | None]:
        """What was at `at` of all that changed since; None where nothing was."""
        if at < shelf.forgotten:
            raise Expired(at, shelf.forgotten)
        changed: dict[str, Entry | None] = {}
        for event in reversed(shelf.events):
            if event.revision <= at:
                break
            if not namespace or event.key.startswith(f"{namespace}/"):
                changed[event.key] = event.before
        return changed


def key_of(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _range(keys: list[str], namespace: str) -> tuple[int, int]:
    """Where the keys of the namespace are; `0` comes after `/`."""
    if not namespace:
        return 0, len(keys)
    return bisect_left(keys, f"{namespace}/"), bisect_left(keys, f"{namespace}0")


def _entry(key: str, obj: dict[str, Any], revision: int) -> Entry:
    metadata = obj["metadata"] = {**obj["metadata"], "resourceVersion": str(revision)}
    owners = metadata.get("ownerReferences")
    body = {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
    return Entry(
        key, revision, msgspec.json.encode(body), metadata.get("labels") or _NOTHING,
        metadata.get("uid", ""), tuple(one.get("uid", "") for one in owners) if owners else (),
    )  # fmt: skip


def entry_of(key: str, revision: int, body: bytes) -> Entry:
    """An entry from what `journal` kept."""
    head = msgspec.json.decode(body, type=_Head).metadata
    return Entry(
        key,
        revision,
        body,
        head.labels or _NOTHING,
        head.uid,
        tuple(one.uid for one in head.owners or ()),
    )


class _Owner(msgspec.Struct):
    uid: str = ""


class _Metadata(msgspec.Struct):
    uid: str = ""
    labels: dict[str, str] | None = None
    owners: list[_Owner] | None = msgspec.field(name="ownerReferences", default=None)


class _Head(msgspec.Struct):
    metadata: _Metadata
