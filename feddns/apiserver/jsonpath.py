"""The JSONPath that CRDs use for their columns and subresources.

    .spec.size                          a field
    .metadata.labels['app\\.example/x']  a field whose name has dots
    .spec.list[0], [-1], [*]            an item, all items
    .conditions[?(@.type=="Ready")].x   the items of which it is true

Filters compare one field with a text or a number.  What is not there gives nothing.

Pure.  Called by `tables`, and by `validation`, which takes no CRD with a path that is none.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

_STEP = re.compile(
    r"""\.?(?P<all>\[\*\]|\*)
      | \.?(?P<name>(?:[^\s.\[\]\\'"?@]|\\.)+)
      | \.?\[(?P<index>-?\d+)\]
      | \.?\[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]
      | \.?\[\?\(\s*@(?P<path>\.[^\s=!<>]+)\s*
            (?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>[^)]+?))?\s*\)\]
    """,
    re.VERBOSE,
)
_SIGNS = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
}  # fmt: skip


class Step(NamedTuple):
    """`kind`: field, item, all, filter."""

    kind: str
    name: str = ""
    number: int = 0
    path: tuple[Step, ...] = ()
    sign: str = ""
    value: Any = None


class PathError(ValueError):
    """The text is no path that is understood."""


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[Step, ...]:
    """Raises `PathError`."""
    rest = text.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps, place = [], 0
    while place < len(rest):
        found = _STEP.match(rest, place)
        if not found or found.end() == place:
            raise PathError(f"JSON path {text!r} is not understood at {rest[place:]!r}")
        steps.append(_step(found))
        place = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if (name := found["name"]) is not None:
        return Step("field", name=re.sub(r"\\(.)", r"\1", name))
    if (quoted := found["quoted"]) is not None:
        return Step("field", name=re.sub(r"\\(.)", r"\1", quoted[1:-1]))
    if found["index"] is not None:
        return Step("item", number=int(found["index"]))
    if found["all"] is not None:
        return Step("all")
    value = found["value"]
    if value is not None:
        value = value[1:-1] if value[0] in "'\"" else _literal(value)
    return Step("filter", path=parse(found["path"]), sign=found["sign"] or "", value=value)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def find(text: str, obj: Any) -> list[Any]:
    """Every value at the path.  Raises `PathError`."""
    return _find(parse(text), obj)


def first(text: str, obj: Any) -> Any:
    """The first value at the path, or None."""
    found = find(text, obj)
    return found[0] if found else None


def _find(steps: tuple[Step, ...], obj: Any) -> list[Any]:
    values = [obj]
    for step in steps:
        values = [part for value in values for part in _take(step, value)]
    return values


def _take(step: Step, value: Any) -> list[Any]:
    if step.kind == "field":
        return [value[step.name]] if isinstance(value, dict) and step.name in value else []
    if step.kind == "all" and isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        return []
    if step.kind == "all":
        return value
    if step.kind == "item":
        return [value[step.number]] if -len(value) <= step.number < len(value) else []
    return [part for part in value if _holds(step, part)]


def _holds(step: Step, part: Any) -> bool:
    found = _find(step.path, part)
    if not step.sign:
        return bool(found)
    try:
        return any(_SIGNS[step.sign](value, step.value) for value in found)
    except TypeError:
        return False
