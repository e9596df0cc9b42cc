"""Changes done by hand at providers that have bad days, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from feddns.cli import zoneapplying
from feddns.cli.zoneapplying import Clock
from feddns.errors import (
    FeddnsError,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    ProviderTrouble,
    Rejected,
    Throttled,
)
from feddns.providers import memory
from feddns.providers.base import Limits
from feddns.providers.recordsets import Change, RecordSet, record_set

ZONE = "example.com."
BAD = f"n3.{ZONE}"
Says = Callable[[Sequence[Change]], None]


def added(number: int) -> Change:
    record = record_set(f"n{number}.{ZONE}", "A", 60, ["192.0.2.1"])
    return Change(record.name, (), (record,))


CHANGES = [added(number) for number in range(10)]


class Time:
    """Goes by when it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


class Moody:
    """A zone in memory; `says` may raise before a call is done."""

    def __init__(self, says: Says, limits: Limits = Limits(is_atomic=True)) -> None:  # noqa: B008
        self.zone, self.limits, self.calls = ZONE, limits, 0
        self._memory = memory.open(memory.Settings(zone=ZONE, limits=limits))
        self._says = says

    def list(self) -> Iterator[Sequence[RecordSet]]:
        return self._memory.list()

    def apply(self, changes: Sequence[Change]) -> None:
        self.calls += 1
        self._says(changes)
        self._memory.apply(changes)

    def close(self) -> None: ...

    def names(self) -> set[str]:
        return {record.name for record in self._memory.content()}


def names(changes: Sequence[Change]) -> list[str]:
    return [change.name for change in changes]


def test_as_few_calls_as_the_provider_takes() -> None:
    provider = Moody(lambda _: None, Limits(changes=4, is_atomic=True))
    outcome = zoneapplying.carry_out(provider, CHANGES)
    assert outcome.is_whole
    assert names(outcome.done) == names(CHANGES)
    assert provider.calls == 3


def test_no_more_calls_than_the_provider_allows() -> None:
    time = Time()
    provider = Moody(lambda _: None, Limits(changes=1, rate=2.0, burst=2, is_atomic=True))
    assert zoneapplying.carry_out(provider, CHANGES, time.clock).is_whole
    assert time.now == pytest.approx(4.0)


@pytest.mark.parametrize("kind", [Rejected, Outdated])
def test_the_one_that_is_refused_stands_alone(kind: type[ProviderTrouble]) -> None:
    def says(changes: Sequence[Change]) -> None:
        if BAD in names(changes):
            raise kind("not that")

    provider = Moody(says)
    outcome = zoneapplying.carry_out(provider, CHANGES)
    assert [(change.name, words) for change, words in outcome.refused] == [(BAD, "not that")]
    assert provider.names() == set(names(CHANGES)) - {BAD}
    assert set(names(outcome.done)) == provider.names()
    assert not outcome.is_whole
    assert provider.calls <= 9


def test_where_each_is_done_for_itself_the_first_left_is_to_blame() -> None:
    provider = Moody(lambda _: None, Limits())
    provider._memory.put(record_set(BAD, "A", 60, ["192.0.2.9"]))
    outcome = zoneapplying.carry_out(provider, CHANGES)
    assert [change.name for change, _ in outcome.refused] == [BAD]
    assert names(outcome.done) == [name for name in names(CHANGES) if name != BAD]
    assert provider.calls == 2


def test_a_throttled_call_is_made_again() -> None:
    time, storm = Time(), iter(range(4))

    def says(changes: Sequence[Change]) -> None:
        if next(storm, None) is not None:
            raise Throttled("slowly", 7.0)

    outcome = zoneapplying.carry_out(Moody(says), CHANGES, time.clock)
    assert outcome.is_whole
    assert time.now == 28.0


def test_a_storm_without_end_has_one() -> None:
    time = Time()

    def says(changes: Sequence[Change]) -> None:
        raise Throttled("slowly", 1000.0)

    outcome = zoneapplying.carry_out(Moody(says), CHANGES, time.clock)
    assert names(outcome.left) == names(CHANGES)
    assert outcome.trouble == "slowly"
    assert time.now == 1200.0


@pytest.mark.parametrize(
    ("error", "unsure", "left"),
    [(ProviderAway("silence"), 2, 6), (OperatorNeeded("no permission"), 0, 8)],
)
def test_the_end_is_told_with_what_is_left(error: FeddnsError, unsure: int, left: int) -> None:
    calls = iter(range(10))

    def says(changes: Sequence[Change]) -> None:
        if next(calls) == 1:
            raise error

    provider = Moody(says, Limits(changes=2, is_atomic=True))
    outcome = zoneapplying.carry_out(provider, CHANGES)
    assert names(outcome.done) == names(CHANGES[:2])
    assert (len(outcome.unsure), len(outcome.left)) == (unsure, left)
    assert names(outcome.unsure + outcome.left) == names(CHANGES[2:])
    assert outcome.trouble == str(error)


def test_what_was_done_before_an_error_is_not_done_again() -> None:
    calls = iter(range(10))

    def says(changes: Sequence[Change]) -> None:
        if next(calls) == 0:
            provider._memory.apply(changes[:4])
            error = ProviderAway("broke off")
            error.done = 4
            raise error

    provider = Moody(says, Limits())
    outcome = zoneapplying.carry_out(provider, CHANGES)
    assert names(outcome.done) == names(CHANGES[:4])
    assert names(outcome.left) == names(CHANGES[4:])
    assert provider.names() == set(names(CHANGES[:4]))
