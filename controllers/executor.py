"""Does what a plan says: the federation's writes first, then the members' operations in parallel.

    an operation's outcome                     what becomes of it
    done                                       the answer is in the world at once; when it was the
                                               plan's last, the key is looked at again
    `is_new`, and something is there           it is put into the world and left alone; the key is
                                               looked at again: the reconciler decides
    404 of the namespace                       again in half a second, ten times; then as failed
    409 of a patch or a delete                 the key is looked at again, with what is new
    no answer                                  back-off; the Cluster's condition says it
    429, 5xx                                   back-off, as long as Retry-After says at least
    refused                                    back-off, a Warning Event, and a trouble in the world
    the member went away                       forgotten: when it returns, every key is looked at

    a write's outcome                          what becomes of the plan
    409 Conflict, 404                          left: the key is looked at again, with what is new
    refused                                    back-off of the key

Each member has a queue of its own.  I/O.  Called by `engine`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from controllers import conditions, copies
from controllers.caches import Caches, Met
from controllers.counts import Counts, Durations
from controllers.informers import Following
from controllers.pump import Done, Failed, Pump
from controllers.recorder import Recorder
from controllers.sweeping import Sweeper
from controllers.world import Apply, Delete, Key, Operation, Patch, Plan, Told, Write
from feddns.kube.api import Api, Result
from feddns.kube.objects import version_of

log = logging.getLogger("feddns.controllers")

NAMESPACE_WAIT, NAMESPACE_PATIENCE = 0.5, 10
CONFLICT_WAIT = 0.5


class Place(NamedTuple):
    """Where one API is spoken to: the federation's, or a member's."""

    api: Api
    following: Following


class Hooks(NamedTuple):
    """Who is told: `look` at this key again; its operations were `finished`."""

    look: Callable[[Key], None]
    finished: Callable[[Key], None]


class Lane:
    """A member's operations."""

    def __init__(self, cluster: str, place: Place, executor: Executor, limit: int) -> None:
        self.cluster, self.place = cluster, place
        self.wanted: dict[Key, Operation] = {}
        self.waits: dict[Key, int] = {}
        self._executor = executor
        self.pump: Pump[Key] = Pump(self._do, limit)

    def want(self, key: Key, operation: Operation) -> None:
        """This is to be done now.  The same as before stays where it is, in its back-off."""
        if self.wanted.get(key) != operation:
            self.wanted[key] = operation
            self.pump.add(key)

    def leave(self, key: Key) -> None:
        """Nothing is to be done any more."""
        if self.wanted.pop(key, None) is not None:
            self.pump.queue.drop(key)
            self.waits.pop(key, None)

    def clear(self) -> None:
        """The member is away, or may be another than it was."""
        self.wanted.clear()
        self.waits.clear()
        self.pump.queue.clear()

    async def _do(self, key: Key) -> Done | Failed:
        operation = self.wanted.get(key)
        if operation is None:
            return Done()
        outcome = await self._executor.operate(self, operation)
        if isinstance(outcome, Done) and outcome.again is None:
            if self.wanted.get(key) is operation:
                del self.wanted[key]
            self.waits.pop(key, None)
            self._executor.finished(key)
        return outcome


