"""The world as one immutable value, and the one function that moves it: `apply(snapshot, event)`.

    Snapshot
    ├── namespaces   namespace → service → packed Entry (the Service, its slices)
    ├── declared     namespaces that have a Namespace object
    ├── reverse      packed address → keys of the services it belongs to
    ├── pods         (namespace, packed address) → Pod, for `--pods verified`
    ├── nodes, location   where this cluster is
    ├── federations  federation → public domain, from the kube-dns ConfigMap
    ├── nameservers  where questions outside our zones go, from the same
    ├── view         the federation's own objects: clusters, federated services (or None)
    └── coming       the same while it is read for the first time

The maps are persistent (`immutables`): a new snapshot shares all it did not change with the old
one, so an event costs what its service costs and a reader may keep any snapshot as long as it
likes.  Entries are kept packed (msgpack), a third of their size as objects: to unpack one takes
1 µs, once for each answer that is built.  `touched` names what an event may change in answers;
`resolver.cache` drops by it.

Pure: no clock, no I/O.  Called by `store`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

import msgspec
from immutables import Map

from feddns import names, topology
from feddns.errors import NameRefused
from feddns.events import Event, Gone, Put, Synced
from feddns.federations import Federations
from feddns.names import Label, Name
from feddns.nameservers import Nameservers
from feddns.services import (
    Endpoint,
    FederatedService,
    Kind,
    Namespace,
    Pod,
    Service,
    Slice,
)
from feddns.topology import GLOBAL, Cluster, Node, Scope

ServiceKey = tuple[Label, Label]
Dependency = Hashable
"""What an answer was made from, and what an event touches:

    (namespace,)                         whether the namespace exists
    (namespace, service)                 the Service, and whether it has a ready endpoint
    (namespace, service, 4 or 16)        what its slices say of addresses of so many octets
    address                              which services it belongs to
    (namespace, address)                 whether a Pod of the namespace has it
    ("federated", namespace, service)    the federated Service
    EVERYTHING                           none of these may be relied on

Most Services have an address of their own, so most changes of slices touch no answer.
"""

EVERYTHING = "everything"
FAMILIES = 4, 16


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A service name of this cluster: its Service, if there is one, and its slices."""

    service: Service | None = None
    slices: tuple[Slice, ...] = ()

    def endpoints(self) -> list[Endpoint]:
        """The endpoints that count as ready, each once though several slices may hold it.

        Ready is what the slice says (a terminating endpoint is not), unless the Service publishes
        those that are not ready (specification 2.1; coredns-behaviour.md K-TOLERANT, K-LEAVING).
        """
        seen: dict[tuple[Label, tuple[bytes, ...]], Endpoint] = {}
        for endpoint in self._ready():
            seen.setdefault((endpoint.hostname, endpoint.addresses), endpoint)
        return list(seen.values())

    def has_ready_endpoint(self) -> bool:
        return next(self._ready(), None) is not None

    def addresses(self) -> set[bytes]:
        """Every address that has a PTR record to this service; none without a Service object."""
        if self.service is None or self.service.kind is Kind.EXTERNAL_NAME:
            return set()
        found = set(self.service.addresses)
        for endpoint in self._ready():
            found.update(endpoint.addresses)
        return found

    def _ready(self) -> Iterator[Endpoint]:
        tolerant = self.service is not None and self.service.publish_not_ready
        for piece in self.slices:
            for endpoint in piece.endpoints:
                if endpoint.ready or tolerant:
                    yield endpoint


Packed = bytes
"""An `Entry` as msgpack."""

_pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Entry).decode


class View(msgspec.Struct, frozen=True):
    """The federation as its API tells it.  `scopes`: relative name of a rung → the rung."""

    clusters: Map[str, Cluster] = Map()
    services: Map[ServiceKey, FederatedService] = Map()
    scopes: dict[Name, Scope] = msgspec.field(default_factory=lambda: {names.ROOT: GLOBAL})


