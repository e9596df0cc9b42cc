"""The tables of Deployments, ReplicaSets, DaemonSets, Jobs and autoscalers; Pods are in `pods`.

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from feddns.apiserver.tables import pods
from feddns.apiserver.tables.cells import (
    NONE,
    UNKNOWN,
    Columns,
    age,
    columns,
    containers,
    created,
    labels,
    selector,
    some,
)

Object = dict[str, Any]

_WIDE = "Containers,Images,Selector"
_STATES = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")


def _made_of(obj: Object) -> list[str]:
    spec = obj["spec"]
    return [*containers(spec["template"]["spec"]), selector(spec.get("selector"))]


def _deployment(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"], f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0), status.get("availableReplicas", 0), created(obj, now),
        *_made_of(obj),
    ]  # fmt: skip


def _replica_set(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"], spec.get("replicas", 0), status.get("replicas", 0),
        status.get("readyReplicas", 0), created(obj, now), *_made_of(obj),
    ]  # fmt: skip


def _daemon_set(obj: Object, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    counts = (
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady",
        "updatedNumberScheduled", "numberAvailable",
    )  # fmt: skip
    return [
        obj["metadata"]["name"], *(status.get(name, 0) for name in counts),
        labels(obj["spec"]["template"]["spec"].get("nodeSelector")), created(obj, now),
        *_made_of(obj),
    ]  # fmt: skip


def _job(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    done, wanted, width = status.get("succeeded", 0), spec.get("completions"), spec["parallelism"]
    progress = f"{done}/{wanted}"
    if wanted is None:
        progress = f"{done}/1 of {width}" if width > 1 else f"{done}/1"
    return [
        obj["metadata"]["name"], _state(obj), progress, _time_taken(status, now),
        created(obj, now), *_made_of(obj),
    ]  # fmt: skip


def _state(obj: Object) -> str:
    conditions = obj.get("status", {}).get("conditions", ())
    held = {one["type"] for one in conditions if one["status"] == "True"}
    ended = next((state for state in _STATES[:2] if state in held), "")
    if not ended and "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    return ended or next((state for state in _STATES[2:] if state in held), "Running")


def _time_taken(status: Object, now: datetime) -> str:
    started, ended = status.get("startTime"), status.get("completionTime")
    if not started:
        return ""
    return age(started, datetime.fromisoformat(ended) if ended else now)


def _autoscaler(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    target = spec["scaleTargetRef"]
    least = spec.get("minReplicas")
    return [
        obj["metadata"]["name"], f"{target['kind']}/{target['name']}", _metrics(spec, status),
        "<unset>" if least is None else str(least), spec["maxReplicas"],
        status.get("currentReplicas", 0), created(obj, now),
    ]  # fmt: skip


def _metrics(spec: Object, status: Object) -> str:
    current = status.get("currentMetrics") or ()
    texts = [
        _metric(metric, current[number] if number < len(current) else {})
        for number, metric in enumerate(spec.get("metrics") or ())
    ]
    return some(texts, most=2, separator=", ") if texts else NONE


def _metric(metric: Object, status: Object) -> str:
    kind = metric["type"]
    field = kind[0].lower() + kind[1:]
    source, now = metric.get(field, {}), status.get(field, {}).get("current", {})
    target = source.get("target", {})
    if kind in ("Resource", "ContainerResource"):
        name, average = source.get("name", ""), target.get("averageValue")
        if average is not None:
            return f"{name}: {now.get('averageValue', UNKNOWN)}/{average}"
        wanted, used = target.get("averageUtilization"), now.get("averageUtilization")
        told = UNKNOWN if used is None else f"{used}%"
        return f"{name}: {told}/{'<auto>' if wanted is None else f'{wanted}%'}"
    if kind == "Pods":
        return f"{now.get('averageValue', UNKNOWN)}/{target.get('averageValue')}"
    if kind not in ("External", "Object"):
        return "<unknown type>"
    if "averageValue" in target:
        return f"{now.get('averageValue', UNKNOWN)}/{target['averageValue']} (avg)"
    return f"{now.get('value', UNKNOWN)}/{target.get('value')}"


def _scale(obj: Object, now: datetime) -> list[Any]:
    wanted, found = (obj.get(part, {}).get("replicas", 0) for part in ("spec", "status"))
    return [obj["metadata"]["name"], wanted, found, created(obj, now)]


def _counted(shown: str, counts: str, wide: str = "") -> Columns:
    """Columns of which some hold whole numbers."""
    return tuple(
        one._replace(type="integer") if one.name in counts.split(",") else one
        for one in columns(shown, wide)
    )


TABLES = {
    "Pod": (pods.COLUMNS, pods.row),
    "Deployment": (columns("Name,Ready,Up-to-date,Available,Age", _WIDE), _deployment),
    "ReplicaSet": (
        _counted("Name,Desired,Current,Ready,Age", "Desired,Current,Ready", _WIDE), _replica_set,
    ),
    "DaemonSet": (
        _counted(
            "Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age",
            "Desired,Current,Ready,Up-to-date,Available", _WIDE,
        ),
        _daemon_set,
    ),
    "Scale": (_counted("Name,Desired,Available,Age", "Desired,Available"), _scale),
    "Job": (columns("Name,Status,Completions,Duration,Age", _WIDE), _job),
    "HorizontalPodAutoscaler": (
        columns("Name,Reference,Targets,MinPods,MaxPods,Replicas,Age"), _autoscaler,
    ),
}  # fmt: skip
