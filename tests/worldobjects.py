"""A world in a few lines (see `tests.world`) as the objects of a Kubernetes API.

    namespace shop
    service zoo/web 10.96.1.1 fd00:10:96::1 http:80/tcp :8080/tcp
    service zoo/db headless publish-not-ready selector pg:5432/tcp
    service zoo/blog external www.example.com
    slice zoo/db-a of db db-0=10.244.1.1+10.244.1.2@pod-0 10.244.1.3!unready pg:5432/tcp
    slice zoo/db-b of - 10.244.1.4              of no Service
    slice zoo/db-c of db www.example.com       addressType FQDN
    pod zoo/one 10.244.0.9                     status.podIP too, which is another call

In a port of a slice the number may be `-`: none.  The addresses of a slice are of one family.  An
endpoint's condition is ready, `!unready`, `!terminating` (serving still), or `!unsaid`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from tests import world
from tests.clusterapi import Api

Object = dict[str, Any]
_PORT = re.compile(r"([-a-z0-9]*):(\d+|-)/(tcp|udp|sctp)\Z")
_ENDPOINT = re.compile(
    r"(?:([^=@!]+)=)?([^=@!]+)(?:@([^=@!]+))?(?:!(unready|terminating|unsaid))?\Z"
)
_CONDITIONS: dict[str, Object] = {
    "": {"ready": True, "serving": True, "terminating": False},
    "unready": {"ready": False, "serving": False, "terminating": False},
    "terminating": {"ready": False, "serving": True, "terminating": True},
    "unsaid": {},
}


def objects(text: str) -> list[Object]:
    """The object of each line, in order."""
    return [_MAKERS[line.partition(" ")[0]](line.split()[1:]) for line in world.lines(text)]


def _object(api_version: str, kind: str, path: str, **more: Any) -> Object:
    namespace, slash, name = path.rpartition("/")
    metadata = {"name": name, "namespace": namespace} if slash else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def _ports(words: Iterable[str]) -> list[Object]:
    found = [match for word in words if (match := _PORT.match(word))]
    return [
        {"name": m[1], "protocol": m[3].upper(), **({} if m[2] == "-" else {"port": int(m[2])})}
        for m in found
    ]


def _family(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return "FQDN"


def _service(words: list[str]) -> Object:
    path, *rest = words
    spec: Object = {"ports": _ports(rest)}
    addresses = [word for word in rest if _family(word) != "FQDN"]
    if rest[:1] == ["external"]:
        spec |= {"type": "ExternalName", "externalName": rest[1]}
    elif "headless" in rest:
        spec |= {"clusterIP": "None"}
    else:
        spec |= {
            "clusterIP": addresses[0], "clusterIPs": addresses,
            "ipFamilies": [_family(address) for address in addresses],
            "ipFamilyPolicy": "RequireDualStack" if len(addresses) > 1 else "SingleStack",
        }  # fmt: skip
    if "selector" in rest:
        spec["selector"] = {"app": path.rpartition("/")[2]}
    if "publish-not-ready" in rest:
        spec["publishNotReadyAddresses"] = True
    return _object("v1", "Service", path, spec=spec)


def _slice(words: list[str]) -> Object:
    path, _, service, *rest = words
    endpoints = [_endpoint(word) for word in rest if not _PORT.match(word)]
    family = _family(endpoints[0]["addresses"][0]) if endpoints else "IPv4"
    made = _object(
        "discovery.k8s.io/v1", "EndpointSlice", path, addressType=family, endpoints=endpoints,
        ports=_ports(rest),
    )  # fmt: skip
    if service != "-":
        made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    return made


def _endpoint(word: str) -> Object:
    match = _ENDPOINT.match(word)
    assert match, word
    hostname, addresses, pod, state = match.groups(default="")
    made: Object = {"addresses": addresses.split("+"), "conditions": _CONDITIONS[state]}
    if hostname:
        made["hostname"] = hostname
    if pod:
        made["targetRef"] = {"kind": "Pod", "name": pod}
    return made


def _pod(words: list[str]) -> Object:
    path, *addresses = words
    status = {
        "phase": "Running", "podIP": addresses[0], "podIPs": [{"ip": each} for each in addresses]
    }  # fmt: skip
    containers = [{"name": "main", "image": "none"}]
    return _object("v1", "Pod", path, spec={"containers": containers}, status=status)


_MAKERS = {
    "namespace": lambda words: _object("v1", "Namespace", words[0]),
    "service": _service,
    "slice": _slice,
    "pod": _pod,
}


# --- into a cluster ------------------------------------------------------------------------------

_KINDS = {
    "namespace": "Namespace", "service": "Service", "pod": "Pod", "slice": "EndpointSlice"
}  # fmt: skip


def happen(api: Api, text: str) -> None:
    """Each line, in order: the object is there, or with `delete` in front is gone."""
    for line in world.lines(text):
        if line.startswith("delete "):
            _, kind, path = line.split()
            namespace, _, name = path.rpartition("/")
            api.delete(_KINDS[kind], namespace, name)
        else:
            for made in objects(line):
                api.put(made)
