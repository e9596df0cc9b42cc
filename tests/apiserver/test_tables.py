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


# --- Pods ----------------------------------------------------------------------------------------

C, D = {"name": "c"}, {"name": "d"}
RUNNING = {"name": "c", "ready": True, "state": {"running": {}}}
INITIALIZED = {"conditions": [{"type": "Initialized", "status": "True"}]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def ended(name: str = "c", **state: object) -> Object:
    return {"name": name, "state": {"terminated": {"exitCode": 0} | state}}


def waiting(reason: str) -> Object:
    return {"name": "c", "state": {"waiting": {"reason": reason}}}


def inits(*found: Object) -> Object:
    return {"initContainerStatuses": list(found)}


def cells_of(status: Object, spec: Object | None = None, **metadata: str) -> list[object]:
    pod = {
        "metadata": {"name": "p", **metadata}, "spec": {"containers": [C], **(spec or {})},
        "status": {"phase": "Running"} | status,
    }  # fmt: skip
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "v1", "kind": "Pod"})
    (row,) = tables.table(kind, [pod], NOW)["rows"]
    found: list[object] = row["cells"]
    return found


@pytest.mark.parametrize(
    ("status", "ready", "word"),
    [
        ({}, "0/1", "Running"), ({"reason": "Evicted"}, "0/1", "Evicted"),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]},
         "0/1", "SchedulingGated"),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
         "0/1", "Running"),
        ({"containerStatuses": [RUNNING]}, "1/1", "Running"),
        ({"containerStatuses": [RUNNING | {"ready": False}]}, "0/1", "Running"),
        ({"containerStatuses": [waiting("CrashLoopBackOff")]}, "0/1", "CrashLoopBackOff"),
        ({"containerStatuses": [ended(reason="Error", exitCode=1)]}, "0/1", "Error"),
        ({"containerStatuses": [ended(exitCode=3)]}, "0/1", "ExitCode:3"),
        ({"containerStatuses": [ended(signal=9)]}, "0/1", "Signal:9"),
        ({"containerStatuses": [ended(reason="Completed"), RUNNING]}, "1/1", "NotReady"),
        ({"containerStatuses": [ended(reason="Completed"), RUNNING], **READY}, "1/1", "Running"),
        ({"containerStatuses": [ended(reason="Completed")]}, "0/1", "Completed"),
        ({"containerStatuses": [ended(reason="Completed"), ended(reason="Error", exitCode=1)]},
         "0/1", "Error"),
    ],
)  # fmt: skip
def test_the_word_for_a_pod(status: Object, ready: str, word: str) -> None:
    assert cells_of(status)[1:3] == [ready, word]


@pytest.mark.parametrize(
    ("status", "ready", "word"),
    [
        (inits(ended(), {"name": "d"}), "0/1", "Init:1/2"),
        (inits(waiting("PodInitializing")), "0/1", "Init:0/2"),
        (inits(waiting("ImagePullBackOff")), "0/1", "Init:ImagePullBackOff"),
        (inits(ended(exitCode=1)), "0/1", "Init:ExitCode:1"),
        (inits(ended(exitCode=1, signal=9)), "0/1", "Init:Signal:9"),
        (inits(ended(exitCode=1, reason="Error")), "0/1", "Init:Error"),
        (inits(ended(exitCode=1)) | INITIALIZED, "0/1", "Running"),
        (inits(ended(), ended("d")), "0/1", "Running"),
    ],
)  # fmt: skip
def test_the_word_for_a_pod_that_begins(status: Object, ready: str, word: str) -> None:
    assert cells_of(status, {"initContainers": [C, D]})[1:3] == [ready, word]


def test_a_sidecar_counts() -> None:
    spec = {"initContainers": [{"name": "side", "restartPolicy": "Always"}]}
    side = {"name": "side", "started": True, "ready": True, "restartCount": 2}
    assert cells_of(inits(side) | {"containerStatuses": [RUNNING]}, spec)[1:4] == [
        "2/2", "Running", "2",
    ]  # fmt: skip
    assert cells_of(inits(side | {"started": False}), spec)[1:3] == ["0/2", "Init:0/1"]
    assert cells_of(inits(side | {"ready": False}), spec)[1:3] == ["0/2", "Running"]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "Terminating"), ({"reason": "NodeLost"}, "Unknown"),
        ({"phase": "Succeeded"}, "Succeeded"), ({"phase": "Failed"}, "Failed"),
    ],
)  # fmt: skip
def test_a_pod_that_is_deleted(status: Object, word: str) -> None:
    assert cells_of(status, deletionTimestamp="2026-01-01T00:00:00Z")[2] == word


def test_when_a_container_was_started_again() -> None:
    last = [
        {"terminated": {"finishedAt": f"2026-11-20T23:5{minute}:00Z"}} for minute in (7, 9)
    ]  # fmt: skip
    again = [RUNNING | {"restartCount": 1, "lastState": state} for state in last]
    assert cells_of({"containerStatuses": again})[3] == "2 (60s ago)"
    assert cells_of({"containerStatuses": [RUNNING | {"lastState": last[0]}]})[3] == "0"


def test_the_wide_cells_of_a_pod() -> None:
    assert cells_of({})[5:] == ["<none>"] * 4
    gates = {"readinessGates": [{"conditionType": "Ready"}, {"conditionType": "x"}]}
    status = READY | {"podIPs": [{"ip": "192.0.2.1"}], "nominatedNodeName": "m"}
    assert cells_of(status, gates | {"nodeName": "n"})[5:] == ["192.0.2.1", "n", "m", "1/2"]
