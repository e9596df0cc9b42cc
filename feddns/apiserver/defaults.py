"""What a kube-apiserver fills in, and in which form it keeps what it is given.

    step               when                                   what
    decoding.decode    every body                             form: quantities, empties, nulls
    set_defaults       after it                               fields with a default: `replicas: 1`
    prepare            when an object is made or replaced,    what admission and strategies set:
                       once it has its uid                    finalizers, phases, selectors of Jobs

The addresses and ports of Services are given by `services`, generation and status by `lifecycle`.
An object of an older version has the defaults of the version in which it is kept: it is converted
first.

Pure.  Called by `handling`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from feddns.apiserver import custom, decoding
from feddns.apiserver.kinds import Kind
from feddns.apiserver.poddefaults import prepare_pod, set_pod, set_pod_template

Object = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"
_UNLIMITED = 2**31 - 1


def set_defaults(kind: Kind, obj: Object) -> None:
    """Fill in what is missing.  The object is one that `decoding.decode` has seen."""
    if kind.custom:
        custom.set_defaults(kind.custom.type, obj)
    elif setter := _SETTERS.get(kind.kind):
        setter(obj)


def canonical(kind: Kind, obj: Object) -> None:
    """Only the form, without defaults; what the kind does not know is dropped.

    Raises RequestRefused 400 for what cannot be decoded.
    """
    decoding.decode(kind, obj)


def prepare(kind: Kind, obj: Object, old: Object | None = None) -> None:
    """What the server sets by itself when the object is made (no `old`) or replaced."""
    if preparer := _PREPARERS.get(kind.kind):
        preparer(obj, old)


# --- core ----------------------------------------------------------------------------------------


def _service(obj: Object) -> None:
    spec = obj["spec"]
    kind = spec.setdefault("type", "ClusterIP")
    affinity = spec.setdefault("sessionAffinity", "None")
    if affinity == "ClientIP":
        client = _part(_part(spec, "sessionAffinityConfig"), "clientIP")
        client.setdefault("timeoutSeconds", 10800)
    elif affinity == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port["port"]
    if kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in obj["status"]["loadBalancer"].get("ingress", ()):
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def _secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    for key, text in obj.pop("stringData", {}).items():
        _part(obj, "data")[key] = base64.b64encode(text.encode()).decode()


def _namespace(obj: Object) -> None:
    if name := obj["metadata"].get("name"):
        _part(obj["metadata"], "labels")["kubernetes.io/metadata.name"] = name


def _endpoints(obj: Object) -> None:
    for subset in obj.get("subsets", ()):
        for port in subset.get("ports", ()):
            port.setdefault("protocol", "TCP")


def _node(obj: Object) -> None:
    spec = obj["spec"]
    one, many = spec.get("podCIDR"), spec.get("podCIDRs") or []
    if one and many[:1] != [one]:
        spec["podCIDRs"] = [one]
    elif many:
        spec["podCIDR"] = many[0]
    if capacity := obj["status"].get("capacity"):
        obj["status"].setdefault("allocatable", dict(capacity))


def _endpoint_slice(obj: Object) -> None:
    for port in obj["ports"] or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


# --- workloads -----------------------------------------------------------------------------------


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    set_pod_template(spec["template"])
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = _part(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _daemon_set(obj: Object) -> None:
    spec = obj["spec"]
    set_pod_template(spec["template"])
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = _part(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)


def _replica_set(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    set_pod_template(spec["template"])


def _job(obj: Object) -> None:
    spec = obj["spec"]
    set_pod_template(spec["template"])
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _UNLIMITED if "backoffLimitPerIndex" in spec else 6)
    labels = spec["template"]["metadata"].get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    rules = spec.get("podFailurePolicy", {}).get("rules", ()) or ()
    for rule in rules:
        for condition in rule.get("onPodConditions", ()) or ():
            condition["status"] = condition.get("status") or "True"
    policy = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    spec.setdefault("podReplacementPolicy", policy)
    spec.setdefault("manualSelector", False)


def _autoscaler(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("minReplicas", 1)
    if obj["apiVersion"] == "autoscaling/v1":
        spec.setdefault("targetCPUUtilizationPercentage", 80)
        return
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if behavior := spec.get("behavior"):
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        if "scaleUp" in behavior or "scaleDown" in behavior:
            up, down = _part(behavior, "scaleUp"), _part(behavior, "scaleDown")
            up.setdefault("stabilizationWindowSeconds", 0)
            up.setdefault("selectPolicy", "Max")
            up.setdefault("policies", [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent])
            down.setdefault("selectPolicy", "Max")
            down.setdefault("policies", [dict(percent)])


# --- other groups --------------------------------------------------------------------------------


def _binding(obj: Object) -> None:
    reference = obj["roleRef"]
    reference["apiGroup"] = reference.get("apiGroup") or _RBAC
    for subject in obj.get("subjects", ()):
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", _RBAC)


def _definition(obj: Object) -> None:
    spec = obj["spec"]
    names, kind = spec["names"], spec["names"].get("kind")
    if kind:
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    conversion = _part(spec, "conversion")
    conversion["strategy"] = conversion.get("strategy") or "None"


_SETTERS: dict[str, Callable[[Object], None]] = {
    "Service": _service, "Secret": _secret, "Namespace": _namespace, "Endpoints": _endpoints,
    "Node": _node, "EndpointSlice": _endpoint_slice, "Pod": set_pod, "Deployment": _deployment,
    "DaemonSet": _daemon_set, "ReplicaSet": _replica_set, "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler, "RoleBinding": _binding,
    "ClusterRoleBinding": _binding, "CustomResourceDefinition": _definition,
}  # fmt: skip


# --- what the server sets by itself --------------------------------------------------------------


def _prepare_service(obj: Object, old: Object | None) -> None:
    """clusterIP is the first of clusterIPs: who changes one of them means both."""
    spec = obj["spec"]
    before = old["spec"] if old else {}
    one, many = spec.get("clusterIP"), spec.get("clusterIPs")
    one_is_new, many_are_new = one != before.get("clusterIP"), many != before.get("clusterIPs")
    if one and (not many or (one_is_new and not many_are_new)):
        spec["clusterIPs"] = [one]
    elif many and ((old is None and not one) or (old and many_are_new and not one_is_new)):
        spec["clusterIP"] = many[0]


def _prepare_namespace(obj: Object, old: Object | None) -> None:
    if old is None:
        finalizers = _part(obj, "spec").setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
        obj["status"] = {"phase": "Active"}


def _prepare_node(obj: Object, old: Object | None) -> None:
    """A node is not ready until it says so: no Pod may come before."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    if old is None:
        taints = _part(obj, "spec").setdefault("taints", [])
        if not any((t.get("key"), t.get("effect")) == tuple(taint.values()) for t in taints):
            taints.append(taint)


