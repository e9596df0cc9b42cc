"""The composition root: everything made, tied together, run, and ended in order.

    runtime = Runtime(options, reconcilers)
    await runtime.run(stopping)     # an asyncio.Event

    at the end                       within
    nothing more is taken
    what is under way finishes       5 s
    the Lease is given back          2 s
    connections are closed

I/O.  Called by `cli` and by the playground.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping

from controllers import executor, kinds, propagation, publicdns
from controllers.caches import CLUSTER, SECRET, Caches, Federation
from controllers.engine import Engine, Reconcile
from controllers.executor import Executor, Place
from controllers.health import ShardHealth
from controllers.informers import Following
from controllers.lease import Election
from controllers.members import Hooks, Members
from controllers.metrics import Picture
from controllers.options import Options
from controllers.publicdns import OpenProvider, PublicDns
from controllers.recorder import Recorder
from controllers.serving import Serving
from controllers.world import Resource
from feddns.kube.api import Api
from feddns.kube.credentials import Credentials
from feddns.kube.objects import Changed

log = logging.getLogger("feddns.controllers")

_FINISH, _RELEASE = 5.0, 2.0
_KINDS = {row.resource: row for row in kinds.TABLE}


class Runtime:
    """See the module's docstring.  Made inside the loop."""

    def __init__(
        self,
        options: Options,
        reconcilers: Mapping[Resource, Reconcile],
        open_provider: OpenProvider | None = None,
    ) -> None:
        """`open_provider`: of the public zone, in place of what the options choose."""
        federation, host = credentials(options)
        self.world = Caches(
            Federation(options.federation_name, options.system_namespace, options.grace_period),
            _KINDS,
        )
        self.api = Api(federation, connections=options.federation_connections)
        self.following = Following(federation, "federation API", self._federated)
        for resource, table in self.world.tables.items():
            self.following.add(resource, table)
        self.recorder = Recorder(self.api)
        self.engine = Engine(self.world, reconcilers, options.workers)
        place = Place(self.api, self.following)
        told = executor.Hooks(self.engine.look, self.engine.finished)
        self.executor = Executor(self.world, place, self.recorder, told)
        self.engine.executor = self.executor
        self.health = self.engine.health = ShardHealth(self.world, self.engine.look)
        hooks = Hooks(
            self.engine.member_changed, self.engine.look_at_all, self.engine.doubted,
            lambda: self.engine.is_leading,
        )  # fmt: skip
        self.members = Members(self.world, place, self.recorder, hooks, options.monitoring())
        self.members.executor = self.executor
        self.host = Following(host, "host cluster", self._hosted)
        self.host.add(SECRET, self.members.secrets, namespace=options.system_namespace)
        self.zone = self._zone(options, place, open_provider)
        self.election = self._election(options, federation)
        self.serving = Serving(self.picture, lambda: self.engine.missing)
        self._metrics = options.metrics
        self._clusters: list[Changed] = []

    def _election(self, options: Options, credentials: Credentials) -> Election | None:
        if not options.leader_elect:
            return None
        times = options.lease_times()
        api = Api(credentials, connections=1, timeout=times.renew)
        return Election(api, options.system_namespace, options.identity, times, self._lead)

    def _zone(
        self, options: Options, place: Place, open_provider: OpenProvider | None
    ) -> PublicDns | None:
        if not options.dns_provider:
            return None
        choice = publicdns.chosen(options)
        opens = open_provider or publicdns.opening(options)
        zone = PublicDns(choice, opens, self.world, place, self.recorder)
        self.following.remembered = zone.federated_changed
        return zone

    # --- what is told ----------------------------------------------------------------------------

    def _federated(self, resource: Resource, events: list[Changed]) -> None:
        if self.zone is not None:
            self.zone.federated_changed(resource, events)
        if resource != CLUSTER:
            self.engine.federated_changed(resource, events)
            return
        self._clusters += events
        self._register()

    def _hosted(self, _: Resource, events: list[Changed]) -> None:
        self.members.secrets_changed(events)
        self._register()

    def _register(self) -> None:
        """Clusters wait until their Secrets were read: a missing one is then really missing.

        Until then nothing is looked at: a federation without members is another one.
        """
        if SECRET not in self.host.whole:
            return
        events, self._clusters = self._clusters, []
        if events:
            self.members.clusters_changed(events)
        if CLUSTER in self.following.whole and CLUSTER not in self.world.listed:
            self.engine.federated_changed(CLUSTER, [])

    def _lead(self, is_leading: bool) -> None:
        if is_leading:
            self.engine.lead()
        else:
            self.engine.follow()
        if self.zone is not None:
            (self.zone.lead if is_leading else self.zone.follow)()

    # --- life ------------------------------------------------------------------------------------

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set."""
        if self._metrics is not None:
            self.serving.open(self._metrics)
        jobs = [self.following.run(), self.host.run(), self.recorder.run(), self.engine.pump.run()]
        if self.zone is not None:
            jobs.append(self.zone.run())
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(job) for job in jobs]
                electing = group.create_task(self._elect())
                await stopping.wait()
                log.info("stopping: what is under way finishes")
                await asyncio.gather(self._finish(), self._finish_zone())
                electing.cancel()
                await asyncio.wait([electing])
                await self._release()
                for task in tasks:
                    task.cancel()
        finally:
            await self._close()

    def picture(self) -> Picture:
        """What the metrics show, now."""
        queues = {"federation": self.engine.pump.queue}
        queues |= {name: lane.pump.queue for name, lane in self.executor.lanes.items()}
        members = self.members.members.items()
        objects = {name: one.following.objects() for name, one in members if one.following}
        return Picture(
            counts=self.executor.counts,
            is_leading=self.engine.is_leading,
            queues={name: one.depths() for name, one in queues.items()},
            ready={name: one.ready for name, one in self.world.members().items()},
            objects={"": self.following.objects(), **objects},
            troubles=Counter(cluster for cluster, _ in self.world.troubles),
            events=self.recorder.written,
            zone=self.zone.picture() if self.zone is not None else None,
        )

    async def _elect(self) -> None:
        if self.election is None:
            self._lead(True)
        else:
            await self.election.run()

    async def _finish(self) -> None:
        await self.engine.pump.close(_FINISH)
        await self.executor.finish(_FINISH)

    async def _finish_zone(self) -> None:
        if self.zone is not None:
            await self.zone.close(_FINISH)

    async def _release(self) -> None:
        if self.election is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RELEASE):
                    await self.election.release()

    async def _close(self) -> None:
        await self.members.close()
        await self.executor.finish(0.0)
        await self.health.close()
        await self.serving.close()
        if self.election is not None:
            self.election.close()
        self.api.close()


def reconcilers(options: Options) -> dict[Resource, Reconcile]:
    """Of the kinds that are looked after."""
    return {one: propagation.reconcile for one in _KINDS if options.is_on(one.plural)}


def credentials(options: Options) -> tuple[Credentials, Credentials]:
    """Of the federation's API, and of the host cluster; without one that is the federation.

    Raises `OperatorNeeded` when one of them cannot be used.
    """
    federation = Credentials(options.federation_kubeconfig, options.federation_context)
    host = federation
    if options.host_kubeconfig or options.host_context:
        path = options.host_kubeconfig or options.federation_kubeconfig
        host = Credentials(path, options.host_context)
    elif options.in_cluster:
        host = Credentials()
    federation.check()
    host.check()
    return federation, host