class Snapshot(msgspec.Struct, frozen=True):
    """See the module's docstring.

    `federation` and `cluster` are settings: which federation the view is of, and the name of this
    cluster in it.  `synced`: the cluster's objects have been read whole; `stale_since`: Unix time
    from which on they are not followed, 0 when they are; `expired`: for
    longer than `--max-stale`, and then not `synced` either.
    """

    namespaces: Map[Label, Map[Label, Packed]] = Map()
    declared: Map[Label, None] = Map()
    reverse: Map[bytes, tuple[ServiceKey, ...]] = Map()
    pods: Map[ServiceKey, Pod] = Map()
    pod_addresses: Map[tuple[Label, bytes], tuple[Label, ...]] = Map()
    nodes: Map[str, Node] = Map()
    location: Scope = GLOBAL
    federations: dict[Label, Name] = {}
    nameservers: Nameservers = Nameservers()
    federation: Label = b""
    cluster: str = ""
    view: View | None = None
    coming: View | None = None
    synced: bool = False
    stale_since: float = 0.0
    expired: bool = False
    version: int = 0

    def entry(self, namespace: Label, name: Label) -> Entry | None:
        services = self.namespaces.get(namespace)
        packed = None if services is None else services.get(name)
        return None if packed is None else unpack(packed)

    def has_namespace(self, namespace: Label) -> bool:
        return namespace in self.namespaces or namespace in self.declared

    def where(self) -> Scope:
        """Where this cluster is: by its nodes, else by what the federation has registered."""
        if self.location.region or self.view is None:
            return self.location
        registered = self.view.clusters.get(self.cluster)
        return self.location if registered is None else registered.scopes()[0]

    def viewed_federation(self) -> Label | None:
        """The federation that `view` is of: the setting, else the only one configured."""
        if self.view is None:
            return None
        if self.federation:
            return self.federation if self.federation in self.federations else None
        return next(iter(self.federations)) if len(self.federations) == 1 else None

    def view_trouble(self) -> str:
        """Why the view is of no use, in a line for an operator; empty when all is well."""
        if self.view is None or self.viewed_federation() is not None:
            return ""
        known = ", ".join(sorted(name.decode() for name in self.federations))
        if not known:
            return "the kube-dns ConfigMap lists no federation (data.federations: name=domain)"
        if self.federation:
            return f"--federation-name {self.federation.decode()} is not among {known}"
        return f"the kube-dns ConfigMap lists several federations ({known}): say --federation-name"

    def view_of(self, federation: Label) -> View | None:
        return self.view if federation == self.viewed_federation() else None


def apply(snapshot: Snapshot, event: Event, touched: set[Dependency] | None = None) -> Snapshot:
    """The world after the event.  Never raises for an event that `events` can express.

    Adds to `touched` whatever an answer may have depended on that is not as it was.
    """
    if touched is None:
        touched = set()
    if isinstance(event, Put | Gone):
        handler = _HANDLERS[type(event.object)]
        return handler(snapshot, event.object, isinstance(event, Put), touched)
    touched.add(EVERYTHING)
    if isinstance(event, Synced):
        return _synced(snapshot, event.federation)
    return _stale(snapshot, event.since)


def _stale(snapshot: Snapshot, since: float) -> Snapshot:
    if snapshot.expired and not since:
        return _with(snapshot, stale_since=since, synced=True, expired=False)
    return _with(snapshot, stale_since=since)


def expire(snapshot: Snapshot) -> Snapshot:
    """Too old to answer from; it counts again when it is followed again."""
    return _with(snapshot, synced=False, expired=True)


def _synced(snapshot: Snapshot, federation: bool) -> Snapshot:
    if not federation:
        return _with(snapshot, synced=True)
    return _with(snapshot, view=snapshot.view or snapshot.coming or View(), coming=None)


def _with(snapshot: Snapshot, **changes: Any) -> Snapshot:
    return msgspec.structs.replace(snapshot, version=snapshot.version + 1, **changes)


# --- one handler per kind of object -----------------------------------------------------------


def _apply_service(
    snapshot: Snapshot, service: Service, there: bool, touched: set[Dependency]
) -> Snapshot:
    entry = snapshot.entry(*service.key) or Entry()
    new = Entry(service if there else None, entry.slices)
    return _with_entry(snapshot, service.key, entry, new, touched)


def _apply_slice(
    snapshot: Snapshot, piece: Slice, there: bool, touched: set[Dependency]
) -> Snapshot:
    namespace, service = key = (piece.namespace, piece.service)
    entry = snapshot.entry(namespace, service) or Entry()
    nothing = Slice(namespace, piece.name, service)
    before, rest = nothing, []
    for other in entry.slices:
        if other.name == piece.name:
            before = other
        else:
            rest.append(other)
    for size in _differing(before, piece if there else nothing):
        touched.add((namespace, service, size))
    new = Entry(entry.service, (*rest, piece) if there else tuple(rest))
    return _with_entry(snapshot, key, entry, new, touched)


def _differing(one: Slice, other: Slice) -> Iterable[int]:
    """The families of which answers can tell the slices apart; their ports belong to both."""
    if one.ports != other.ports:
        return FAMILIES
    return {
        len(address)
        for piece in (one, other)
        for endpoint in piece.endpoints
        for address in endpoint.addresses
    }


def _with_entry(
    snapshot: Snapshot, key: ServiceKey, old: Entry, new: Entry, touched: set[Dependency]
) -> Snapshot:
    namespace, name = key
    if old.service != new.service or old.has_ready_endpoint() != new.has_ready_endpoint():
        touched.add(key)
    services = snapshot.namespaces.get(namespace, Map())
    if new.service is None and not new.slices:
        services = services.delete(name) if name in services else services
    else:
        services = services.set(name, _pack(new))
    if namespace not in snapshot.namespaces or not services:
        touched.add((namespace,))
    if services:
        namespaces = snapshot.namespaces.set(namespace, services)
    elif namespace in snapshot.namespaces:
        namespaces = snapshot.namespaces.delete(namespace)
    else:
        namespaces = snapshot.namespaces
    was, now = old.addresses(), new.addresses()
    touched.update(now - was)  # who had it and has it no more is touched itself
    reverse = _reindexed(snapshot.reverse, key, was, now)
    return _with(snapshot, namespaces=namespaces, reverse=reverse)


