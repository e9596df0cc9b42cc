"""The Services of this cluster: the names `<…>.<service>.<namespace>`, wherever they stand.

    case  name                             exists when                    has
    K5    <namespace>                      the namespace exists           –
    K6    <service>.<namespace>            the Service exists *           A, AAAA, SRV of all ports
          of type ExternalName                                            CNAME
    K7    <endpoint>.<service>.<namespace> a ready endpoint has the name  A, AAAA
          _tcp.<service>.<namespace>       a named port has the protocol  –
    K8    _port._proto.<service>…          a port has that name           SRV

    *  a headless one only with a ready endpoint (2.4.1), a ClusterIP one with none only without
       --ignore-empty-services.

Pure.  Called by `kubernetes` for names below `svc`, by `federated` for the local shard, and by
`reverse` for what an address belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator

from feddns import names, records
from feddns.names import Label, Name
from feddns.records import AAAA, SRV, A, RRset
from feddns.resolver.zones import MISSING, NO_DATA, Alias, Data, Lookup, Outcome
from feddns.services import Endpoint, Kind, Port
from feddns.snapshot import FAMILIES, Entry

_FAMILY = {A: (4,), AAAA: (16,)}
"""The octets of the addresses that a type asks for."""


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
        return addresses(lookup, lookup.name, _own_addresses(lookup, entry), ttl(lookup, entry))
    if lookup.type == SRV:
        return _srv(lookup, entry, b"", b"")
    return NO_DATA


def with_slices(lookup: Lookup, entry: Entry, families: tuple[int, ...] = FAMILIES) -> Entry:
    """The entry, for who looks at its slices: the answer depends on what they say."""
    assert entry.service is not None
    for size in families:
        lookup.depends.append((*entry.service.key, size))
    return entry


def _own_addresses(lookup: Lookup, entry: Entry) -> tuple[bytes, ...]:
    """The ClusterIPs, or for a headless Service the addresses of its ready endpoints."""
    assert entry.service is not None
    if entry.service.kind is Kind.CLUSTER_IP:
        return entry.service.addresses
    entry = with_slices(lookup, entry, _FAMILY[lookup.type])
    return tuple(address for endpoint in entry.endpoints() for address in endpoint.addresses)


def _endpoint(lookup: Lookup, entry: Entry, label: Label) -> Outcome:
    """K7: `_tcp` as an empty non-terminal, or the endpoints of that name."""
    if label.startswith(b"_"):
        named = any(port.name and port.protocol == label[1:] for port in ports(lookup, entry))
        return NO_DATA if named else MISSING
    found = [
        address
        for endpoint in with_slices(lookup, entry).endpoints()
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
        for endpoint in with_slices(lookup, entry).endpoints()
        for address in endpoint.addresses
    )


def endpoint_label(lookup: Lookup, endpoint: Endpoint, address: bytes) -> Label:
    """The hostname; else the Pod's name if wanted; else the dashed address (K-DASH-IP)."""
    if endpoint.hostname:
        return endpoint.hostname
    if endpoint.pod and lookup.settings.endpoint_pod_names:
        return endpoint.pod
    return names.dashed(address)


def ports(lookup: Lookup, entry: Entry) -> tuple[Port, ...]:
    """The ports of a ClusterIP Service; of a headless one those of its slices."""
    assert entry.service is not None
    if entry.service.kind is not Kind.HEADLESS:
        return entry.service.ports
    slices = with_slices(lookup, entry).slices
    return tuple(dict.fromkeys(port for piece in slices for port in piece.ports))


def _port(lookup: Lookup, entry: Entry, port: Label, protocol: Label) -> Outcome:
    """K8: `_port._proto`, both with their underscore."""
    if port[:1] != b"_" or protocol[:1] != b"_" or len(port) == 1:
        return MISSING
    named = (port[1:], protocol[1:])
    if all((own.name, own.protocol) != named for own in ports(lookup, entry)):
        return MISSING
    return _srv(lookup, entry, *named) if lookup.type == SRV else NO_DATA


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
    for piece in with_slices(lookup, entry).slices:
        for endpoint in piece.endpoints:
            if not (endpoint.ready or service.publish_not_ready):
                continue
            for address in endpoint.addresses:
                target = names.join([endpoint_label(lookup, endpoint, address)], name)
                for port in piece.ports:
                    yield port, target, address


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
