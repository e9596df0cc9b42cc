"""Percentiles, by the nearest rank: each is a value that was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values are not above.

    `ordered` is sorted and not empty.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
