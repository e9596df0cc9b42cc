"""Events in the federation, and nowhere else: what was told of an object, said again as a count.

    told                                      what is written
    something new                             an Event
    the same of the same object again         its count and lastTimestamp, at most every 5 minutes
    while more than 300 wait                  left out, and what is Normal while 100 do
    its namespace ends                        nothing: it ends with it
    one cannot be written                     a log line, once for each way to fail

I/O.  Called by `engine`, `executor` and `members`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from controllers import conditions
from controllers.world import Told
from feddns.kube.api import Api

log = logging.getLogger("feddns.controllers")

AGAIN_AFTER = 300.0
MOST_WAITING = 300
MOST_KNOWN = 4000
_LONGEST_MESSAGE = 1000


@dataclass
class _Known:
    """An Event that exists, or is about to: its name, how often it was told, and until when."""

    path: str = ""
    count: int = 0
    written: float = 0.0
    first: str = ""


class Recorder:
    """See the module's docstring.  `now` of its methods is Unix time."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[Told, _Known] = OrderedDict()
        self._waiting: asyncio.Queue[tuple[Told, dict[str, Any]]] = asyncio.Queue(MOST_WAITING)
        self._failures: set[str] = set()
        self.written = 0

    def tell(self, told: Told, about: Mapping[str, Any] | None, now: float) -> None:
        """Write it soon.  `about` is the object, if it is known: the Event then names its uid."""
        known = self._known.get(told)
        if known is None:
            known = self._known[told] = _Known(first=conditions.timestamp(now))
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(told)
        known.count += 1
        most = MOST_WAITING if told.type == "Warning" else MOST_WAITING // 3
        is_told = known.written and now - known.written < AGAIN_AFTER
        if is_told or self._waiting.qsize() >= most:
            return
        known.written = now
        self._waiting.put_nowait((told, event(told, about or {}, conditions.timestamp(now))))

    async def run(self) -> None:
        """Write what is told, until it is cancelled."""
        while True:
            told, body = await self._waiting.get()
            known = self._known.get(told) or _Known(first=body["firstTimestamp"])
            await self._write(known, body)

    async def _write(self, known: _Known, body: dict[str, Any]) -> None:
        if known.path:
            change = {"count": known.count, "lastTimestamp": body["lastTimestamp"]}
            result = await self._api.merge(known.path, change)
            if result.is_good:
                return
        body = {**body, "count": max(1, known.count), "firstTimestamp": known.first}
        collection = f"/api/v1/namespaces/{body['metadata']['namespace']}/events"
        result = await self._api.create(collection, body)
        if result.is_good:
            self.written += 1
            with contextlib.suppress(msgspec.DecodeError, LookupError, TypeError):
                known.path = f"{collection}/{result.object['metadata']['name']}"
        elif result.status == 404 or b"NamespaceTerminating" in result.body:
            return  # nobody can read it there any more
        elif str(result) not in self._failures and len(self._failures) < MOST_KNOWN:
            self._failures.add(str(result))
            log.warning("events: they cannot be written in the federation: %s", result)


def event(told: Told, about: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The Event (core v1) that says so."""
    key, metadata = told.key, about.get("metadata") or {}
    involved = {
        "apiVersion": key.resource.api_version, "kind": key.resource.kind, "name": key.name,
        "namespace": key.namespace, "uid": metadata.get("uid"),
        "resourceVersion": metadata.get("resourceVersion"),
    }  # fmt: skip
    namespace = key.namespace or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{key.name[:200]}.", "namespace": namespace},
        "involvedObject": {name: value for name, value in involved.items() if value},
        "type": told.type,
        "reason": told.reason,
        "message": told.message[:_LONGEST_MESSAGE],
        "source": {"component": "feddns-controllers"},
        "reportingComponent": "feddns-controllers",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
