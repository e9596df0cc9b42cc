"""The answering process's end of the feed: connects again and again, and builds the world from it.

I/O.  Called by `answering`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Protocol

from feddns import feed
from feddns.app.upstreams import Upstreams
from feddns.feed import Builder, Splitter, Step
from feddns.store import Store

STALE_AFTER = 10.0
_LOOK_EVERY = 0.25
_TELL_EVERY = 1.0
_READ = 1 << 18
_FIRST_RETRY, _LAST_RETRY = 0.02, 1.0


class Fed(Protocol):
    """What of an answering process the feed concerns."""

    loop: asyncio.AbstractEventLoop
    store: Store
    builder: Builder
    upstreams: Upstreams | None

    def mark_stale(self, since: float) -> None: ...


class FeedReader:
    """Connects to the feed, again and again, and gives its steps to the builder.

    The feed is followed when its connection has brought a whole world and goes on saying something,
    be it only that the watcher lives.
    """

    def __init__(self, address: bytes, answering: Fed, stale_after: float = STALE_AFTER) -> None:
        self._address = address
        self._stale_after = stale_after
        self._answering = answering
        self._loop = answering.loop
        self._socket: socket.socket | None = None
        self._splitter = Splitter()
        self._retry = _FIRST_RETRY
        self._is_whole = False
        self._heard = self._loop.time()
        self._marked = False
        self._told = 0.0
        self._said = b""
        self._look()

    def _look(self) -> None:
        """Say it when the feed has been silent for too long."""
        silent = self._loop.time() - self._heard
        current = self._answering.store.current
        if silent > self._stale_after and current.synced and not current.stale_since:
            self._answering.mark_stale(time.time() - silent)
            self._marked = True
        self._tell(current.synced)
        self._loop.call_later(min(_LOOK_EVERY, self._stale_after / 2), self._look)

    def _hear(self) -> None:
        """The sender lives.  Before its frames are applied: they may say that a source is stale."""
        self._heard = self._loop.time()
        if self._marked:
            self._marked = False
            self._answering.mark_stale(0.0)

    def _tell(self, synced: bool) -> None:
        """Now and then: how the upstream servers are.  What does not fit is told the next time."""
        upstreams = self._answering.upstreams
        now = self._loop.time()
        if (
            upstreams is None
            or self._socket is None
            or not synced
            or now < self._told + _TELL_EVERY
        ):
            return
        self._told = now
        frame = feed.told(os.getpid(), upstreams.report())
        if frame[4:] == self._said:
            return
        try:
            if self._socket.send(frame, socket.MSG_DONTWAIT) < len(frame):
                self._socket.shutdown(socket.SHUT_RDWR)  # half a frame: begin anew
            self._said = frame[4:]
        except OSError:
            return

    def connect(self) -> None:
        """Try now; on failure later."""
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.setblocking(False)  # done at once, or refused: it never waits for the watcher
        try:
            connecting.connect(self._address)
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
        if not data:
            self._loop.remove_reader(self._socket.fileno())
            self._cut()
            return
        self._splitter.feed(data)
        if self._is_whole:
            self._hear()
        if self._take():  # there is more: one step a turn of the loop, and then read on
            self._loop.remove_reader(self._socket.fileno())
            self._loop.call_soon(self._next_step)

    def _next_step(self) -> None:
        if self._take():
            self._loop.call_soon(self._next_step)
        elif self._socket is not None:
            self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def _take(self) -> bool:
        """Apply the next step; whether another may be there already."""
        step: Step | None = self._splitter.take()
        if step is None:
            return False
        self._answering.builder.apply(step)
        if step.commit and not self._is_whole:
            self._is_whole = True
            self._retry = _FIRST_RETRY
            self._heard = self._loop.time()
            self._marked = False  # the new world says itself whether it is stale
        return self._splitter.has_more()

    def _cut(self) -> None:
        assert self._socket is not None
        self._socket.close()
        self._socket = None
        self._is_whole = False
        self._said = b""
        self._answering.builder.abandon()
        self.connect()
