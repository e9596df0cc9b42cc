"""Random fault sequences over every back end; a thousand of each by `python -m …sequences`.

Of a slow one fewer are run here: no more are begun when `SECONDS` are over.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from feddns.errors import ProviderAway, Throttled
from feddns.providers import memory, ownership, plan, reading
from feddns.providers.base import Limits
from feddns.providers.desired import Wanted
from feddns.providers.keeper import Keeper, Settings
from feddns.providers.ownership import Mark
from feddns.providers.plan import Held
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.providers import sequences
from tests.providers.backend_memory import MAKERS
from tests.providers.backends import ZONE, Backend
from tests.providers.driver import Driver
from tests.providers.faulty import Fault, Faulty
from tests.providers.sequences import Sequence, Unlike

SEEDS, FEWEST, SECONDS = 24, 3, 6.0
_WEB = record_set(f"web.{ZONE}", "A", 60, ["192.0.2.1"])


def test_the_zone_ends_as_it_should_whatever_goes_wrong(backend: Backend) -> None:
    start = time.monotonic()
    for seed in range(SEEDS):
        if seed < FEWEST or time.monotonic() < start + SECONDS:
            sequences.run(backend, seed)


def _run_memory(folder: Path) -> None:
    backend = MAKERS["memory"].make(folder)
    for seed in range(SEEDS):
        sequences.run(backend, seed)


def test_everything_that_can_go_wrong_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sequence in which nothing happens proves nothing."""
    happened: Counter[str] = Counter()
    told: Counter[str] = Counter()
    run = Sequence.run

    def counted(self: Sequence) -> None:
        run(self)
        happened.update({str(fault): n for fault, n in self._provider.happened.items()})
        happened.update(self.keeper.counts)
        told.update(news.reason for news in self.keeper.news())

    monkeypatch.setattr(Sequence, "run", counted)
    _run_memory(tmp_path)
    assert all(happened[fault] >= 5 for fault in Fault), happened
    assert min(happened[kind] for kind in ("ProviderAway", "Throttled", "Outdated")) > 5
    assert {"RecordConflict", "RecordDrift", "ZoneWaitsForApproval"} <= told.keys()


def _removes_all(*arguments: object) -> plan.Plan:
    """A plan that takes what is foreign for ours and not wanted."""
    holdings, _, names, terms, proof = arguments
    changes = [
        Change(name, removals=(record,))
        for name in names  # type: ignore[attr-defined]
        for record in holdings.foreign_at(name)  # type: ignore[attr-defined]
    ]
    return plan.of(terms.zone, changes, (), proof)  # type: ignore[attr-defined, arg-type]


def _does_nothing(*arguments: object) -> plan.Plan:
    return plan.of(ZONE, (), (Held("", "", "", plan.Reason.POLICY, ""),))


@pytest.mark.parametrize("wrong", [_removes_all, _does_nothing])
def test_a_wrong_plan_is_seen(
    wrong: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "make", wrong)
    with pytest.raises(Unlike):
        _run_memory(tmp_path)


