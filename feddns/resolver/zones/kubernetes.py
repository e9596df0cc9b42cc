"""The names of one cluster: Kubernetes DNS specification 1.1.0, and what clients expect beyond it.

    case  name in front of the cluster domain   exists when                    has
    K1    (apex)                                always                         SOA, NS
    K2    dns-version                           always                         TXT "1.1.0"
    K3    dns · ns.dns                          always                         – · A, AAAA
    K4    svc · pod                             always · pods not disabled     –
    K5    <namespace>.svc · <namespace>.pod     the namespace exists           –
    K6    <service>.<namespace>.svc             the Service exists *           A, AAAA, SRV
          of type ExternalName                                                 CNAME
    K7    <endpoint>.<service>.<namespace>.svc  a ready endpoint has the name  A, AAAA
          _tcp.<service>…                       a named port has the protocol  –
    K8    _port._proto.<service>…               a port has that name           SRV
    K9    <dashed address>.<namespace>.pod      as --pods says                 A, AAAA
    F1-F3 <…>.<service>.<namespace>.<federation>.svc: see `federated`

    *  a headless one only with a ready endpoint (2.4.1), a ClusterIP one with none only without
       --ignore-empty-services.

A namespace that is called like a federation keeps its own names: they are tried first
(decisions.md 1).  Where CoreDNS answers otherwise, coredns-behaviour.md has the row: unlike it,
K2 to K5 are NODATA for every type they lack, `_tcp.<service>` and `dns` exist (K-TXT-APEX,
K-VERSION-NODATA, K-ENT-PROTO, K-ENT-DNS), one-word ports and lone underscores do not
(K-BARE-WORDS, K-EMPTY-LABEL), and only SRV is found at a port (K-A-AT-PORT).
"""

from __future__ import annotations

from collections.abc import Iterator

from feddns import names, records
from feddns.names import Label, Name
from feddns.records import AAAA, SRV, TXT, A, RRset
from feddns.resolver.zones import MISSING, NO_DATA, Alias, Data, Lookup, Outcome, federated
from feddns.services import Endpoint, Kind, Port
from feddns.snapshot import Entry

VERSION = b"1.1.0"
VERSION_TTL = 28800


def find(lookup: Lookup, labels: list[Label]) -> Outcome:
    """What the cluster domain has at `labels`; the cases K2 to K9 (K1 is `zones.apex`)."""
    branch = labels[-1]
    if branch == b"svc":
        return _service_branch(lookup, labels[:-1])
    if branch == b"pod":
        return _pod_branch(lookup, labels[:-1])
    if labels == [b"dns-version"]:
        version = RRset(lookup.name, TXT, VERSION_TTL, (records.txt(VERSION),))
        return Data(version) if lookup.type == TXT else NO_DATA
    if labels == [b"dns"]:
        return NO_DATA
    if labels == [b"ns", b"dns"]:
        return addresses(lookup, lookup.name, lookup.settings.nameserver_address)
    return MISSING


# --- services ---------------------------------------------------------------------------------


def _service_branch(lookup: Lookup, labels: list[Label]) -> Outcome:
    """K4 to K8, and the federated names where the last label is a federation."""
    if not labels:
        return NO_DATA
    if labels[-1] in lookup.snapshot.federations:
        lookup.depends.append((labels[-1],))
        if lookup.snapshot.has_namespace(labels[-1]):
            own = find_service(lookup, labels)
            if own is not MISSING:
                return own
        return federated.find(lookup, labels)
    return find_service(lookup, labels)


def find_service(lookup: Lookup, labels: list[Label]) -> Outcome:
    """K5 to K8 for `[…, service, namespace]`; owners of the records are `lookup.name`."""
    namespace = labels[-1]
    if len(labels) == 1:
        lookup.depends.append((namespace,))
        return NO_DATA if serves(lookup, namespace) else MISSING
    entry = existing(lookup, namespace, labels[-2])
    if entry is None:
        return MISSING
    count = len(labels)
    if count == 2:
        return _service(lookup, entry)
    if entry.service is None or entry.service.kind is Kind.EXTERNAL_NAME:
        return MISSING
    if count == 3:
        return _endpoint(lookup, entry, labels[0])
    return _port(lookup, entry, labels[0], labels[1]) if count == 4 else MISSING


