"""The members: who is registered, how each is reached, and whether it is healthy.

    what changes                             what happens
    a Cluster appears                        a connection, informers, and probes of its health
    its address, or its Secret, changes      all three anew; what is thought of its health stays
    its labels change                        every key is looked at
    a Cluster disappears                     given up; its copies stay where they are
    a look at it is a miss, or good again    its shards are probed, or not any more (`health`)
    it is not ready any more                 nothing is written there; what was read counts on
    it is ready again, or is found to be     everything in it is read anew, every key looked at
    another (the uid of kube-system)

Credentials: the Secret that `spec.secretRef` names, in the system namespace of the host cluster:
`kubeconfig`, or `token` and `ca.crt`.  The address is the Cluster's.  Members are probed side by
side, each at the boundaries of its own period (`clusters.Monitoring`); the status is written when
it says something new, which holds up no probe.

I/O.  Called by `runtime`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from controllers import clusters, ways
from controllers.caches import CLUSTER, NODE, SLICE, Caches
from controllers.clusters import Health, Monitoring, Places, Probe
from controllers.clusters import Result as Found
from controllers.copies import LABEL
from controllers.executor import Executor, Place
from controllers.informers import Following
from controllers.recorder import Recorder
from controllers.ways import Way
from controllers.world import Key, Member, Resource, Told
from feddns.healthwatch import observe
from feddns.kube.api import Api, Result
from feddns.kube.credentials import Credentials
from feddns.kube.objects import Changed, ObjectTable, decode

log = logging.getLogger("feddns.controllers")

_VERSION_EVERY = 30
"""Probes after which the version is asked again."""
_TRY_AGAIN = 5.0


class Hooks(NamedTuple):
    """Who is told: `changed` of objects in a member, `look_at_all` when every key may matter,
    `doubted` when a member that is ready is doubted, or not any more."""

    changed: Callable[[str, Resource, list[Changed]], None]
    look_at_all: Callable[[], None]
    doubted: Callable[[], None]
    is_leading: Callable[[], bool]


class Connected:
    """A registered member."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.way = Way(None)
        self.health = Health()
        self.places = Places()
        self.version = ""
        self.uid = ""
        self.following: Following | None = None
        self.task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        self.probes = 0


