"""What a folder of manifests gives, file by file, and the events when a file changes.

    case  what happens                              objects, events
    1     a file is new or changed                  Put for what is new or not equal, Gone for what
                                                    is no longer in any file
    2     a file is gone                            Gone, unless another file has the object
    3     a file does not parse                     all objects that it gave before stay
    4     an object in it is refused                its own earlier form stays, if it had one
    5     an object is in two files                 the last path in order counts, and a warning
    6     an object keeps its name and changes its  Gone(old), Put(new)
          key (a slice of another service now)
    7     an object is twice in one file            the later one counts

A ConfigMap means two things, each of which is kept under an identity of its own.

A file costs what is in that file; the others are not looked at.  Only domain objects are kept.

Pure.  Called by `manifests.folder` and `feddns check`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator

import msgspec

from feddns.errors import DocumentRefused
from feddns.events import Event, Gone, Object, Put
from feddns.inventory import Counts, Refusal
from feddns.kube import resources
from feddns.kube.cluster import CONFIG_MAP
from feddns.kube.resources import Role
from feddns.manifests import documents

_SECOND = " (nameservers)"
"""What the identity of a ConfigMap's second object ends with; no name has a space."""


class _File(msgspec.Struct):
    """What one file gave: identities of objects, kinds passed over, refusals."""

    identities: frozenset[str] = frozenset()
    ignored: dict[str, int] = {}
    refusals: tuple[Refusal, ...] = ()


class _Reading(msgspec.Struct):
    """A file while it is read."""

    objects: dict[str, Object]
    kept: set[str]
    ignored: Counter[str]
    refusals: list[Refusal]


