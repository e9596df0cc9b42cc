"""Services get their EndpointSlices, and load balancers their address.

    Service                      gives
    with a selector              slices of at most 100 endpoints: its Pods that have an address,
                                 ready or not, in the order of their names
    without one, ExternalName    nothing (slices that were made before are taken away)
    type LoadBalancer            `status.loadBalancer` with one address of the cluster's pool
    any other type               an empty `status.loadBalancer`

Pure.  Called by `member`, which knows the pool of addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from feddns.playground.kubelet import ZONE
from feddns.playground.objects import (
    NODES,
    PODS,
    SERVICES,
    SLICES,
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

SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"
_LARGEST = 100


def endpoint_slices(objects: Objects, service: Json, now: str) -> list[Change]:
    """The changes that make the slices of a Service right; `now` is when its Pods changed."""
    before = {one["metadata"]["name"]: one for one in owned(objects, SLICES, service)}
    changes = []
    for wanted in _slices(objects, service):
        known = before.pop(wanted["metadata"]["name"], None)
        if known is None:
            changes.append(Change(Verb.CREATE, SLICES, _triggered(wanted, now)))
        elif any(known.get(part) != wanted[part] for part in ("endpoints", "ports")):
            metadata = known["metadata"] | {"labels": wanted["metadata"]["labels"]}
            changes.append(
                Change(Verb.UPDATE, SLICES, _triggered(wanted | {"metadata": metadata}, now))
            )
    return changes + [Change(Verb.DELETE, SLICES, old) for old in before.values()]


def load_balancer(service: Json, take_address: Callable[[], str]) -> list[Change]:
    """The address of a load balancer comes, or goes with the type."""
    is_balancer = service["spec"].get("type") == "LoadBalancer"
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    if is_balancer == bool(ingress):
        return []
    balancer = {"ingress": [{"ip": take_address(), "ipMode": "VIP"}]} if is_balancer else {}
    return status_change(SERVICES, service, {"loadBalancer": balancer})


def backends(objects: Objects, service: Json) -> list[Json]:
    """The Pods behind a Service, by name."""
    selector = service["spec"].get("selector")
    if not selector or service["spec"].get("type") == "ExternalName":
        return []
    found = (
        pod
        for pod in objects.list(PODS, service["metadata"]["namespace"])
        if selector.items() <= pod["metadata"].get("labels", {}).items()
        and pod.get("status", {}).get("phase") == "Running"
    )
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def target(port: Json, pod: Json) -> int | None:
    """The port of a Pod that a Service's port leads to; None when it has none of that name."""
    wanted = port.get("targetPort", port["port"])
    if isinstance(wanted, int):
        return wanted
    for container in pod["spec"].get("containers", []):
        for known in container.get("ports", []):
            if known.get("name") == wanted:
                return int(known["containerPort"])
    return None


# --- parts ----------------------------------------------------------------------------------------


def _slices(objects: Objects, service: Json) -> Iterator[Json]:
    """One kind of slice for each set of target ports that its Pods have."""
    groups: dict[tuple[int | None, ...], list[Json]] = {}
    ports = service["spec"].get("ports", [])
    for pod in backends(objects, service):
        groups.setdefault(tuple(target(port, pod) for port in ports), []).append(pod)
    if not groups and service["spec"].get("selector"):
        groups[()] = []
    for numbers, pods in groups.items():
        for start in range(0, max(1, len(pods)), _LARGEST):
            part = pods[start : start + _LARGEST]
            yield _slice(objects, service, numbers, part, start)


def _slice(
    objects: Objects, service: Json, numbers: tuple[int | None, ...], pods: list[Json], start: int
) -> Json:
    metadata = service["metadata"]
    labels = metadata.get("labels", {}) | {
        SERVICE_NAME: metadata["name"],
        _MANAGED_BY: "endpointslice-controller.k8s.io",
    }
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    ports = [
        {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
        for port, number in zip(service["spec"].get("ports", []), numbers, strict=False)
        if number is not None
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": f"{metadata['name']}-{code(f'{numbers} {start}')}",
            "namespace": metadata["namespace"], "labels": labels,
            "ownerReferences": [reference(service, "v1", "Service")],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(objects, service, pod) for pod in pods],
        "ports": ports,
    }  # fmt: skip


def _endpoint(objects: Objects, service: Json, pod: Json) -> Json:
    serving = is_ready(pod)
    terminating = bool(pod["metadata"].get("deletionTimestamp"))
    ready = (serving and not terminating) or bool(service["spec"].get("publishNotReadyAddresses"))
    node = objects.get(NODES, "", pod["spec"].get("nodeName", ""))
    endpoint = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": {
            "kind": "Pod", "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"], "uid": pod["metadata"]["uid"],
        },
    }  # fmt: skip
    zone = node["metadata"].get("labels", {}).get(ZONE) if node else None
    if zone:
        endpoint["zone"] = zone
    if pod["spec"].get("hostname") and pod["spec"].get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = pod["spec"]["hostname"]
    return endpoint


def _triggered(one: Json, now: str) -> Json:
    annotations = one["metadata"].get("annotations", {}) | {_TRIGGERED: now}
    return one | {"metadata": one["metadata"] | {"annotations": annotations}}
