"""The `World` that the reconcilers read, over what the informers keep.

    table                        of               keeps
    federated[resource]          the federation   whole objects
    members[name].copies[…]      a member         whole objects with the federation's label
    members[name].slices         a member         the Service of each EndpointSlice, and how many
                                                  endpoints are ready or end
    members[name].nodes          a member         labels
    foreign                      a member         what was found under a name that we wanted

Pure.  Filled by `informers` ◇, `members` ◇ and `executor` ◇.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from controllers import clusters
from controllers.kinds import NAMESPACES, SECRETS, SERVICES
from controllers.world import Json, Key, Member, Resource, Shard, Trouble
from feddns.healthwatch import judge, observe
from feddns.healthwatch.observe import Counted
from feddns.kube.objects import Changed, ObjectTable, decode, whole

CLUSTER = Resource("federation.feddns.dev", "v1beta1", "clusters", "Cluster", namespaced=False)
SECRET, SERVICE, NAMESPACE = SECRETS, SERVICES, NAMESPACES
SLICE = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)


def table(resource: Resource, *, managed: bool = False) -> ObjectTable:
    """For whole objects of this resource."""
    return ObjectTable(whole(resource.api_version, resource.kind, managed=managed))


# --- EndpointSlices and Nodes, lean --------------------------------------------------------------


class _Labelled(msgspec.Struct, gc=False):
    labels: dict[str, str] | None = None


class _Node(msgspec.Struct, gc=False):
    metadata: _Labelled


_node = msgspec.json.Decoder(_Node).decode
_pack = msgspec.msgpack.Encoder().encode
_counted = msgspec.msgpack.Decoder(Counted).decode
_labels = msgspec.msgpack.Decoder(dict[str, str]).decode


def lean_slice(raw: bytes | msgspec.Raw) -> bytes | None:
    """An EndpointSlice as `Counted`; None without a Service."""
    counted = observe.count(raw)
    return None if counted is None else _pack(counted)


def lean_node(raw: bytes | msgspec.Raw) -> bytes | None:
    """The labels of a Node that say where it is."""
    try:
        labels = _node(raw).metadata.labels or {}
    except (msgspec.DecodeError, UnicodeError):
        return None
    return _pack({key: labels[key] for key in clusters.ZONE + clusters.REGION if key in labels})


class Met(NamedTuple):
    """What was found under a name that no informer tells of, and when."""

    kept: bytes
    at: float


# --- a member ------------------------------------------------------------------------------------


class MemberCache:
    """What is known of a member.  `seen` is what the reconcilers read of it."""

    def __init__(self, seen: Member, kinds: Mapping[Resource, object]) -> None:
        self.seen = seen
        self.copies = {resource: table(resource) for resource in kinds}
        self.slices = ObjectTable(lean_slice)
        self.nodes = ObjectTable(lean_node)
        self.foreign: dict[Key, Met] = {}
        self._shards: dict[tuple[str, str], dict[str, Counted]] = {}

    def slices_changed(self, events: list[Changed]) -> set[tuple[str, str]]:
        """Namespace and name of the Services that this touches."""
        touched: set[tuple[str, str]] = set()
        for event in events:
            for kept in (event.old, event.new):
                if kept is None:
                    continue
                counted = _counted(kept)
                key = event.namespace, counted.service
                touched.add(key)
                slices = self._shards.setdefault(key, {})
                if kept is event.new:
                    slices[event.name] = counted
                else:
                    slices.pop(event.name, None)
                    if not slices:
                        del self._shards[key]
        return touched

    def endpoints(self, namespace: str, name: str) -> tuple[int, int]:
        """How many endpoints of a Service are ready, and how many serve while they end."""
        return observe.together(self._shards.get((namespace, name), {}).values())

    def node_labels(self) -> Iterator[Mapping[str, str]]:
        """Of each node."""
        for namespace, name in self.nodes.places():
            kept = self.nodes.get(namespace, name)
            if kept is not None:
                yield _labels(kept)


# --- the world -----------------------------------------------------------------------------------

Judge = Callable[["Caches", str, Key], str]


def by_endpoints(world: Caches, cluster: str, key: Key) -> str:
    """The verdict where nobody probes."""
    return str(judge.verdict(*world.signals(cluster, key)))


class Federation(NamedTuple):
    """Its name, the namespace that is the controllers' own, and the grace of decision 14."""

    name: str
    system_namespace: str = "federation-system"
    grace: float = 40.0


