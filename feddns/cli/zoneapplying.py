"""Changes, done once by hand: in as few calls as the provider takes, each refused one alone.

    came of a call            what happens
    done                      the next call
    Throttled                 the same after a pause
    Rejected, Outdated        halves, until the one that is refused stands alone; it is left out,
                              with the provider's words, and the rest goes on
    ProviderAway              the end: perhaps it was done; a new plan says what is left
    OperatorNeeded            the end, nothing of it was done
    any of them, and `done`   so many were done; it is about the next one

No time goes by in here but through `Clock`.  Called by `zonechanging`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from feddns.errors import FeddnsError, Outdated, ProviderAway, Rejected, Throttled
from feddns.providers import base
from feddns.providers.base import Provider
from feddns.providers.budget import Budget
from feddns.providers.recordsets import Change

_TRIES, _LONGEST_PAUSE = 10, 120.0


class Clock(NamedTuple):
    """How time is read and waited for."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Outcome(msgspec.Struct):
    """What became of the changes.  `unsure`: of a call without an answer; `left`: not tried."""

    done: list[Change] = []
    refused: list[tuple[Change, str]] = []
    unsure: list[Change] = []
    left: list[Change] = []
    trouble: str = ""

    @property
    def is_whole(self) -> bool:
        return not (self.refused or self.unsure or self.left)


def carry_out(provider: Provider, changes: Sequence[Change], clock: Clock = Clock()) -> Outcome:  # noqa: B008
    """Does them, in this order but for what is refused.  Raises nothing of the provider's."""
    return _Work(provider, clock).run(list(changes))


class _Work:
    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider, self._clock = provider, clock
        self._budget = Budget(provider.limits.rate, provider.limits.burst)
        self._outcome = Outcome()
        self._groups: list[list[Change]] = []
        """What is to be done, the next group last; those of a group go together if they can."""
        self._throttled = 0

    def run(self, changes: list[Change]) -> Outcome:
        self._push(changes)
        while self._groups and not self._outcome.trouble:
            self._call()
        for group in reversed(self._groups):
            self._outcome.left += group
        return self._outcome

    def _push(self, *groups: Sequence[Change]) -> None:
        """The first of them is the next."""
        self._groups += [list(group) for group in reversed(groups) if group]

    def _call(self) -> None:
        group = self._groups.pop()
        taken = base.batch(group, self._provider.limits)
        self._push(taken, group[len(taken) :])
        self._wait(self._budget.book(self._clock.now()) - self._clock.now())
        try:
            self._provider.apply(taken)
        except FeddnsError as error:
            self._failed(self._groups.pop(), error)
        else:
            self._outcome.done += self._groups.pop()
            self._throttled = 0

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._clock.sleep(seconds)

    def _failed(self, taken: list[Change], error: FeddnsError) -> None:
        done = self._done(taken, error)
        if done is None:
            self._outcome.unsure += taken
            self._outcome.trouble = str(error)
            return
        self._outcome.done += taken[:done]
        rest = taken[done:]
        if isinstance(error, Throttled) and self._throttled < _TRIES:
            self._throttled += 1
            self._push(rest)
            self._wait(min(error.after, _LONGEST_PAUSE))
        elif isinstance(error, Rejected | Outdated):
            self._refused(rest, error)
        else:
            self._push(rest)
            self._outcome.trouble = str(error)

    def _done(self, taken: Sequence[Change], error: FeddnsError) -> int | None:
        """How many of them were; None when that is not known."""
        done: int | None = getattr(error, "done", None)
        if done is not None:
            return done
        if isinstance(error, ProviderAway):
            return None
        return 0 if self._provider.limits.is_atomic or len(taken) == 1 else None

    def _refused(self, rest: list[Change], error: FeddnsError) -> None:
        """The first is to blame where each is done for itself, else one of them."""
        if len(rest) > 1 and self._provider.limits.is_atomic:
            half = len(rest) // 2
            self._push(rest[:half], rest[half:])
        elif rest:
            self._outcome.refused.append((rest[0], str(error)))
            self._push(rest[1:])
