"""The inventory as Kubernetes objects, and as a folder of what `kubectl get -A -o yaml` prints.

The YAML is written by a small writer of its own: a general one takes minutes for 100,000
Services.  It must print what `kubectl` prints (keys in alphabetical order, lists not indented,
strings quoted where they could be read as something else), no more.  `__main__` and `scale` call
`write`; `kubeapi` serves the same objects as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.inventory import Inventory, Port, Service

Object = dict[str, Any]

CREATED = "2026-01-01T00:00:00Z"
_PLAIN = re.compile(
    r"[A-Za-z][A-Za-z0-9./_-]*\Z|[0-9]+(\.[0-9]+){3}\Z|[0-9a-f]{8}(-[0-9a-f]+){4}\Z"
)
_NOT_STRINGS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def write(inventory: Inventory, folder: Path) -> None:
    """Write namespaces.yaml, services.yaml and endpointslices.yaml into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = (
        ("namespaces", namespaces(inventory)),
        ("services", services(inventory)),
        ("endpointslices", endpoint_slices(inventory)),
    )
    for kind, objects in kinds:
        with (folder / f"{kind}.yaml").open("w", encoding="ascii") as file:
            file.writelines(list_text(objects))


def list_text(objects: Iterable[Object]) -> Iterator[str]:
    """The YAML of a `List` of these objects, piece by piece."""
    yield "apiVersion: v1\nitems:\n"
    for item in objects:
        lines: list[str] = []
        _write_list([item], "", lines)
        yield "".join(lines)
    yield 'kind: List\nmetadata:\n  resourceVersion: ""\n'


# --- objects -----------------------------------------------------------------------------------


def namespaces(inventory: Inventory) -> Iterator[Object]:
    for index, name in enumerate(inventory.namespaces):
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "creationTimestamp": CREATED,
                "labels": {"kubernetes.io/metadata.name": name},
                "name": name,
                "resourceVersion": str(100 + index),
                "uid": _uid(1, index),
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def services(inventory: Inventory) -> Iterator[Object]:
    for service in inventory.services:
        yield service_object(service)


def endpoint_slices(inventory: Inventory) -> Iterator[Object]:
    for service in inventory.services:
        yield endpoint_slice_object(service)


def service_object(service: Service) -> Object:
    address = service.cluster_ip or "None"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "creationTimestamp": CREATED,
            "labels": {"app": service.name},
            "name": service.name,
            "namespace": service.namespace,
            "resourceVersion": str(100_000 + service.index),
            "uid": _uid(2, service.index),
        },
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [_service_port(port) for port in service.ports],
            "selector": {"app": service.name},
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def _service_port(port: Port) -> Object:
    return {
        "name": port.name,
        "port": port.number,
        "protocol": port.protocol,
        "targetPort": port.target,
    }


def endpoint_slice_object(service: Service) -> Object:
    return {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": [_endpoint(service, number) for number in range(len(service.endpoints))],
        "kind": "EndpointSlice",
        "metadata": _slice_metadata(service),
        "ports": [
            {"name": port.name, "port": port.target, "protocol": port.protocol}
            for port in service.ports
        ],
    }


def _endpoint(service: Service, number: int) -> Object:
    endpoint = service.endpoints[number]
    result: Object = {
        "addresses": [endpoint.address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": f"node-{(service.index + number) % 20}",
        "targetRef": {
            "kind": "Pod",
            "name": f"{service.name}-{number}",
            "namespace": service.namespace,
            "uid": _uid(4 + number, service.index),
        },
        "zone": "zone-a",
    }
    if endpoint.hostname is None:
        return result
    return (
        {"addresses": result.pop("addresses"), "conditions": result.pop("conditions")}
        | {"hostname": endpoint.hostname}
        | result
    )


def _slice_metadata(service: Service) -> Object:
    labels = {
        "app": service.name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": service.name,
    }
    if service.cluster_ip is None:
        labels["service.kubernetes.io/headless"] = ""
    return {
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": CREATED},
        "creationTimestamp": CREATED,
        "generateName": f"{service.name}-",
        "generation": 1,
        "labels": labels,
        "name": f"{service.name}-x7k2p",
        "namespace": service.namespace,
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "blockOwnerDeletion": True,
                "controller": True,
                "kind": "Service",
                "name": service.name,
                "uid": _uid(2, service.index),
            }
        ],
        "resourceVersion": str(1_000_000 + service.index),
        "uid": _uid(3, service.index),
    }


def _uid(kind: int, index: int) -> str:
    return f"{index:08x}-5f0e-4b6e-9d3e-{kind:012x}"


# --- YAML --------------------------------------------------------------------------------------


def _write_map(value: Object, indent: str, lines: list[str], first: str) -> None:
    """Append the lines of a map; `first` stands before its first key (`- ` in a list)."""
    lead = first
    for key, item in value.items():
        if type(item) is dict and item:
            lines.append(f"{lead}{key}:\n")
            _write_map(item, indent + "  ", lines, indent + "  ")
        elif type(item) is list and item:
            lines.append(f"{lead}{key}:\n")
            _write_list(item, indent, lines)
        else:
            lines.append(f"{lead}{key}: {_scalar(item)}\n")
        lead = indent


def _write_list(value: list[Any], indent: str, lines: list[str]) -> None:
    for item in value:
        if type(item) is dict:
            _write_map(item, indent + "  ", lines, indent + "- ")
        else:
            lines.append(f"{indent}- {_scalar(item)}\n")


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _NOT_STRINGS:
        return value
    return json.dumps(value)
