"""Random wishes and random faults through a keeper, in virtual time; the zone ends as it should.

    python -m tests.providers.sequences --seeds 1000 NAME      a back end of tests/providers
    python -m tests.providers.sequences --seeds 1 --first 417 NAME

In the end, the faults over, the sources read, what waited approved and an hour's audit passed:

    foreign record sets        as somebody else left them, byte for byte
    a name of one Service      what it wants, and nothing else of ours
    a name of two              what one of them wants
    a name somebody else has   nothing new of ours; what was ours goes when it is not wanted
    a name nobody wants        nothing of ours; no claim without its record set
    what the keeper believes   what lies there

The oracle is written from these words and asks `plan` nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from feddns.errors import Outdated, ProviderTrouble
from feddns.providers import ownership, plan
from feddns.providers.base import Provider
from feddns.providers.desired import Wanted
from feddns.providers.keeper import Keeper, Settings
from feddns.providers.ownership import Mark
from feddns.providers.recordsets import (
    AAAA,
    CNAME,
    TXT,
    A,
    Change,
    Key,
    RecordSet,
    quoted,
    record_set,
)
from tests.providers import backends, faulty
from tests.providers.backends import ZONE, Backend
from tests.providers.driver import Driver
from tests.providers.faulty import Fault, Faulty

STEPS = 30
REGISTRY = ownership.registry("feddns-fellowship")
_OTHER = ownership.registry("somebody-else")
_SERVICES = [f"shop/s{number}" for number in range(5)]
_LEVELS = ("svc", "eu.svc", "a.eu.svc", "us.svc")
_SHARED = f"shared.{ZONE}"
_ADDRESSES = [f"192.0.2.{number}" for number in range(1, 7)]
_ADDRESSES6 = [f"2001:db8::{number}" for number in range(1, 5)]
_TTL = 180


class Unlike(AssertionError):
    """The zone is not as it should be."""


def run(backend: Backend, seed: int) -> None:
    """One sequence.  Raises `Unlike`."""
    backend.clear()
    provider = backend.open()
    try:
        Sequence(backend, provider, random.Random(seed)).run()
    except AssertionError as error:
        raise Unlike(f"{backend.name}, seed {seed}: {error}") from error
    finally:
        provider.close()


class Sequence:
    """One zone, its keeper, and somebody else."""

    def __init__(self, backend: Backend, provider: Provider, dice: random.Random) -> None:
        self._backend, self._dice = backend, dice
        self._others: dict[Key, RecordSet] = {}
        self._wanted: dict[str, tuple[Wanted, ...]] = {}
        self._generation = 0
        self._keeps = _holds_to_what_is_kept(provider)
        for record in dice.sample(backend.traits.foreign, len(backend.traits.foreign) // 2):
            self._put(record)
        self._provider = Faulty(provider, _chances(dice), dice, self._meddle)
        limits = provider.limits
        if dice.random() < 0.5:
            limits = limits._replace(changes=dice.choice([1, 4, 9]))
        self.keeper = Keeper(ZONE, Settings(gather=dice.choice([0.0, 0.05])), REGISTRY, limits)
        self._driver = Driver(self.keeper, self._provider, dice.choice([0.0, 0.1]), dice.random())

    def run(self) -> None:
        self._prove(is_complete=False)
        for _ in range(STEPS):
            self._happen()
        self._provider.chances = {}
        self._prove(is_complete=True)
        self._rest()
        self._provider.deliver()
        self._driver.run(7300.0)
        self._rest()
        self._look()

    def _happen(self) -> None:
        draw = self._dice.random()
        if draw < 0.55:
            self._want()
        elif draw < 0.65:
            service = self._dice.choice(_SERVICES)
            self._wanted.pop(service, None)
            self.keeper.forget(service, self._driver.now)
        elif draw < 0.75:
            self._prove(is_complete=self._dice.random() < 0.7)
        elif draw < 0.85:
            self._approve()
        self._driver.run(self._dice.choice([0.0, 0.01, 0.3, 2.0, 60.0, 3700.0]))

    def _prove(self, *, is_complete: bool) -> None:
        self.keeper.prove((plan.Source("services", "7", is_complete),), self._driver.now)

    def _approve(self) -> bool:
        pending = self.keeper.pending
        return pending is not None and self.keeper.approve(pending.id, self._driver.now)

    def _rest(self) -> None:
        """Nothing is left to do, nor to approve."""
        self._driver.settle()
        while self._approve():
            self._driver.settle()

    # what is wanted

    def _want(self) -> None:
        service = self._dice.choice(_SERVICES)
        self._generation += 1
        wanted: list[Wanted] = []
        for name in [*(_name(service, level) for level in _LEVELS), _SHARED]:
            if self._dice.random() < (0.15 if name == _SHARED else 0.75):
                clusters = tuple(sorted(self._dice.sample(["eu", "us", "asia"], 2)))
                mark = Mark(f"service/{service}", clusters, self._generation)
                wanted += [Wanted(record, mark) for record in self._records(name, service)]
        self._wanted[service] = tuple(wanted)
        self.keeper.want(service, tuple(wanted), self._driver.now)

    def _records(self, name: str, service: str) -> list[RecordSet]:
        kind = self._dice.choice([A, A, AAAA, "both", CNAME])
        if kind == CNAME:
            target = _name(service, self._dice.choice([level for level in _LEVELS if
                                                       _name(service, level) != name]))  # fmt: skip
            return [record_set(name, CNAME, _TTL, [target])]
        found = []
        if kind != AAAA:
            addresses = self._dice.sample(_ADDRESSES, self._dice.randint(1, 3))
            found.append(record_set(name, A, _TTL, addresses))
        if kind != A:
            addresses = self._dice.sample(_ADDRESSES6, self._dice.randint(1, 2))
            found.append(record_set(name, AAAA, _TTL, addresses))
        return found

    # somebody else

    def _put(self, record: RecordSet) -> None:
        self._backend.put(record)
        self._others[record.key] = record

    def _meddle(self) -> None:
        """One thing that people do to a zone; those that cannot be done now are not."""
        deeds = [self._come, self._go, self._take_a_name, self._drift, self._tear, self._vanish]
        if self._keeps:
            deeds.append(self._release)
        self._dice.choice(deeds)()

    def _come(self) -> None:
        number = self._dice.randrange(4)
        ip = self._dice.choice(_ADDRESSES)
        self._put(record_set(f"other{number}.{ZONE}", A, 300, [ip]))
        mark = Mark("service/theirs/web")
        self._put(ownership.claim(self._others[f"other{number}.{ZONE}", A], mark, _OTHER))

    def _go(self) -> None:
        if self._others:
            key = self._dice.choice(sorted(self._others))
            self._backend.remove(key)
            del self._others[key]

    def _take_a_name(self) -> None:
        """A record set where a Service wants one, or a TXT record where its claim would be.

        Not below a claim of ours whose record set was torn out: that says that it is ours.
        """
        name = _name(self._dice.choice(_SERVICES), self._dice.choice(_LEVELS))
        record = record_set(name, A, 300, ["198.51.100.9"])
        if self._dice.random() < 0.3:
            name = REGISTRY.name_of((name, self._dice.choice([A, AAAA, CNAME])))
            record = record_set(name, TXT, 300, [quoted("mine")])
        content = self._backend.content()
        there = {other.type for other in content if other.name == name}
        is_claimed = record.key in ownership.divide(content, REGISTRY).ours
        if not is_claimed and record.type not in there and CNAME not in there:
            self._put(record)

    def _ours(self) -> list[ownership.Owned]:
        holdings = ownership.divide(self._backend.content(), REGISTRY)
        owned = sorted(own for own in holdings.ours.values() if own.record)
        return self._dice.sample(owned, 1) if owned else []

    def _drift(self) -> None:
        for own in self._ours():
            assert own.record
            if own.record.type == A:
                self._backend.put(record_set(own.record.name, A, 60, ["198.51.100.66"]))

    def _tear(self) -> None:
        """A record set of ours goes, its claim stays."""
        for own in self._ours():
            assert own.record
            self._backend.remove(own.record.key)

    def _vanish(self) -> None:
        for own in self._ours():
            assert own.record
            self._backend.remove(own.record.key)
            self._backend.remove(own.claim.key)

    def _release(self) -> None:
        """Somebody takes a record set of ours for his own: from now on it is."""
        for own in self._ours():
            assert own.record
            self._backend.remove(own.claim.key)
            self._others[own.record.key] = own.record

    # how it ends

    def _look(self) -> None:
        content = self._backend.content()
        there = {record.key: record for record in content}
        for key, record in self._others.items():
            _same(there.get(key), record, "of somebody else")
        holdings = ownership.divide(content, REGISTRY)
        foreign = holdings.foreign.keys() - self._others.keys()
        assert not foreign, f"nobody's: {[str(there[key]) for key in foreign]}"
        orphans = [str(own.claim) for own in holdings.ours.values() if own.record is None]
        assert not orphans, f"claims without record sets: {orphans}"
        for name in {*holdings.owned_names(), *self._names()}:
            self._look_at(name, {own.record for own in holdings.owned_at(name) if own.record})
        assert self.keeper.holdings is not None
        believed = frozenset(self.keeper.holdings.records())
        assert believed == content, f"believed: {believed ^ content}"

    def _names(self) -> Iterable[str]:
        return {wish.record.name for wanted in self._wanted.values() for wish in wanted}

    def _look_at(self, name: str, ours: set[RecordSet]) -> None:
        choices = [
            {wish.record for wish in wanted if wish.record.name == name}
            for wanted in self._wanted.values()
        ]
        choices = [choice for choice in choices if choice] or [set()]
        if any(ours == choice for choice in choices):
            return
        is_part = any(
            ours < choice and any(map(self._is_blocked, choice)) for choice in choices
        )  # fmt: skip
        assert is_part, f"at {name}: {_told(ours)}, not {_told(choices[0])}"

    def _is_blocked(self, record: RecordSet) -> bool:
        """Somebody else's is in its way."""
        claim = REGISTRY.name_of(record.key)
        if (claim, TXT) in self._others:
            return True
        types = {type for name, type in self._others if name == record.name}
        return bool(types & {A, AAAA, CNAME}) or bool(types and record.type == CNAME)


