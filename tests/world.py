"""A world in a few lines: one object a line, as somebody would jot it down.

    namespace shop
    service default/nginx 10.96.0.1 http:80/tcp
    service default/db headless publish-not-ready ttl=30
    service default/blog external www.example.com
    slice default/db-a of db db-0=10.244.0.2+fd00::2 10.244.0.3!unready 10.244.0.4@pod-4 pg:5432/tcp
    pod default/one 10.244.0.9
    node n1 zone=z1 region=r1
    federations fellowship=example.com,other=example.org
    cluster gondor zones=z1,z2 region=r1
    federated default/web http:80/tcp gondor=198.51.100.7+lb.example.net rohan=- known=192.0.2.9
    federated default/web gondor=198.51.100.7 names=eu.web.example.com/r1,web.example.com type=NodePort
    nameservers 192.0.2.1:53 corp.example=192.0.2.2:53+192.0.2.3:53
    synced
    synced federation
    stale 1700000000

An endpoint is `[hostname=]address[+address…][@pod][!unready|!terminating]`; a port `name:number/protocol`
with nothing in front of the colon for an unnamed one; a shard `cluster=address[+address…]`, or
`cluster=-` when nothing is ready there.
"""  # noqa: E501

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from feddns import federations, names
from feddns.events import Event, Gone, Object, Put, Stale, Synced
from feddns.nameservers import Nameservers, StubDomain
from feddns.services import (
    Endpoint,
    FederatedService,
    Ingress,
    Kind,
    Namespace,
    Pod,
    Port,
    PublicName,
    Service,
    Shard,
    Slice,
)
from feddns.topology import Cluster, Node

_PORT = re.compile(r"([-a-z0-9]*):(\d+)/(tcp|udp|sctp)\Z")
_ENDPOINT = re.compile(r"(?:([^=@!]+)=)?([^=@!]+)(?:@([^=@!]+))?(?:!(unready|terminating))?\Z")


def ip(text: str) -> bytes:
    """A packed address."""
    return ipaddress.ip_address(text).packed


def events(text: str) -> list[Event]:
    """Each object of the world as it comes into being."""
    return [event(line) for line in lines(text)]


def lines(text: str) -> Iterable[str]:
    for line in text.strip().splitlines():
        line = line.partition(";")[0].strip()
        if line:
            yield line


def event(line: str) -> Event:
    """One line: the object is there; with `delete` in front, it is gone."""
    if line.startswith("stale "):
        return Stale(float(line.split()[1]))
    if line == "synced federation":
        return Synced(federation=True)
    if line == "synced":
        return Synced()
    if line.startswith("delete "):
        return Gone(thing(line.removeprefix("delete ")))
    return Put(thing(line))


def thing(line: str) -> Object:
    """The object that a line describes."""
    kind, _, rest = line.partition(" ")
    made: Object = _MAKERS[kind](rest.split())
    return made


def _path(text: str) -> tuple[bytes, bytes]:
    namespace, _, name = text.partition("/")
    return namespace.encode(), name.encode()


def _ports(words: Iterable[str]) -> tuple[Port, ...]:
    found = [match for word in words if (match := _PORT.match(word))]
    return tuple(Port(m[1].encode(), m[3].encode(), int(m[2])) for m in found)


def _options(words: Iterable[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words if "=" in word)


def _seconds(options: dict[str, str]) -> int | None:
    return int(options["ttl"]) if "ttl" in options else None


def _service(words: list[str]) -> Service:
    path, *rest = words
    if rest[:1] == ["external"]:
        kind, external = Kind.EXTERNAL_NAME, names.parse(rest[1])
    else:
        kind, external = Kind.HEADLESS if "headless" in rest else Kind.CLUSTER_IP, b""
    packed = tuple(ip(word) for word in rest if _is_address(word))
    return Service(
        *_path(path), kind, packed, _ports(rest), external, "publish-not-ready" in rest,
        _seconds(_options(rest)),
    )  # fmt: skip


def _is_address(word: str) -> bool:
    try:
        ip(word)
    except ValueError:
        return False
    return True


def _slice(words: list[str]) -> Slice:
    path, of, service, *rest = words
    assert of == "of", words
    endpoints = tuple(_endpoint(word) for word in rest if not _PORT.match(word))
    return Slice(*_path(path), service.encode(), endpoints, _ports(rest))


def _endpoint(word: str) -> Endpoint:
    match = _ENDPOINT.match(word)
    assert match, word
    hostname, packed, pod, state = match.groups(default="")
    return Endpoint(
        tuple(ip(part) for part in packed.split("+")), hostname.encode(), not state,
        state != "unready", state == "terminating", pod.encode(),
    )  # fmt: skip


def _node(words: list[str]) -> Node:
    options = _options(words)
    return Node(words[0], options.get("zone", ""), options.get("region", ""))


def _cluster(words: list[str]) -> Cluster:
    options = _options(words)
    zones = tuple(sorted(zone for zone in options.get("zones", "").split(",") if zone))
    return Cluster(words[0], zones, options.get("region", ""))


def _federations(words: list[str]) -> Object:
    good, reasons = federations.parse(" ".join(words))
    assert not reasons, reasons
    return good


def _nameservers(words: list[str]) -> Object:
    stubs, upstream = [], []
    for word in words:
        domain, equals, servers = word.rpartition("=")
        if equals:
            stubs.append(StubDomain(names.parse(domain), tuple(servers.split("+"))))
        else:
            upstream.append(word)
    return Nameservers(tuple(stubs), tuple(upstream))


def _federated(words: list[str]) -> FederatedService:
    path, *rest = words
    options = _options(rest)
    known = _ingresses(options.pop("known", "-"))
    ttl = _seconds(options)
    options.pop("ttl", None)
    policy = options.pop("when-none-healthy", "")
    public = options.pop("type", "LoadBalancer") == "LoadBalancer"
    chosen = tuple(_public_name(text) for text in options.pop("names", "").split(",") if text)
    shards = tuple(Shard(cluster, _ingresses(text)) for cluster, text in options.items())
    return FederatedService(
        *_path(path), _ports(rest), shards, known, ttl, policy, names=chosen, is_public=public
    )


def _public_name(text: str) -> PublicName:
    name, _, rung = text.partition("/")
    return PublicName(names.parse(name), names.parse(rung))


def _ingresses(text: str) -> tuple[Ingress, ...]:
    if text == "-":
        return ()
    return tuple(
        Ingress(ip(part)) if _is_address(part) else Ingress(b"", names.parse(part))
        for part in text.split("+")
    )


def _pod(words: list[str]) -> Pod:
    return Pod(*_path(words[0]), tuple(ip(word) for word in words[1:]))


_MAKERS = {
    "namespace": lambda words: Namespace(words[0].encode()),
    "service": _service,
    "slice": _slice,
    "pod": _pod,
    "node": _node,
    "federations": _federations,
    "nameservers": _nameservers,
    "cluster": _cluster,
    "federated": _federated,
}
