"""Keys that wait, in virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controllers.workqueue import WorkQueue


def taken(queue: WorkQueue[str], now: float = 0.0) -> list[str]:
    """All that can be taken now, each done at once."""
    found = []
    while one := queue.take(now):
        found.append(one[0])
        queue.done(one[0], now)
    return found


def test_a_key_waits_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in "abab":
        queue.add(key, 0.0)
    assert taken(queue) == ["a", "b"]
    assert queue.due(0.0) is None


def test_how_long_it_has_waited() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 1.0)
    queue.add("a", 2.0)
    assert queue.take(3.5) == ("a", 2.5)


def test_what_is_added_while_it_is_in_work_comes_again() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0.0)
    assert queue.take(0.0)
    queue.add("a", 0.0)
    assert queue.take(0.0) is None, "nobody else works on it"
    queue.done("a", 1.0)
    assert taken(queue, 1.0) == ["a"]


def test_the_urgent_go_first_and_the_many_are_not_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for number in range(4):
        queue.add(f"bulk{number}", 0.0, bulk=True)
    for number in range(12):
        queue.add(f"urgent{number}", 0.0)
    urgent, bulk = ([f"{kind}{n}" for n in range(12)] for kind in ("urgent", "bulk"))
    assert taken(queue) == [*urgent[:7], bulk[0], *urgent[7:], *bulk[1:4]]


def test_what_waits_among_the_many_becomes_urgent() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0.0, bulk=True)
    queue.add("b", 0.0, bulk=True)
    queue.add("b", 1.0)
    queue.add("b", 1.0, bulk=True)
    assert queue.take(3.0) == ("b", 3.0), "and has waited since it was added first"
    assert taken(queue) == ["a"]


def test_failures_wait_longer_each_time_until_it_goes_well() -> None:
    queue: WorkQueue[str] = WorkQueue()
    now, waits = 0.0, []
    queue.add("a", now)
    for _ in range(9):
        assert queue.take(now)
        waits.append(queue.failed("a", now))
        assert queue.take(now + waits[-1] - 0.01) is None
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert queue.take(now)
    queue.good("a")
    queue.done("a", now)
    queue.add("a", now)
    assert queue.take(now)
    assert queue.failed("a", now, least=7.0) == 7.0, "as the API said"
    assert queue.due(now) == 7.0


def test_a_failure_of_one_key_holds_up_no_other() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("bad", 0.0)
    queue.add("good", 0.0)
    assert queue.take(0.0) == ("bad", 0.0)
    queue.failed("bad", 0.0)
    assert taken(queue, 0.0) == ["good"]
    assert taken(queue, 1.0) == ["bad"]


def test_a_change_ends_the_wait_and_keeps_the_count() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.failed("a", 0.0)
    queue.add("a", 0.5)
    assert queue.take(0.5) == ("a", 0.0)
    assert queue.failed("a", 0.5) == 2.0
    assert queue.due(0.5) == 2.0, "and the time that was set before means nothing"


def test_the_sooner_of_two_times_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 5.0, 0.0)
    queue.add_after("a", 2.0, 0.0)
    queue.add_after("a", 9.0, 0.0)
    assert queue.due(0.0) == 2.0
    assert taken(queue, 2.0) == ["a"]
    assert queue.due(10.0) is None


def test_what_is_dropped_does_not_come() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0.0)
    queue.add_after("b", 1.0, 0.0)
    queue.drop("a")
    queue.drop("b")
    assert taken(queue, 5.0) == []
    queue.add("c", 5.0)
    queue.take(5.0)
    queue.add("c", 5.0)
    queue.clear()
    queue.done("c", 5.0)
    assert queue.depths() == {"waiting": 0, "delayed": 0, "working": 0}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(
    ["add", "bulk", "after", "take", "done", "fail"])), max_size=60))  # fmt: skip
def test_no_key_is_lost_and_none_is_worked_on_twice(steps: list[tuple[str, str]]) -> None:
    queue: WorkQueue[str] = WorkQueue()
    working: set[str] = set()
    owed: set[str] = set()
    now = 0.0
    for key, what in steps:
        now += 0.1
        if what in ("add", "bulk"):
            queue.add(key, now, bulk=what == "bulk")
            owed.add(key)
        elif what == "after":
            queue.add_after(key, 3.0, now)
            owed.add(key)
        elif what == "take" and (one := queue.take(now)):
            assert one[0] not in working
            working.add(one[0])
            owed.discard(one[0])
        elif what in ("done", "fail") and key in working:
            working.discard(key)
            if what == "done":
                queue.done(key, now)
            else:
                queue.failed(key, now)
                owed.add(key)
    for key in working:
        queue.done(key, now)
    assert set(taken(queue, now + 100.0)) == owed
