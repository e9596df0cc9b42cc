"""The endpoints of a Service in one cluster, from its EndpointSlices; its load balancer.

    conditions of an endpoint                    counts as
    ready true or missing                        ready
    ready false, terminating, serving            terminating: still answers, gets nothing new
    ready false, anything else                   nothing
    addressType FQDN                             nothing
    the same Pod in several slices               once (dual stack has a slice for each family)

discovery/v1: a missing `ready` is true, a missing `serving` is as `ready`.  `ready` is false for a
Pod that ends, unless the Service publishes addresses that are not ready.

Pure.  Called by the controllers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

Json = Mapping[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of a slice that names its Service."""


class Counted(NamedTuple):
    """An EndpointSlice: whose it is, and its endpoints, each as a number.

    The number is the same for a Pod in the slices of both families, in one process.
    """

    service: str
    ready: list[int]
    terminating: list[int]


class _Conditions(msgspec.Struct, gc=False):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class _Target(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""


class _Endpoint(msgspec.Struct, rename="camel", gc=False):
    addresses: list[str] = []
    conditions: _Conditions | None = None
    target_ref: _Target | None = None


class _Labelled(msgspec.Struct, gc=False):
    labels: dict[str, str] | None = None


class _Slice(msgspec.Struct, rename="camel", gc=False):
    metadata: _Labelled
    endpoints: list[_Endpoint] | None = None
    address_type: str = ""


_slice = msgspec.json.Decoder(_Slice).decode


def count(raw: bytes | msgspec.Raw) -> Counted | None:
    """What a slice says; None without a Service, and for what is no slice."""
    try:
        found = _slice(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None
    service = (found.metadata.labels or {}).get(SERVICE_NAME)
    if not service:
        return None
    ready: list[int] = []
    terminating: list[int] = []
    for endpoint in found.endpoints or () if found.address_type != "FQDN" else ():
        state = endpoint.conditions or _Conditions()
        if state.ready is not False:
            ready.append(_identity(endpoint))
        elif state.terminating and state.serving:
            terminating.append(_identity(endpoint))
    return Counted(service, ready, terminating)


def together(slices: Iterable[Counted]) -> tuple[int, int]:
    """Of all slices of a Service: how many endpoints are ready, and how many serve while they
    end."""
    ready: set[int] = set()
    terminating: set[int] = set()
    for counted in slices:
        ready.update(counted.ready)
        terminating.update(counted.terminating)
    return len(ready), len(terminating - ready)


def _identity(endpoint: _Endpoint) -> int:
    target = endpoint.target_ref
    return hash((target.kind, target.name) if target and target.name else (*endpoint.addresses,))


# --- load balancers ------------------------------------------------------------------------------


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
