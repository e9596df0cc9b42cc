"""Columns, and what the cells of several kinds have in common.

    how long ago     119s  2m5s  10m  3h20m  23h  3d5h  30d  3y20d
    several things   the first three, and how many more

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from feddns.apiserver import selectortext

Object = dict[str, Any]

NONE = "<none>"
UNKNOWN = "<unknown>"
_ZERO = datetime(1, 1, 1, tzinfo=UTC)


class Column(NamedTuple):
    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def definition(self) -> Object:
        return self._asdict() | {"description": ""}


Columns = tuple[Column, ...]


def columns(shown: str, wide: str = "") -> Columns:
    """Text columns by their names, separated by commas: the name first, then `wide` ones."""
    first, *rest = shown.split(",")
    return (
        Column(first, format="name" if first == "Name" else ""),
        *(Column(name) for name in rest),
        *(Column(name, priority=1) for name in filter(None, wide.split(","))),
    )


def name_column() -> Column:
    return Column("Name", format="name")


def created(obj: Object, now: datetime) -> str:
    """How old the object is."""
    return age(obj["metadata"].get("creationTimestamp"), now)


def age(time: str | None, now: datetime) -> str:
    """How long ago an RFC 3339 time is."""
    if not time:
        return UNKNOWN
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        return "<invalid>"
    return duration((now - then).total_seconds())


def duration(seconds: float) -> str:
    """Two units at most, the fewer the longer it is."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours = whole // 60, whole // 3600
    days, years = hours // 24, hours // 24 // 365
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(large: int, unit: str, small: int, lesser: str) -> str:
    return f"{large}{unit}{small}{lesser}" if small else f"{large}{unit}"


def some(values: Sequence[str], most: int = 3, separator: str = ",") -> str:
    """The first of them, and how many more there are; `<none>` for none."""
    if not values:
        return NONE
    text = separator.join(values[:most])
    return f"{text} + {len(values) - most} more..." if len(values) > most else text


def labels(selector: dict[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((selector or {}).items())) or NONE


def selector(whole: Object | None) -> str:
    """A LabelSelector as text."""
    return selectortext.text(whole) if whole else NONE


def containers(spec: Object) -> list[str]:
    """The cells Containers and Images."""
    members = spec.get("containers") or ()
    return [
        ",".join(one["name"] for one in members), ",".join(one.get("image", "") for one in members)
    ]  # fmt: skip
