"""Which of a refused batch is tried next; what is in quarantine, and for how long."""

from __future__ import annotations

import math

import pytest

from feddns.providers.recordsets import Change
from feddns.providers.suspects import Quarantine, Suspects
from tests.providers.keeping import a


def names(count: int) -> list[str]:
    return [f"w{number}" for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 100])
def test_one_is_found_by_halving(count: int) -> None:
    for culprit in names(count):
        suspects, ready, calls = Suspects(), names(count), 0
        suspects.accuse(ready)
        while picked := suspects.pick(ready):
            calls += 1
            if culprit not in picked:
                ready = [name for name in ready if name not in picked]
                suspects.passed(was_picked=True)
            elif len(picked) == 1:
                break
            else:
                suspects.accuse(picked)
        assert picked == [culprit]
        assert calls <= 1 + math.ceil(math.log2(count))


def test_the_first_that_is_left_is_the_one() -> None:
    suspects = Suspects()
    suspects.accuse(names(5), is_ordered=True)
    assert suspects.pick(names(5)[2:]) == ["w2"]
    suspects.passed(was_picked=True)
    assert not suspects


def test_who_is_not_there_any_more_is_not_suspected() -> None:
    suspects = Suspects()
    suspects.accuse(names(4))
    assert suspects.pick({"w1", "w3"}) == ["w1"]
    suspects.passed(was_picked=True)
    assert suspects.pick(set()) == []
    assert not suspects
    assert suspects.batch == frozenset()


def test_what_others_do_says_nothing_about_the_suspects() -> None:
    suspects = Suspects()
    suspects.accuse(names(4))
    assert suspects.pick(names(4)) == ["w0", "w1"]
    suspects.passed(was_picked=False)
    assert suspects.pick(names(4)) == ["w0", "w1"]
    assert suspects.batch == frozenset(names(4))


def test_after_many_refusals_on_end_one_by_one() -> None:
    suspects = Suspects()
    for _ in range(25):
        suspects.accuse(names(8))
    assert suspects.pick(names(8)) == ["w0"]
    suspects.passed(was_picked=True)
    assert suspects.pick(names(8)) == ["w1", "w2", "w3", "w4"]


def test_quarantine() -> None:
    held, change = Quarantine(), Change(a(1).name, additions=(a(1),), service="shop/web")
    other = Change(a(2).name, additions=(a(2),), service="shop/web")
    assert held.next_due() is None
    held.put(change, "no", 60.0)
    held.put(other, "never", 90.0)
    assert held.stops(change, 59.0)
    assert not held.stops(change, 60.0)
    assert not held.stops(Change(a(1).name, additions=(a(1, 2),)), 1.0)
    assert not held.stops(Change(a(3).name, additions=(a(3),)), 1.0)
    assert (held.next_due(), held.due(59.0), held.due(60.0)) == (60.0, [], [a(1).name])
    assert held.words() == {"shop/web": f"{a(1).name}: no; {a(2).name}: never"}
    held.lift([a(1).name, a(3).name])
    assert a(1).name not in held
    assert a(2).name in held