def serves(lookup: Lookup, namespace: Label) -> bool:
    """K5: the namespace exists and --namespaces does not leave it out."""
    served = lookup.settings.namespaces
    if served and namespace.decode("latin-1") not in served:
        return False
    return lookup.snapshot.has_namespace(namespace)


def existing(lookup: Lookup, namespace: Label, name: Label) -> Entry | None:
    """K6: the entry of a Service that has a name, or None."""
    lookup.depends.append((namespace, name))
    entry = lookup.snapshot.entry(namespace, name)
    recorder = lookup.recorder
    if entry is None or entry.service is None:
        if recorder:
            recorder("service", "no such Service in this cluster", service=_path(namespace, name))
        return None
    if lookup.settings.namespaces and not serves(lookup, namespace):
        if recorder:
            recorder("namespace", "left out by --namespaces", namespace=namespace.decode())
        return None
    kind = entry.service.kind
    missing = kind is Kind.HEADLESS or (
        kind is Kind.CLUSTER_IP and lookup.settings.ignore_empty_services
    )
    if missing and not entry.has_ready_endpoint():
        if recorder:
            recorder("service", "no ready endpoint: the name does not exist", **facts(entry))
        return None
    if recorder:
        recorder("service", "exists", **facts(entry))
    return entry


def _service(lookup: Lookup, entry: Entry) -> Outcome:
    service = entry.service
    assert service is not None
    if service.kind is Kind.EXTERNAL_NAME:
        return Alias(service.external_name, ttl(lookup, entry))
    if lookup.type in (A, AAAA):
        return addresses(lookup, lookup.name, own_addresses(entry), ttl(lookup, entry))
    if lookup.type == SRV:
        return _srv(lookup, entry, b"", b"")
    return NO_DATA


def own_addresses(entry: Entry) -> tuple[bytes, ...]:
    """The ClusterIPs, or for a headless Service the addresses of its ready endpoints."""
    service = entry.service
    if service is None or service.kind is Kind.CLUSTER_IP:
        return service.addresses if service else ()
    return tuple(address for endpoint in entry.endpoints() for address in endpoint.addresses)


def _endpoint(lookup: Lookup, entry: Entry, label: Label) -> Outcome:
    """K7: `_tcp` as an empty non-terminal, or the endpoints of that name."""
    if label.startswith(b"_"):
        named = any(port.name and port.protocol == label[1:] for port in ports(entry))
        return NO_DATA if named else MISSING
    found = [
        address
        for endpoint in entry.endpoints()
        for address in endpoint.addresses
        if endpoint_label(lookup, endpoint, address) == label
    ]
    if lookup.recorder:
        held = f"{len(found)} addresses of ready endpoints" if found else "no ready endpoint"
        lookup.recorder("endpoint", f"{held} called {names.format_label(label)}")
    if not found:
        return MISSING
    return addresses(lookup, lookup.name, tuple(found), ttl(lookup, entry))


def has_endpoint(lookup: Lookup, entry: Entry, label: Label) -> bool:
    """Whether K7 has something at `label`."""
    return any(
        endpoint_label(lookup, endpoint, address) == label
        for endpoint in entry.endpoints()
        for address in endpoint.addresses
    )


def endpoint_label(lookup: Lookup, endpoint: Endpoint, address: bytes) -> Label:
    """The hostname; else the Pod's name if wanted; else the dashed address (K-DASH-IP)."""
    if endpoint.hostname:
        return endpoint.hostname
    if endpoint.pod and lookup.settings.endpoint_pod_names:
        return endpoint.pod
    return names.dashed(address)


def ports(entry: Entry) -> tuple[Port, ...]:
    """The ports of a ClusterIP Service; of a headless one those of its slices."""
    assert entry.service is not None
    if entry.service.kind is not Kind.HEADLESS:
        return entry.service.ports
    return tuple(dict.fromkeys(port for piece in entry.slices for port in piece.ports))


def _port(lookup: Lookup, entry: Entry, port: Label, protocol: Label) -> Outcome:
    """K8: `_port._proto`, both with their underscore."""
    if port[:1] != b"_" or protocol[:1] != b"_" or len(port) == 1:
        return MISSING
    found = any(own.name == port[1:] and own.protocol == protocol[1:] for own in ports(entry))
    if not found:
        return MISSING
    return _srv(lookup, entry, port[1:], protocol[1:]) if lookup.type == SRV else NO_DATA


