"""Objects and changes straight into etcd, past the API server: thousands a second.

    key                                     value
    /registry/namespaces/<name>             the objects of `bench.manifests`, as JSON
    /registry/services/specs/<ns>/<name>
    /registry/endpointslices/<ns>/<name>
    /registry/ipaddresses/<address>         whose the cluster IP is: without it the API server
                                            repairs, and is busy for minutes

`moved` is what a change is: the last endpoint of a Service gets another address.  The address is
a function of the Service and the turn, so that the right answer is known without asking.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bench import manifests
from bench.inventory import Inventory, Service
from tests.etcd import Etcd

FIRST_MOVED = int(ipaddress.IPv4Address("10.128.0.0"))
MOVES = 1 << 20  # more than there are Services
CHUNK = 1000

Pair = tuple[str, bytes]


def fill(etcd: Etcd, inventory: Inventory, have: int = 0) -> None:
    """Put the inventory into etcd; the first `have` Services are there already."""
    if not have:
        etcd.put(dict(_namespaces(inventory)))
    services = inventory.services
    for start in range(have, len(services), CHUNK):
        chunk = services[start : start + CHUNK]
        etcd.put(dict(_address(service) for service in chunk if service.cluster_ip))
        etcd.put(dict(_service(service) for service in chunk))
        etcd.put(dict(pair_of(service) for service in chunk))


def _namespaces(inventory: Inventory) -> Iterator[Pair]:
    for item in manifests.namespaces(inventory):
        yield f"/registry/namespaces/{item['metadata']['name']}", _value(item)


def _address(service: Service) -> Pair:
    labels = {"ip-family": "IPv4", "managed-by": "ipallocator.k8s.io"}
    owner = {"resource": "services", "namespace": service.namespace, "name": service.name}
    item = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IPAddress",
        "metadata": {
            # One that is old and whose Service has not been seen yet would be taken away.
            "creationTimestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "labels": {f"ipaddress.kubernetes.io/{key}": value for key, value in labels.items()},
            "name": service.cluster_ip,
            "uid": f"{service.index:08x}-5f0e-4b6e-9d3e-00000000000a",
        },
        "spec": {"parentRef": owner},
    }
    return f"/registry/ipaddresses/{service.cluster_ip}", _value(item)


def _service(service: Service) -> Pair:
    key = f"/registry/services/specs/{service.namespace}/{service.name}"
    return key, _value(manifests.service_object(service))


def pair_of(service: Service) -> Pair:
    """Key and value of the Service's EndpointSlice."""
    item = manifests.endpoint_slice_object(service)
    return f"/registry/endpointslices/{service.namespace}/{item['metadata']['name']}", _value(item)


def _value(item: manifests.Object) -> bytes:
    # The version is etcd's revision; what an object says of itself is not looked at.
    metadata = {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}
    return json.dumps({**item, "metadata": metadata}, separators=(",", ":")).encode()


# --- changes -----------------------------------------------------------------------------------


def moved(service: Service, turn: int) -> Service:
    """The Service with its last endpoint somewhere else; every turn has its own addresses."""
    address = ipaddress.IPv4Address(FIRST_MOVED + turn % 4 * MOVES + service.index)
    *others, last = service.endpoints
    return replace(service, endpoints=(*others, replace(last, address=str(address))))


def after(inventory: Inventory, changes: int, turn: int) -> Inventory:
    """The inventory after so many changes, the first Service first, over and over."""
    size = len(inventory.services)
    services = tuple(
        moved(service, turn + (changes - 1 - place) // size) if place < changes else service
        for place, service in enumerate(inventory.services)
    )
    return Inventory(inventory.namespaces, services)


def changes(services: Sequence[Service], turn: int) -> Iterator[Pair]:
    """The same changes for ever, as they are put into etcd."""
    while True:
        for service in services:
            yield pair_of(moved(service, turn))
        turn += 1
