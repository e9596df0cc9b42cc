"""The watcher: it follows the sources, keeps every object, and feeds the answering processes.

    sources … → events ──┬─► each reader of the feed: everything first, then each change
                         └─► the inventory, for /metrics and /readyz

A reader that does not take its frames is cut off and starts over with everything.  Every two
seconds it gets a sign of life, so that a watcher that hangs is told from one that has no news.
I/O.  Called by `standing` and `alone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from feddns import feed
from feddns.app import health, memory, pressure, sockets
from feddns.app.control import Clerk, Desk
from feddns.app.memory import COLLECT_AFTER, SETTLE_AFTER, Readable
from feddns.app.sources import Kept, Sources
from feddns.config import Settings
from feddns.events import Event, Put, Stale, Synced
from feddns.inventory import Inventory, Upstream
from feddns.resolver.counts import gauge

if TYPE_CHECKING:
    from feddns.app.http import Server

_log = logging.getLogger("feddns.watching")

_MOST_UNSENT = 64 << 20
"""Bytes of frames that wait for one reader before it is cut off."""

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
        self.has_view = False
        self._stale_since = 0.0
        self._started = time.perf_counter()
        self._readers: set[Reader] = set()
        self._told: dict[object, feed.Told] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """`listener(events, commit)` is called with all that comes; `commit` ends a step."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the sources, for ever."""
        asyncio.get_running_loop().call_later(COLLECT_AFTER, gc.enable)
        await asyncio.gather(self.sources.run(self._take), self._beat())

    def _take(self, events: list[Event]) -> None:
        """A list of events from a source; from the first whole world on each is a step."""
        if not events:
            return
        for event in events:
            if isinstance(event, Synced):
                self._note_synced(event)
            elif isinstance(event, Stale):
                self._stale_since = event.since
        self.changed = time.time()
        commit = self.synced.is_set()
        if self._readers:
            frames = list(feed.frames(events, reset=False, commit=commit))
            for reader in self._readers:
                reader.offer(frames)
        for listener in self._listeners:
            listener(events, commit)

    def _note_synced(self, event: Synced) -> None:
        if event.federation:
            self.has_view = True
        elif not self.synced.is_set():
            self.synced.set()
            asyncio.get_running_loop().call_later(SETTLE_AFTER, memory.settle)
            self._log_load(time.perf_counter() - self._started)

    def _log_load(self, seconds: float) -> None:
        counts = self.sources.inventory()
        found = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.objects.items()))
        refused = sum(counts.refused.values())
        said = f"; refused {refused}" if refused else ""
        _log.info("read %s in %.2f s%s", found or "nothing", seconds, said)

    async def _beat(self) -> None:
        """Signs of life for the readers."""
        beat = [feed.beat()]
        while True:
            await asyncio.sleep(feed.BEAT)
            for reader in self._readers:
                reader.offer(beat)

    def everything(self) -> tuple[Iterable[Event], bool]:
        """What a new reader is told first, and whether that is a whole world."""
        synced = self.synced.is_set()
        ends: list[Event] = [Synced()] if synced else []
        if self.has_view:
            ends.append(Synced(federation=True))
        if self._stale_since:
            ends.append(Stale(self._stale_since))
        objects: list[Kept] = list(self.sources.objects())
        return chain(map(Put, objects), ends), synced  # type: ignore[arg-type]  # kept as bytes

    def inventory(self) -> Inventory:
        return self.sources.inventory()._replace(changed=self.changed, upstreams=self.upstreams())

    def note_upstreams(self, found: list[Upstream]) -> None:
        """What answers in this very process says of them, where there is no feed to say it."""
        self._told[self] = feed.Told(os.getpid(), found)

    def upstreams(self) -> dict[int, list[Upstream]]:
        """The upstream servers, as each answering process (by its id) has told last."""
        return {told.process: told.upstreams for told in self._told.values()}

    async def serve_reader(
        self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The life of one connection of the feed."""
        if not sockets.is_ours(writer.get_extra_info("socket")):
            writer.close()
            return
        reader = Reader(writer)
        events, whole = self.everything()
        self._readers.add(reader)
        hearing = asyncio.get_running_loop().create_task(self._hear(reader, stream))
        try:
            await reader.run(feed.frames(events, reset=True, commit=whole))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the reader is gone, or this process ends
        finally:
            hearing.cancel()
            self._told.pop(reader, None)
            self._readers.discard(reader)
            writer.close()

    async def _hear(self, reader: Reader, stream: asyncio.StreamReader) -> None:
        """What a reader says of itself, until it is gone."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                size = int.from_bytes(await stream.readexactly(4), "big")
                self._told[reader] = feed.read_told(await stream.readexactly(size))


def run(
    settings: Settings,
    feed_socket: socket.socket,
    metrics: socket.socket | None,
    regions: Sequence[Readable],
    desk: Desk,
) -> None:
    """The life of the watching process."""
    gc.disable()
    try:
        asyncio.run(_run(settings, feed_socket, metrics, regions, desk))
    except asyncio.CancelledError:
        pass
    except ExceptionGroup as group:  # the parts end together; the first that failed is the reason
        raise _reason(group) from None


def _reason(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run(
    settings: Settings,
    feed_socket: socket.socket,
    metrics: socket.socket | None,
    regions: Sequence[Readable],
    desk: Desk,
) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    watching = Watching(settings)
    server = await asyncio.start_unix_server(watching.serve_reader, sock=feed_socket)
    heartbeat = health.Heartbeat()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(watching.run())
            group.create_task(heartbeat.run())
            if settings.memory_limit:
                group.create_task(relieve(settings.memory_limit, regions, desk))
            group.create_task(serve_others(watching, heartbeat, metrics, regions, desk))
    finally:
        # A loop that ends accepts nobody. Who is connected notices when the process does, and
        # the socket itself is the supervisor's.
        server.close()


async def relieve(limit: int, regions: Sequence[Readable], desk: Desk) -> None:
    """Have caches given up when all processes together are above the limit (MB); for ever."""
    watch = pressure.Watch(limit, desk.pressure)
    while True:
        await asyncio.sleep(pressure.EVERY)
        if desk.board.read().watcher == desk.number:
            pids = [region.read()[gauge("process_id")] for region in regions]
            watch.look(filter(None, pids), time.monotonic())


async def serve_others(
    watching: Watching,
    heartbeat: health.Heartbeat,
    metrics: socket.socket | None,
    regions: Sequence[Readable],
    desk: Desk,
) -> None:
    """Serve HTTP and the control socket, from when this process is the one that counts; for ever.

    Both are asked by programs that mend or watch the server, so they come after the first answers.
    """
    await desk.in_force()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(watching.synced.wait(), _SCRAPED_AFTER)
    from feddns.app import http, reporting  # 10 MB of modules that nobody needs before

    reporter = reporting.Reporter(watching, regions, desk)
    with contextlib.ExitStack() as closing:
        if metrics is not None:
            server = serve_metrics(metrics, watching, heartbeat, regions, desk)
            closing.callback(http.close, server)
        await asyncio.gather(reporter.run(), Clerk(desk, reporter).run())


def serve_metrics(
    listening: socket.socket,
    watching: Watching,
    heartbeat: health.Heartbeat,
    regions: Sequence[Readable],
    desk: Desk,
) -> Server:
    """Start the HTTP server.  Its threads read nothing that the loop may be changing."""
    from feddns.app import http
    from feddns.metrics import Asked, ServerCollector

    loop = asyncio.get_running_loop()
    notice = desk.board.read

    async def count() -> Inventory:
        return watching.inventory()

    def inventory() -> Inventory:
        return asyncio.run_coroutine_threadsafe(count(), loop).result(_SCRAPE_SECONDS)

    def memory() -> dict[str, int]:
        roles = {"supervisor": notice().supervisor, "watching": os.getpid()}
        for index, region in enumerate(regions):
            roles[f"answering-{index}"] = region.read()[gauge("process_id")]
        return {role: pressure.memory_of(pid) for role, pid in roles.items() if pid}

    collector = ServerCollector(
        Asked(
            lambda: [region.read() for region in regions],
            inventory,
            time.time,
            notice,
            memory,
            lambda: desk.pressure.read()[1],
        )
    )
    app = http.application(
        collector,
        heartbeat.checks,
        lambda: health.readiness(regions, time.monotonic(), notice()),
        lambda: health.notes(notice(), regions, time.time()),
    )
    return http.serve(listening, app)
