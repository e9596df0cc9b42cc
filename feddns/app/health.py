"""What /healthz, /readyz and the control socket say: who is alive, who is ready, who is stale.

Reads shared memory and clocks only, so that any thread may ask.  Called by `watching`, `reporting`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from feddns.app.memory import Readable
from feddns.report import Notice
from feddns.resolver.counts import gauge

_SILENT = 10.0
"""Seconds without a turn of its loop after which a process counts as stuck."""


class Heartbeat:
    """Whether the watcher's loop still turns, seen from the thread of the HTTP server."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    async def run(self) -> None:
        while True:
            self._last = time.monotonic()
            await asyncio.sleep(1)

    def checks(self) -> dict[str, str]:
        silent = time.monotonic() - self._last
        return {"watching": f"no turn for {silent:.0f} s" if silent > _SILENT else ""}


def readiness(
    regions: Sequence[Readable], now: float, notice: Notice | None = None
) -> dict[str, str]:
    """The checks of /readyz: each answering process has a whole world, and its loop turns.

    `now`: of the monotonic clock, which all processes share.
    """
    found = {f"answering-{index}": _trouble(region, now) for index, region in enumerate(regions)}
    if notice is not None and notice.draining:
        return {"server": "draining", **found}
    return found


def _trouble(region: Readable, now: float) -> str:
    numbers = region.read()
    if not numbers[gauge("ready")]:
        return "has no whole world yet"
    silent = now - numbers[gauge("turned_ns")] / 1e9
    return f"no turn for {silent:.0f} s" if silent > _SILENT else ""


def notes(notice: Notice, regions: Sequence[Readable] = (), now: float = 0.0) -> list[str]:
    """What /readyz?verbose says beside its checks: it is no reason to send questions elsewhere.

    `now`: Unix time.
    """
    found = []
    if notice.trouble:
        found.append(f"settings not taken, the old ones are in force: {notice.trouble}")
    for index, region in enumerate(regions):
        since = region.read()[gauge("stale_since_ns")] / 1e9
        if since:
            found.append(
                f"answering-{index} is stale: not followed for {max(0.0, now - since):.0f} s"
            )
    return found
