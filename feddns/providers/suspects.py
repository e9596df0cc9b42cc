"""Which change of a refused batch is to blame, and what becomes of it.

    known                               tried next          it was done         it was refused
    one or more of n are refused        half of them        it is in the rest   it is in this half
    the first that is left is refused   that one            none is suspected   quarantined
    this one is suspected               that one alone      none is suspected   quarantined
    nothing was done for long           the first alone     the others first    quarantined

One of n is found with 2 + log2 n calls at most, the first refusal counted.  The others of the batch
are done meanwhile or afterwards.  Where all are refused, two calls find each.  A change in
quarantine is tried again when it is another one or when its time is over.

Pure.  Called by `keeper`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from feddns.providers.recordsets import Change

_LONG = 24
"""Refusals on end, more than the search for one of 100,000 takes."""


class Suspects:
    """Names; their changes may be planned anew meanwhile, or be gone."""

    def __init__(self) -> None:
        self.batch: frozenset[str] = frozenset()
        """Those of the batch that was refused: nothing new is to be mixed with them."""
        self._names: list[str] = []
        self._rest: list[str] = []
        self._is_ordered = False
        self._refusals = 0

    def __bool__(self) -> bool:
        return bool(self._names)

    def accuse(self, names: Sequence[str], *, is_ordered: bool = False) -> None:
        """One of them at least is refused.  `is_ordered`: the first that is still to be done."""
        self._refusals += 1
        self.batch = (self.batch if self else frozenset()) | frozenset(names)
        self._names, self._rest, self._is_ordered = list(names), [], is_ordered

    def pick(self, ready: Collection[str]) -> list[str]:
        """Those to try now; none when nothing is left to suspect."""
        self._names = [name for name in self._names if name in ready]
        is_single = self._is_ordered or self._refusals > _LONG
        count = 1 if is_single else (len(self._names) + 1) // 2
        self._rest = [] if self._is_ordered else self._names[count:]
        if not self._names:
            self.clear()
        return self._names[:count]

    def passed(self, *, was_picked: bool) -> None:
        """A call was done, of what was picked or of others."""
        self._refusals = 0
        if was_picked:
            self._names = self._rest
        if not self._names:
            self.clear()

    def clear(self) -> None:
        self._names, self._rest, self.batch = [], [], frozenset()


class _Entry(NamedTuple):
    change: Change
    words: str
    until: float


class Quarantine:
    """Changes that the provider refuses, by name."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def put(self, change: Change, words: str, until: float) -> None:
        self._entries[change.name] = _Entry(change, words, until)

    def stops(self, change: Change, now: float) -> bool:
        """It is the one that was refused, and its time is not over."""
        entry = self._entries.get(change.name)
        return entry is not None and now < entry.until and _same(entry.change, change)

    def lift(self, names: Iterable[str]) -> None:
        for name in names:
            self._entries.pop(name, None)

    def due(self, now: float) -> list[str]:
        """Those to be tried again."""
        return [name for name, entry in self._entries.items() if entry.until <= now]

    def next_due(self) -> float | None:
        return min((entry.until for entry in self._entries.values()), default=None)

    def words(self) -> Mapping[str, str]:
        """By service."""
        found: dict[str, list[str]] = {}
        for name, entry in self._entries.items():
            found.setdefault(entry.change.service, []).append(f"{name}: {entry.words}")
        return {service: "; ".join(sorted(said)) for service, said in found.items()}


def _same(one: Change, other: Change) -> bool:
    return one.removals == other.removals and one.additions == other.additions