def _name(service: str, level: str) -> str:
    return f"{service.partition('/')[2]}.shop.{level}.{ZONE}"


def _told(records: Iterable[RecordSet]) -> list[str]:
    return sorted(map(str, records))


def _same(found: RecordSet | None, expected: RecordSet, what: str) -> None:
    assert found == expected, f"{what}: {expected}; there is {found}"


def _chances(dice: random.Random) -> dict[Fault, float]:
    """Some days have one fault, some have all."""
    if dice.random() < 0.3:
        return {dice.choice(list(Fault)): 0.3}
    return dict(faulty.EVERY)


def _holds_to_what_is_kept(provider: Provider) -> bool:
    """Whether it looks that `Change.keeps` is there.  Without that, somebody who takes the claim
    from a record set between a reading and a change is not seen before the next reading."""
    name = f"probe.{ZONE}"
    record = record_set(name, A, _TTL, _ADDRESSES[:1])
    kept = ownership.claim(record, Mark("service/shop/probe"), REGISTRY)
    try:
        provider.apply([Change(name, additions=(record,), keeps=(kept,))])
    except Outdated:
        return True
    provider.apply([Change(name, removals=(record,))])
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.providers.sequences")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("names", nargs="*", metavar="NAME", default=["memory"])
    options = parser.parse_args()
    found = backends.found()
    failures = 0
    for name in options.names:
        if lacking := found[name].missing():
            print(f"{name}: {' '.join(lacking)} is missing")
            failures += 1
            continue
        with tempfile.TemporaryDirectory() as folder:
            failures += _run_all(found[name].make(Path(folder)), options.first, options.seeds)
    return 1 if failures else 0


def _run_all(backend: Backend, first: int, count: int) -> int:
    start, failures = time.monotonic(), 0
    for seed in range(first, first + count):
        try:
            run(backend, seed)
        except (Unlike, ProviderTrouble) as error:
            failures += 1
            print(error, flush=True)
    seconds = time.monotonic() - start
    print(f"{backend.name}: {count} sequences, {failures} failed, {seconds:.0f} s")
    backend.close()
    return failures


if __name__ == "__main__":
    sys.exit(main())
