"""Keys that wait to be looked at: each once, the urgent before the many, the failed later.

    call                          what happens
    add(key)                      it waits; one that waits already does so once
    add(key, bulk=True)           the same behind the urgent ones; every eighth taken is such
    add while it is in work       it waits again when it is done
    add_after(key, seconds)       it waits when the time is over, or when it is added
    failed(key)                   the same after 1 s, doubling to 60 s; `least` when the API said so
    good(key)                     the next failure waits as the first one

A queue for the reconcilers, and one for each member: so nothing stands behind a member that is
dead, and the back-off is of a key in a member.  Pure: `now` is a clock that only goes forward.
Called by `engine` and `executor`.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

FIRST, LONGEST = 1.0, 60.0
_BULK_EVERY = 8

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """See the module's docstring."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first, self._longest = first, longest
        self._urgent: OrderedDict[K, float] = OrderedDict()
        self._bulk: OrderedDict[K, float] = OrderedDict()
        self._working: set[K] = set()
        self._again: dict[K, bool] = {}
        self._later: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._failures: dict[K, int] = {}
        self._taken = 0

    def __len__(self) -> int:
        """How many wait to be taken now."""
        return len(self._urgent) + len(self._bulk)

    def depths(self) -> dict[str, int]:
        """How many wait, wait for a time, and are in work."""
        return {
            "waiting": len(self), "delayed": len(self._later), "working": len(self._working)
        }  # fmt: skip

    def add(self, key: K, now: float, *, bulk: bool = False) -> None:
        """Look at it soon."""
        self._later.pop(key, None)
        if key in self._working:
            self._again[key] = self._again.get(key, True) and bulk
        elif bulk:
            if key not in self._urgent:
                self._bulk.setdefault(key, now)
        else:
            since = self._bulk.pop(key, now)
            self._urgent.setdefault(key, since)

    def add_after(self, key: K, seconds: float, now: float) -> None:
        """Look at it then; sooner when that was asked for already."""
        at = now + seconds
        if key in self._urgent or key in self._bulk or self._later.get(key, at + 1) <= at:
            return
        self._later[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))

    def take(self, now: float) -> tuple[K, float] | None:
        """The next, and how long it has waited; `done` or `failed` is to follow."""
        self._ripen(now)
        self._taken += 1
        bulk_first = self._taken % _BULK_EVERY == 0
        for lane in (self._bulk, self._urgent) if bulk_first else (self._urgent, self._bulk):
            if lane:
                key, since = lane.popitem(last=False)
                self._working.add(key)
                return key, now - since
        return None

    def done(self, key: K, now: float) -> None:
        """Nothing more is to be done for it, unless it was added meanwhile."""
        self._working.discard(key)
        bulk = self._again.pop(key, None)
        if bulk is not None:
            self.add(key, now, bulk=bulk)

    def good(self, key: K) -> None:
        """It went well."""
        self._failures.pop(key, None)

    def failed(self, key: K, now: float, least: float = 0.0) -> float:
        """It is done, and did not go well; after how many seconds it will be taken again."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait: float = max(least, min(self._longest, self._first * 2 ** min(failures - 1, 16)))
        self.done(key, now)
        self.add_after(key, wait, now)
        return wait

    def failures(self, key: K) -> int:
        """How often it has failed in a row."""
        return self._failures.get(key, 0)

    def drop(self, key: K) -> None:
        """It need not be looked at any more."""
        for waiting in (self._urgent, self._bulk, self._later, self._again, self._failures):
            waiting.pop(key, None)

    def clear(self) -> None:
        """Nothing waits any more; what is in work goes on."""
        for waiting in (self._urgent, self._bulk, self._later, self._again, self._failures):
            waiting.clear()
        self._heap.clear()

    def due(self, now: float) -> float | None:
        """Seconds until the next can be taken; None when nothing waits."""
        self._ripen(now)
        if self:
            return 0.0
        return self._heap[0][0] - now if self._heap else None

    def _ripen(self, now: float) -> None:
        heap = self._heap
        while heap and (heap[0][0] <= now or self._later.get(heap[0][2]) != heap[0][0]):
            at, _, key = heapq.heappop(heap)
            if self._later.get(key) == at:
                self.add(key, now)
