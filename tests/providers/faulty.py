"""A provider that has bad days, on purpose and the same ones for the same seed.

fault        what is done                          what the caller hears
BEFORE       nothing                               ProviderAway
AFTER        all of it                             ProviderAway
LATE         all of it, before a later call        ProviderAway
SOME         the first of the changes, where each  ProviderAway
             is done for itself; else nothing
HALF         a listing, some pages of it           ProviderAway in place of the next page
THROTTLED    nothing, for some calls on end        Throttled
TWICE        all of it, and once more              what the second was answered, or the first
MEDDLING     somebody else changes the zone first  as without it
"""

from __future__ import annotations

import contextlib
import enum
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from feddns.errors import ProviderAway, ProviderTrouble, Throttled
from feddns.providers.base import Provider
from feddns.providers.recordsets import Change, RecordSet

LONGEST_STORM = 6


class Fault(enum.StrEnum):
    BEFORE = "before"
    AFTER = "after"
    LATE = "late"
    SOME = "some"
    HALF = "half"
    THROTTLED = "throttled"
    TWICE = "twice"
    MEDDLING = "meddling"


EVERY: Mapping[Fault, float] = dict.fromkeys(Fault, 0.06)
"""About two calls of five go wrong."""


class Faulty:
    """`chances` of each call to go wrong; `meddle` is somebody else.  `happened` counts."""

    def __init__(
        self,
        provider: Provider,
        chances: Mapping[Fault, float],
        dice: random.Random,
        meddle: Callable[[], None] = lambda: None,
    ) -> None:
        self.zone, self.limits = provider.zone, provider.limits
        self.chances = chances
        self.happened: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._provider, self._dice, self._meddle = provider, dice, meddle
        self._late: list[tuple[Change, ...]] = []
        self._storm = 0

    def list(self) -> Iterator[Sequence[RecordSet]]:
        for page in self._provider.list():
            self._before()
            if self._happens(Fault.BEFORE):
                raise ProviderAway("no answer")
            yield page
            if self._happens(Fault.HALF):
                raise ProviderAway("the connection broke")

    def apply(self, changes: Sequence[Change]) -> None:
        self._before()
        if self._happens(Fault.BEFORE):
            raise ProviderAway("no answer")
        if self._happens(Fault.LATE):
            self._late.append(tuple(changes))
            raise ProviderAway("no answer in time")
        if self._happens(Fault.SOME):
            count = 0 if self.limits.is_atomic else self._dice.randrange(len(changes))
            if count:
                self._provider.apply(changes[:count])
            raise ProviderAway("the connection broke")
        self._provider.apply(changes)
        if self._happens(Fault.TWICE):
            self._again(changes)
        if self._happens(Fault.AFTER):
            raise ProviderAway("no answer in time")

    def close(self) -> None:
        self._provider.close()

    def deliver(self) -> None:
        """What is late arrives; nobody waits for its answer any more."""
        late, self._late = self._late, []
        for changes in late:
            with contextlib.suppress(ProviderTrouble):
                self._provider.apply(changes)

    def _again(self, changes: Sequence[Change]) -> None:
        try:
            self._provider.apply(changes)
        except ProviderTrouble as error:
            if self._dice.random() < 0.5:
                # What it says of the second delivery, it does not say of the first.
                error.done = None
                raise

    def _before(self) -> None:
        if self._late and self._dice.random() < 0.5:
            self.deliver()
        if self._happens(Fault.MEDDLING):
            self._meddle()
        if not self._storm and self._happens(Fault.THROTTLED):
            self._storm = self._dice.randint(1, LONGEST_STORM)
        if self._storm:
            self._storm -= 1
            raise Throttled("Rate exceeded", self._dice.choice([0.2, 1.0, 5.0]))

    def _happens(self, fault: Fault) -> bool:
        happens = self._dice.random() < self.chances.get(fault, 0.0)
        self.happened[fault] += happens
        return happens
