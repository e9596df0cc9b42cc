"""What a federated Service says of its public records: the condition Propagated.

    its records                         status  reason
    are in the zone                     True    Recorded
    and the zone's servers give them    True    Propagated, with the time that it took
    do not come out of the servers      False   NotAnswered
    are not as they should be           False   RecordConflict, RecordRejected, RecordHeld,
                                                WaitsForApproval, NameLeftOut
    it is not public                    -       the condition is taken away

Recorded does not replace Propagated, and nothing is written while records are on their way, so a
change costs one write of its Service, and a restart none.  I/O.  Called by `publicdns`.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from controllers import conditions
from controllers.caches import SERVICE, Caches
from controllers.executor import Place
from controllers.publiczone import NOT_PUBLIC, PENDING, SETTLED, Standing
from controllers.pump import Done, Failed, Pump
from controllers.world import Json, Key

log = logging.getLogger("feddns.controllers")

PROPAGATED = "Propagated"
_AT_ONCE = 4
_AGAIN = 0.5
_MOST = 1000


class Said(NamedTuple):
    """A condition to be; `reason` empty: none."""

    is_good: bool = False
    reason: str = ""
    message: str = ""


NOTHING = Said()
RECORDED = Said(True, "Recorded", "the zone has its records")


def said(standing: Standing) -> Said | None:
    """What it means for the condition; None for nothing yet."""
    if standing.reason == PENDING:
        return None
    if standing.reason == NOT_PUBLIC:
        return NOTHING
    if standing.reason == SETTLED:
        return RECORDED
    return Said(False, standing.reason, standing.words)


def propagated(seconds: float, servers: int) -> Said:
    whom = "the zone's server gives" if servers == 1 else f"all {servers} servers of the zone give"
    return Said(True, PROPAGATED, f"{whom} its records, {seconds:.1f} s after the change")


def with_condition(federated: Json, one: Said, now: float) -> list[Any] | None:
    """`status.conditions` with this one; None when nothing changes."""
    before = list((federated.get("status") or {}).get("conditions") or ())
    old = next((each for each in before if each.get("type") == PROPAGATED), None)
    others = [each for each in before if each.get("type") != PROPAGATED]
    if not one.reason:
        return None if old is None else others
    new = {
        "type": PROPAGATED, "status": "True" if one.is_good else "False", "reason": one.reason,
        "message": one.message[:_MOST], "lastTransitionTime": conditions.timestamp(now),
    }  # fmt: skip
    if old is not None and old.get("status") == new["status"]:
        new["lastTransitionTime"] = old.get("lastTransitionTime") or new["lastTransitionTime"]
        if one == RECORDED:
            return None
    if old is not None and all(old.get(field) == value for field, value in new.items()):
        return None
    return [*others, new]


class ZoneStatus:
    """Writes the condition, of a few Services side by side."""

    def __init__(self, world: Caches, federation: Place) -> None:
        self._world, self._federation = world, federation
        self._wanted: dict[Key, Said] = {}
        self.pump: Pump[Key] = Pump(self._write, _AT_ONCE)

    def say(self, service: str, one: Said) -> None:
        """Of `shop/web`."""
        namespace, _, name = service.partition("/")
        key = Key(SERVICE, namespace, name)
        federated = self._world.federated(key)
        if federated is None or with_condition(federated, one, 0.0) is None:
            self._wanted.pop(key, None)
            return
        self._wanted[key] = one
        self.pump.add(key)

    def clear(self) -> None:
        """Another leads."""
        self._wanted.clear()
        self.pump.queue.clear()

    async def _write(self, key: Key) -> Done | Failed:
        one, federated = self._wanted.get(key), self._world.federated(key)
        if one is None or federated is None:
            return Done()
        wanted = with_condition(federated, one, time.time())
        if wanted is None:
            self._wanted.pop(key, None)
            return Done()
        version = {"resourceVersion": federated["metadata"]["resourceVersion"]}
        body = {"metadata": version, "status": {"conditions": wanted}}
        api, following = self._federation
        result = await api.merge(key.resource.path(key.namespace, key.name, "status"), body)
        if result.is_good:
            following.remember(key.resource, result.body)
            if self._wanted.get(key) == one:
                del self._wanted[key]
                return Done()
            return Done(0.0)
        if result.status in (404, 409):
            return Done(_AGAIN)
        log.warning("%s: its condition %s cannot be written: %s", key, PROPAGATED, result)
        return Failed(result.retry_after)
