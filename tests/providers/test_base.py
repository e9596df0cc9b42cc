"""What one call takes."""

from __future__ import annotations

import pytest

from feddns.providers import base
from feddns.providers.base import Limits
from feddns.providers.recordsets import Change, record_set

ONE = record_set("web.example.com.", "A", 60, ["192.0.2.1"])  # 9 characters
TWO = record_set("web.example.com.", "A", 60, ["192.0.2.1", "192.0.2.2"])
CLAIM = record_set("_a.web.example.com.", "TXT", 300, ['"x"'])  # 3 characters
ADD = Change(ONE.name, additions=(ONE,))
SWAP = Change(ONE.name, removals=(ONE,), additions=(TWO,), keeps=(CLAIM,))
"""Two record sets, 3 values and twice a kept one, of 27 and twice 3 characters."""


@pytest.mark.parametrize(
    ("change", "limits", "count"),
    [
        (ADD, Limits(), 9),
        (ADD, Limits(changes=4), 4),
        (ADD, Limits(values=3), 3),
        (ADD, Limits(octets=18), 2),
        (ADD, Limits(octets=17), 1),
        (ADD, Limits(changes=3, values=2, octets=100), 2),
        (SWAP, Limits(changes=4), 2),
        (SWAP, Limits(values=10), 2),
        (SWAP, Limits(values=9), 1),
        (SWAP, Limits(octets=66), 2),
        (SWAP, Limits(octets=65), 1),
        (SWAP, Limits(changes=1, values=1, octets=1), 1),
    ],
)
def test_what_one_call_takes(change: Change, limits: Limits, count: int) -> None:
    assert len(base.batch([change] * 9, limits)) == count


def test_no_more_is_looked_at_than_fits() -> None:
    changes = iter([ADD] * 9)
    assert len(base.batch(changes, Limits(changes=2))) == 2
    assert len([*changes]) == 6
