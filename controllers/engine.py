"""From what changed to what is done: keys, their reconciler, its plan, the executor.

    what changed                               looked at
    a federated object                         its key; in a namespace that ends, the Namespace too
    a copy                                     its key
    an EndpointSlice in a member               the key of its Service, if that is federated
    a Namespace appears in a member            every key in it
    a kind was read whole, in the federation   every key of the kind
    or in a member
    a member's health or labels, a new one     every key, behind the others
    a member is doubted, or not any more       nothing; its shards are probed, or not (`health`)

Nothing is looked at before the Clusters and the federation's objects of its kind have been read
whole, and nothing while another process leads.  I/O (time).  Called by `runtime`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from controllers import propagation
from controllers.caches import CLUSTER, NAMESPACE, SERVICE, SLICE, Caches
from controllers.executor import Executor
from controllers.health import ShardHealth
from controllers.pump import Done, Failed, Pump
from controllers.world import Key, Plan, Resource, World
from feddns.kube.objects import Changed, decode

log = logging.getLogger("feddns.controllers")

Reconcile = Callable[[Key, World], Plan]

FORGET_AFTER = propagation.LOOK_AGAIN - 5.0
"""Seconds after which what an `is_new` met is looked at again, when its key comes."""


class Engine:
    """See the module's docstring."""

    def __init__(
        self, world: Caches, reconcilers: Mapping[Resource, Reconcile], workers: int
    ) -> None:
        self.is_leading = False
        self.executor: Executor | None = None
        self.health: ShardHealth | None = None
        self._world, self._reconcilers = world, reconcilers
        self.pump: Pump[Key] = Pump(self._handle, workers, self._waited)

    # --- what changed ----------------------------------------------------------------------------

    def federated_changed(self, resource: Resource, events: list[Changed]) -> None:
        """Objects of the federation did; none of them: the kind has been read whole."""
        if not events:
            self._world.listed.add(resource)
            if resource == CLUSTER:
                self.look_at_all()
            else:
                self._look_at_kind(resource)
        if resource == CLUSTER:
            return  # `members` tells what it means
        for event in events:
            key = Key(resource, event.namespace, event.name)
            self.look(key)
            if event.new is None and event.namespace and self._is_ending(event.namespace):
                self.look(Key(NAMESPACE, "", event.namespace))

    def member_changed(self, cluster: str, resource: Resource, events: list[Changed]) -> None:
        """Objects of a member did."""
        if resource == SLICE:
            services = self._world.tables[SERVICE] if SERVICE in self._world.kinds else None
            for place in self._world.caches[cluster].slices_changed(events):
                if services is not None and services.get(*place) is not None:
                    self.look(Key(SERVICE, *place))
        if not events:
            resource = SERVICE if resource == SLICE else resource
            self._look_at_kind(resource)
        elif resource in self._world.kinds:
            for event in events:
                self.look(Key(resource, event.namespace, event.name))
                if resource == NAMESPACE and event.old is None:
                    self._look_within(event.name)

    def finished(self, key: Key) -> None:
        """The operations that were wanted for it have been done."""
        self.look(key)
        if key.resource == NAMESPACE:
            self._look_within(key.name)

    def _look_within(self, namespace: str) -> None:
        if namespace != self._world.system_namespace and self.is_leading:
            for key in self._world.within(namespace):
                if key.resource in self._reconcilers:
                    self.pump.add(key, bulk=True)

    def look(self, key: Key) -> None:
        """This may not be as it should be."""
        if key.namespace != self._world.system_namespace and key.resource in self._reconcilers:
            self.pump.add(key)

    def look_at_all(self) -> None:
        """Anything may not be as it should be."""
        for resource in self._reconcilers:
            self._look_at_kind(resource)

    def doubted(self) -> None:
        """Shards of a member are to be probed, or not any more."""
        if self.health is not None:
            self.health.follow_all(self._keys(SERVICE))

    def _look_at_kind(self, resource: Resource) -> None:
        for key in self._keys(resource):
            self.pump.add(key, bulk=True)

    def _keys(self, resource: Resource) -> list[Key]:
        """All of a kind that may be looked at now."""
        if not (resource in self._reconcilers and self._is_known(resource) and self.is_leading):
            return []
        own = self._world.system_namespace
        return [key for key in self._world.keys(resource) if key.namespace != own]

    def _is_known(self, resource: Resource) -> bool:
        return self._world.listed >= {resource, CLUSTER}

    @property
    def missing(self) -> list[str]:
        """What of the federation has not been read yet."""
        wanted = {*self._reconcilers, CLUSTER} - self._world.listed
        return sorted(resource.plural for resource in wanted)

    def _is_ending(self, namespace: str) -> bool:
        if NAMESPACE not in self._world.kinds:
            return False
        kept = self._world.tables[NAMESPACE].get("", namespace)
        return kept is not None and "deletionTimestamp" in decode(kept)["metadata"]

    # --- who leads -------------------------------------------------------------------------------

    def lead(self) -> None:
        """Begin to do what is to be done."""
        self.is_leading = True
        if self.executor is not None:
            self.executor.is_open = True
        self.look_at_all()

    def follow(self) -> None:
        """Another leads: nothing is begun any more."""
        self.is_leading = False
        self.pump.queue.clear()
        if self.health is not None:
            self.health.rest()
        if self.executor is not None:
            self.executor.is_open = False
            for cluster in self.executor.lanes:
                self.executor.clear(cluster)

    # --- one key ---------------------------------------------------------------------------------

    async def _handle(self, key: Key) -> Done | Failed:
        if not self.is_leading or not self._is_known(key.resource) or self.executor is None:
            return Done()  # everything is looked at when that changes
        world, counts = self._world, self.executor.counts
        began = asyncio.get_running_loop().time()
        world.now = time.time()
        world.expire(key, world.now - FORGET_AFTER)
        if self.health is not None and key.resource == SERVICE:
            self.health.follow(key)  # what is not probed any more has no say in what follows
        plan = self._reconcilers[key.resource](key, world)
        counts.reconciling.add(asyncio.get_running_loop().time() - began)
        counts.reconciled[key.resource.kind] += 1
        return await self.executor.do(key, plan)

    def _waited(self, seconds: float) -> None:
        if self.executor is not None:
            self.executor.counts.waited.add(seconds)
