"""A federation of many record sets: ten clusters in five regions, Services in all of them.

Each Service has 16: ten zones, five regions, one global.  This module must not measure.
`contest` calls it.
"""

from __future__ import annotations

from feddns import snapshot
from feddns.events import Put, Synced
from feddns.providers import desired
from feddns.providers.desired import Wanted
from feddns.services import FederatedService, Ingress, Shard
from feddns.snapshot import Snapshot, View
from feddns.topology import Cluster

ZONE = "example.com."
EACH = 16
_CLUSTERS = tuple(
    Cluster(f"c{number}", (f"zone{number}",), f"region{number // 2}") for number in range(10)
)
_NAMING = desired.naming("fellowship", ZONE)


def view() -> View:
    """The clusters, registered."""
    world = Snapshot()
    for cluster in _CLUSTERS:
        world = snapshot.apply(world, Put(cluster))
    world = snapshot.apply(world, Synced(federation=True))
    assert world.view is not None
    return world.view


def service(number: int, without: int | None = None) -> FederatedService:
    """A Service with a healthy shard in each cluster but one."""
    shards = tuple(
        Shard(cluster.name, () if index == without else (Ingress(_address(number, index)),))
        for index, cluster in enumerate(_CLUSTERS)
    )
    return FederatedService(b"shop", b"s%d" % number, shards=shards)


def _address(number: int, index: int) -> bytes:
    """Of 198.18.0.0/15, which is for benchmarks (RFC 2544)."""
    return (0xC612_0000 + number * 10 + index).to_bytes(4, "big")


def wanted(seen: View, what: FederatedService) -> tuple[Wanted, ...]:
    return desired.wanted(seen, what, _NAMING, {}, 1)


def key(what: FederatedService) -> str:
    """`shop/s7`."""
    return b"/".join(what.key).decode()
