"""What was done to a zone, and the way back.

    done since                         the way back
    something added                    it is removed
    something removed                  it is added
    changed, and changed again         from what is there now to what was there first
    added and removed again            nothing

A name whose records have been changed by somebody else since then is `Outdated` when it is applied.

Pure.  `keeper` makes `Applied`, the controllers keep it, `feddns zone rollback` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from feddns.errors import DocumentRefused
from feddns.providers.recordsets import Change, Key, RecordSet


class Applied(msgspec.Struct, frozen=True):
    """Changes that were done.  `time`: of the keeper's clock, of Unix where it is kept."""

    time: float
    changes: tuple[Change, ...]

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def from_json(raw: bytes | str) -> Applied:
    """As `to_json` wrote it.  Raises `DocumentRefused`."""
    try:
        return msgspec.json.decode(raw, type=Applied)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentRefused(f"no applied plan: {error}") from error


def rollback(to: float, history: Iterable[Applied]) -> tuple[Change, ...]:
    """What takes the zone back to how it was at `to`; one change a name, the last changed first."""
    names: dict[str, _Way] = {}
    for applied in sorted(history, key=lambda one: one.time):
        if applied.time > to:
            for change in applied.changes:
                way = names.pop(change.name, None) or _Way(change.name)
                way.follow(change)
                names[change.name] = way
    found = (way.back() for way in reversed(names.values()))
    return tuple(change for change in found if change)


class _Way:
    """What was at a name first and what is there last, of what was touched."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._service = ""
        self._first: dict[Key, RecordSet | None] = {}
        self._last: dict[Key, RecordSet | None] = {}

    def follow(self, change: Change) -> None:
        self._service = change.service or self._service
        for record in change.removals:
            self._first.setdefault(record.key, record)
            self._last[record.key] = None
        for record in change.additions:
            self._first.setdefault(record.key, None)
            self._last[record.key] = record

    def back(self) -> Change | None:
        moved = [key for key, first in self._first.items() if self._last[key] != first]
        removals = tuple(last for key in moved if (last := self._last[key]))
        additions = tuple(first for key in moved if (first := self._first[key]))
        if not moved:
            return None
        return Change(self._name, removals, additions, self._service, "rolled back")