class Caches:
    """See the module's docstring; a `World`."""

    def __init__(self, place: Federation, kinds: Mapping[Resource, object]) -> None:
        self.now = 0.0
        self.federation, self.system_namespace, self.grace = place
        self.kinds = kinds
        self.tables = {resource: table(resource, managed=True) for resource in (*kinds, CLUSTER)}
        self.listed: set[Resource] = set()
        self.caches: dict[str, MemberCache] = {}
        self.troubles: dict[tuple[str, Key], Trouble] = {}
        self.fingerprints: dict[tuple[str, Key], str] = {}
        self.judging: Judge = by_endpoints
        self._members: Mapping[str, Member] = {}

    # --- what the reconcilers read ---------------------------------------------------------------

    def members(self) -> Mapping[str, Member]:
        return self._members

    def whole(self, resource: Resource) -> bool:
        return resource in self.listed

    def federated(self, key: Key) -> Json | None:
        kept = self.tables[key.resource].get(key.namespace, key.name)
        return None if kept is None else decode(kept)

    def within(self, namespace: str) -> Iterator[Key]:
        for resource in self.kinds:
            if resource.namespaced:
                for name in self.tables[resource].names(namespace):
                    yield Key(resource, namespace, name)

    def copy(self, cluster: str, key: Key) -> Json | None:
        kept = self.kept(cluster, key)
        return None if kept is None else decode(kept)

    def shard(self, cluster: str, key: Key) -> Shard:
        cache = self.caches.get(cluster)
        if cache is None:
            return Shard(cluster, None)
        ready, terminating = cache.endpoints(key.namespace, key.name)
        return Shard(cluster, self.copy(cluster, key), ready, terminating)

    def settled(self, cluster: str, key: Key) -> str:
        return self.fingerprints.get((cluster, key), "")

    def trouble(self, cluster: str, key: Key) -> Trouble | None:
        return self.troubles.get((cluster, key))

    def signals(self, cluster: str, key: Key) -> tuple[bool, int | None]:
        """Whether the member is reached, and the ready endpoints there when last seen."""
        cache = self.caches.get(cluster)
        if cache is None or SLICE.plural not in cache.seen.whole:
            return cache is not None and cache.seen.ready, None
        return cache.seen.ready, cache.endpoints(key.namespace, key.name)[0]

    def verdict(self, cluster: str, key: Key) -> str:
        return self.judging(self, cluster, key)

    # --- what the others keep here ---------------------------------------------------------------

    def kept(self, cluster: str, key: Key) -> bytes | None:
        """The copy as bytes."""
        cache = self.caches.get(cluster)
        if cache is None or key.resource not in cache.copies:
            return None
        kept = cache.copies[key.resource].get(key.namespace, key.name)
        if kept is None and key in cache.foreign:
            return cache.foreign[key].kept
        return kept

    def expire(self, key: Key, since: float) -> None:
        """Forget what was met under this name before then."""
        for cache in self.caches.values():
            met = cache.foreign.get(key)
            if met is not None and met.at <= since:
                del cache.foreign[key]

    def keys(self, resource: Resource) -> set[Key]:
        """All of a kind that there is anything to do for: federated ones, and copies."""
        tables = [self.tables[resource], *(one.copies[resource] for one in self.caches.values())]
        return {Key(resource, *place) for one in tables for place in one.places()}

    def put_member(self, member: Member) -> None:
        """A member is there, or another than it was."""
        cache = self.caches.get(member.name)
        if cache is None:
            self.caches[member.name] = MemberCache(member, self.kinds)
        else:
            cache.seen = member
        self._members = {name: self.caches[name].seen for name in sorted(self.caches)}

    def forget_copies(self, name: str) -> None:
        """What was read of a member may be of another; it is read anew."""
        self.caches[name] = MemberCache(self.caches[name].seen, self.kinds)
        self._forget_results(name)

    def forget_member(self, name: str) -> None:
        """A member is registered no more."""
        self.caches.pop(name, None)
        self._members = {name: one.seen for name, one in sorted(self.caches.items())}
        self._forget_results(name)

    def _forget_results(self, name: str) -> None:
        self.troubles = {at: one for at, one in self.troubles.items() if at[0] != name}
        self.fingerprints = {at: one for at, one in self.fingerprints.items() if at[0] != name}
