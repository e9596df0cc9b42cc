"""Pods are given a node and an address, and run; nodes are there, or not.

    Pod                                          becomes
    without a node                               bound to a working node that its nodeSelector
                                                 selects, spread over the zones; none: Pending
    on a node, without an address                Running and Ready, on an address of the pool
    of a Job (restartPolicy Never or OnFailure)  Succeeded
    with the annotation FAILED, or on a node
    with it                                      not Ready, until the annotation is gone

Where real programs do this, the annotation is all that is ours: see `real.stages`.

Pure.  Called by `member`, which knows the pool of addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from feddns.playground.objects import (
    NODES,
    PODS,
    Change,
    Json,
    Objects,
    Resource,
    Verb,
    owners,
    status_change,
)

FAILED = "playground.feddns.dev/failed"
"""Annotation: why a Pod or a Node does not work; `feddns playground fail` sets it."""

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
HOSTNAME = "kubernetes.io/hostname"


def node(name: str, zone: str, region: str, address: str) -> Json:
    """A node as it is registered."""
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {
            HOSTNAME: name, ZONE: zone, REGION: region,
            "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        }},
        "spec": {},
        "status": {"addresses": [
            {"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name},
        ]},
    }  # fmt: skip


def node_status(one: Json, version: str, now: str) -> list[Change]:
    """A node says that it is ready, or that it is not."""
    why = failure(one)
    status, reason = ("False", "KubeletNotReady") if why else ("True", "KubeletReady")
    message = why or "the playground's kubelet is ready"
    ready = _condition(one, "Ready", status, (reason, message), now)
    info = one.get("status", {}).get("nodeInfo") or {
        "kubeletVersion": version, "operatingSystem": "linux", "architecture": "amd64",
        "osImage": "feddns playground", "containerRuntimeVersion": "playground://1",
        "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": "",
        "kubeProxyVersion": "",
    }  # fmt: skip
    room = {"cpu": "32", "memory": "64Gi", "pods": "110"}
    wanted = {"conditions": [ready], "nodeInfo": info, "capacity": room, "allocatable": room}
    return status_change(NODES, one, wanted)


def pod(objects: Objects, one: Json, take_address: Callable[[], str], now: str) -> list[Change]:
    """What becomes of a Pod."""
    if one["metadata"].get("deletionTimestamp"):
        return []
    on = one["spec"].get("nodeName")
    if not on:
        return _scheduled(objects, one, now)
    before = one.get("status", {})
    if before.get("phase") in ("Succeeded", "Failed"):
        return []
    where = objects.get(NODES, "", on)
    why = failure(one) or (failure(where) if where else f"node {on} is gone")
    address = before.get("podIP") or take_address()
    ends = _ends(one)
    status: Json = {
        "phase": "Succeeded" if ends else "Running",
        "podIP": address, "podIPs": [{"ip": address}],
        "hostIP": _address(where), "startTime": before.get("startTime", now),
        "conditions": _conditions(one, why, ends, now),
        "containerStatuses": [
            _container(each, not why and not ends, ends, now, _started(before, now))
            for each in one["spec"].get("containers", [])
        ],
        "qosClass": before.get("qosClass", "BestEffort"),
    }  # fmt: skip
    return status_change(PODS, one, status)


def failure(one: Json) -> str:
    """Why it is broken on purpose; empty when it is not."""
    return str(one["metadata"].get("annotations", {}).get(FAILED, ""))


def mark(resource: Resource, one: Json, why: str) -> list[Change]:
    """The change that breaks it for this reason, or mends it; none when it is so already."""
    if failure(one) == why:
        return []
    names = {
        part: one["metadata"][part] for part in ("namespace", "name") if part in one["metadata"]
    }
    patch = {"metadata": {**names, "annotations": {FAILED: why or None}}}
    return [Change(Verb.PATCH, resource, patch)]


# --- parts ----------------------------------------------------------------------------------------


def _scheduled(objects: Objects, one: Json, now: str) -> list[Change]:
    selector = one["spec"].get("nodeSelector", {})
    fitting = [
        each
        for each in objects.list(NODES)
        if not failure(each)
        and not each.get("spec", {}).get("unschedulable")
        and selector.items() <= _labels(each).items()
    ]
    if fitting:
        name = _freest(objects, one, fitting)
        return [Change(Verb.BIND, PODS, one | {"spec": one["spec"] | {"nodeName": name}})]
    words = ("Unschedulable", "no node is ready that the Pod may run on")
    condition = _condition(one, "PodScheduled", "False", words, now)
    return status_change(PODS, one, {"phase": "Pending", "conditions": [condition]})


def _freest(objects: Objects, one: Json, nodes: list[Json]) -> str:
    """Pods of one owner are spread over the zones, then all over the nodes."""
    kin = {owner["uid"] for owner in owners(one)}
    zones = {node["metadata"]["name"]: _labels(node).get(ZONE, "") for node in nodes}
    load: Counter[str] = Counter()
    crowd: Counter[str] = Counter()
    for each in objects.list(PODS):
        on = each["spec"].get("nodeName", "")
        load[on] += 1
        if kin & {owner["uid"] for owner in owners(each)}:
            crowd[zones.get(on, "")] += 1
    return str(min(zones, key=lambda node: (crowd[zones[node]], load[node], node)))


def _labels(node: Json) -> dict[str, str]:
    labels: dict[str, str] = node["metadata"].get("labels", {})
    return labels


def _ends(one: Json) -> bool:
    return any(owner.get("kind") == "Job" for owner in owners(one))


def _conditions(one: Json, why: str, ends: bool, now: str) -> list[Json]:
    is_ready = not why and not ends
    words = ("PodCompleted", "") if ends else ("ContainersNotReady", why) if why else ("", "")
    return [
        _condition(one, kind, "True" if holds else "False", ("", "") if holds else words, now)
        for kind, holds in (
            ("PodScheduled", True), ("Initialized", True),
            ("ContainersReady", is_ready), ("Ready", is_ready),
        )
    ]  # fmt: skip


def _condition(one: Json, kind: str, status: str, words: tuple[str, str], now: str) -> Json:
    condition: Json = {"type": kind, "status": status, "lastTransitionTime": now}
    for before in one.get("status", {}).get("conditions", []):
        if before["type"] == kind and before["status"] == status:
            condition["lastTransitionTime"] = before.get("lastTransitionTime", now)
    reason, message = words
    return condition | ({"reason": reason, "message": message} if reason else {})


def _container(spec: Json, is_ready: bool, ends: bool, now: str, started: str) -> Json:
    state = (
        {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": started,
                        "finishedAt": now}}
        if ends else {"running": {"startedAt": started}}
    )  # fmt: skip
    return {
        "name": spec["name"], "image": spec.get("image", ""), "imageID": "", "ready": is_ready,
        "started": not ends, "restartCount": 0, "state": state, "lastState": {},
    }  # fmt: skip


def _started(before: Json, now: str) -> str:
    for container in before.get("containerStatuses", []):
        running = container.get("state", {}).get("running")
        if running:
            return str(running["startedAt"])
    return now


def _address(where: Json | None) -> str:
    addresses = (where or {}).get("status", {}).get("addresses", [])
    return next((str(one["address"]) for one in addresses if one["type"] == "InternalIP"), "")
