"""The tables of Services, Endpoints, EndpointSlices, Ingresses and bindings.

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from feddns.apiserver.tables.cells import NONE, columns, created, labels, some

Object = dict[str, Any]


def _service(obj: Object, now: datetime) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(_port(port) for port in spec.get("ports", ()))
    return [
        obj["metadata"]["name"], spec.get("type", ""), (spec.get("clusterIPs") or [NONE])[0],
        _external(obj), ports or NONE, created(obj, now), labels(spec.get("selector")),
    ]  # fmt: skip


def _port(port: Object) -> str:
    node = port.get("nodePort")
    number = f"{port['port']}:{node}" if node else str(port["port"])
    return f"{number}/{port['protocol']}"


def _external(obj: Object) -> str:
    spec, own = obj["spec"], obj["spec"].get("externalIPs", [])
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(own) or NONE
        case "LoadBalancer":
            return ",".join([*_balanced(obj), *own]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return "<unknown>"


def _balanced(obj: Object) -> list[str]:
    members = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return sorted({one.get("ip") or one.get("hostname", "") for one in members} - {""})


def _endpoints(obj: Object, now: datetime) -> list[Any]:
    members = []
    for subset in obj.get("subsets", ()):
        addresses = [one["ip"] for one in subset.get("addresses", ())]
        ports = subset.get("ports", ())
        members += [_joined(ip, port["port"]) for port in ports for ip in addresses]
        members += [] if ports else addresses
    text = some(members) if obj.get("subsets") else NONE
    return [obj["metadata"]["name"], "" if text == NONE and obj.get("subsets") else text,
            created(obj, now)]  # fmt: skip


def _joined(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _endpoint_slice(obj: Object, now: datetime) -> list[Any]:
    ports = [_slice_port(port) for port in obj.get("ports") or ()]
    members = [address for one in obj.get("endpoints") or () for address in one["addresses"] or ()]
    return [
        obj["metadata"]["name"], obj.get("addressType", ""), _listed(ports), _listed(members),
        created(obj, now),
    ]  # fmt: skip


def _slice_port(port: Object) -> str:
    number, name = port.get("port"), port.get("name")
    return str(number) if number is not None else "*" if name is None else name


def _listed(values: list[str]) -> str:
    return some(values) if values else "<unset>"


def _ingress(obj: Object, now: datetime) -> list[Any]:
    spec = obj["spec"]
    rules = spec.get("rules", ())
    hosts = [rule["host"] for rule in rules if rule.get("host")]
    return [
        obj["metadata"]["name"], spec.get("ingressClassName", NONE), _hosts(hosts, len(rules)),
        ",".join(_balanced(obj)), "80, 443" if spec.get("tls") else "80", created(obj, now),
    ]  # fmt: skip


def _hosts(hosts: list[str], rules: int) -> str:
    if not hosts:
        return "*"
    return some(hosts) if len(hosts) <= 3 else f"{','.join(hosts[:3])} + {rules - 3} more..."


def _binding(obj: Object, now: datetime) -> list[Any]:
    reference = obj["roleRef"]
    subjects = obj.get("subjects", ())
    return [
        obj["metadata"]["name"], f"{reference['kind']}/{reference['name']}", created(obj, now),
        *(", ".join(_subjects(subjects, kind)) for kind in ("User", "Group", "ServiceAccount")),
    ]  # fmt: skip


def _subjects(subjects: Any, kind: str) -> list[str]:
    return [
        f"{one.get('namespace', '')}/{one['name']}" if kind == "ServiceAccount" else one["name"]
        for one in subjects
        if one["kind"] == kind
    ]


_BINDING = columns("Name,Role,Age", "Users,Groups,ServiceAccounts")

TABLES = {
    "Service": (columns("Name,Type,Cluster-IP,External-IP,Port(s),Age", "Selector"), _service),
    "Endpoints": (columns("Name,Endpoints,Age"), _endpoints),
    "EndpointSlice": (columns("Name,AddressType,Ports,Endpoints,Age"), _endpoint_slice),
    "Ingress": (columns("Name,Class,Hosts,Address,Ports,Age"), _ingress),
    "RoleBinding": (_BINDING, _binding),
    "ClusterRoleBinding": (_BINDING, _binding),
}
