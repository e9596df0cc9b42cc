"""Objects as a table, as kubectl prints them (meta.k8s.io/v1 Table).

A column with priority 1 is shown by `-o wide`.  What stands in the cells of a built-in kind is in
`core`, `workloads` and `others`; kinds of CRDs have the columns of their CRD, Cluster among them.

    cell of a CRD's column    is
    string                    the text; anything else as JSON
    integer, number, boolean  the value, nothing when it is of another type
    date                      how long ago

Pure.  Called by `handling` where a client takes tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from feddns.apiserver import autoscalers, fieldsets, jsonpath
from feddns.apiserver.kinds import CLUSTERS, Kind
from feddns.apiserver.tables import core, others, workloads
from feddns.apiserver.tables.cells import Column, Columns, age, name_column

Object = dict[str, Any]
Row = Callable[[Object, datetime], list[Any]]

_KINDS: dict[str, tuple[Columns, Row]] = {
    **core.TABLES, **workloads.TABLES, **others.TABLES,
}  # fmt: skip
_CREATED: Columns = (name_column(), Column("Created At", "date"))
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_CLUSTER = (
    {"name": "Status", "type": "string",
     "jsonPath": '.status.conditions[?(@.status=="True")].type'},
    {"name": "Zones", "type": "string", "jsonPath": ".status.zones"},
    {"name": "Region", "type": "string", "jsonPath": ".status.region"},
    {"name": "Version", "type": "string", "jsonPath": ".status.version"},
    _AGE,
)  # fmt: skip


def table(
    kind: Kind, objects: Iterable[Object], now: datetime, columns_wide: bool = True,
    include: str = "Metadata",
) -> Object:  # fmt: skip
    """The table of these objects; the caller puts the list's metadata into it.

    `include`: what of the object stands in each row: None, Metadata or Object.
    """
    columns, row = _layout(kind)
    shown = [number for number, column in enumerate(columns) if columns_wide or not column.priority]
    rows = []
    for obj in objects:
        cells = row(obj, now)
        whole: Object = {"cells": [cells[number] for number in shown]}
        if conditions := _conditions(kind, obj):
            whole["conditions"] = conditions
        rows.append(whole | {"object": _included(obj, include)})
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "columnDefinitions": [columns[number].definition() for number in shown], "rows": rows,
    }  # fmt: skip


def _included(obj: Object, include: str) -> Object | None:
    if include == "Object":
        return obj
    if include == "None":
        return None
    about = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return about | {"metadata": obj["metadata"]}


def _conditions(kind: Kind, obj: Object) -> list[Object]:
    """Pods that are over: kubectl leaves them out of some lists by this."""
    phase = obj.get("status", {}).get("phase") if kind.kind == "Pod" else None
    if phase not in ("Succeeded", "Failed"):
        return []
    message = "The pod failed." if phase == "Failed" else "The pod has completed successfully."
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


def _layout(kind: Kind) -> tuple[Columns, Row]:
    if kind.custom:
        return _custom(kind.custom.columns or (_AGE,))
    if kind.group in (CLUSTERS, "federation"):
        return _custom(_CLUSTER)
    columns, row = _KINDS.get(kind.kind) or (_CREATED, _created)
    if (kind.group, kind.version) == ("autoscaling", "v1"):
        return columns, lambda obj, now: row(autoscalers.from_v1(obj), now)
    return columns, row


def _created(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp")]


def _custom(told: tuple[Object, ...]) -> tuple[Columns, Row]:
    columns = tuple(
        Column(one["name"], one["type"], one.get("format", ""), one.get("priority", 0))
        for one in told
    )

    def row(obj: Object, now: datetime) -> list[Any]:
        return [obj["metadata"]["name"], *(_cell(one, obj, now) for one in told)]

    return (name_column(), *columns), row


def _cell(column: Object, obj: Object, now: datetime) -> Any:
    value = jsonpath.first(column["jsonPath"], obj)
    match column["type"]:
        case _ if value is None:
            return None
        case "string":
            return value if isinstance(value, str) else fieldsets.spell(value)
        case "date":
            return age(value, now) if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return int(value) if number else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
