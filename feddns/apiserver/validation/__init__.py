"""What a kube-apiserver refuses, in its words.

    decoding     a body that is no object of its kind      400 (see `decoding`)
    check        an object that breaks a rule              422, one cause for each broken rule
    warnings     an object that is taken, with a word      Warning headers

An object is checked after its defaults; `old` is what it replaces.  The rules of each kind are in
the modules beside this one; kinds of CRDs go by their schemas (`custom`).

Pure.  Called by `handling`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from feddns.apiserver import custom
from feddns.apiserver.decoding import unknown_fields
from feddns.apiserver.kinds import CLUSTERS, Kind
from feddns.apiserver.problems import Problems
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.validation import (
    cautions,
    clusters,
    core,
    definitions,
    metadata,
    networking,
    pods,
    rbac,
    scaling,
    services,
    workloads,
)

__all__ = ["check", "refuse", "unknown_fields", "warnings"]

Object = dict[str, Any]
Check = Callable[[Object, Object | None, Problems], None]

_CHECKS: dict[str, Check] = {
    "ConfigMap": core.config_map, "Secret": core.secret, "Namespace": core.namespace,
    "Node": core.node, "Event": core.event, "Endpoints": networking.endpoints,
    "EndpointSlice": networking.endpoint_slice, "Ingress": networking.ingress,
    "Service": services.service, "Pod": pods.pod, "Lease": core.lease,
    "Deployment": workloads.deployment, "DaemonSet": workloads.daemon_set,
    "ReplicaSet": workloads.replica_set, "Job": workloads.job,
    "HorizontalPodAutoscaler": scaling.autoscaler, "Role": rbac.role,
    "ClusterRole": rbac.cluster_role, "RoleBinding": rbac.role_binding,
    "ClusterRoleBinding": rbac.cluster_role_binding,
    "CustomResourceDefinition": definitions.definition,
}  # fmt: skip


def check(
    kind: Kind, obj: Object, old: Object | None = None, *, loopback: bool = False
) -> list[Cause]:
    """Every rule that the object breaks; none when it is good.  `loopback`: see `Problems`."""
    found = Problems()
    found.loopback = loopback
    metadata.check(kind, obj["metadata"], old["metadata"] if old else None, found)
    if kind.custom:
        found += custom.check(kind.custom, obj, old)
    elif kind.group in (CLUSTERS, "federation"):
        clusters.cluster(obj, old, found)
    elif checker := _CHECKS.get(kind.kind):
        checker(obj, old, found)
    return found


def refuse(kind: Kind, name: str, causes: Sequence[Cause]) -> RequestRefused:
    """422 Invalid with all causes; the same text is told once."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    what = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    group = "" if kind.storage == "v1" else kind.group  # of Events, whichever way they came
    subject = f"{kind.kind}.{group}" if group else kind.kind
    details = {"name": name, "group": group, "kind": kind.kind}
    return RequestRefused(
        422, "Invalid", f'{subject} "{name}" is invalid: {what}',
        {key: value for key, value in details.items() if value}, causes,
    )  # fmt: skip


def warnings(kind: Kind, obj: Object, old: Object | None = None) -> list[str]:
    """What the client is told in Warning headers of an object that is taken."""
    if kind.custom:
        return custom.warnings(kind.custom, obj)
    match kind.kind:
        case "Endpoints":
            return ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"]
        case "Pod":
            return [*cautions.of_pod(obj["spec"], "spec")]
        case "Deployment" | "DaemonSet" | "ReplicaSet" | "Job":
            return [*cautions.of_pod(obj["spec"]["template"]["spec"], "spec.template.spec")]
        case "Service":
            return [*cautions.of_service(obj)]
        case "Ingress":
            return [*cautions.of_ingress(obj)]
        case "CustomResourceDefinition":
            same = old is not None and old["spec"] == obj["spec"]
            return [] if same else definitions.warnings(obj)
    return []
