"""What may be done and what waits; how much of it one call takes."""

from __future__ import annotations

import pytest

from feddns.providers.agenda import Agenda
from feddns.providers.base import Limits
from feddns.providers.recordsets import Change
from tests.providers.keeping import COMPLETE, ZONE, a, claimed

ANY = Limits()


def agenda(window: float = 600.0) -> Agenda:
    return Agenda(ZONE, 0.30, 10, window)


def gone(number: int) -> Change:
    return Change(a(number).name, tuple(claimed(a(number))), (), f"shop/w{number}", "")


def new(number: int) -> Change:
    return Change(a(number).name, (), tuple(claimed(a(number))), f"shop/w{number}", "")


def put(to: Agenda, *changes: Change, owned: int = 10, now: float = 0.0) -> str:
    for change in changes:
        to.put(change)
    return to.weigh(owned, COMPLETE, now)


def test_additions_never_wait() -> None:
    work = agenda()
    words = put(work, *(gone(n) for n in range(4)), new(8), new(9))
    assert "removes 4 of 10" in words
    assert list(work.ready) == [a(8).name, a(9).name]
    assert set(work.waiting) == {a(n).name for n in range(4)}
    assert work.pending is not None
    assert work.pending.proof == COMPLETE


def test_why_it_waits_is_said_once() -> None:
    work = agenda()
    assert put(work, *(gone(n) for n in range(4)))
    first = work.pending
    assert put(work, gone(4)) == ""
    assert work.pending is not None
    assert first is not None
    assert work.pending.id != first.id


def test_what_is_ready_and_what_went_counts() -> None:
    work = agenda()
    assert put(work, gone(0), gone(1)) == ""
    assert put(work, gone(2)) == ""
    (change,) = work.take([a(0).name], ANY)
    work.done(change, 0.0)
    assert "after 3 lately" in put(work, gone(3), owned=9)
    for name in (a(1).name, a(2).name):
        work.done(work.take([name], ANY)[0], 0.0)
    work.drop(a(3).name)
    assert put(work, owned=7) == ""
    assert work.pending is None
    assert put(work, gone(3), owned=7, now=601.0) == ""


@pytest.mark.parametrize(("limit", "count"), [(0, 5), (1, 1), (2, 1), (3, 1), (4, 2), (100, 5)])
def test_what_one_call_takes(limit: int, count: int) -> None:
    work = agenda()
    put(work, *(new(number) for number in range(5)))
    taken = work.take(list(work.ready), Limits(changes=limit))
    assert [change.name for change in taken] == [a(number).name for number in range(count)]
    assert len(work.ready) == 5 - count


def test_what_was_not_done_comes_first_or_last() -> None:
    work = agenda()
    put(work, new(1), new(2), new(3))
    taken = work.take([a(2).name], ANY)
    work.give_back(taken, is_first=True)
    assert list(work.ready) == [a(2).name, a(1).name, a(3).name]
    taken = work.take([a(2).name, a(1).name], ANY)
    work.give_back(taken, is_first=False)
    assert list(work.ready) == [a(3).name, a(2).name, a(1).name]


def test_another_change_than_the_approved_one_is_not_approved() -> None:
    work = agenda()
    put(work, *(gone(n) for n in range(4)))
    assert work.pending is not None
    assert work.approve("0" * 12) is None
    assert work.approve(work.pending.id) is not None
    work.drop(a(0).name)
    other = Change(a(0).name, tuple(claimed(a(0, 7))))
    put(work, other, gone(5), gone(6), gone(7))
    assert set(work.waiting) == {a(n).name for n in (0, 5, 6, 7)}
    work.drop(a(1).name)
    put(work, gone(1))
    assert a(1).name in work.ready
    work.disapprove([a(1).name])
    work.drop(a(1).name)
    put(work, gone(1))
    assert a(1).name in work.waiting
