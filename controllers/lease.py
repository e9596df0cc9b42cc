"""Who leads: the one whose name is in the Lease of the federation's system namespace.

    the Lease                                      what happens
    does not exist                                 it is made, with our name
    has our name                                   it is renewed, every `retry` seconds
    has no name, or has not changed for as long    our name is put into it
    as it says it lasts, by our own clock
    has another name                               asked again after `retry` seconds
    could not be renewed for `renew` seconds       we do not lead any more

Two never lead at once as long as `renew` < `duration`: who cannot renew stops before the other may
begin.  `choose` is pure; `Election` ◇ asks and waits.  Called by `runtime`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from controllers.options import Times
from controllers.world import Resource
from feddns.kube.api import Api, Result

log = logging.getLogger("feddns.controllers")

LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NAME = "feddns-controllers"


class Seen(NamedTuple):
    """What the Lease said when it was last another than before, and when that was."""

    record: tuple[str, str] = ("", "")
    since: float = 0.0


def look(seen: Seen, lease: Mapping[str, Any], now: float) -> Seen:
    """What is known after the Lease was read; `now` is a clock that only goes forward."""
    spec = lease.get("spec") or {}
    record = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
    return seen if record == seen.record else Seen(record, now)


def choose(lease: Mapping[str, Any], me: str, seen: Seen, now: float) -> str:
    """`renew`, `take` or `wait`."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    if holder == me:
        return "renew"
    lasts = spec.get("leaseDurationSeconds") or 0
    return "take" if not holder or now - seen.since > lasts else "wait"


def written(lease: Mapping[str, Any], me: str, times: Times, at: datetime) -> dict[str, Any]:
    """The Lease with our name, or renewed; of an empty one, a new one."""
    spec = dict(lease.get("spec") or {})
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if spec.get("holderIdentity") != me:
        spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + bool(lease)
        spec["acquireTime"] = moment
    spec |= {
        "holderIdentity": me,
        "leaseDurationSeconds": max(1, round(times.duration)),
        "renewTime": moment,
    }
    head = {"apiVersion": LEASE.api_version, "kind": LEASE.kind}
    return {**head, "metadata": dict(lease.get("metadata") or {"name": NAME}), "spec": spec}


class Election:
    """See the module's docstring.  `changed(True)` is called when we lead, `changed(False)` when
    we do not any more."""

    def __init__(
        self, api: Api, namespace: str, me: str, times: Times, changed: Callable[[bool], None]
    ) -> None:
        self.is_leading = False
        self.holder = ""
        self._api, self._namespace, self._me, self._times = api, namespace, me, times
        self._changed = changed
        self._path = LEASE.path(namespace, NAME)
        self._seen = Seen()
        self._renewed = 0.0
        self._said = ""

    async def run(self) -> None:
        """Try to lead, and to go on leading, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            limit = self._times.renew - (began - self._renewed) if self.is_leading else None
            try:
                async with asyncio.timeout(max(0.0, limit) if limit is not None else None):
                    await self._try(began)
            except TimeoutError:
                self._say("the Lease could not be renewed in time")
            if self.is_leading and clock() - self._renewed >= self._times.renew:
                self._set(False)
            await asyncio.sleep(max(0.05, began + self._times.retry - clock()))

    async def release(self) -> None:
        """Let another lead at once."""
        if not self.is_leading:
            return
        self._set(False)
        for _ in range(3):  # a renewal that was cut off may be done all the same, even now
            found = self._read(await self._api.get(self._path))
            if found is None or (found.get("spec") or {}).get("holderIdentity") != self._me:
                return
            lease = written(found, self._me, self._times, datetime.now(UTC))
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            if (await self._api.update(self._path, lease)).is_good:
                return

    def close(self) -> None:
        """Give up the connection."""
        self._api.close()

    async def _try(self, now: float) -> None:
        found = await self._api.get(self._path)
        if found.status == 404:
            await self._take(now, {})
        elif (lease := self._read(found)) is not None:
            self._seen = look(self._seen, lease, now)
            self.holder = self._seen.record[0]
            chosen = choose(lease, self._me, self._seen, now)
            if chosen == "wait":
                self._set(False)
                self._say(f"{self.holder} leads; standing by", logging.INFO)
            else:
                await self._take(now, lease)

    def _read(self, found: Result) -> dict[str, Any] | None:
        """The Lease; None, and a word, when there is none."""
        if not found.is_good:
            self._say(f"the Lease cannot be read: {found}")
            return None
        with contextlib.suppress(msgspec.DecodeError):
            lease: Any = found.object
            if isinstance(lease, dict) and isinstance(lease.get("spec") or {}, dict):
                return lease
        self._say("the Lease cannot be read: what answers is no Kubernetes API")
        return None

    async def _take(self, now: float, lease: Mapping[str, Any]) -> None:
        body = written(lease, self._me, self._times, datetime.now(UTC))
        if lease:
            result = await self._api.update(self._path, body)
        else:
            result = await self._create(body)
        if result.is_good:
            self._renewed, self.holder = now, self._me
            self._set(True)
        elif result.status != 409:
            self._say(f"the Lease cannot be written: {result}")

    async def _create(self, body: Mapping[str, Any]) -> Result:
        result = await self._api.create(LEASE.path(self._namespace), body)
        if result.status == 404:
            await self._api.create("/api/v1/namespaces", {"metadata": {"name": self._namespace}})
            result = await self._api.create(LEASE.path(self._namespace), body)
        return result

    def _set(self, is_leading: bool) -> None:
        if is_leading != self.is_leading:
            self.is_leading = is_leading
            self._said = ""
            log.info("%s: %s", self._me, "leads" if is_leading else "does not lead any more")
            self._changed(is_leading)

    def _say(self, text: str, level: int = logging.WARNING) -> None:
        if text != self._said:
            self._said = text
            log.log(level, "leader election: %s", text)
