"""Workloads become Pods, as kube-controller-manager does it, in the simplest true form.

    object        gives
    Deployment    one ReplicaSet for its template; older ones go to 0 when the new one is ready
    ReplicaSet    so many Pods; too many: the not ready first, then the newest
    DaemonSet     a Pod on every node that its nodeSelector selects
    Job           Pods until `completions` have succeeded, `parallelism` at a time
    Pod           nothing, see `kubelet`

Each writes the status that kubectl waits for.  Pure; called by `member`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from feddns.playground.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    Change,
    Json,
    Objects,
    Verb,
    code,
    is_ready,
    owned,
    reference,
    status_change,
)

_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"


def deployment(objects: Objects, one: Json, now: str) -> list[Change]:
    """`now` is RFC 3339, as Kubernetes writes times."""
    wanted = one["spec"].get("replicas", 1)
    template = json.dumps(one["spec"]["template"], sort_keys=True)
    name = f"{one['metadata']['name']}-{code(template, 10)}"
    sets = owned(objects, REPLICA_SETS, one)
    current = next((each for each in sets if each["metadata"]["name"] == name), None)
    if current is None:
        return [Change(Verb.CREATE, REPLICA_SETS, _replica_set(one, name, wanted, len(sets) + 1))]
    changes = _scaled(current, wanted)
    if _status(current, "readyReplicas") >= wanted:
        for old in sets:
            if old is not current:
                changes += _scaled(old, 0)
    return changes + status_change(DEPLOYMENTS, one, _deployment_status(one, sets, current, now))


def replica_set(objects: Objects, one: Json) -> list[Change]:
    known = owned(objects, PODS, one)
    pods = [pod for pod in known if not _has_ended(pod)]
    wanted = one["spec"].get("replicas", 1)
    name = one["metadata"]["name"]
    taken = {pod["metadata"]["name"] for pod in known}
    changes = [
        _create(one, f"{name}-{suffix}", "apps/v1", "ReplicaSet")
        for suffix in _suffixes(name, taken, wanted - len(pods))
    ]
    changes += [Change(Verb.DELETE, PODS, pod) for pod in _surplus(pods, len(pods) - wanted)]
    ready = sum(map(is_ready, pods))
    status = {
        "replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready,
        "availableReplicas": ready, "observedGeneration": one["metadata"].get("generation", 1),
    }  # fmt: skip
    return changes + status_change(REPLICA_SETS, one, status)


def daemon_set(objects: Objects, one: Json) -> list[Change]:
    spec = one["spec"]["template"]["spec"]
    nodes = [
        node["metadata"]["name"]
        for node in objects.list(NODES)
        if spec.get("nodeSelector", {}).items() <= node["metadata"].get("labels", {}).items()
    ]
    pods = {pod["spec"].get("nodeName", ""): pod for pod in owned(objects, PODS, one)}
    changes = [
        _create(one, f"{one['metadata']['name']}-{code(node)}", "apps/v1", "DaemonSet", node)
        for node in nodes
        if node not in pods
    ]
    changes += [Change(Verb.DELETE, PODS, pod) for node, pod in pods.items() if node not in nodes]
    ready = sum(is_ready(pod) for node, pod in pods.items() if node in nodes)
    status = {
        "currentNumberScheduled": len(pods), "desiredNumberScheduled": len(nodes),
        "numberMisscheduled": 0, "numberReady": ready, "numberAvailable": ready,
        "updatedNumberScheduled": len(pods),
        "observedGeneration": one["metadata"].get("generation", 1),
    }  # fmt: skip
    return changes + status_change(DAEMON_SETS, one, status)


def job(objects: Objects, one: Json, now: str) -> list[Change]:
    pods = owned(objects, PODS, one)
    succeeded = sum(pod.get("status", {}).get("phase") == "Succeeded" for pod in pods)
    active = [pod for pod in pods if not _has_ended(pod)]
    parallelism = one["spec"].get("parallelism", 1)
    completions = one["spec"].get("completions", parallelism)
    name = one["metadata"]["name"]
    taken = {pod["metadata"]["name"] for pod in pods}
    missing = min(parallelism, completions - succeeded) - len(active)
    changes = [
        _create(one, f"{name}-{suffix}", "batch/v1", "Job")
        for suffix in _suffixes(name, taken, missing)
    ]
    status = {"active": len(active), "succeeded": succeeded, "ready": sum(map(is_ready, active))}
    status["startTime"] = one.get("status", {}).get("startTime", now)
    if succeeded >= completions and not one.get("status", {}).get("completionTime"):
        status["completionTime"] = now
        status["conditions"] = [
            {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now,
             "reason": "CompletionsReached",
             "message": "Reached expected number of succeeded pods"}
            for kind in ("SuccessCriteriaMet", "Complete")
        ]  # fmt: skip
    return changes + status_change(JOBS, one, status)


# --- parts ----------------------------------------------------------------------------------------


def _replica_set(one: Json, name: str, replicas: int, revision: int) -> Json:
    spec, metadata = one["spec"], one["metadata"]
    mark = {_HASH: name.rpartition("-")[2]}
    template = spec["template"]
    labelled = template.get("metadata", {}) | {
        "labels": template.get("metadata", {}).get("labels", {}) | mark
    }
    selector = spec["selector"]
    return {
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": metadata["namespace"], "labels": labelled["labels"],
            "annotations": {_REVISION: str(revision)},
            "ownerReferences": [reference(one, "apps/v1", "Deployment")],
        },
        "spec": {
            "replicas": replicas,
            "selector": selector | {"matchLabels": selector.get("matchLabels", {}) | mark},
            "template": template | {"metadata": labelled},
        },
    }  # fmt: skip


def _scaled(one: Json, replicas: int) -> list[Change]:
    if one["spec"].get("replicas", 1) == replicas:
        return []
    spec = one["spec"] | {"replicas": replicas}
    return [Change(Verb.UPDATE, REPLICA_SETS, one | {"spec": spec})]


def _deployment_status(one: Json, sets: list[Json], current: Json, now: str) -> Json:
    replicas = sum(_status(each, "replicas") for each in sets)
    ready = sum(_status(each, "readyReplicas") for each in sets)
    updated = _status(current, "replicas")
    wanted = one["spec"].get("replicas", 1)
    is_available = ready >= wanted
    conditions = [
        _condition(
            one, "Available", is_available, now,
            ("MinimumReplicasAvailable", "Deployment has minimum availability.") if is_available
            else ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        ),
        _condition(
            one, "Progressing", True, now,
            ("NewReplicaSetAvailable", f"{current['metadata']['name']} has progressed."),
        ),
    ]  # fmt: skip
    counts = {
        "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready,
        "availableReplicas": ready, "unavailableReplicas": max(0, wanted - ready),
    }  # fmt: skip
    generation = one["metadata"].get("generation", 1)
    return counts | {"observedGeneration": generation, "conditions": conditions}


def _condition(one: Json, kind: str, holds: bool, now: str, words: tuple[str, str]) -> Json:
    status = "True" if holds else "False"
    for before in one.get("status", {}).get("conditions", []):
        if before["type"] == kind and before["status"] == status:
            known: Json = before
            return known
    return {
        "type": kind, "status": status, "reason": words[0], "message": words[1],
        "lastTransitionTime": now, "lastUpdateTime": now,
    }  # fmt: skip


def _create(owner: Json, name: str, api_version: str, kind: str, node: str = "") -> Change:
    template = owner["spec"]["template"]
    metadata = dict(template.get("metadata", {})) | {
        "name": name, "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [reference(owner, api_version, kind)],
    }  # fmt: skip
    spec = template["spec"] | ({"nodeName": node} if node else {})
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return Change(Verb.CREATE, PODS, body)


def _suffixes(name: str, taken: set[str], count: int) -> Iterable[str]:
    number = 0
    while count > 0:
        suffix = code(f"{name} {number}")
        if f"{name}-{suffix}" not in taken:
            count -= 1
            yield suffix
        number += 1


def _surplus(pods: list[Json], count: int) -> list[Json]:
    def order(pod: Json) -> tuple[bool, str, str]:
        metadata = pod["metadata"]
        return is_ready(pod), metadata.get("creationTimestamp", ""), metadata["name"]

    ready_last = sorted(pods, key=order)
    unready = [pod for pod in ready_last if not is_ready(pod)]
    ready = [pod for pod in ready_last if is_ready(pod)]
    return (unready + ready[::-1])[: max(0, count)]


def _has_ended(pod: Json) -> bool:
    is_deleted = bool(pod["metadata"].get("deletionTimestamp"))
    return is_deleted or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _status(one: Json, field: str) -> int:
    return int(one.get("status", {}).get(field, 0))