def _srv(lookup: Lookup, entry: Entry, port: Label, protocol: Label) -> Outcome:
    """The SRV records of one port, or of all ports for an empty name (K-SRV-BARE)."""
    targets = dict.fromkeys(
        (own.number, target, address)
        for own, target, address in _pairs(lookup, entry)
        if not port or (own.name == port and own.protocol == protocol)
    )
    pairs = dict.fromkeys((number, target) for number, target, _ in targets)
    if not pairs:
        return NO_DATA
    weight = max(1, 100 // len(pairs))
    seconds = ttl(lookup, entry)
    rdatas = tuple(records.srv(0, weight, number, target) for number, target in pairs)
    by_target: dict[Name, list[bytes]] = {}
    for _, target, address in targets:
        by_target.setdefault(target, []).append(address)
    return Data(
        RRset(lookup.name, SRV, seconds, rdatas),
        [
            rrset
            for target, packed in by_target.items()
            for kind in (A, AAAA)
            if (rrset := records.addresses(target, kind, seconds, packed)) is not None
        ],
    )


def _pairs(lookup: Lookup, entry: Entry) -> Iterator[tuple[Port, Name, bytes]]:
    """Each port with each target and each of the target's addresses."""
    service = entry.service
    assert service is not None
    name = service_name(lookup, service.namespace, service.name)
    if service.kind is Kind.CLUSTER_IP:
        for port in service.ports:
            for address in service.addresses:
                yield port, name, address
        return
    for piece in entry.slices:
        for endpoint in piece.endpoints:
            if not (endpoint.ready or service.publish_not_ready):
                continue
            for address in endpoint.addresses:
                target = names.join([endpoint_label(lookup, endpoint, address)], name)
                for port in piece.ports:
                    yield port, target, address


# --- pods -------------------------------------------------------------------------------------


def _pod_branch(lookup: Lookup, labels: list[Label]) -> Outcome:
    """K4, K5 and K9 below `pod` (K-POD-LAX, K-POD-DEEP: only real addresses, nothing deeper)."""
    mode = lookup.settings.pods
    if mode == "disabled":
        return MISSING
    if not labels:
        return NO_DATA
    lookup.depends.append((labels[-1],))
    if not serves(lookup, labels[-1]) or len(labels) > 2:
        return MISSING
    if len(labels) == 1:
        return NO_DATA
    address = names.undashed(labels[0])
    if address is None:
        return MISSING
    if mode == "verified":
        lookup.depends.append((labels[1], address))
        if (labels[1], address) not in lookup.snapshot.pod_addresses:
            return MISSING
    return addresses(lookup, lookup.name, (address,))


# --- records ----------------------------------------------------------------------------------


def addresses(
    lookup: Lookup, owner: Name, packed: tuple[bytes, ...], seconds: int | None = None
) -> Outcome:
    """The A or AAAA set that was asked for, or NODATA."""
    if lookup.type not in (A, AAAA):
        return NO_DATA
    seconds = lookup.settings.ttl if seconds is None else seconds
    rrset = records.addresses(owner, lookup.type, seconds, packed)
    return NO_DATA if rrset is None else Data(rrset)


def ttl(lookup: Lookup, entry: Entry) -> int:
    """The Service's own TTL, else the setting (decisions.md 8)."""
    own = entry.service.ttl if entry.service is not None else None
    return lookup.settings.ttl if own is None else own


def service_name(lookup: Lookup, namespace: Label, name: Label) -> Name:
    """`<service>.<namespace>.svc.<cluster domain>`."""
    return names.join([name, namespace, b"svc"], lookup.settings.cluster_domain)


# --- words for `why` --------------------------------------------------------------------------


def facts(entry: Entry) -> dict[str, object]:
    """Name, version and endpoint counts of an entry."""
    every = [endpoint for piece in entry.slices for endpoint in piece.endpoints]
    found: dict[str, object] = {}
    if entry.service is not None:
        found["service"] = _path(entry.service.namespace, entry.service.name)
        found["kind"] = entry.service.kind.name
        found["version"] = entry.service.version
    found["ready"] = len(entry.endpoints())
    found["endpoints"] = len(every)
    found["slices"] = [f"{piece.name.decode()}@{piece.version}" for piece in entry.slices]
    return found


def _path(namespace: Label, name: Label) -> str:
    return f"{namespace.decode('latin-1')}/{name.decode('latin-1')}"
