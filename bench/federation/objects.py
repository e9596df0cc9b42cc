"""The objects of a federation's measurements, and those that nothing can be done with.

    faulty                   what is wrong with it
    selector                 its cluster selector cannot be read
    probe                    its probe cannot be read; it is propagated all the same
    conflict                 every member has an object of that name that is not the federation's
    refused                  the same, to be adopted, and immutable: the members refuse the change

This module must not talk to anybody.  The pieces and `tests.federation` use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controllers import copies, selector

Json = dict[str, Any]
Made = tuple[str, Json]
"""The plural of a kind, and an object of it."""

PORT = 8080
FAULTS = ("selector", "probe", "conflict", "refused")
SERVICES = "services"
_CONFIGMAPS = "configmaps"


def service(name: str, **annotations: str) -> Json:
    """A federated Service with a load balancer in each member.

    Without node ports: a cluster has 2,768 of them.
    """
    ports = [{"name": "http", "port": PORT}]
    spec = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}
    return {
        "metadata": {"name": name, "labels": {"app": name}, "annotations": annotations},
        "spec": {**spec, "selector": {"app": name}, "ports": ports},
    }


def endpoint_slice(name: str, *, ready: bool = True) -> Json:
    """A Service's one endpoint."""
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": endpoints(ready=ready),
        "ports": [{"name": "http", "port": PORT}],
    }


def endpoints(*, ready: bool) -> list[Json]:
    return [{"addresses": ["192.0.2.1"], "conditions": {"ready": ready}}]


def faulty(count: int) -> Iterator[tuple[str, Made]]:
    """So many faulty objects, of each fault as many, with the fault."""
    for number in range(count):
        fault = FAULTS[number % len(FAULTS)]
        yield fault, _faulty(fault, f"{fault}-{number}")


def _faulty(fault: str, name: str) -> Made:
    if fault == "probe":
        return SERVICES, service(name, **{copies.PROBE: "gopher://example.com"})
    annotations = {
        "selector": {selector.ANNOTATION: "[{"},
        "conflict": {},
        "refused": {copies.ADOPT: "true"},
    }[fault]
    return _CONFIGMAPS, {
        "metadata": {"name": name, "annotations": annotations},
        "data": {"from": "the federation"},
    }


def in_the_way(count: int) -> Iterator[Made]:
    """What each member has already under the names of the faulty objects."""
    for fault, (plural, made) in faulty(count):
        if fault in ("conflict", "refused"):
            body = {"metadata": {"name": made["metadata"]["name"]}, "data": {"from": "the member"}}
            yield plural, {**body, "immutable": fault == "refused"}