class Executor:
    """See the module's docstring."""

    def __init__(self, world: Caches, federation: Place, recorder: Recorder, hooks: Hooks) -> None:
        self.counts = Counts()
        self.is_open = True
        """Whether operations are taken: another may lead by now."""
        self.lanes: dict[str, Lane] = {}
        self._world, self._federation, self._recorder = world, federation, recorder
        self._look, self._finished = hooks
        self._sweeper = Sweeper(federation.api, world.kinds)
        self._running: dict[str, asyncio.Task[None]] = {}

    # --- members ---------------------------------------------------------------------------------

    def open(self, cluster: str, place: Place, limit: int) -> None:
        """Operations in this member can be done from now on."""
        self.close(cluster)
        lane = self.lanes[cluster] = Lane(cluster, place, self, limit)
        loop = asyncio.get_running_loop()
        self._running[cluster] = loop.create_task(lane.pump.run())

    def close(self, cluster: str) -> None:
        """The member is registered no more, or is to be reached another way."""
        lane = self.lanes.pop(cluster, None)
        if lane is not None:
            lane.clear()
            self._running.pop(cluster).cancel()

    def clear(self, cluster: str) -> None:
        """The member is away."""
        if cluster in self.lanes:
            self.lanes[cluster].clear()

    async def finish(self, seconds: float) -> None:
        """Take nothing more, and let what is under way be done."""
        await asyncio.gather(*(lane.pump.close(seconds) for lane in self.lanes.values()))
        tasks = list(self._running.values())
        for cluster in list(self.lanes):
            self.close(cluster)
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- plans -----------------------------------------------------------------------------------

    async def do(self, key: Key, plan: Plan) -> Done | Failed:
        """Do the federation's part, and hand on the members'."""
        outcome = await self._write(plan)
        if outcome is not None:
            return outcome
        for told in plan.told:
            self._recorder.tell(told, self._world.federated(told.key), self._world.now)
        operations = {one.cluster: one for one in plan.operations if self.is_open}
        for cluster, lane in self.lanes.items():
            operation = operations.get(cluster)
            if operation is None:
                lane.leave(key)
            elif not self._is_late(operation):
                lane.want(key, operation)
        return Done(plan.again)

    def _is_late(self, operation: Operation) -> bool:
        """Whether the copy was made while the plan's writes were under way."""
        is_new = isinstance(operation, Apply) and operation.is_new
        return is_new and self._world.kept(operation.cluster, operation.key) is not None

    async def _write(self, plan: Plan) -> Done | Failed | None:
        versions: dict[tuple[Key, str], str] = {}
        for write in plan.writes:
            read = write.key, write.resource_version
            if write.subresource == "finalize" and not await self._sweeper.sweep(write.key.name):
                return Done(CONFLICT_WAIT)
            result = await self._write_one(write, versions.get(read, write.resource_version))
            if not result.is_good:
                return self._unwritten(write.key, result)
            self._federation.following.remember(write.key.resource, result.body)
            versions[read] = version_of(result.body)
        for remove in plan.removes:
            path = remove.key.resource.path(remove.key.namespace, remove.key.name)
            propagation = remove.propagation
            result = await self._federation.api.delete(
                path, uid=remove.uid, propagation=propagation
            )
            if not result.is_good and result.status not in (404, 409):
                return self._unwritten(remove.key, result)
            self.counts.writes[remove.key.resource.kind, "deleted"] += 1
        return None

    async def _write_one(self, write: Write, version: str) -> Result:
        key = write.key
        path = key.resource.path(key.namespace, key.name, write.subresource)
        api, body = self._federation.api, dict(write.body)
        if version:
            body["metadata"] = {**body.get("metadata", {}), "resourceVersion": version}
        if not version:
            result = await api.create(key.resource.path(key.namespace), body)
        elif write.subresource == "finalize":
            result = await api.update(path, body)
        else:
            result = await api.merge(path, body)
        outcome = "written" if result.is_good else _outcome(result)
        self.counts.writes[key.resource.kind, outcome] += 1
        return result

    def _unwritten(self, key: Key, result: Result) -> Done | Failed:
        if result.status in (404, 409):
            return Done(CONFLICT_WAIT)
        log.warning("%s: the federation does not take what is written: %s", key, result)
        if result.status in (400, 403, 422):
            self._tell(Told(key, "Warning", "FederationWriteFailed", str(result)))
        return Failed(result.retry_after)

    def finished(self, key: Key) -> None:
        """An operation was done; after the last of its key the world is looked at again."""
        if not any(
            key in lane.wanted and not lane.pump.queue.failures(key) for lane in self.lanes.values()
        ):
            self._finished(key)

    # --- operations ------------------------------------------------------------------------------

    async def operate(self, lane: Lane, operation: Operation) -> Done | Failed:
        """Do it in the member."""
        clock = asyncio.get_running_loop().time
        began = clock()
        if isinstance(operation, Apply):
            result = await self._apply(lane, operation)
        elif isinstance(operation, Patch):
            result = await self._patch(lane, operation)
        else:
            result = await self._delete(lane, operation)
        self.counts.took.setdefault(lane.cluster, Durations()).add(clock() - began)
        self._count(lane, operation, _outcome(result) if result else "found")
        at = lane.cluster, operation.key
        if result is None:
            return Done()
        if not result.is_good:
            return self._failed(lane, operation, result)
        self._world.troubles.pop(at, None)
        self._tell(conditions.done(operation))
        return Done()

    async def _apply(self, lane: Lane, operation: Apply) -> Result | None:
        """What came of it; None when something is there already."""
        key = operation.key
        api, path = lane.place.api, key.resource.path(key.namespace, key.name)
        foreign = self._world.caches[lane.cluster].foreign
        if operation.is_new:
            found = await api.get(path)
            if found.is_good:
                foreign[key] = Met(found.body, self._world.now)
                return None
            if found.status != 404:
                return found
        result = await api.apply(path, operation.body, force=operation.force)
        if result.is_good:
            foreign.pop(key, None)
            lane.place.following.remember(key.resource, result.body)
            fingerprint = copies.fingerprint(operation.body, result.object)
            self._world.fingerprints[lane.cluster, key] = fingerprint
        return result

    async def _patch(self, lane: Lane, operation: Patch) -> Result:
        key = operation.key
        path = key.resource.path(key.namespace, key.name)
        result = await lane.place.api.merge(path, operation.body)
        if result.is_good:
            lane.place.following.remember(key.resource, result.body)
        return Result(200) if result.status == 404 else result

    async def _delete(self, lane: Lane, operation: Delete) -> Result:
        key = operation.key
        path = key.resource.path(key.namespace, key.name)
        result = await lane.place.api.delete(
            path, uid=operation.uid, propagation=operation.propagation
        )
        if result.is_good or result.status == 404:
            self._world.fingerprints.pop((lane.cluster, key), None)
            self._world.caches[lane.cluster].foreign.pop(key, None)
            return Result(200)
        return result

    def _count(self, lane: Lane, operation: Operation, outcome: str) -> None:
        verb = type(operation).__name__.lower()
        self.counts.operations[lane.cluster, operation.key.resource.kind, verb, outcome] += 1

    # --- trouble ---------------------------------------------------------------------------------

    def _failed(self, lane: Lane, operation: Operation, result: Result) -> Done | Failed:
        key, reason = operation.key, result.reason
        if result.status == 409 and reason == "Conflict" and not isinstance(operation, Apply):
            self._look(key)
            return Done()
        if result.status == 404:
            waits = lane.waits[key] = lane.waits.get(key, 0) + 1
            if waits <= NAMESPACE_PATIENCE:
                return Done(NAMESPACE_WAIT)
            reason = conditions.NAMESPACE_MISSING
        trouble = conditions.trouble(reason if result.status else "", result.message)
        if self._world.troubles.get((lane.cluster, key)) != trouble:
            self._world.troubles[lane.cluster, key] = trouble
            self._look(key)
        if result.status and result.status < 500 and result.status != 429:
            self._tell(conditions.failed(operation, trouble))
        return Failed(result.retry_after)

    def _tell(self, told: Told) -> None:
        self._recorder.tell(told, self._world.federated(told.key), self._world.now)


def _outcome(result: Result) -> str:
    if result.is_good:
        return "done"
    return (result.reason or f"Status{result.status}").lower()
