"""Nearest rank: what is said was measured."""

from __future__ import annotations

import pytest

from bench.cluster.percentiles import percentile


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.999, 100), (1.0, 100)],
)
def test_of_a_hundred(share: float, expected: float) -> None:
    assert percentile(range(1, 101), share) == expected


def test_of_one() -> None:
    assert [percentile([7.0], share) for share in (0.0, 0.5, 1.0)] == [7.0] * 3
