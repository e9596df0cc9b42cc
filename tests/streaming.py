"""A steady stream of questions over UDP, and an eye on every reply.

with Stream(address, port, names) as stream:
    stream.run(time.monotonic() + 1)      # keeps `window` questions under way
    load = stream.finish()                # what became of them
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

import dns.message

PATIENCE = 3.0
"""Seconds after which a question counts as lost."""


class Load(NamedTuple):
    """What became of the questions; `worst` is the longest wait for a reply."""

    asked: int
    lost: int
    wrong: int
    worst: float


class Stream:
    """Numbered questions over one socket."""

    def __init__(
        self, address: str, port: int, names: list[str], *, window: int = 20, pause: float = 0.0
    ) -> None:
        """`pause`: seconds between two questions, so that the stream is no load by itself."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.connect((address, port))
        self._socket.setblocking(False)
        self._questions = [dns.message.make_query(name, "A").to_wire()[2:] for name in names]
        self._window = window
        self._pause = pause
        self._waiting: dict[int, float] = {}
        self._asked = self._lost = self._wrong = 0
        self.waits: list[float] = []

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def run(self, end: float, unless: Callable[[], bool] = lambda: False) -> None:
        """Ask until then (of the monotonic clock), or until something holds."""
        while time.monotonic() < end and not unless():
            if self._pause:
                time.sleep(self._pause)
            while len(self._waiting) < self._window:
                self._send()
            self._take(0.05)
            self._give_up()

    def finish(self) -> Load:
        """Wait for what is under way."""
        end = time.monotonic() + PATIENCE
        while self._waiting and time.monotonic() < end:
            self._take(0.05)
        self._lost += len(self._waiting)
        return Load(self._asked, self._lost, self._wrong, max(self.waits, default=0.0))

    def _send(self) -> None:
        ident = self._asked & 0xFFFF
        self._asked += 1
        self._waiting[ident] = time.monotonic()
        self._socket.send(struct.pack("!H", ident) + self._questions[ident % len(self._questions)])

    def _take(self, timeout: float) -> None:
        select.select([self._socket], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            while True:
                reply = self._socket.recv(4096)
                (ident,) = struct.unpack_from("!H", reply)
                sent = self._waiting.pop(ident, None)
                if sent is not None:
                    self.waits.append(time.monotonic() - sent)
                    self._wrong += reply[3] & 15 != 0 or reply[7] != 1

    def _give_up(self) -> None:
        before = time.monotonic() - PATIENCE
        for ident in [ident for ident, sent in self._waiting.items() if sent < before]:
            del self._waiting[ident]
            self._lost += 1
