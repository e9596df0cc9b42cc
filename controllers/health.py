"""The verdict on each shard: what its endpoints say, and what a probe says where there is one.

    annotation probe      the member       the shard's addresses are asked
    none, or unreadable   any              never
    missing               ready            not
    missing               not reached      yes: its control plane is lost, is its data plane, too?
    any other             any              yes

Addresses are those of the copy's load balancer as it was seen last, or else of the annotation
service-ingresses.  A standing that turns brings the key back.  I/O.  Called by `engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec

from controllers.caches import Caches
from controllers.world import Json, Key
from feddns.errors import ObjectRefused
from feddns.healthwatch import judge, observe, probe
from feddns.healthwatch.judge import Standing
from feddns.healthwatch.probe import Probe
from feddns.healthwatch.prober import Prober
from feddns.kube.federation import INGRESSES

Id = tuple[str, Key]


class ShardHealth:
    """See the module's docstring."""

    def __init__(self, world: Caches, look: Callable[[Key], None]) -> None:
        self._world, self._look = world, look
        self._prober = Prober(self._told)
        self._probes: dict[Id, Probe] = {}
        self._by_key: dict[Key, set[str]] = {}
        self._standings: dict[Id, Standing] = {}
        world.judging = self.verdict

    def verdict(self, world: Caches, cluster: str, key: Key) -> str:
        """Healthy, unhealthy, unknown."""
        standing = self._standings.get((cluster, key))
        return str(
            judge.verdict(*world.signals(cluster, key), standing.alive if standing else None)
        )

    def follow(self, key: Key) -> None:
        """Probe what is to be probed of this Service now, and nothing else of it."""
        federated = self._world.federated(key)
        how = _how(federated)
        followed = self._by_key.get(key, set())
        wanted: set[str] = set()
        if federated is not None and how is not None:
            for cluster, member in self._world.members().items():
                if how.on_loss and member.ready:
                    continue
                targets = probe.targets(how, federated, self._entries(cluster, key, federated))
                if targets:
                    wanted.add(cluster)
                    self._probes[cluster, key] = how
                    self._prober.follow((cluster, key), how, targets)
        for cluster in followed - wanted:
            self._forget((cluster, key))
        if wanted:
            self._by_key[key] = wanted
        else:
            self._by_key.pop(key, None)

    async def close(self) -> None:
        await self._prober.close()

    def _entries(self, cluster: str, key: Key, federated: Json) -> list[dict[str, str]]:
        copy = self._world.copy(cluster, key)
        return observe.ingresses(copy) if copy is not None else _written(federated, cluster)

    def _told(self, id_: Hashable, passed: bool, why: str) -> None:
        assert isinstance(id_, tuple)
        how, before = self._probes[id_], self._standings.get(id_, Standing())
        after = judge.probed(before, passed, how.rise, how.fall)
        self._standings[id_] = after
        if after.alive is not before.alive:
            self._look(id_[1])

    def _forget(self, id_: Id) -> None:
        self._prober.forget(id_)
        self._probes.pop(id_, None)
        self._standings.pop(id_, None)


def _how(federated: Json | None) -> Probe | None:
    if federated is None or (federated.get("spec") or {}).get("type") != "LoadBalancer":
        return None
    annotations: Mapping[str, str] = federated["metadata"].get("annotations") or {}
    try:
        return probe.parse(annotations.get(probe.ANNOTATION))
    except ObjectRefused:
        return None  # the object says so


def _written(federated: Json, cluster: str) -> list[dict[str, str]]:
    """What service-ingresses says of a cluster."""
    annotations: Mapping[str, str] = federated["metadata"].get("annotations") or {}
    try:
        read: Any = msgspec.json.decode(annotations.get(INGRESSES) or "{}")
        items = next(one["items"] for one in read["items"] if one["cluster"] == cluster)
        return observe.tidy(items or ())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, StopIteration):
        return []
