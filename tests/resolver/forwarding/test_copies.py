"""The cache of upstream's answers: bounds, two parts, and TTLs that count down."""

from __future__ import annotations

import tracemalloc

import hypothesis.strategies as st
from hypothesis import given

from feddns.resolver.forwarding import copies, messages
from feddns.resolver.forwarding.copies import Clock, Copies, cost
from feddns.resolver.forwarding.messages import Asked, Copy


def asked(number: int) -> Asked:
    return Asked(b"\x06n%05d\x00\x00\x01\x00\x01" % number, 1)


def copy(size: int = 100, lifetime: float = 60, rcode: int = 0) -> Copy:
    return Copy(rcode, (1, 0, 0), bytes(size), size, (6, 60), lifetime, 0.0)


ONE = cost(asked(0), copy())


def test_the_budget_is_kept_and_the_oldest_goes() -> None:
    kept = Copies(40 * ONE, 60)
    for number in range(100):
        kept.put(asked(number), copy())
        assert kept.bytes <= 40 * ONE
    assert kept.get(asked(99)) is not None
    assert kept.get(asked(0)) is None


def test_what_was_asked_again_survives_a_flood() -> None:
    kept = Copies(40 * ONE, 60)
    for number in range(8):
        kept.put(asked(number), copy())
        assert kept.get(asked(number)) is not None
    for number in range(1000, 3000):
        kept.put(asked(number), copy())
    assert all(kept.get(asked(number)) is not None for number in range(8))
    assert kept.bytes <= 40 * ONE


def test_a_new_copy_takes_the_old_one_s_place() -> None:
    kept = Copies(40 * ONE, 60)
    for _ in range(3):
        kept.put(asked(1), copy())
    assert (len(kept), kept.bytes) == (1, ONE)
    kept.get(asked(1))
    fresh = copy(200)
    kept.put(asked(1), fresh)
    assert kept.get(asked(1)) is fresh
    assert kept.bytes == cost(asked(1), fresh)


def test_what_may_not_be_kept_drops_what_was() -> None:
    kept = Copies(40 * ONE, 60)
    kept.put(asked(1), copy())
    kept.put(asked(1), copy(lifetime=0))
    assert (len(kept), kept.bytes) == (0, 0)


def test_a_smaller_budget_lets_go_at_once() -> None:
    kept = Copies(40 * ONE, 60)
    for number in range(10):
        kept.put(asked(number), copy())
        kept.get(asked(number))
    kept.set_budget(4 * ONE)
    assert kept.bytes <= 4 * ONE
    kept.set_budget(0)
    assert (len(kept), kept.bytes) == (0, 0)
    kept.put(asked(1), copy())
    assert len(kept) == 0


def test_stale_copies_are_usable_for_a_time_unless_they_are_failures() -> None:
    kept = Copies(1 << 20, 100)
    assert kept.is_usable(copy(), 159)
    assert not kept.is_usable(copy(), 160)
    assert not kept.is_usable(copy(rcode=2), 61)


@given(st.lists(st.tuples(st.sampled_from("pgbc"), st.integers(0, 20), st.integers(0, 300))))
def test_bytes_are_the_sum_of_what_is_kept(steps: list[tuple[str, int, int]]) -> None:
    kept = Copies(12 * ONE, 60)
    for step, number, size in steps:
        if step == "p":
            kept.put(asked(number), copy(size))
        elif step == "g":
            kept.get(asked(number))
        elif step == "b":
            kept.set_budget(size * 40)
        else:
            kept.clear()
        held = [*kept._young.items(), *kept._old.items()]
        assert kept.bytes == sum(cost(*item) for item in held)
        assert kept._young_bytes == sum(cost(*item) for item in kept._young.items())


def test_the_cost_is_honest() -> None:
    """Within a third of what the allocator says."""
    number = 3000
    tracemalloc.start()
    try:
        kept = Copies(1 << 30, 60)
        before = tracemalloc.get_traced_memory()[0]
        for index in range(number):
            ttls = tuple(600 + index + place for place in range(8))
            fresh = Copy(0, (4, 0, 0), bytes(120), 120, ttls, 60.5 + index, 7.5 + index)
            kept.put(asked(index), fresh)
            kept.get(asked(index))
        taken = (tracemalloc.get_traced_memory()[0] - before) / number
    finally:
        tracemalloc.stop()
    assert 0.75 < taken / (kept.bytes / number) < 1.33, taken


# --- time ---------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 0x7FFFFFFF), max_size=5), st.integers(0, 1 << 31))
def test_ttls_count_down_and_never_below_zero(ttls: list[int], age: int) -> None:
    body = b"".join(b"xx" + ttl.to_bytes(4, "big") for ttl in ttls)
    places = tuple(word for index, ttl in enumerate(ttls) for word in (6 * index + 2, ttl))
    out = copies.aged(body, places, age, -1)
    assert out == b"".join(b"xx" + max(0, ttl - age).to_bytes(4, "big") for ttl in ttls)
    stale = copies.aged(body, places, 0, 30)
    assert stale == b"".join(b"xx" + min(30, ttl).to_bytes(4, "big") for ttl in ttls)


def test_a_countdown_renders_once_a_second() -> None:
    clock, ages, notes = Clock(), [], []
    clock.second = 100

    def render(age: int) -> bytes:
        ages.append(age)
        return b"%d" % age

    answers = copies.countdown(render, 98, clock, lambda: notes.append(1))
    assert [next(answers), next(answers)] == [b"2", b"2"]
    clock.second = 103
    assert [next(answers), next(answers)] == [b"5", b"5"]
    assert (ages, len(notes), clock.hits) == ([2, 5], 2, 4)


def test_a_failure_of_our_own_is_short() -> None:
    made = messages.failure(22, "x" * 1000, 5.0)
    assert made.error is not None
    assert (made.rcode, made.expires, len(made.error.text)) == (2, 7.0, 200)
