"""Where things are: zones, regions, clusters, and the rungs of the ladder between them.

    rung      name of the rung, below `<service>.<namespace>.<federation>.svc` and above the domain
    zone      <zone>.<region>
    region    <region>
    global    (nothing)

Pure; `snapshot` keeps these values, `ladder` climbs them (decisions.md 4, 6, 9, 11).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from feddns import names
from feddns.errors import NameRefused
from feddns.names import Name

ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")


class Scope(NamedTuple):
    """One rung: a zone of a region, a region (`zone` empty), or everywhere (both empty)."""

    zone: str = ""
    region: str = ""

    @property
    def level(self) -> str:
        return "zone" if self.zone else "region" if self.region else "global"

    def up(self) -> Scope | None:
        """The next wider rung; None above global."""
        if self.zone:
            return Scope("", self.region)
        return GLOBAL if self.region else None

    def covers(self, other: Scope) -> bool:
        """Whether a place in `other` lies within this rung."""
        return (not self.region or self.region == other.region) and (
            not self.zone or self.zone == other.zone
        )

    def labels(self) -> Name:
        """The labels of the rung as a relative name (wire, ended by the root octet).

        A label value may hold dots; each part is then a label of its own.  Raises `NameRefused`.
        """
        return _labels(self.zone, self.region)


@functools.lru_cache(4096)
def _labels(zone: str, region: str) -> Name:
    return names.parse(".".join(part for part in (zone, region) if part)).lower()


GLOBAL = Scope()


class Node(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a node tells about where its cluster is; empty strings where a label is missing."""

    name: str
    zone: str
    region: str

    @property
    def key(self) -> str:
        return self.name


class Cluster(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A registered member: `zones` sorted, `region` empty when unknown."""

    name: str
    zones: tuple[str, ...]
    region: str
    version: str = ""

    @property
    def key(self) -> str:
        return self.name

    def scopes(self) -> tuple[Scope, ...]:
        """The zone rungs of this cluster; without zones its region; without a region global."""
        if not self.region:
            return (GLOBAL,)
        return tuple(Scope(zone, self.region) for zone in self.zones) or (Scope("", self.region),)


def own_location(nodes: Iterable[Node]) -> Scope:
    """Where this cluster is: the zone and region that most of its nodes name.

    Of nodes with both labels the commonest pair counts (ties: the first in alphabet), so that the
    answer is right for most pods and the same in every replica; without such nodes the commonest
    region alone; else nothing is known (decisions.md 6).
    """
    pairs = Counter((node.region, node.zone) for node in nodes if node.region)
    complete = {pair: count for pair, count in pairs.items() if pair[1]} or dict(pairs)
    if not complete:
        return GLOBAL
    region, zone = min(complete, key=lambda pair: (-complete[pair], pair))
    return Scope(zone, region)


def is_usable_label(value: str) -> bool:
    """Whether a zone or region can stand in a name."""
    try:
        return names.parse(value) != names.ROOT
    except NameRefused:
        return False
