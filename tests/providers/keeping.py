"""A keeper with its zone in memory and a driver, for the tests of the keeper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from feddns.providers import memory, ownership
from feddns.providers.base import Limits
from feddns.providers.budget import Budget
from feddns.providers.desired import Wanted
from feddns.providers.keeper import Keeper, Settings
from feddns.providers.memory import Memory
from feddns.providers.ownership import Mark
from feddns.providers.plan import Proof, Source
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.providers.driver import Driver

ZONE = "example.com."
US = ownership.registry("feddns-ufp")
COMPLETE: Proof = (Source("services", "77"),)
PARTLY: Proof = (Source("services", "", False),)
ATOMIC = Limits(is_atomic=True)


def a(number: int, last: int = 1) -> RecordSet:
    return record_set(f"w{number}.{ZONE}", "A", 180, [f"192.0.2.{last}"])


def wish(record: RecordSet, generation: int = 1) -> Wanted:
    return Wanted(record, Mark(f"service/{service(record)}", ("eu",), generation))


def service(record: RecordSet) -> str:
    """The Service `shop/w7` has `w7.example.com.`."""
    return f"shop/{record.name.partition('.')[0]}"


def claimed(*records: RecordSet) -> list[RecordSet]:
    """With their claims, as the keeper writes them."""
    return [
        one
        for record in records
        for one in (record, ownership.claim(record, wish(record).mark, US))
    ]


@dataclass
class Gate:
    """A provider that does what it is told to: `answers` are raised, one a call, in place of it.

    None lets a call through.  `refuses` says of each change whether the server takes it.
    """

    there: Memory
    answers: list[Exception | None] = field(default_factory=list)
    refuses: Callable[[Change], Exception | None] = lambda change: None

    @property
    def zone(self) -> str:
        return self.there.zone

    @property
    def limits(self) -> Limits:
        return self.there.limits

    def list(self) -> Iterator[Sequence[RecordSet]]:
        for page in self.there.list():
            self._answer()
            yield page

    def apply(self, changes: Sequence[Change]) -> None:
        self._answer()
        for number, change in enumerate(changes):
            if error := self.refuses(change):
                if not self.limits.is_atomic:
                    self.there.apply(changes[:number])
                raise error
        self.there.apply(changes)

    def close(self) -> None: ...

    def _answer(self) -> None:
        if self.answers and (error := self.answers.pop(0)):
            raise error


class Kept:
    """The keeper, its driver, and the zone; sources read, unless said otherwise."""

    def __init__(
        self,
        *records: RecordSet,
        limits: Limits = ATOMIC,
        settings: Settings | None = None,
        budget: Budget | None = None,
        latency: float = 0.0,
    ) -> None:
        self.there = memory.open(
            memory.Settings(zone=ZONE, records=records, limits=limits, page=50)
        )
        self.gate = Gate(self.there)
        self.keeper = Keeper(ZONE, settings or Settings(gather=0.0), US, limits, budget)
        self.driver = Driver(self.keeper, self.gate, latency)
        self.keeper.prove(COMPLETE, 0.0)

    @property
    def now(self) -> float:
        return self.driver.now

    def want(self, *records: RecordSet, generation: int = 1) -> None:
        for record in records:
            self.keeper.want(service(record), (wish(record, generation),), self.now)

    def forget(self, *records: RecordSet) -> None:
        for record in records:
            self.keeper.forget(service(record), self.now)

    def settle(self) -> Kept:
        self.driver.settle()
        return self

    def ours(self) -> set[RecordSet]:
        """What lies there with a claim of ours."""
        held = ownership.divide(self.there.content(), US).ours.values()
        return {own.record for own in held if own.record}

    def told(self) -> list[tuple[str, str]]:
        """Reasons and services, without what went well."""
        return [(one.reason, one.service) for one in self.keeper.news() if one.is_warning]

    def calls(self) -> int:
        """Calls that change something, since this was asked last."""
        count, self._seen = len(self.driver.applies) - self._seen, len(self.driver.applies)
        return count

    _seen = 0
