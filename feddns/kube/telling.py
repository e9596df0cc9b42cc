"""What is refused, told where it is: as a Kubernetes Event on the object (decisions.md 10).

    one Event for each reason       type Warning, reason RefusedItem, component feddns
    the same reason again           at most hourly
    more than 100 that wait         are left out; the log has all
    one cannot be written           said once, for each way to fail; nothing else depends on it

I/O.  Called by `kube.following`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from feddns.errors import ApiTrouble, OperatorNeeded
from feddns.kube.client import Connection
from feddns.kube.credentials import Credentials
from feddns.kube.resources import Kind
from feddns.kube.table import Report

log = logging.getLogger("feddns.kube")

AGAIN_AFTER = 3600.0
MOST_WAITING = 100
_MOST_KNOWN = 1000
_LONGEST_MESSAGE = 1000
_RULE = 'apiGroups: [""], resources: ["events"], verbs: [create]'


class Teller:
    """Writes Events, one after another."""

    def __init__(self, credentials: Credentials, title: str) -> None:
        self._connection = Connection(credentials)
        self._title = title
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(MOST_WAITING)
        self._told: dict[str, float] = {}
        self._failures: set[str] = set()

    def tell(self, api_version: str, kind: Kind, report: Report) -> None:
        """Write these reasons, unless that was done within the hour."""
        now = time.monotonic()
        for reason in report.reasons:
            if now - self._told.get(reason, -AGAIN_AFTER) < AGAIN_AFTER or self._waiting.full():
                continue
            if len(self._told) >= _MOST_KNOWN:
                del self._told[next(iter(self._told))]
            self._told.pop(reason, None)
            self._told[reason] = now
            namespace = report.metadata.namespace or "default"
            event = write_event(api_version, kind, report, reason, datetime.now(UTC))
            self._waiting.put_nowait((namespace, event))

    async def run(self) -> None:
        """Write what is told, for ever."""
        try:
            while True:
                namespace, event = await self._waiting.get()
                await self._write(namespace, event)
        finally:
            self._connection.close()

    async def _write(self, namespace: str, event: dict[str, Any]) -> None:
        target = f"/api/v1/namespaces/{quote(namespace, safe='')}/events"
        try:
            answer = await self._connection.ask("POST", target, body=json.dumps(event).encode())
        except (ApiTrouble, OperatorNeeded) as trouble:
            self._fail(str(trouble))
            return
        if answer.status == 403:
            self._fail(f"403 Forbidden; grant this account the rule {{{_RULE}}}")
        elif answer.status >= 300:
            self._fail(f"status {answer.status}")

    def _fail(self, reason: str) -> None:
        if reason not in self._failures and len(self._failures) < MOST_WAITING:
            self._failures.add(reason)
            log.warning(
                "%s: events: what is refused cannot be written as Events: %s", self._title, reason
            )


def write_event(
    api_version: str, kind: Kind, report: Report, reason: str, now: datetime
) -> dict[str, Any]:
    """The Event (core v1) that says so."""
    metadata = report.metadata
    namespace = metadata.namespace or "default"
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    involved = {
        "apiVersion": api_version,
        "kind": kind.name,
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata.name[:200]}.", "namespace": namespace},
        "involvedObject": {key: value for key, value in involved.items() if value},
        "type": "Warning",
        "reason": "RefusedItem",
        "message": reason[:_LONGEST_MESSAGE],
        "source": {"component": "feddns"},
        "reportingComponent": "feddns",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
