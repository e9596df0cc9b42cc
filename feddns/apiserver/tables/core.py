"""The tables of ConfigMaps, Secrets, Namespaces, Nodes, Events, ServiceAccounts, Leases.

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from feddns.apiserver.tables.cells import NONE, UNKNOWN, Column, age, columns, created

Object = dict[str, Any]

_ROLE = "node-role.kubernetes.io/"


def _config_map(obj: Object, now: datetime) -> list[Any]:
    size = len(obj.get("data", ())) + len(obj.get("binaryData", ()))
    return [obj["metadata"]["name"], size, created(obj, now)]


def _secret(obj: Object, now: datetime) -> list[Any]:
    return [
        obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data", ())), created(obj, now)
    ]  # fmt: skip


def _namespace(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("status", {}).get("phase", ""), created(obj, now)]


def _service_account(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], created(obj, now)]


def _lease(obj: Object, now: datetime) -> list[Any]:
    holder = obj.get("spec", {}).get("holderIdentity", "")
    return [obj["metadata"]["name"], holder, created(obj, now)]


def _node(obj: Object, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    info = status.get("nodeInfo", {})
    kernel = info.get("kernelVersion") or UNKNOWN
    if architecture := info.get("architecture"):
        kernel += f" ({architecture})"
    return [
        obj["metadata"]["name"], _readiness(obj), _roles(obj), created(obj, now),
        info.get("kubeletVersion", ""), _address(status, "InternalIP"),
        _address(status, "ExternalIP"), info.get("osImage") or UNKNOWN, kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]  # fmt: skip


def _readiness(obj: Object) -> str:
    told = "Unknown"
    for condition in obj.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready":
            told = "Ready" if condition["status"] == "True" else "NotReady"
    closed = obj.get("spec", {}).get("unschedulable")
    return f"{told},SchedulingDisabled" if closed else told


def _roles(obj: Object) -> str:
    roles = set()
    for key, value in obj["metadata"].get("labels", {}).items():
        if key.startswith(_ROLE) and key != _ROLE:
            roles.add(key.removeprefix(_ROLE))
        elif key == "kubernetes.io/role" and value:
            roles.add(value)
    return ",".join(sorted(roles)) or NONE


def _address(status: Object, kind: str) -> str:
    addresses = status.get("addresses", ())
    return next((one["address"] for one in addresses if one["type"] == kind), NONE)


def _event(obj: Object, now: datetime) -> list[Any]:
    """Of either kind: what is `regarding` in events.k8s.io is `involvedObject` in core."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    series = obj.get("series")
    first_time = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp")
    last_time = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    first = age(first_time or obj.get("eventTime"), now)
    last = age(last_time, now) if last_time else first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    if series:
        last, count = age(series.get("lastObservedTime"), now), series.get("count", 0)
    kind, name = about.get("kind", "").lower(), about.get("name", "")
    message = obj.get("message") or obj.get("note") or ""
    return [
        last, obj.get("type", ""), obj.get("reason", ""), f"{kind}/{name}" if name else kind,
        about.get("fieldPath", ""), _source(obj), message.strip(), first, count,
        obj["metadata"]["name"],
    ]  # fmt: skip


def _source(obj: Object) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    reporter = obj.get("reportingComponent") or obj.get("reportingController") or ""
    component = source.get("component") or reporter
    instance = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


_WIDE_OF_EVENT = ("Subobject", "Source", "First Seen", "Count", "Name")
_EVENT = tuple(
    Column(name, format="name" if name == "Name" else "", priority=int(name in _WIDE_OF_EVENT))
    for name in (
        "Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen",
        "Count", "Name",
    )
)  # fmt: skip

TABLES = {
    "ConfigMap": (columns("Name,Data,Age"), _config_map),
    "Secret": (columns("Name,Type,Data,Age"), _secret),
    "Namespace": (columns("Name,Status,Age"), _namespace),
    "ServiceAccount": (columns("Name,Age"), _service_account),
    "Lease": (columns("Name,Holder,Age"), _lease),
    "Node": (
        columns(
            "Name,Status,Roles,Age,Version",
            "Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime",
        ),
        _node,
    ),
    "Event": (_EVENT, _event),
}
