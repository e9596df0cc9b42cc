"""Ready answers: let in, dropped, bounded, and turned."""

from __future__ import annotations

import itertools
import sys

import hypothesis.strategies as st
from hypothesis import given

from feddns.resolver import cache
from feddns.resolver.cache import Cache
from feddns.resolver.wire import Reply
from feddns.snapshot import EVERYTHING


def reply(total: int, shown: int | None = None) -> Reply:
    block = b"".join(b"%03d," % number for number in range(total))
    return Reply(b"<", block, b">", total, total if shown is None else shown)


def entry(text: bytes = b"answer") -> tuple:
    return itertools.repeat(text), 0


@given(st.integers(2, 40), st.integers(0, 100))
def test_orders_are_rotations(total: int, start: int) -> None:
    taken = list(itertools.islice(cache.orders(reply(total)), total * 2))
    parts = [b"%03d," % number for number in range(total)]
    expected = [b"<" + b"".join(parts[t:] + parts[:t]) + b">" for t in range(total)]
    assert taken == expected * 2
    assert cache.order(reply(total), start) == expected[start % total]


@given(st.integers(2, 40), st.data())
def test_a_cut_reply_shows_a_window_that_moves(total: int, data: st.DataObject) -> None:
    shown = data.draw(st.integers(0, total))
    taken = list(itertools.islice(cache.orders(reply(total, shown)), total))
    assert all(len(one) == 2 + 4 * shown for one in taken)
    if shown:
        assert {one[1:4] for one in taken} == {b"%03d" % number for number in range(total)}


def test_nothing_to_turn() -> None:
    one = Reply(b"whole", b"", b"", 0, 0)
    assert list(itertools.islice(cache.orders(one), 3)) == [b"whole"] * 3
    assert cache.order(one, 7) == b"whole"


def test_a_key_is_known_when_it_knocks_again() -> None:
    made = Cache(1 << 20)
    assert [made.knock(b"a"), made.knock(b"b"), made.knock(b"a"), made.knock(b"a")] == [
        False, False, True, True
    ]  # fmt: skip


def test_what_knocked_is_bounded() -> None:
    made = Cache(1 << 20)
    size = sys.getsizeof(made._heard)
    for number in range(100_000):
        made.knock(b"%d" % number)
    assert sys.getsizeof(made._heard) == size
    assert not made.ready


def test_forgetting_drops_by_dependency() -> None:
    made = Cache(1 << 20)
    made.put(b"1", entry(), 10, [("a", "x"), ("a",)])
    made.put(b"2", entry(), 10, [("a", "y"), ("a",)])
    made.put(b"3", entry(), 10, [("b", "x")])
    made.put(b"4", entry(), 10, [])
    made.forget({("a", "x"), ("c",)})
    assert set(made.ready) == {b"2", b"3", b"4"}
    made.forget({("a",)})
    assert set(made.ready) == {b"3", b"4"}
    made.forget(set())
    assert set(made.ready) == {b"3", b"4"}
    made.forget({EVERYTHING})
    assert not made.ready
    assert made.bytes == 0


def test_an_answer_that_comes_back_can_be_dropped_again() -> None:
    made = Cache(1 << 20)
    for _ in range(3):
        made.put(b"1", entry(), 10, [("a",), ("b",)])
        made.forget({("a",)})
        assert not made.ready
    made.put(b"1", entry(), 10, [("a",), ("b",)])
    made.forget({("b",)})
    assert not made.ready


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60), st.booleans()), max_size=60))
def test_the_budget_holds(steps: list[tuple[int, int, bool]]) -> None:
    made = Cache(100)
    held: dict[bytes, int] = {}
    for number, cost, forget in steps:
        key = b"%d" % number
        if forget:
            made.forget({number})
        elif key not in made.ready:
            made.put(key, entry(), cost, [number])
            held[key] = cost
        assert made.bytes <= 100
        assert sum(held[key] for key in made.ready) <= 100


def test_what_does_not_fit_at_all_is_not_kept() -> None:
    made = Cache(100)
    made.put(b"1", entry(), 101, [])
    assert not made.ready
    nothing = Cache(0)
    nothing.put(b"1", entry(), 1, [])
    assert not nothing.ready


def test_lists_of_what_depends_do_not_grow_for_ever() -> None:
    """An answer that is dropped and made anew leaves nothing behind that is not paid for."""
    made = Cache(100_000)
    for _ in range(50_000):
        made.put(b"1", entry(), 100, [("often",), ("never",)])
        made.forget({("often",)})
    assert sum(map(len, made._keys.values())) <= 1000


def test_cost_counts_every_order_that_is_kept() -> None:
    assert cache.cost(b"key", reply(4)) - cache.cost(b"key", reply(0)) > 3 * 18
    assert cache.cost(b"longer key", reply(0)) - cache.cost(b"key", reply(0)) == 7
    assert cache.cost(b"key", reply(0), 3) - cache.cost(b"key", reply(0), 1) > 400
    assert cache.cost(b"key", reply(0), 0) == cache.cost(b"key", reply(0), 1)


# --- ends ---------------------------------------------------------------------------------------


def test_what_has_an_end_is_swept() -> None:
    made = Cache(1000)
    made.put(b"1", entry(), 100, [], 10.0)
    made.put(b"2", entry(), 100, [], 5.0)
    made.put(b"3", entry(), 100, [("a",)])
    made.sweep(4.9)
    assert len(made.ready) == 3
    made.sweep(5.0)
    assert list(made.ready) == [b"1", b"3"]
    assert made.bytes == 200
    made.sweep(99.0)
    assert (list(made.ready), made.bytes) == ([b"3"], 100)


def test_an_end_is_that_of_its_own_answer_only() -> None:
    made = Cache(1000)
    made.put(b"1", entry(), 100, [("a",)], 5.0)
    made.forget({("a",)})
    made.put(b"1", entry(), 100, [("a",)], 10.0)
    made.sweep(5.0)
    assert list(made.ready) == [b"1"]
    made.sweep(10.0)
    assert not made.ready


def test_nothing_is_left_to_sweep_after_everything_was_forgotten() -> None:
    made = Cache(1000)
    for number in range(50):
        made.put(b"%d" % number, entry(), 100, [], 5.0)
    made.forget({EVERYTHING})
    made.sweep(9.0)
    assert made.bytes == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60), st.integers(0, 9)), max_size=60))
def test_bytes_without_dependencies_are_exact(steps: list[tuple[int, int, int]]) -> None:
    made = Cache(200)
    held: dict[bytes, int] = {}
    for number, cost, now in steps:
        key = b"%d" % number
        made.sweep(float(now))
        if key not in made.ready:
            made.put(key, entry(), cost, [], float(now + 1))
            held[key] = cost
        assert made.bytes == sum(held[key] for key in made.ready) <= 200
