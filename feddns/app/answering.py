"""An answering process: questions on the inherited sockets, the world from the feed.

    the feed …                    the answers
    has not brought a whole world from the saved one (`--snapshot`), stale (EDE 3); without one
                                  they wait in the kernel for 1 s, or are taken by another
                                  process; from then on SERVFAIL with EDE 14
    brings one                    from it; each change as one step
    is cut, or says nothing       go on from the last world; after 10 s they say so (EDE 3), after
                                  `--max-stale` SERVFAIL with EDE 14
    comes back                    from the new world, when it is whole; nothing is lost meanwhile

Between two frames of the feed the sockets have their turn, so a large change pauses nobody.
I/O.  Called by `standing`, and by `alone` without the feed; the parts live in one loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time

from feddns import snapshot as world
from feddns.app import draining, pressure, sources, warmstart
from feddns.app.feedreader import FeedReader
from feddns.app.memory import COLLECT_AFTER, Region
from feddns.app.sockets import Listener
from feddns.app.upstreams import Upstreams
from feddns.config import Settings
from feddns.events import Stale
from feddns.feed import Builder
from feddns.names import Label
from feddns.resolver import counts
from feddns.resolver.responder import Responder
from feddns.resolver.tcp import TcpServer
from feddns.resolver.udp import UdpServer
from feddns.snapshot import EVERYTHING, Dependency, Snapshot
from feddns.store import Store

_log = logging.getLogger("feddns.answering")

OPEN_AFTER = 1.0
_TICK = 0.25


def empty_world(settings: Settings) -> Snapshot:
    """Nothing known yet but what the settings say."""
    federation: Label = settings.federation_name.encode("utf-8")
    return Snapshot(federation=federation, cluster=settings.cluster_name)


def saved_world(settings: Settings) -> Snapshot | None:
    """What an earlier run has saved, if that is wanted and can be used."""
    if not settings.snapshot:
        return None
    return warmstart.load(settings.snapshot, sources.name_of(settings), empty_world(settings))


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
        self.keeper: warmstart.Keeper | None = None
        self._obedience: pressure.Obedience | None = None
        self._max_stale = settings.max_stale
        self._budget = settings.upstream_budget
        self._tcp = [TcpServer(listener.tcp, self.responder, loop.time) for listener in listeners]
        self.upstreams = Upstreams(self.responder, listeners, loop) if settings.forward else None
        soon = loop.call_soon if self.upstreams is None else self.upstreams.soon
        self._udp = [UdpServer(listener.udp, self.responder, soon) for listener in listeners]
        self._changed = 0
        self._synced = False
        self._is_open = False
        self._trouble = ""
        self.store.listen(self._note_change)

    def start(self, saved: Snapshot | None = None, *, waits: bool = False) -> None:
        """Answer from the first whole world on, or after a while without one.

        `waits`: never without one, as there is another process that still answers.
        """
        if saved is not None:
            self.store.swap(saved, {EVERYTHING})
        if not waits:
            self.loop.call_later(OPEN_AFTER, self._open)
        self.loop.call_later(COLLECT_AFTER, gc.enable)
        self._tick()

    def keep(self, path: str, source: str, *, later: bool = False) -> None:
        """Save the world now and then; `later`: leave the file alone for a while."""
        self.keeper = warmstart.Keeper(path, source, self.store, self.loop)
        if later:
            self.keeper.wait()

    def obey(self, relief: pressure.Board) -> None:
        """Give up caches when the board says so."""
        self._obedience = pressure.Obedience(relief, self._allow)

    def _allow(self, share: float, give_up: bool) -> None:
        self.responder.allow(share, give_up=give_up)
        if self.upstreams is not None:
            self.upstreams.allow(share, give_up=give_up)

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        for udp in self._udp:
            self.loop.add_reader(udp.socket.fileno(), self._serve, udp)
        for tcp in self._tcp:
            self.loop.add_reader(tcp.fileno(), tcp.on_ready)

    def _serve(self, udp: UdpServer) -> None:
        """Questions, and what has come from upstream meanwhile: a turn of the loop is dear."""
        udp.on_readable()
        if self.upstreams is not None and self.upstreams.pending():
            self.upstreams.on_ready()

    async def leave(self) -> None:
        """Answer what already waits, and leave the sockets to the others; `drain` is the end."""
        if not self._is_open:
            return
        for udp in self._udp:
            self.loop.remove_reader(udp.socket.fileno())
            draining.answer_waiting(udp)
        for tcp in self._tcp:
            draining.stop_accepting(tcp)
        pending = self.upstreams.pending if self.upstreams is not None else int
        await draining.finish(self._tcp, pending, self._budget)

    def drain(self) -> None:
        """Close what is ours, after the last answers."""
        if self._is_open:
            for tcp in self._tcp:
                self.loop.remove_reader(tcp.fileno())
        if self.upstreams is not None:
            self.upstreams.drain()
        for udp in self._udp:
            udp.post()
        for tcp in self._tcp:
            tcp.close()
        if self.keeper is not None:
            self.keeper.finish()
        self._publish()

    def _note_change(self, _dependencies: set[Dependency]) -> None:
        now = time.time()
        self._changed = int(now * 1e9)
        for triggered in self.builder.take_triggered():
            counts.PROGRAMMING.observe(self.region.counts, max(0.0, now - triggered))
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
            _log.warning("the federation's view is not used: %s", trouble)
        self._trouble = trouble

    def _tick(self) -> None:
        self.loop.call_later(_TICK, self._tick)
        for tcp in self._tcp:
            tcp.reap()
        if self.upstreams is not None:
            self.upstreams.tick()
        if self.keeper is not None:
            self.keeper.tick()
        if self._obedience is not None:
            self._obedience.tick()
        self._expire()
        self._publish()

    def _expire(self) -> None:
        """What `--max-stale` says."""
        snapshot = self.store.current
        since = snapshot.stale_since
        if self._max_stale and since and snapshot.synced and time.time() > since + self._max_stale:
            _log.error("not followed for %d s: no more answers from it", self._max_stale)
            self.store.swap(world.expire(snapshot), {EVERYTHING})

    def mark_stale(self, since: float) -> None:
        """The world is not followed since this Unix time; 0 when it is again."""
        self.store.commit([Stale(since)])

    def _publish(self) -> None:
        responder, region = self.responder, self.region
        region.gauge("ready", int(self.store.current.synced))
        region.gauge("stale", int(self.store.current.stale_since > 0))
        region.gauge("stale_since_ns", int(self.store.current.stale_since * 1e9))
        region.gauge("snapshot_version", self.store.current.version)
        region.gauge("snapshot_changed_ns", self._changed)
        region.gauge("answers_ready", len(responder.udp.ready) + len(responder.tcp.ready))
        region.gauge("answers_ready_bytes", responder.udp.bytes + responder.tcp.bytes)
        region.gauge("tcp_connections", sum(len(tcp.connections) for tcp in self._tcp))
        region.gauge("replies_unsent", sum(udp.unsent for udp in self._udp))
        if self.upstreams is not None:
            self.upstreams.publish(region.counts)
        region.gauge("process_id", os.getpid())
        region.gauge("turned_ns", time.monotonic_ns())
        region.publish()


def run(
    settings: Settings,
    listeners: list[Listener],
    feed: bytes,
    region: Region,
    serial: int,
    relief: pressure.Board,
    *,
    keeps: bool = True,
    follows: bool = False,
) -> None:
    """The life of an answering process; one of them `keeps` the saved snapshot.

    `follows`: it is to take the place of a process that answers still.
    """
    gc.disable()
    gc.set_threshold(20_000, 20, 50)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        answering = Answering(settings, listeners, region, serial, loop)
        answering.obey(relief)
        leaving: list[asyncio.Task[None]] = []

        def leave() -> None:
            if not leaving:
                leaving.append(loop.create_task(answering.leave()))
                leaving[0].add_done_callback(lambda _: loop.stop())

        loop.add_signal_handler(signal.SIGTERM, leave)
        answering.start(None if follows else saved_world(settings), waits=follows)
        if keeps and settings.snapshot:
            answering.keep(settings.snapshot, sources.name_of(settings), later=follows)
        FeedReader(feed, answering).connect()
        loop.run_forever()
        answering.drain()
