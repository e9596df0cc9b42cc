"""Tables are those that a real kube-apiserver prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from feddns.apiserver import tables
from feddns.apiserver.tables import cells
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY, _ = truthful.with_widgets()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("case", truthful.read("tables"), ids=lambda c: c["apiVersion"] + c["kind"])
def test_printed_as_by_a_real_server(case: Object) -> None:
    kind = truthful.kind_of(REGISTRY, case)
    now = datetime.fromisoformat(case["now"])
    made = tables.table(kind, case["objects"], now, include="None")
    columns = [
        {name: column[name] for name in ("name", "type", "format", "priority")}
        for column in made["columnDefinitions"]
    ]
    assert columns == case["columns"]
    assert [row["cells"] for row in made["rows"]] == case["cells"]
    assert [row.get("conditions", []) for row in made["rows"]] == case["conditions"]


def test_what_stands_in_a_row_beside_its_cells() -> None:
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "v1", "kind": "ConfigMap"})
    one = {"metadata": {"name": "x"}, "data": {"a": "b"}}

    def row(include: str) -> Object | None:
        return tables.table(kind, [one], NOW, include=include)["rows"][0]["object"]

    about = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    assert row("Metadata") == {**about, "metadata": {"name": "x"}}
    assert row("Object") == one
    assert row("None") is None


def test_columns_of_o_wide_can_be_left_out() -> None:
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "v1", "kind": "Service"})
    service = {"metadata": {"name": "x"}, "spec": {"type": "ClusterIP", "selector": {"a": "b"}}}
    made = tables.table(kind, [service], NOW, columns_wide=False)
    assert made["columnDefinitions"][-1]["name"] == "Age"
    assert made["rows"][0]["cells"][-1] == "<unknown>"


def test_what_stands_in_a_cell_of_a_crd() -> None:
    paths = (("string", ".map"), ("string", ".text"), ("integer", ".map"), ("boolean", ".text"))
    columns = tuple({"name": "A", "type": kind, "jsonPath": path} for kind, path in paths)
    kind = truthful.kind_of(REGISTRY, truthful.widget({}))
    assert kind.custom
    widgets = replace(kind, custom=replace(kind.custom, columns=columns))
    one = {"metadata": {"name": "x"}, "map": {"b": "é", "a": [1, "<"]}, "text": "é"}
    (row,) = tables.table(widgets, [one], NOW)["rows"]
    assert row["cells"] == ["x", '{"a":[1,"\\u003c"],"b":"é"}', "é", None, None]


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "<invalid>"), (timedelta(seconds=-1), "0s"),
        (timedelta(seconds=119), "119s"), (timedelta(seconds=120), "2m"),
        (timedelta(seconds=125), "2m5s"), (timedelta(minutes=10, seconds=5), "10m"),
        (timedelta(minutes=179), "179m"), (timedelta(hours=3, minutes=20), "3h20m"),
        (timedelta(hours=8, minutes=20), "8h"), (timedelta(hours=47), "47h"),
        (timedelta(days=3, hours=5), "3d5h"), (timedelta(days=8, hours=5), "8d"),
        (timedelta(days=729), "729d"), (timedelta(days=750), "2y20d"),
        (timedelta(days=365 * 9), "9y"),
    ],
)  # fmt: skip
def test_ages(age: timedelta, text: str) -> None:
    assert cells.duration(age.total_seconds()) == text
