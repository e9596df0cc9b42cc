"""CRDs: kinds that are added while the server runs."""

from __future__ import annotations

from typing import Any

from feddns.apiserver.schema import Type


def set_defaults(type: Type, obj: Any) -> None: ...
