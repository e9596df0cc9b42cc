"""The watcher: it follows the sources, keeps every object, and feeds the answering processes.

    sources … → events ──┬─► each reader of the feed: everything first, then each change
                         └─► the inventory, for /metrics and /readyz

A reader that does not take its frames is cut off and starts over with everything.  I/O.  Called by
`serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterable
from itertools import chain

from feddns import feed
from feddns.app import memory, sockets
from feddns.app.memory import SETTLE_AFTER, Region
from feddns.app.sources import Sources
from feddns.config import Settings
from feddns.events import Event, Put, Synced
from feddns.inventory import Inventory
from feddns.resolver.counts import gauge

_log = logging.getLogger("feddns.watching")

_MOST_UNSENT = 64 << 20
"""Bytes of frames that wait for one reader before it is cut off."""

_SILENT = 10.0
"""Seconds without a turn of its loop after which a process counts as stuck."""

_SCRAPED_AFTER = 1.0
_SCRAPE_SECONDS = 8.0
"""How long a scrape waits for the loop; a scraper's own patience is 10 s."""

Listener = Callable[[list[Event], bool], None]


class Reader:
    """One connection of the feed."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._changes: asyncio.Queue[list[bytes]] = asyncio.Queue()
        self._waiting = 0

    def offer(self, frames: list[bytes]) -> None:
        """A change, to be sent after what is on its way."""
        self._waiting += sum(map(len, frames))
        self._changes.put_nowait(frames)
        if self._waiting > _MOST_UNSENT:
            self._writer.transport.abort()

    async def run(self, everything: Iterable[bytes]) -> None:
        """Send everything, then the changes, until the connection ends."""
        for frame in everything:
            self._writer.write(frame)
            await self._writer.drain()
        while True:
            frames = await self._changes.get()
            for frame in frames:
                self._waiting -= len(frame)
                self._writer.write(frame)
            await self._writer.drain()


class Watching:
    """The sources and the readers of the feed, in a loop of somebody else's."""

    def __init__(self, settings: Settings) -> None:
        self.sources = Sources(settings)
        self.changed = 0.0
        self.synced = asyncio.Event()
        self._readers: set[Reader] = set()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """`listener(events, commit)` is called with all that comes; `commit` ends a step."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Load, then follow, for ever."""
        started = time.perf_counter()
        for events in self.sources.load():
            self._send(events, commit=False)
            await asyncio.sleep(0)
        self.synced.set()
        self._send([Synced()], commit=True)
        asyncio.get_running_loop().call_later(SETTLE_AFTER, memory.settle)
        self._log_load(time.perf_counter() - started)
        async for events in self.sources.changes():
            self._send(events, commit=True)

    def _log_load(self, seconds: float) -> None:
        counts = self.sources.inventory()
        found = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.objects.items()))
        refused = sum(counts.refused.values())
        said = f"; refused {refused}" if refused else ""
        _log.info("read %s in %.2f s%s", found or "nothing", seconds, said)

    def _send(self, events: list[Event], *, commit: bool) -> None:
        if not events:
            return
        self.changed = time.time()
        if self._readers:
            frames = list(feed.frames(events, reset=False, commit=commit))
            for reader in self._readers:
                reader.offer(frames)
        for listener in self._listeners:
            listener(events, commit)

    def inventory(self) -> Inventory:
        return self.sources.inventory()._replace(changed=self.changed)

    async def serve_reader(
        self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The life of one connection of the feed."""
        if not sockets.is_ours(writer.get_extra_info("socket")):
            writer.close()
            return
        reader = Reader(writer)
        synced = self.synced.is_set()
        objects = list(self.sources.objects())
        events: Iterable[Event] = chain(map(Put, objects), [Synced()] if synced else [])
        self._readers.add(reader)
        try:
            await reader.run(feed.frames(events, reset=True, commit=synced))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the reader is gone, or this process ends
        finally:
            self._readers.discard(reader)
            writer.close()


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


def readiness(regions: list[Region], now: float) -> dict[str, str]:
    """The checks of /readyz: each answering process has a whole world, and its loop turns.

    `now`: of the monotonic clock, which all processes share.
    """
    return {f"answering-{index}": _trouble(region, now) for index, region in enumerate(regions)}


def _trouble(region: Region, now: float) -> str:
    numbers = region.read()
    if not numbers[gauge("ready")]:
        return "has no whole world yet"
    silent = now - numbers[gauge("turned_ns")] / 1e9
    return f"no turn for {silent:.0f} s" if silent > _SILENT else ""


def run(
    settings: Settings,
    feed_socket: socket.socket,
    metrics: socket.socket | None,
    regions: list[Region],
) -> None:
    """The life of the watching process."""
    gc.disable()
    try:
        asyncio.run(_run(settings, feed_socket, metrics, regions))
    except asyncio.CancelledError:
        pass
    except ExceptionGroup as group:  # the parts end together; the first that failed is the reason
        raise group.exceptions[0] from None


async def _run(
    settings: Settings,
    feed_socket: socket.socket,
    metrics: socket.socket | None,
    regions: list[Region],
) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    watching = Watching(settings)
    # Its end is the process's: to close it would wait for the readers, who wait for the next one.
    _server = await asyncio.start_unix_server(watching.serve_reader, sock=feed_socket)
    heartbeat = Heartbeat()
    async with asyncio.TaskGroup() as group:
        group.create_task(watching.run())
        group.create_task(heartbeat.run())
        if metrics is not None:
            with contextlib.suppress(TimeoutError):  # first answers come before first scrapes
                await asyncio.wait_for(watching.synced.wait(), _SCRAPED_AFTER)
            serve_metrics(metrics, watching, heartbeat, regions)


def serve_metrics(
    listening: socket.socket, watching: Watching, heartbeat: Heartbeat, regions: list[Region]
) -> None:
    """Start the HTTP server.  Its threads read nothing that the loop may be changing."""
    from feddns.app import http  # 10 MB of modules that nobody needs before
    from feddns.metrics import ServerCollector

    loop = asyncio.get_running_loop()

    async def count() -> Inventory:
        return watching.inventory()

    def inventory() -> Inventory:
        return asyncio.run_coroutine_threadsafe(count(), loop).result(_SCRAPE_SECONDS)

    collector = ServerCollector(lambda: [region.read() for region in regions], inventory, time.time)
    app = http.application(
        collector, heartbeat.checks, lambda: readiness(regions, time.monotonic())
    )
    http.serve(listening, app)