class Members:
    """See the module's docstring."""

    def __init__(
        self,
        world: Caches,
        federation: Place,
        recorder: Recorder,
        hooks: Hooks,
        monitoring: Monitoring,
    ) -> None:
        self.members: dict[str, Connected] = {}
        self.secrets = ObjectTable(ways.lean_secret)
        self.executor: Executor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._world, self._federation, self._recorder = world, federation, recorder
        self._hooks, self._monitoring = hooks, monitoring

    # --- who is registered -----------------------------------------------------------------------

    def clusters_changed(self, events: list[Changed]) -> None:
        """Clusters of the federation appeared, changed or disappeared."""
        for event in events:
            if event.new is None:
                self._forget(event.name)
            else:
                self._register(event.name, decode(event.new))

    def secrets_changed(self, events: list[Changed]) -> None:
        """Secrets of the host's system namespace did."""
        changed = {event.name for event in events}
        for name in list(self.members):
            cluster = self._cluster(name)
            if cluster is not None and ways.secret_of(cluster) in changed:
                self._register(name, cluster)

    async def close(self) -> None:
        """Give up all connections."""
        for member in self.members.values():
            self._disconnect(member)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _register(self, name: str, cluster: Mapping[str, Any]) -> None:
        member = self.members.get(name)
        is_new = member is None
        if member is None:
            member = self.members[name] = Connected(name)
            restored = clusters.restore(cluster.get("status") or {}, time.time())
            member.health, member.places, member.version = restored
        way = ways.find(cluster, self.secrets, self._world.system_namespace)
        if is_new or way != member.way:
            member.way = way
            self._connect(member)
        self._show(member, cluster)

    def _connect(self, member: Connected) -> None:
        """Anew: nothing has been read."""
        self._disconnect(member)
        member.task = asyncio.get_running_loop().create_task(self._run(member))
        self._tasks.add(member.task)
        member.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a member cannot be followed; it is tried again", exc_info=error)
            loop = asyncio.get_running_loop()
            loop.call_later(_TRY_AGAIN, self._begin_again, task)

    def _begin_again(self, task: asyncio.Task[None]) -> None:
        for member in self.members.values():
            if member.task is task:
                self._connect(member)
                self._show(member)

    def _forget(self, name: str) -> None:
        member = self.members.pop(name, None)
        if member is not None:
            self._disconnect(member)
            self._world.forget_member(name)
            log.info("cluster %s: registered no more; its copies stay", name)
            self._hooks.look_at_all()

    def _show(self, member: Connected, cluster: Mapping[str, Any] | None = None) -> None:
        """What the reconcilers see of it; when that is worth it, they look at everything."""
        known = self._world.members().get(member.name)
        cluster = cluster or self._cluster(member.name) or {}
        health, following = member.health, member.following
        seen = Member(
            name=member.name,
            labels=(cluster.get("metadata") or {}).get("labels") or {},
            ready=health.is_ready,
            doubted=health.is_doubted,
            since=0.0 if health.is_ready else health.ready_since,
            whole=frozenset(one.plural for one in following.whole) if following else frozenset(),
            zones=member.places.zones,
            region=member.places.region,
        )
        if seen == known:
            return
        self._world.put_member(seen)
        if known is None or (known.labels, known.ready) != (seen.labels, seen.ready):
            self._hooks.look_at_all()
        elif known.doubted != seen.doubted:
            self._hooks.doubted()

    def _cluster(self, name: str) -> dict[str, Any] | None:
        kept = self._world.tables[CLUSTER].get("", name)
        return None if kept is None else decode(kept)

    # --- how it is reached -----------------------------------------------------------------------

    def _disconnect(self, member: Connected) -> None:
        if member.task is not None:
            member.task.cancel()
            member.task = None
        member.following = None
        if self.executor is not None:
            self.executor.close(member.name)

    async def _run(self, member: Connected) -> None:
        """Follow it and probe it until it is given up."""
        document = member.way.document
        if document is None:
            await self._watch_over(member, None)
            return
        credentials, monitoring = Credentials(document=document), self._monitoring
        api = Api(
            credentials,
            connections=monitoring.connections,
            timeout=monitoring.request_timeout,
        )
        probing = Api(credentials, connections=1, timeout=monitoring.timeout)
        following = member.following = self._follow(member, credentials)
        if self.executor is not None:
            place = Place(api, following)
            self.executor.open(member.name, place, monitoring.connections)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(following.run())
                group.create_task(self._watch_over(member, probing))
        finally:
            api.close()
            probing.close()

    def _follow(self, member: Connected, credentials: Credentials) -> Following:
        name = member.name
        following: Following

        def heard(resource: Resource, events: list[Changed]) -> None:
            if member.following is not following:
                return
            if resource == NODE:
                member.news.set()
            if not events:
                self._show(member)
            self._hooks.changed(name, resource, events)

        following = Following(credentials, f"cluster {name}", heard)
        self._world.forget_copies(name)
        cache = self._world.caches[name]
        selector = f"{LABEL}={self._world.federation}"
        for resource, table in cache.copies.items():
            following.add(resource, table, selector=selector)
        following.add(SLICE, cache.slices, selector=observe.SERVICE_NAME)
        following.add(NODE, cache.nodes)
        return following

    # --- whether it is healthy -------------------------------------------------------------------

    async def _watch_over(self, member: Connected, api: Api | None) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(member, api))
            group.create_task(self._report(member))

    async def _look(self, member: Connected, api: Api | None) -> None:
        clock, period = asyncio.get_running_loop().time, self._monitoring.period
        due = clock()
        if member.health.result is not None:
            due += random.random() * min(1.0, period)
        while True:
            await asyncio.sleep(due - clock())
            self._judge(member, await self._probe(member, api))
            member.news.set()
            due = clusters.next_look(due, clock(), period)

    async def _report(self, member: Connected) -> None:
        """Beside the looks: the federation's API may be slow, or away."""
        while True:
            await member.news.wait()
            member.news.clear()
            self._locate(member)
            await self._write(member)

    async def _probe(self, member: Connected, api: Api | None) -> Probe:
        if api is None:
            return Probe(Found.UNKNOWN, member.way.trouble)
        probe = read_probe(await api.get("/healthz"))
        if probe.result is not Found.GOOD:
            return probe
        try:
            if member.probes % _VERSION_EVERY == 0 or not member.health.is_ready:
                version = await api.get("/version")
                if version.is_good:
                    member.version = str(version.object.get("gitVersion", ""))
            await self._identify(member, api)
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
            return Probe(Found.ODD, f"what answers there is no Kubernetes API ({error!r})")
        member.probes += 1
        return probe

    async def _identify(self, member: Connected, api: Api) -> None:
        """Whether it is the one that it was: an API that began anew has another kube-system."""
        found = await api.get("/api/v1/namespaces/kube-system")
        uid = found.object["metadata"].get("uid", "") if found.is_good else member.uid
        if member.uid and uid != member.uid:
            log.warning("cluster %s: it is not the one that it was; all is read anew", member.name)
            self._anew(member)
        member.uid = uid

    def _judge(self, member: Connected, probe: Probe) -> None:
        before, now = member.health, time.time()
        after = clusters.judge(before, probe, self._monitoring.policy, now)
        member.health = after
        if self.executor is not None:
            self.executor.counts.probes[member.name, probe.result.name.lower()] += 1
        said = clusters.event(before, after)
        if said is not None:
            kind, reason, text = said
            level = logging.INFO if kind == "Normal" else logging.WARNING
            log.log(level, "cluster %s: %s: %s", member.name, reason, text)
            if self._hooks.is_leading():
                told = Told(Key(CLUSTER, "", member.name), kind, reason, text)
                self._recorder.tell(told, self._cluster(member.name), now)
        if after.is_ready and not before.is_ready and before.result is not None:
            self._anew(member)
        if before.is_ready and not after.is_ready and self.executor is not None:
            self.executor.clear(member.name)
        self._show(member)

    def _anew(self, member: Connected) -> None:
        if member.following is not None:
            member.following.list_again()
        self._hooks.look_at_all()

    def _locate(self, member: Connected) -> None:
        following = member.following
        if following is not None and NODE in following.whole:
            labels = self._world.caches[member.name].node_labels()
            member.places = clusters.places(labels, member.places)
            self._show(member)

    async def _write(self, member: Connected) -> None:
        """The status, when it says something new."""
        cluster = self._cluster(member.name)
        if cluster is None or member.health.result is None or not self._hooks.is_leading():
            return
        status = clusters.status(member.health, member.places, member.version)
        if not clusters.is_news(cluster.get("status") or {}, status, time.time()):
            return
        api, following = self._federation
        result = await api.merge(CLUSTER.path("", member.name, "status"), {"status": status})
        if result.is_good:
            following.remember(CLUSTER, result.body)
        elif result.status != 404:
            log.warning("cluster %s: its status cannot be written: %s", member.name, result)


def read_probe(result: Result) -> Probe:
    """What the answer to /healthz means."""
    if not result.status:
        found = Found.UNKNOWN if result.reason == "Credentials" else Found.LOST
        return Probe(found, result.message if found is Found.UNKNOWN else _lost(result.message))
    if result.status in (401, 403):
        return Probe(Found.REFUSED, f"the credentials are refused: {result}")
    text = result.body[:200].decode("utf-8", "replace").strip()
    if result.is_good and text.lower() == "ok":
        return Probe(Found.GOOD, "/healthz responded with ok")
    return Probe(Found.ODD, f"/healthz responded with {result.status} {text[:120]!r}")


def _lost(why: str) -> str:
    return f"cluster is not reachable: {why}"
