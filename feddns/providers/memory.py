"""A zone in memory: to try things out, for tests, and for the playground, whose server reads it.

    of a change                                      raised
    a removal, or what it keeps, is not there so     Outdated
    an addition is there already                     Outdated
    a name outside the zone, no values               Rejected
    a CNAME or ALIAS beside what excludes it         Rejected
    more record sets than one call takes             Rejected

As strict as the strictest real provider, so that what goes well here does so there.  It may be
asked and changed from several threads.  Called by `catalogue` and by tests.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from feddns.errors import Outdated, Rejected
from feddns.providers.base import Limits
from feddns.providers.recordsets import (
    AAAA,
    ALIAS,
    CNAME,
    A,
    Change,
    Key,
    RecordSet,
    canonical,
)

PAGE = 300
"""Record sets a page, as Route 53 has it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`records`: what lies in the zone at the start.  `page`: record sets a page, 0 for all."""

    zone: str
    records: tuple[RecordSet, ...] = ()
    limits: Limits = Limits(is_atomic=True)
    page: int = PAGE


def open(settings: Settings) -> Memory:
    """A zone of its own with these settings."""
    return Memory(settings)


class Memory:
    """See the module's docstring.  `version` grows with each change of the content."""

    def __init__(self, settings: Settings) -> None:
        self.zone = canonical(settings.zone)
        self.limits = settings.limits
        self.version = 1
        self._page = settings.page
        self._lock = threading.Lock()
        self._zone = _Content(settings.records)
        self._sorted: tuple[int, tuple[RecordSet, ...]] | None = None

    # as a provider

    def list(self) -> Iterator[Sequence[RecordSet]]:
        """Pages in the order of names; each is of the moment when it is asked for."""
        after: Key = ("", "")
        while page := self._after(after):
            yield page
            after = page[-1].key
            if not self._page or len(page) < self._page:
                return

    def _after(self, after: Key) -> Sequence[RecordSet]:
        records = self.content()
        start = bisect.bisect_right(records, after, key=lambda record: record.key)
        return records[start : start + self._page if self._page else None]

    def apply(self, changes: Sequence[Change]) -> None:
        size = sum(change.size for change in changes)
        with self._lock:
            if 0 < self.limits.changes < size:
                raise Rejected(f"{size} record sets in one call, {self.limits.changes} at most")
            zone = self._zone.copy() if self.limits.is_atomic else self._zone
            for number, change in enumerate(changes):
                try:
                    self._check(zone, change)
                except (Outdated, Rejected) as error:
                    error.done = 0 if self.limits.is_atomic else number
                    raise
                zone.change(change.removals, change.additions)
                self.version += 1
            self._zone = zone

    def close(self) -> None:
        """Nothing is held that would have to be given back."""

    # as somebody else

    def content(self) -> tuple[RecordSet, ...]:
        """All of it, sorted."""
        with self._lock:
            if self._sorted is None or self._sorted[0] != self.version:
                self._sorted = self.version, tuple(sorted(self._zone.records()))
            return self._sorted[1]

    def put(self, record: RecordSet) -> None:
        """The record set is there now, in place of one of its name and type."""
        with self._lock:
            self._zone.change((), (record,))
            self.version += 1

    def remove(self, key: Key) -> None:
        """It is not there; nothing happens when it was not."""
        with self._lock:
            if there := self._zone.get(key):
                self._zone.change((there,), ())
                self.version += 1

    def _check(self, zone: _Content, change: Change) -> None:
        for record in (*change.removals, *change.keeps):
            if (there := zone.get(record.key)) != record:
                raise Outdated(f"{record} is not in {self.zone}: {there or 'nothing is there'}")
        removed = {record.key for record in change.removals}
        for record in change.additions:
            if record.key not in removed and (there := zone.get(record.key)):
                raise Outdated(f"{record.name} {record.type} is in {self.zone} already: {there}")
            self._check_addition(zone, record, removed, change.additions)

    def _check_addition(
        self,
        zone: _Content,
        record: RecordSet,
        removed: set[Key],
        added: Iterable[RecordSet],
    ) -> None:
        if not f".{record.name}".endswith(f".{self.zone}"):
            raise Rejected(f"{record.name} is not in {self.zone}")
        if not record.values:
            raise Rejected(f"{record.name} {record.type} has no values")
        beside = [other.type for other in added if other.name == record.name]
        beside += [type for type in zone.types(record.name) if (record.name, type) not in removed]
        for type in beside:
            if type != record.type and _excludes(record.type, type):
                raise Rejected(f"{record.name} cannot have {record.type} beside {type}")


def _excludes(one: str, other: str) -> bool:
    if CNAME in (one, other):
        return True
    return ALIAS in (one, other) and {one, other} <= {ALIAS, A, AAAA}


class _Content:
    """Record sets by name and type."""

    def __init__(self, records: Iterable[RecordSet] = ()) -> None:
        self._names: dict[str, dict[str, RecordSet]] = {}
        self.change((), records)

    def copy(self) -> _Content:
        """Shares what is at each name: that is replaced as a whole."""
        copy = _Content()
        copy._names = dict(self._names)
        return copy

    def get(self, key: Key) -> RecordSet | None:
        return self._names.get(key[0], {}).get(key[1])

    def types(self, name: str) -> Iterable[str]:
        return self._names.get(name, {})

    def records(self) -> Iterator[RecordSet]:
        return (record for there in self._names.values() for record in there.values())

    def change(self, removals: Iterable[RecordSet], additions: Iterable[RecordSet]) -> None:
        for record in removals:
            self._names[record.name] = {
                type: there
                for type, there in self._names[record.name].items()
                if type != record.type
            }
            if not self._names[record.name]:
                del self._names[record.name]
        for record in additions:
            self._names[record.name] = {**self._names.get(record.name, {}), record.type: record}
