"""Planned changes: those that may be done, and removals that wait for an operator.

    planned                                              goes to
    adds or changes something                            ready
    only removes, and `plan.guard` lets it               ready
    only removes, too many with what went lately         waiting: all such, until the plan of them
                                                         is approved, or few enough are left of it
    only removes, approved as it is                      ready

What went lately does not count less with the time while something waits: time approves nothing.

Pure.  Called by `keeper`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from feddns.providers import base, plan
from feddns.providers.base import Limits
from feddns.providers.plan import Plan, Proof
from feddns.providers.recordsets import Change


class Agenda:
    """`ready` in the order in which it is to be done; `waiting` is what `pending` is made of."""

    def __init__(self, zone: str, share: float, least: int, window: float) -> None:
        self.ready: dict[str, Change] = {}
        self.waiting: dict[str, Change] = {}
        self.pending: Plan | None = None
        self._zone, self._share, self._least, self._window = zone, share, least, window
        self._approved: dict[str, Change] = {}
        self._went: deque[tuple[float, int]] = deque()
        self._is_weighed = True

    def __contains__(self, name: str) -> bool:
        return name in self.ready or name in self.waiting

    def put(self, change: Change) -> None:
        """It is planned; `weigh` is to follow."""
        if self._approved.get(change.name) != change:
            self._approved.pop(change.name, None)
        if not plan.is_removal(change) or change.name in self._approved:
            self.ready[change.name] = change
        else:
            self.waiting[change.name] = change
            self._is_weighed = False

    def drop(self, name: str) -> None:
        """It is planned anew."""
        self.ready.pop(name, None)
        if self.waiting.pop(name, None):
            self._is_weighed = False

    def weigh(self, owned: int, proof: Proof, now: float) -> str:
        """Lets removals go or wait.  Returns why they wait, when none did before.

        `owned`: the record sets of ours that are there now.
        """
        if self._is_weighed:
            return ""
        self._is_weighed = True
        waited = self.pending is not None
        if not waited:
            while self._went and self._went[0][0] < now - self._window:
                self._went.popleft()
        went = sum(count for _, count in self._went)
        before = went + plan.removed(self._going())
        found = plan.of(self._zone, self.waiting.values(), proof=proof)
        words = plan.guard(found, owned + went, self._share, self._least, before)
        if found.changes and words:
            self.pending = found
            return "" if waited else words
        self.pending = None
        self.ready.update(self.waiting)
        self.waiting.clear()
        return ""

    def _going(self) -> Iterator[Change]:
        """Removals that are let go already, by the guard and not by an operator."""
        ready = self.ready.items()
        return (change for name, change in ready if self._approved.get(name) != change)

    def approve(self, plan_id: str) -> Plan | None:
        """What waited under this id may be done."""
        found = self.pending
        if found is None or found.id != plan_id:
            return None
        approved = {change.name: change for change in found.changes}
        self._approved |= approved
        self.ready |= approved
        self.waiting.clear()
        self.pending = None
        return found

    def disapprove(self, names: Iterable[str]) -> None:
        """Nothing is to be done there any more: what was approved was so for that time alone."""
        for name in names:
            self._approved.pop(name, None)

    def take(self, names: Iterable[str], limits: Limits) -> list[Change]:
        """Of the ready, what fits into one call; one change at least."""
        taken = base.batch((self.ready[name] for name in names), limits)
        for change in taken:
            del self.ready[change.name]
        return taken

    def give_back(self, changes: Iterable[Change], *, is_first: bool) -> None:
        """They were not done; they stand before all others, or behind them."""
        back = {change.name: change for change in changes}
        self.ready = {**back, **self.ready} if is_first else {**self.ready, **back}

    def done(self, change: Change, now: float) -> None:
        is_approved = self._approved.pop(change.name, None) == change
        if count := 0 if is_approved else plan.removed((change,)):
            self._went.append((now, count))
