"""The ladder of a federated Service: zone → region → global, nearest healthy shards first.

    rung      healthy shard within?   at <service>.<namespace>.<federation>.svc.<rung>.<domain>
    zone      yes                     the addresses of all healthy shards of that zone
    zone      no                      CNAME to the region's name
    region    yes / no                the addresses / CNAME to the global name
    global    yes                     the addresses of all healthy shards
    global    no                      nothing; with `when none healthy: all` every known address

Every rung of every registered cluster exists for every federated Service, shard or not; each zone
of a cluster of several zones has its own.  A shard of a cluster that is not registered does not
count (decisions.md 3-6, 11).  One function computes a rung; the DNS server asks it for the names
it is asked, the controllers for all of them, so the inside view equals the outside view.

Pure.  Called by `resolver.zones` and by the controllers of the public zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from feddns import names
from feddns.names import Label, Name
from feddns.services import FederatedService, Ingress, Shard
from feddns.snapshot import View
from feddns.topology import Scope


class Rung(NamedTuple):
    """One name of the ladder.  Without ingresses it is an alias of the rung above, if any."""

    scope: Scope
    shards: tuple[Shard, ...]
    ingresses: tuple[Ingress, ...]


def start(view: View | None, location: Scope) -> Scope:
    """Where the ladder begins for a client at `location`: the narrowest rung that has a name.

    Without a view the location is taken at its word; unknown parts widen it (decisions.md 6).
    """
    scope = location if location.region else Scope()
    while view is not None and scope.labels() not in view.scopes:
        scope = scope.up() or Scope()
    return scope


def rung(view: View, service: FederatedService, scope: Scope, none_healthy: str) -> Rung:
    """The rung of `service` at `scope`; `none_healthy` is "none" or "all" (decisions.md 5)."""
    shards = tuple(shard for shard in service.shards if _counts(view, shard, scope))
    ingresses = tuple(dict.fromkeys(i for shard in shards for i in shard.ingresses))
    policy = service.when_none_healthy or none_healthy
    if not ingresses and scope.up() is None and policy == "all":
        ingresses = service.known
    return Rung(scope, shards, ingresses)


def _counts(view: View, shard: Shard, scope: Scope) -> bool:
    cluster = view.clusters.get(shard.cluster)
    if cluster is None or not shard.ingresses:
        return False
    return any(scope.covers(place) for place in cluster.scopes())


def climb(view: View, service: FederatedService, scope: Scope, none_healthy: str) -> list[Rung]:
    """The rungs from `scope` up to the first that has addresses, or to the top when none has."""
    rungs = [rung(view, service, scope, none_healthy)]
    while not rungs[-1].ingresses and (wider := rungs[-1].scope.up()) is not None:
        rungs.append(rung(view, service, wider, none_healthy))
    return rungs


def rungs(view: View, service: FederatedService, none_healthy: str) -> Iterator[Rung]:
    """Every rung of the service, for the public zone; the top one first."""
    for scope in sorted(view.scopes.values(), key=lambda scope: (scope.region, scope.zone)):
        yield rung(view, service, scope, none_healthy)


def owner(prefix: list[Label], federation: Label, scope: Scope, domain: Name) -> Name:
    """The name of a rung; `prefix` is `[…, service, namespace]`.  Raises `NameRefused`."""
    tail = names.labels_of(scope.labels())
    return names.join([*prefix, federation, b"svc", *tail], domain)
