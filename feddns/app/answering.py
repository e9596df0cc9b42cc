"""An answering process: questions on the inherited sockets, the world from the feed.

    the feed …                    the answers
    has not brought a whole world wait in the kernel for 1 s, or are taken by another process;
                                  from then on SERVFAIL with EDE 14
    brings one                    from it; each change as one step
    is cut                        go on from the last world; after 10 s they say so (EDE 3)
    comes back                    from the new world, when it is whole; nothing is lost meanwhile

Between two frames of the feed the sockets have their turn, so a large change pauses nobody.
I/O.  Called by `serve`; the parts live in one loop.
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
from collections.abc import Callable

from feddns.app.memory import Region
from feddns.app.sockets import Listener
from feddns.config import Settings
from feddns.feed import Builder, Splitter, Step
from feddns.names import Label
from feddns.resolver.responder import Responder
from feddns.resolver.tcp import TcpServer
from feddns.resolver.udp import UdpServer
from feddns.snapshot import Dependency, Snapshot, View
from feddns.store import Store

_log = logging.getLogger("feddns.answering")

STALE_AFTER = 10.0
OPEN_AFTER = 1.0
_TICK = 0.25
_READ = 1 << 18
_FIRST_RETRY, _LAST_RETRY = 0.02, 1.0


def empty_world(settings: Settings) -> Snapshot:
    """Nothing known yet; with a view when the federation has a source."""
    federation: Label = settings.federation_name.encode("utf-8")
    view = View() if settings.federation_manifests else None
    return Snapshot(federation=federation, view=view)


class Answering:
    """The sockets' servers around one responder, in a loop of somebody else's."""

    def __init__(
        self,
        settings: Settings,
        listeners: list[Listener],
        region: Region,
        serial: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.loop = loop
        self.region = region
        self.store = Store(empty_world(settings))
        self.responder = Responder(settings, self.store, serial, region.counts)
        self.builder = Builder(self.store, self.store.current)
        self._udp = [UdpServer(listener.udp, self.responder) for listener in listeners]
        self._tcp = [TcpServer(listener.tcp, self.responder, loop.time) for listener in listeners]
        self._changed = 0
        self._synced = False
        self._is_open = False
        self._trouble = ""
        self.store.listen(self._note_change)

    def start(self) -> None:
        """Answer from the first whole world on, or after a while without one."""
        self.loop.call_later(OPEN_AFTER, self._open)
        self._tick()

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        for udp in self._udp:
            self.loop.add_reader(udp.socket.fileno(), udp.on_readable)
        for tcp in self._tcp:
            self.loop.add_reader(tcp.fileno(), tcp.on_ready)

    def drain(self) -> None:
        """Answer what already waits, and leave the sockets to the others."""
        if self._is_open:
            for udp in self._udp:
                self.loop.remove_reader(udp.socket.fileno())
                udp.on_readable()
            for tcp in self._tcp:
                self.loop.remove_reader(tcp.fileno())
                tcp.on_ready()
        for tcp in self._tcp:
            tcp.close()
        self._publish()

    def _note_change(self, _dependencies: set[Dependency]) -> None:
        self._changed = time.time_ns()
        if self.store.current.synced and not self._synced:
            self._synced = True
            self._open()
            self._publish()
            gc.freeze()  # what is there lives long; to walk it even once would be a pause
            gc.enable()
            _log.info("answering, snapshot %d", self.store.current.version)
        self._tell_trouble()

    def _tell_trouble(self) -> None:
        """Once for each trouble: a view that cannot be used is easily overlooked."""
        trouble = self.store.current.view_trouble() if self._synced else ""
        if trouble and trouble != self._trouble:
            _log.warning("the federation's manifests are not used: %s", trouble)
        self._trouble = trouble

    def _tick(self) -> None:
        self.loop.call_later(_TICK, self._tick)
        for tcp in self._tcp:
            tcp.reap()
        self._publish()

    def _publish(self) -> None:
        responder, region = self.responder, self.region
        region.gauge("ready", int(self.store.current.synced))
        region.gauge("stale", int(responder.stale))
        region.gauge("snapshot_version", self.store.current.version)
        region.gauge("snapshot_changed_ns", self._changed)
        region.gauge("answers_ready", len(responder.udp.ready) + len(responder.tcp.ready))
        region.gauge("answers_ready_bytes", responder.udp.bytes + responder.tcp.bytes)
        region.gauge("tcp_connections", sum(len(tcp.connections) for tcp in self._tcp))
        region.gauge("replies_unsent", sum(udp.unsent for udp in self._udp))
        region.gauge("process_id", os.getpid())
        region.gauge("turned_ns", time.monotonic_ns())
        region.publish()


class FeedReader:
    """Connects to the feed, again and again, and gives its steps to the builder."""

    def __init__(self, feed: bytes, answering: Answering, stale_after: float = STALE_AFTER) -> None:
        self._feed = feed
        self._stale_after = stale_after
        self._answering = answering
        self._loop = answering.loop
        self._socket: socket.socket | None = None
        self._splitter = Splitter()
        self._retry = _FIRST_RETRY
        self._stale: asyncio.TimerHandle | None = None

    def connect(self) -> None:
        """Try now; on failure later."""
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.setblocking(False)  # done at once, or refused: it never waits for the watcher
        try:
            connecting.connect(self._feed)
        except OSError:
            connecting.close()
            self._loop.call_later(self._retry, self.connect)
            self._retry = min(_LAST_RETRY, self._retry * 2)
            return
        self._socket = connecting
        self._splitter = Splitter()
        self._loop.add_reader(connecting.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._loop.remove_reader(self._socket.fileno())
        if not data:
            self._cut()
            return
        self._splitter.feed(data)
        self._next_step()

    def _next_step(self) -> None:
        """One step a turn of the loop; then read on."""
        step: Step | None = self._splitter.take()
        if step is not None:
            self._answering.builder.apply(step)
            if step.commit:
                self._fresh()
            self._loop.call_soon(self._next_step)
        elif self._socket is not None:
            self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def _fresh(self) -> None:
        self._retry = _FIRST_RETRY
        if self._stale is not None:
            self._stale.cancel()
            self._stale = None
        self._answering.responder.mark_stale(False)

    def _cut(self) -> None:
        assert self._socket is not None
        self._socket.close()
        self._socket = None
        self._answering.builder.abandon()
        if self._stale is None:
            mark = self._answering.responder.mark_stale
            self._stale = self._loop.call_later(self._stale_after, mark, True)
        self.connect()


def run(
    settings: Settings, listeners: list[Listener], feed: bytes, region: Region, serial: int
) -> None:
    """The life of an answering process."""
    gc.disable()
    gc.set_threshold(20_000, 20, 50)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        answering = Answering(settings, listeners, region, serial, loop)
        stop: Callable[[], None] = loop.stop
        loop.add_signal_handler(signal.SIGTERM, stop)
        answering.start()
        FeedReader(feed, answering).connect()
        loop.run_forever()
        answering.drain()
