"""What the sources hold, in numbers: for /metrics and the log.  Pure."""

from __future__ import annotations

from typing import NamedTuple


class Inventory(NamedTuple):
    """Objects by kind, kinds passed over, what is refused now, and when a change last came."""

    objects: dict[str, int]
    ignored: dict[str, int]
    refused: dict[str, int]
    changed: float