def test_a_belief_that_is_not_kept_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is not compared with what was believed."""
    monkeypatch.setattr(reading, "moved", lambda before, after: (set(), []))
    with pytest.raises(Unlike):
        _run_memory(tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_two_federations_in_one_zone_leave_each_other_alone(seed: int) -> None:
    """They want the same names at times; who has one keeps it, and nobody fights."""
    dice = random.Random(seed)
    zone = memory.open(memory.Settings(zone=ZONE, page=5))
    both = [_Federation(zone, number, dice) for number in (1, 2)]
    for _ in range(40):
        one = dice.choice(both)
        one.change_its_mind()
        dice.choice(both).driver.run(dice.choice([0.0, 1.0, 60.0, 3700.0]))
    for _ in range(3):
        for one in both:
            one.driver.run(3700.0)
    holdings = [ownership.divide(zone.content(), one.registry) for one in both]
    for number in range(8):
        name = f"w{number}.{ZONE}"
        wanted = [one.wanted[name] for one in both if name in one.wanted]
        found = [own.record for held in holdings for own in held.owned_at(name)]
        assert len(found) == min(1, len(wanted)), (name, found)
        assert set(found) <= set(wanted)
        assert sum(held.name == name for one in both for held in one.keeper.held) == (
            len(wanted) - len(found)
        )
    calls = [len(one.driver.applies) for one in both]
    for one in both:
        one.driver.run(7300.0)
        assert "RecordDrift" not in {news.reason for news in one.keeper.news()}
    assert calls == [len(one.driver.applies) for one in both]


class _Federation:
    def __init__(self, zone: memory.Memory, number: int, dice: random.Random) -> None:
        self.registry = ownership.registry(f"feddns-{number}")
        self.wanted: dict[str, RecordSet] = {}
        self._number, self._dice = number, dice
        self.keeper = Keeper(ZONE, Settings(share=1.0), self.registry, zone.limits)
        self.keeper.prove((plan.Source("services"),), 0.0)
        self.driver = Driver(self.keeper, zone)

    def change_its_mind(self) -> None:
        number = self._dice.randrange(8)
        name, service = f"w{number}.{ZONE}", f"shop/w{number}"
        net = ("192.0.2", "198.51.100")[self._number - 1]
        record = record_set(name, "A", 60, [f"{net}.{self._dice.randrange(9)}"])
        if self._dice.random() < 0.4:
            self.wanted.pop(name, None)
            self.keeper.forget(service, self.driver.now)
            return
        self.wanted[name] = record
        wish = Wanted(record, Mark(f"service/{service}"))
        self.keeper.want(service, (wish,), self.driver.now)


# --- the faults themselves ------------------------------------------------------------------------


def _faulty(fault: Fault, *, is_atomic: bool = True) -> tuple[memory.Memory, Faulty]:
    zone = memory.open(memory.Settings(zone=ZONE, limits=Limits(is_atomic=is_atomic), page=1))
    return zone, Faulty(zone, {fault: 1.0}, random.Random(0))


def _add(*records: RecordSet) -> list[Change]:
    return [Change(record.name, additions=(record,)) for record in records]


@pytest.mark.parametrize(
    ("fault", "is_done"), [(Fault.BEFORE, False), (Fault.AFTER, True), (Fault.LATE, False)]
)
def test_no_answer_says_nothing_of_what_was_done(fault: Fault, is_done: bool) -> None:
    zone, faulty = _faulty(fault)
    with pytest.raises(ProviderAway):
        faulty.apply(_add(_WEB))
    assert (_WEB in zone.content()) is is_done
    faulty.deliver()
    assert (_WEB in zone.content()) is (fault != Fault.BEFORE)


def test_some_of_the_changes_are_done_where_each_is_for_itself() -> None:
    others = [record_set(f"w{n}.{ZONE}", "A", 60, ["192.0.2.2"]) for n in range(9)]
    for is_atomic in (True, False):
        zone, faulty = _faulty(Fault.SOME, is_atomic=is_atomic)
        with pytest.raises(ProviderAway):
            faulty.apply(_add(*others))
        assert (0 < len(zone.content()) < 9) is not is_atomic


def test_a_listing_breaks_after_some_pages() -> None:
    zone, faulty = _faulty(Fault.HALF)
    zone.apply(_add(_WEB))
    pages = faulty.list()
    assert list(next(pages)) == [_WEB]
    with pytest.raises(ProviderAway):
        next(pages)


def test_a_storm_passes() -> None:
    zone, faulty = _faulty(Fault.THROTTLED)
    with pytest.raises(Throttled):
        faulty.apply(_add(_WEB))
    faulty.chances = {}
    throttled = 0
    while _WEB not in zone.content():
        try:
            faulty.apply(_add(_WEB))
        except Throttled:
            throttled += 1
    assert 0 < throttled < 6