def _prepare_daemon_set(obj: Object, old: Object | None) -> None:
    """The generation of the template, kept for clients of extensions/v1beta1."""
    key = "deprecated.daemonset.template.generation"
    before = 0
    if old is not None:
        before = int(old["metadata"].get("annotations", {}).get(key, 0))
        if obj["spec"]["template"] == old["spec"]["template"]:
            before -= 1
    _part(obj["metadata"], "annotations")[key] = str(max(before + 1, 0))


def _prepare_job(obj: Object, old: Object | None) -> None:
    """A Job selects its Pods by its uid, unless its selector is written by hand."""
    if old is not None or obj["spec"].get("manualSelector"):
        return
    uid, name = obj["metadata"].get("uid", ""), obj["metadata"].get("name", "")
    own = {
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name,
    }  # fmt: skip
    for metadata in (obj["metadata"], obj["spec"]["template"]["metadata"]):
        _part(metadata, "labels").update(own)
    _part(_part(obj["spec"], "selector"), "matchLabels")[next(iter(own))] = uid


def _prepare_definition(obj: Object, old: Object | None) -> None:
    if old is None:
        stored = [v["name"] for v in obj["spec"].get("versions") or () if v.get("storage")]
        obj["status"] = {
            "conditions": None, "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": stored,
        }  # fmt: skip


def _prepare_pod(obj: Object, old: Object | None) -> None:
    if old is None:
        prepare_pod(obj)


_PREPARERS: dict[str, Callable[[Object, Object | None], None]] = {
    "Namespace": _prepare_namespace, "Node": _prepare_node, "DaemonSet": _prepare_daemon_set,
    "Job": _prepare_job, "CustomResourceDefinition": _prepare_definition, "Pod": _prepare_pod,
    "Service": _prepare_service,
}  # fmt: skip


def _part(obj: Object, name: str) -> Object:
    """The object at this field, made when there is none."""
    part: Object = obj.setdefault(name, {})
    return part
