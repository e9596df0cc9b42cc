"""Calls that may be made: at once, spaced, in turns, after a pause."""

from __future__ import annotations

import pytest

from feddns.providers.budget import Budget


def test_no_rate_is_no_limit() -> None:
    budget = Budget()
    assert [budget.book(7.0) for _ in range(1000)] == [7.0] * 1000


@pytest.mark.parametrize(
    ("rate", "burst", "times"),
    [
        (5, 1, [0, 0.2, 0.4, 0.6]),
        (5, 3, [0, 0, 0, 0.2, 0.4]),
        (1, 2, [0, 0, 1, 2]),
        (5, 0, [0, 0.2]),
    ],
)
def test_booked_at_once(rate: float, burst: int, times: list[float]) -> None:
    budget = Budget(rate, burst)
    assert [budget.book(0.0) for _ in times] == pytest.approx(times)


def test_a_rest_fills_the_bucket_and_no_more_than_that() -> None:
    budget = Budget(1, 2)
    assert [budget.book(0.0), budget.book(0.0)] == [0, 0]
    assert [budget.book(100.0) for _ in range(4)] == pytest.approx([100, 100, 101, 102])


def test_no_second_has_more_than_the_rate_and_the_burst() -> None:
    budget, times, now = Budget(5, 4), [], 0.0
    for step in range(200):
        now += (0.0, 0.05, 0.3)[step % 3]
        now = max(now, budget.book(now))
        times.append(now)
    for start in times:
        assert sum(start <= time < start + 1.0 for time in times) <= 5 + 4


def test_after_a_pause_one_after_the_other() -> None:
    budget = Budget(5, 5)
    budget.pause(3.0)
    assert budget.paused == 3.0
    assert [budget.book(1.0) for _ in range(3)] == pytest.approx([3.0, 3.2, 3.4])
    budget.pause(2.0)
    assert budget.paused == 3.0


def test_a_pause_holds_without_a_rate_too() -> None:
    budget = Budget()
    budget.pause(3.0)
    assert (budget.book(1.0), budget.book(4.0)) == (3.0, 4.0)
