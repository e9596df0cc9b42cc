"""Objects of one kind in other versions.

Pure.  Called by `kinds.convert`.
"""

from __future__ import annotations

from typing import Any


def convert(obj: dict[str, Any], api_version: str, kind: str) -> dict[str, Any]:
    """The object with another apiVersion.  Versions without a rule differ by their name only."""
    return obj | {"apiVersion": api_version}