def _reindexed(
    reverse: Map[bytes, tuple[ServiceKey, ...]], key: ServiceKey, old: set[bytes], new: set[bytes]
) -> Map[bytes, tuple[ServiceKey, ...]]:
    if old == new:
        return reverse
    alone = (key,)  # one tuple for all addresses that only this service has
    index = reverse.mutate()
    for address in new - old:
        others = index.get(address)
        index[address] = alone if others is None else (*others, key)
    for address in old - new:
        rest = tuple(other for other in index[address] if other != key)
        if rest:
            index[address] = rest
        else:
            del index[address]
    return index.finish()


def _apply_namespace(
    snapshot: Snapshot, namespace: Namespace, there: bool, touched: set[Dependency]
) -> Snapshot:
    touched.add((namespace.name,))
    return _with(snapshot, declared=_changed(snapshot.declared, namespace.name, None, there))


def _apply_pod(snapshot: Snapshot, pod: Pod, there: bool, touched: set[Dependency]) -> Snapshot:
    index = snapshot.pod_addresses
    old = snapshot.pods.get(pod.key)
    for address in (*(old or pod).addresses, *pod.addresses):
        touched.add((pod.namespace, address))
    for address in set(old.addresses) if old else ():
        rest = tuple(name for name in index[pod.namespace, address] if name != pod.name)
        index = _changed(index, (pod.namespace, address), rest, bool(rest))
    for address in set(pod.addresses) if there else ():
        holders = (*index.get((pod.namespace, address), ()), pod.name)
        index = index.set((pod.namespace, address), holders)
    pods = _changed(snapshot.pods, pod.key, pod, there)
    return _with(snapshot, pods=pods, pod_addresses=index)


def _apply_node(snapshot: Snapshot, node: Node, there: bool, touched: set[Dependency]) -> Snapshot:
    touched.add(EVERYTHING)
    nodes = _changed(snapshot.nodes, node.name, node, there)
    return _with(snapshot, nodes=nodes, location=topology.own_location(nodes.values()))


def _apply_federations(
    snapshot: Snapshot, federations: Federations, there: bool, touched: set[Dependency]
) -> Snapshot:
    touched.add(EVERYTHING)
    items = federations.items if there else ()
    return _with(snapshot, federations={item.name: item.domain for item in items})


def _apply_nameservers(
    snapshot: Snapshot, given: Nameservers, there: bool, touched: set[Dependency]
) -> Snapshot:
    touched.add(EVERYTHING)
    return _with(snapshot, nameservers=given if there else Nameservers())


def _apply_cluster(
    snapshot: Snapshot, cluster: Cluster, there: bool, touched: set[Dependency]
) -> Snapshot:
    touched.add(EVERYTHING)
    view = _view(snapshot)
    clusters = _changed(view.clusters, cluster.name, cluster, there)
    return _with_view(snapshot, View(clusters, view.services, _scopes(clusters.values())))


def _view(snapshot: Snapshot) -> View:
    return snapshot.view or snapshot.coming or View()


def _with_view(snapshot: Snapshot, view: View) -> Snapshot:
    return _with(snapshot, **{"coming" if snapshot.view is None else "view": view})


def _scopes(clusters: Iterable[Cluster]) -> dict[Name, Scope]:
    scopes = {names.ROOT: GLOBAL}
    for cluster in clusters:
        for scope in cluster.scopes():
            rung: Scope | None = scope
            while rung is not None:
                with contextlib.suppress(NameRefused):  # `kube` lets no such label in
                    scopes[rung.labels()] = rung
                rung = rung.up()
    return scopes


def _apply_federated(
    snapshot: Snapshot, service: FederatedService, there: bool, touched: set[Dependency]
) -> Snapshot:
    touched.add(("federated", *service.key))
    view = _view(snapshot)
    services = _changed(view.services, service.key, service, there)
    return _with_view(snapshot, View(view.clusters, services, view.scopes))


def _changed(mapping: Map[Any, Any], key: Hashable, value: object, there: bool) -> Map[Any, Any]:
    if there:
        return mapping.set(key, value)
    return mapping.delete(key) if key in mapping else mapping


_HANDLERS: dict[type, Callable[[Snapshot, Any, bool, set[Dependency]], Snapshot]] = {
    Service: _apply_service,
    Slice: _apply_slice,
    Namespace: _apply_namespace,
    Pod: _apply_pod,
    Node: _apply_node,
    Federations: _apply_federations,
    Nameservers: _apply_nameservers,
    Cluster: _apply_cluster,
    FederatedService: _apply_federated,
}
