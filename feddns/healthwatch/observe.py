"""The endpoints of a Service in one cluster, from its EndpointSlices.

    conditions of an endpoint                    counts as
    ready true or missing                        ready
    ready false, terminating, serving            terminating: still answers, gets nothing new
    ready false, anything else                   nothing
    addressType FQDN                             nothing
    the same Pod in several slices               once (dual stack has a slice for each family)

discovery/v1: a missing `ready` is true, a missing `serving` is as `ready`.  `ready` is false for a
Pod that ends, unless the Service publishes addresses that are not ready.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of a slice that names its Service."""


class Endpoints(NamedTuple):
    """How many there are."""

    ready: int = 0
    terminating: int = 0


def service_of(slice_: Json) -> tuple[str, str]:
    """Namespace and name of the Service that a slice belongs to; no name when it has no label."""
    metadata = slice_["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    return metadata.get("namespace", ""), labels.get(SERVICE_NAME, "")


def endpoints(slices: Iterable[Json]) -> Endpoints:
    """What the slices of one Service say together."""
    ready: set[str] = set()
    terminating: set[str] = set()
    for slice_ in slices:
        if slice_.get("addressType") == "FQDN":
            continue
        for endpoint in slice_.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            if conditions.get("ready") in (True, None):
                ready.add(_identity(endpoint))
            elif conditions.get("terminating") and conditions.get("serving"):
                terminating.add(_identity(endpoint))
    return Endpoints(len(ready), len(terminating - ready))


def _identity(endpoint: Json) -> str:
    target = endpoint.get("targetRef") or {}
    if target.get("name"):
        return f"{target.get('kind')}/{target['name']}"
    return ",".join(endpoint.get("addresses") or ())


def ingresses(service: Json | None) -> list[dict[str, str]]:
    """The addresses of a Service's load balancer, each once, in string order of ip, hostname.

    Entries with neither are left out (the original gave up on the whole Service).
    """
    balancer = ((service or {}).get("status") or {}).get("loadBalancer") or {}
    return tidy(balancer.get("ingress") or ())


def tidy(entries: Iterable[Json]) -> list[dict[str, str]]:
    """Load-balancer entries reduced to ip and hostname, each once, sorted."""
    found = {(str(one.get("ip") or ""), str(one.get("hostname") or "")) for one in entries if one}
    return [
        {name: value for name, value in (("ip", ip), ("hostname", hostname)) if value}
        for ip, hostname in sorted(found)
        if ip or hostname
    ]


def type_of(service: Json) -> str:
    """LoadBalancer, NodePort, ClusterIP, ExternalName; or Headless."""
    spec = service.get("spec") or {}
    if spec.get("clusterIP") == "None" and spec.get("type", "ClusterIP") == "ClusterIP":
        return "Headless"
    return str(spec.get("type") or "ClusterIP")