class FileTable:
    """The objects of all files of one role (`cluster` or `federation`)."""

    def __init__(
        self, role: Role, unwanted: Collection[str] = (), config_map: str = CONFIG_MAP
    ) -> None:
        """`unwanted`: kinds that are passed over although feddns knows them."""
        self.role = role
        self._config_map = config_map
        self._unwanted = frozenset(unwanted)
        self._files: dict[str, _File] = {}
        self._objects: dict[str, Object] = {}
        self._shared: dict[str, dict[str, Object]] = {}
        """Objects that several files have: identity → path → object."""

    def loading(self, path: str, content: bytes) -> Iterator[list[Event]]:
        """The first reading of a file: the events of each piece as soon as it is read.

        A file that turns out not to parse takes back what it gave.
        """
        reading = _Reading({}, set(), Counter(), [])
        identities: set[str] = set()
        try:
            for piece in documents.read(content):
                reading.objects.clear()
                self._take(path, piece, reading)
                events: list[Event] = []
                for identity, thing in reading.objects.items():
                    self._set(path, identity, thing, identity in identities, events)
                identities.update(reading.objects)
                yield events
        except DocumentRefused as refusal:
            yield self._apply(path, _File(), {}, frozenset(identities))
            self.refuse(path, refusal.reason, refusal.line)
            return
        self._keep(
            path,
            _File(frozenset(identities), dict(reading.ignored), tuple(reading.refusals)),
        )

    def update(self, path: str, content: bytes | None) -> list[Event]:
        """Take in the file's new content, None when it is gone; the events that this makes."""
        steps = self.updating(path, content)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                events: list[Event] = end.value
                return events

    def updating(self, path: str, content: bytes | None) -> Generator[None, None, list[Event]]:
        """`update` in steps of a few milliseconds; nothing changes before the last."""
        if content is None:
            return self._apply(path, _File(), {}, self._identities(path))
        reading = _Reading({}, set(), Counter(), [])
        try:
            for piece in documents.read(content):
                self._take(path, piece, reading)
                yield
        except DocumentRefused as refusal:
            self.refuse(path, refusal.reason, refusal.line)
            return []
        before = self._identities(path)
        kept = (reading.kept & before) - reading.objects.keys()
        file = _File(
            frozenset(reading.objects.keys() | kept),
            dict(reading.ignored),
            tuple(reading.refusals),
        )
        return self._apply(path, file, reading.objects, before)

    def refuse(self, path: str, reason: str, line: int = 0) -> None:
        """The file is there and cannot be used: what it gave before stays (case 3)."""
        before = self._files.get(path, _File())
        refusals = (Refusal(path, line, reason),)
        self._files[path] = msgspec.structs.replace(before, refusals=refusals)

    def _take(self, path: str, piece: Iterable[documents.Document], reading: _Reading) -> None:
        for document in piece:
            if document.head.kind in self._unwanted:
                reading.ignored[document.head.kind] += 1
                continue
            outcome = resources.read(document.raw, self.role, document.head, self._config_map)
            if outcome.reasons:
                reading.refusals.extend(
                    Refusal(path, document.line, reason) for reason in outcome.reasons
                )
            if outcome.refused:
                reading.kept.update((outcome.identity, outcome.identity + _SECOND))
            elif outcome.ignored:
                reading.ignored[outcome.ignored] += 1
            for thing, part in zip(outcome.objects, ("", _SECOND), strict=False):
                reading.objects[outcome.identity + part] = thing

    # --- differences -----------------------------------------------------------------------------

    def _apply(
        self, path: str, file: _File, objects: dict[str, Object], before: frozenset[str]
    ) -> list[Event]:
        events: list[Event] = []
        for identity in before - file.identities:
            self._remove(path, identity, events)
        for identity, thing in objects.items():
            self._set(path, identity, thing, identity in before, events)
        self._keep(path, file)
        return events

    def _identities(self, path: str) -> frozenset[str]:
        return self._files.get(path, _File()).identities

    def _keep(self, path: str, file: _File) -> None:
        if file.identities or file.ignored or file.refusals:
            self._files[path] = file
        else:
            self._files.pop(path, None)

    def _set(self, path: str, identity: str, thing: Object, had: bool, events: list[Event]) -> None:
        shared = self._shared.get(identity)
        old = self._objects.get(identity)
        if shared is None and old is not None and not had:
            shared = self._shared[identity] = {self._owner(identity, path): old}
        if shared is not None:
            shared[path] = thing
            thing = shared[max(shared)]
        if old is None:
            self._objects[identity] = thing
            events.append(Put(thing))
        elif old != thing:
            self._objects[identity] = thing
            if old.key != thing.key:
                events.append(Gone(old))
            events.append(Put(thing))

    def _remove(self, path: str, identity: str, events: list[Event]) -> None:
        old = self._objects[identity]
        shared = self._shared.get(identity)
        if shared is None:
            del self._objects[identity]
            events.append(Gone(old))
            return
        del shared[path]
        thing = shared[max(shared)]
        if len(shared) == 1:
            del self._shared[identity]
        if old != thing:
            self._objects[identity] = thing
            if old.key != thing.key:
                events.append(Gone(old))
            events.append(Put(thing))

    def _owner(self, identity: str, other_than: str) -> str:
        """The one file that has the object.  A search through the files, for the rare case 5."""
        return next(
            path
            for path, file in self._files.items()
            if path != other_than and identity in file.identities
        )

    # --- what is there ---------------------------------------------------------------------------

    def paths(self) -> list[str]:
        return sorted(self._files)

    def objects(self) -> Iterator[Object]:
        return iter(self._objects.values())

    def refusals(self) -> list[Refusal]:
        """All that does not count at the moment, in order of paths; case 5 too."""
        found = [refusal for path in self.paths() for refusal in self._files[path].refusals]
        return found + self.warnings()

    def refusals_of(self, path: str) -> tuple[Refusal, ...]:
        file = self._files.get(path)
        return file.refusals if file else ()

    def warnings(self) -> list[Refusal]:
        """One for each file whose form of an object another file overrides."""
        return [
            Refusal(path, 0, f"{identity}: it is also in {max(shared)}, which counts")
            for identity, shared in self._shared.items()
            if not identity.endswith(_SECOND)
            for path in sorted(shared)[:-1]
        ]

    def counts(self) -> Counts:
        ignored: Counter[str] = Counter()
        for file in self._files.values():
            ignored.update(file.ignored)
        kinds = Counter(type(thing).__name__ for thing in self._objects.values())
        return Counts(dict(kinds), dict(ignored), len(self.refusals()))
