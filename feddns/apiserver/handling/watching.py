"""watch: events as lines of JSON, from a revision on, until the client goes or the time is up.

    resourceVersion   sendInitialEvents   first                                  then
    none, 0           -                   ADDED for each object of now           what changes
    none, 0           false               nothing                                what changes
    N                 -, false            the events since N                     what changes
    N forgotten       -, false            ERROR 410                              the end
    none, N           true                ADDED for each object of now           what changes

    After the objects of now comes a bookmark with k8s.io/initial-events-end, where bookmarks are
    allowed.

    matched before   matches now   event
    no               yes           ADDED
    yes              yes           MODIFIED
    yes              no, gone      DELETED, with what it was

Each event is written once for all watches that see it in the same form.  A client that does not
read is let go when too much waits for it: it lists again.

Pure.  Called by `api`; `server` sends what is in `Watch.take`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from feddns.apiserver import requests
from feddns.apiserver.handling import filtering, presenting
from feddns.apiserver.handling.call import Answer, Call, whole
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.store import Entry, Event, Expired

_MOST_WAITING = 32 << 20
"""Bytes that may wait for one client."""
_DONE = {"k8s.io/initial-events-end": "true"}
_OLDEST = 1800
"""Seconds that a watch lives without a timeoutSeconds, at least; up to twice that."""


class Watch:
    """One open watch.  `awake` is called when there is something to `take`."""

    def __init__(self, call: Call, hub: Hub) -> None:
        self.call = call
        self.ended = False
        self.awake: Callable[[], None] = _nothing
        self.resource = call.stored.resource
        self.timeout = call.options.timeout or _OLDEST * (1 + call.context.entropy(1)[0] / 256)
        self._hub = hub
        self._filter = filtering.of(call)
        self._form = presenting.form(call)
        self._lines: list[bytes] = []
        self._known: list[bytes] = []
        """Lines of what is durable."""
        self._waiting = 0
        self._limited = False
        self._has_columns = False
        self._shared = (call.kind.api_version, self._form, call.options.include_object)

    def begin(self) -> None:
        """What comes first, however much it is.  Raises `RequestRefused`."""
        self._begin()
        self._limited, self._waiting = True, 0
        self.publish()

    def _begin(self) -> None:
        options, store = self.call.options, self.call.context.store
        revision = requests.revision(options.resource_version, "watch")
        if options.initial_events or (revision == 0 and options.initial_events is None):
            for entry in store.entries(self.resource, self.call.target.namespace):
                if self._filter.matches(entry):
                    self._tell("ADDED", entry)
            if options.bookmarks:
                self.bookmark(store.revision, _DONE)
            return
        if revision == 0:
            return
        try:
            events = store.since(self.resource, revision)
        except Expired as error:
            self._add(_error(RequestRefused(410, "Expired", str(error))))
            self.end()
            return
        for event in events:
            self.offer(event, {})

    def offer(self, event: Event, memo: dict[Any, bytes]) -> None:
        """An event that happened; `memo` has the lines that others made of it."""
        filter, before, now = self._filter, event.before, event.entry
        if filter.prefix and not event.key.startswith(filter.prefix):
            return
        if filter.is_open:
            was, is_ = before is not None, now is not None
        else:
            was = before is not None and filter.matches(before)
            is_ = now is not None and filter.matches(now)
        if is_:
            kind = "MODIFIED" if was else "ADDED"
        elif was:
            kind = "DELETED"
        else:
            return
        key = (kind, *self._shared)
        line = memo.get(key) if self._form != presenting.TABLE else None
        if line is None:
            entry = event.last
            if not is_ and now is not None and before is not None:
                entry = _at(before, event.revision)
            line = memo[key] = self._line(kind, entry)
        self._add(line)

    def bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> None:
        """Tell that everything up to this revision was told."""
        if self.ended or not self.call.options.bookmarks:
            return
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        kind = self.call.kind
        made = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
        self._add(_event("BOOKMARK", msgspec.json.encode(self._shaped(made))))

    def publish(self) -> bool:
        """What happened is durable and may be taken; whether there is something to take."""
        self._known += self._lines
        self._lines.clear()
        return bool(self._known) or self.ended

    def take(self) -> bytes:
        """What waits, once."""
        taken = b"".join(self._known)
        self._known.clear()
        self._waiting = 0
        return taken

    def end(self) -> None:
        """No more events: what waits may still be taken."""
        self.ended = True
        self._hub.leave(self)
        self.awake()

    def _tell(self, kind: str, entry: Entry) -> None:
        self._add(self._line(kind, entry))

    def _line(self, kind: str, entry: Entry) -> bytes:
        call = self.call
        if self._form == presenting.OBJECT:
            return _event(kind, whole(call.stored, call.kind, entry))
        return _event(kind, msgspec.json.encode(self._shaped(call.object_of(entry))))

    def _shaped(self, made: dict[str, Any]) -> dict[str, Any]:
        if self._form == presenting.METADATA:
            return presenting.metadata(made)
        if self._form == presenting.TABLE:
            meta = {"resourceVersion": made["metadata"]["resourceVersion"]}
            made = presenting.table(self.call, [made], meta)
            if self._has_columns:
                made["columnDefinitions"] = None
            self._has_columns = True
        return made

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._waiting += len(line)
        if self._limited and self._waiting > _MOST_WAITING:
            self._lines.clear()
            self._known.clear()
            self.end()


class Hub:
    """All open watches of a server; it hears of every change."""

    def __init__(self) -> None:
        self._watches: dict[str, dict[Watch, None]] = {}
        self._news: dict[Watch, None] = {}

    def tell(self, event: Event) -> None:
        """A listener of the store."""
        watches = self._watches.get(event.resource)
        if not watches:
            return
        memo: dict[Any, bytes] = {}
        for watch in list(watches):
            watch.offer(event, memo)
        self._news.update(watches)

    def wake(self) -> None:
        """Let everybody send who has something; when what happened is durable."""
        news, self._news = self._news, {}
        for watch in news:
            if watch.publish():
                watch.awake()

    def bookmarks(self, revision: int) -> None:
        """Tell all watches where they are, with the next `wake`."""
        for watches in self._watches.values():
            for watch in list(watches):
                watch.bookmark(revision)
            self._news.update(watches)

    def enter(self, watch: Watch) -> None:
        self._watches.setdefault(watch.resource, {})[watch] = None

    def leave(self, watch: Watch) -> None:
        self._watches.get(watch.resource, {}).pop(watch, None)

    def end_all(self, resource: str = "") -> None:
        """End the watches: all, or those of a resource that is no more."""
        for name, watches in list(self._watches.items()):
            if not resource or name == resource:
                for watch in list(watches):
                    watch.end()


def watch(call: Call, hub: Hub) -> Answer:
    made = Watch(call, hub)
    made.begin()
    if not made.ended:
        hub.enter(made)
    return Answer(200, b"", watch=made)


def _event(kind: str, obj: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), obj)


def _error(refused: RequestRefused) -> bytes:
    return _event("ERROR", msgspec.json.encode(refused.status()))


def _at(entry: Entry, revision: int) -> Entry:
    """What it was, at the revision at which it was no more to be seen."""
    obj = entry.object()
    obj["metadata"]["resourceVersion"] = str(revision)
    return Entry(entry.key, revision, msgspec.json.encode(obj), entry.labels)


def _nothing() -> None:
    pass
