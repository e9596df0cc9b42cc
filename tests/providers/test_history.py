"""The way back to an earlier time, and that it leads there."""

from __future__ import annotations

import random

import pytest

from feddns.errors import DocumentRefused
from feddns.providers import history, memory
from feddns.providers.history import Applied, rollback
from feddns.providers.recordsets import Change, RecordSet, record_set

ZONE = "example.com."


def _a(number: int, last: int = 1) -> RecordSet:
    return record_set(f"w{number}.{ZONE}", "A", 180, [f"192.0.2.{last}"])


def _set(old: RecordSet | None, new: RecordSet | None) -> Change:
    name = (old or new or _a(0)).name
    return Change(name, (old,) if old else (), (new,) if new else (), "shop/web", "changed")


ADDED, CHANGED, GONE = _set(None, _a(1)), _set(_a(1), _a(1, 2)), _set(_a(1, 2), None)


@pytest.mark.parametrize(
    ("to", "done", "back"),
    [
        (0, [], []),
        (5, [ADDED], []),
        (0, [ADDED], [(_a(1), None)]),
        (0, [ADDED, CHANGED], [(_a(1, 2), None)]),
        (1, [ADDED, CHANGED], [(_a(1, 2), _a(1))]),
        (1, [ADDED, CHANGED, GONE], [(None, _a(1))]),
        (0, [ADDED, CHANGED, GONE], []),
        (2, [ADDED, CHANGED, GONE], [(None, _a(1, 2))]),
        (1, [ADDED, CHANGED, _set(None, _a(2))], [(_a(2), None), (_a(1, 2), _a(1))]),
    ],
)
def test_the_way_back(
    to: float, done: list[Change], back: list[tuple[RecordSet | None, RecordSet | None]]
) -> None:
    applied = [Applied(time, (change,)) for time, change in enumerate(done, 1)]
    found = rollback(to, reversed(applied))
    assert [(one.removals, one.additions) for one in found] == [
        ((old,) if old else (), (new,) if new else ()) for old, new in back
    ]
    assert all(change.why == "rolled back" and change.service == "shop/web" for change in found)


@pytest.mark.parametrize("seed", range(20))
def test_it_leads_there(seed: int) -> None:
    """On a zone as strict as a real one."""
    dice = random.Random(seed)
    zone = memory.open(memory.Settings(zone=ZONE))
    states, done = [zone.content()], []
    for time in range(1, 15):
        changes = []
        for number in dice.sample(range(6), 3):
            old = next((one for one in zone.content() if one.name == _a(number).name), None)
            new = _a(number, time) if dice.random() < 0.6 else None
            if old or new:
                changes.append(_set(old, new))
        zone.apply(changes)
        done.append(Applied(float(time), tuple(changes)))
        states.append(zone.content())
    to = dice.randrange(15)
    zone.apply(rollback(to, done))
    assert zone.content() == states[to]


def test_saved_and_read() -> None:
    applied = Applied(1_750_000_000.5, (ADDED, CHANGED))
    assert history.from_json(applied.to_json()) == applied


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"time": "x"}', b"\xff"])
def test_what_is_no_history_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentRefused, match="no applied plan"):
        history.from_json(raw)
