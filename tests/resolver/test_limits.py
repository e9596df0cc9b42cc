"""Response rate limiting, in virtual time."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.resolver import limits
from feddns.resolver.limits import MOST, SHARED, Limiter

ONE, TWO = 0xC0000201, 0xC0000202


def given_replies(limiter: Limiter, client: int, messages: int, now: float) -> int:
    """How many of so many messages at one time are below the limit."""
    return messages - len(limiter.over([client] * messages, now))


@pytest.mark.parametrize("rate", [1, 7, 20, 1000, 10_000_000])
def test_a_second_s_replies_at_once_and_then_as_they_come(rate: int) -> None:
    limiter = Limiter(rate)
    most = min(rate, 3000)
    assert given_replies(limiter, ONE, most, 5.0) == most
    if rate > most:
        return
    assert given_replies(limiter, ONE, 100, 5.0) == 0
    assert given_replies(limiter, ONE, 100, 5.0 + 1.0 / rate) == 1
    assert given_replies(limiter, ONE, rate + 100, 9.0) == rate


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 30)), min_size=1, max_size=40),
)
def test_never_more_than_the_rate_and_a_burst(rate: int, steps: list[tuple[float, int]]) -> None:
    limiter = Limiter(rate)
    start = now = 100.0
    replies = asked = 0
    for pause, messages in steps:
        now += pause
        asked += messages
        replies += given_replies(limiter, ONE, messages, now)
        assert replies <= rate + (now - start) * rate + 1e-3
    assert replies >= min(asked, rate)


def test_a_flood_gets_its_rate_and_others_do_not_notice() -> None:
    limiter = Limiter(20)
    flood = polite = 0
    for tick in range(1000):  # ten seconds
        batch = [ONE] * 60 + ([TWO] if tick % 10 == 0 else [])
        over = limiter.over(batch, 50.0 + tick / 100)
        assert 60 not in over
        flood += 60 - len(over)
        polite += len(batch) - 60
    assert polite == 100
    assert flood == pytest.approx(20 + 10 * 20, abs=1)


def test_the_indices_are_those_of_the_messages() -> None:
    limiter = Limiter(1)
    assert limiter.over([ONE, TWO, ONE, TWO, 3, ONE], 1.0) == [2, 3, 5]


def test_silence_and_truncation_take_turns() -> None:
    limiter = Limiter(1)
    limiter.over([ONE], 1.0)
    turns = []
    for client in range(6):
        assert limiter.over([ONE], 1.0) == [0]
        turns.append(limiter.slips)
        assert limiter.over([client], 1.0) == []  # nobody is above: no turn is taken
    assert turns == [True, False] * 3


def test_a_refund() -> None:
    limiter = Limiter(2)
    for _ in range(50):
        assert limiter.over([ONE], 1.0) == []
        limiter.refund(ONE)
    assert limiter.over([ONE] * 3, 1.0) == [2]
    limiter.refund(TWO)


# --- room -----------------------------------------------------------------------------------------


def forged(count: int, start: int = 0) -> list[list[int]]:
    numbers = range(1 << 24 | start, (1 << 24 | start) + count)
    return [list(numbers[at : at + 64]) for at in range(0, count, 64)]


def test_forged_addresses_do_not_grow_the_table_and_push_out_nobody() -> None:
    """A hundred thousand a second, each once, and one client that floods from its own address."""
    limiter = Limiter(2)
    now, replies = 10.0, 0
    for batch in forged(200_000):
        now += 64 / 100_000
        replies += 64 not in limiter.over([*batch, ONE], now)
        assert len(limiter._full_at) <= MOST + SHARED + 65
    assert replies == pytest.approx(2 + (now - 10) * 2, abs=1.01)


def test_who_is_in_the_table_keeps_a_bucket_of_its_own() -> None:
    limiter = Limiter(1)
    limiter.over([TWO], 1.0)  # used up for a second
    for batch in forged(MOST + 10_000):
        limiter.over(batch, 1.5)
    assert limiter.over([TWO], 1.9) == [0]
    assert limiter.over([TWO], 2.1) == []
    # A newcomer has a shared bucket for now, and its own again when the flood is over.
    shared = [client for client in limiter._full_at if client < 0]
    assert 0 < len(shared) <= SHARED
    assert given_replies(limiter, ONE, 5, 4.0) == 1


def test_full_buckets_are_forgotten_first() -> None:
    limiter = Limiter(1000)
    for batch in forged(MOST):
        limiter.over(batch, 1.0)
    assert limiter.over([ONE], 2.0) == []
    assert len(limiter._full_at) == 1


def test_a_sweep_does_not_come_with_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(1)
    for batch in forged(MOST):
        limiter.over(batch, 1.0)
    limiter.over([ONE], 1.1)
    table = limiter._full_at
    for number in range(20):
        limiter.over([number], 1.1 + number / 100)
    assert limiter._full_at is table
    limiter.over([ONE], 1.1 + limits._SWEEP_EVERY)
    assert limiter._full_at is not table
