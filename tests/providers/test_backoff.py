"""How long a zone is left alone."""

from __future__ import annotations

import pytest

from feddns.errors import FeddnsError, OperatorNeeded, Outdated, ProviderAway, Throttled
from feddns.providers.backoff import Backoff


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ProviderAway("x"), [1, 2, 4, 8, 16, 32, 60, 60]),
        (Throttled("x", 0.2), [1, 2, 4, 8, 16, 32, 60, 60]),
        (Throttled("x", 100.0), [100, 100]),
        (Outdated("x"), [0, 1, 2, 4]),
        (OperatorNeeded("x"), [60, 120, 240, 480, 600, 600]),
    ],
)
def test_waits(error: FeddnsError, waits: list[float]) -> None:
    backoff, found = Backoff(), []
    for _ in waits:
        backoff.failed(error, 1000.0, 0.0, is_listing=False)
        found.append(backoff.until - 1000.0)
    assert found == waits


def test_a_thousand_failures_are_no_overflow() -> None:
    backoff = Backoff()
    for _ in range(2000):
        backoff.failed(ProviderAway("x"), 0.0, 1.0, is_listing=True)
    assert backoff.until == 120.0


def test_a_listing_that_goes_well_does_not_say_that_changes_are_taken() -> None:
    backoff = Backoff()
    backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=False)
    backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=True)
    assert backoff.until == 1.0
    backoff.listed()
    backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=False)
    assert backoff.until == 2.0
    assert backoff.sent()
    backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=False)
    assert backoff.until == 1.0


def test_what_is_told() -> None:
    backoff = Backoff()
    kinds = [ProviderAway, ProviderAway, Throttled, Throttled, Outdated, OperatorNeeded]
    told = [backoff.failed(kind("x"), 0.0, 0.0, is_listing=False) for kind in kinds]
    assert told == [True, False, True, False, False, True]
    backoff.listed()
    assert not backoff.failed(OperatorNeeded("x"), 0.0, 0.0, is_listing=True)
    assert (backoff.sent(), backoff.sent()) == (True, False)
    backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=True)
    backoff.listed()
    assert backoff.failed(ProviderAway("x"), 0.0, 0.0, is_listing=True)
