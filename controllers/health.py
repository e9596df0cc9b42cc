"""The verdict on each shard: what its endpoints say, and what a probe says where there is one.

    annotation probe      the member            the shard's addresses are asked
    none, or unreadable   any                   never
    missing               ready                 not
    missing               ready, but doubted    yes, so that it is known in time; it does not count
    missing               not ready             yes: its control plane is lost, is its data plane?
    any other             any                   yes

A member is doubted from the first look that is a miss to the next good one, or until it is not
ready.  Where the controllers do not reach the load balancers, a probe always fails: one lost answer
of an API must not take the shards there out of sight.

Addresses are those of the copy's load balancer as it was seen last, or else of the annotation
service-ingresses.  A standing that turns brings the key back.  I/O.  Called by `engine`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
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

_AT_ONCE = 50
"""Services, each some 50 µs: the loop turns between."""
Id = tuple[str, Key]


class ShardHealth:
    """See the module's docstring."""

    def __init__(self, world: Caches, look: Callable[[Key], None]) -> None:
        self._world, self._look = world, look
        self._prober = Prober(self._told)
        self._probes: dict[Id, Probe] = {}
        self._by_key: dict[Key, set[str]] = {}
        self._standings: dict[Id, Standing] = {}
        self._following: asyncio.Task[None] | None = None
        world.judging = self.verdict

    def verdict(self, world: Caches, cluster: str, key: Key) -> str:
        """Healthy, unhealthy, unknown."""
        return str(judge.verdict(*world.signals(cluster, key), self._alive((cluster, key))))

    def _alive(self, id_: Id) -> bool | None:
        """What the probe says, if it counts."""
        how, standing = self._probes.get(id_), self._standings.get(id_)
        member = self._world.members().get(id_[0])
        if how is None or standing is None or (how.on_loss and member and member.ready):
            return None
        return standing.alive

    def follow(self, key: Key) -> None:
        """Probe what is to be probed of this Service now, and nothing else of it."""
        federated = self._world.federated(key)
        how = _how(federated)
        followed = self._by_key.get(key, set())
        wanted: set[str] = set()
        if federated is not None and how is not None:
            for cluster, member in self._world.members().items():
                if how.on_loss and member.ready and not member.doubted:
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

    def follow_all(self, keys: Sequence[Key]) -> None:
        """The same of all these, some at a time; it begins anew when it is called again."""
        if self._following is not None:
            self._following.cancel()
        self._following = asyncio.ensure_future(self._follow_all(keys))

    async def _follow_all(self, keys: Sequence[Key]) -> None:
        for number, key in enumerate(keys):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            self.follow(key)

    def rest(self) -> None:
        """Probe nothing: another leads."""
        if self._following is not None:
            self._following.cancel()
        for id_ in list(self._probes):
            self._forget(id_)
        self._by_key.clear()

    async def close(self) -> None:
        self.rest()
        await self._prober.close()

    def _entries(self, cluster: str, key: Key, federated: Json) -> list[dict[str, str]]:
        copy = self._world.copy(cluster, key)
        return observe.ingresses(copy) if copy is not None else _written(federated, cluster)

    def _told(self, id_: Hashable, passed: bool, why: str) -> None:
        assert isinstance(id_, tuple)
        how, before = self._probes[id_], self._standings.get(id_, Standing())
        said = self._alive(id_)
        self._standings[id_] = judge.probed(before, passed, how.rise, how.fall)
        if self._alive(id_) is not said:
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
