"""A LabelSelector of an object as the text of a query: `app=web,tier in (a,b),!old`.

Pure.  Called by `tables`, and for `status.selector` of a Scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(selector: Mapping[str, Any]) -> str:
    """Sorted by key, as a kube-apiserver writes it; an empty one selects everything."""
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(sorted(one.get("values") or ()))
        parts.append((key, _SHAPES.get(one["operator"], "{key}").format(key=key, values=values)))
    return ",".join(part for _, part in sorted(parts, key=lambda pair: pair[0]))


_SHAPES = {
    "In": "{key} in ({values})", "NotIn": "{key} notin ({values})", "DoesNotExist": "!{key}",
}  # fmt: skip
