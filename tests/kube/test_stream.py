"""How often a busy connection is looked at, in virtual time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import pytest

from feddns.kube.stream import LONGEST_REST, Stream

EVENT = b"x" * 1100
STEP = 0.0001
LATE = 0.0003
"""How long a loop takes to see that something came."""
SOON = LATE + 2 * STEP


class Timer:
    """What `call_later` gives."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """A loop whose time stands still until `follow` moves it, with one reader."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reader: Callable[[], None] | None = None
        self.timers: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self.order = itertools.count()

    def time(self) -> float:
        return self.now

    def add_reader(self, _: socket.socket, callback: Callable[[], None]) -> None:
        self.reader = callback

    def remove_reader(self, _: socket.socket) -> None:
        self.reader = None

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self.timers, (self.now + seconds, next(self.order), timer, callback))
        return timer

    def turn(self, is_readable: bool) -> None:
        while self.timers and self.timers[0][0] <= self.now:
            _, _, timer, callback = heapq.heappop(self.timers)
            if not timer.is_cancelled:
                callback()
        if is_readable and self.reader is not None:
            self.reader()


class Line:
    """A stream, and how long each event that was sent waited in the kernel."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop()
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self.loop)
        self.ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.stream = Stream(theirs)
        self.sent: list[float] = []
        self.waited: list[float] = []
        self.pieces = 0
        self.stream.start(self.take, lambda reason: None)

    def take(self, data: bytes) -> None:
        self.pieces += 1
        for _ in range(len(data) // len(EVENT)):
            self.waited.append(self.loop.now - self.sent[len(self.waited)])

    def follow(self, delays: Iterable[float]) -> tuple[int, float]:
        """Send an event after each delay; the pieces that came, and the longest wait."""
        before, known = self.pieces, len(self.waited)
        for delay in delays:
            end = self.loop.now + delay
            while self.loop.now < end:
                self.loop.now += STEP
                unread = self.sent[len(self.waited) :]
                self.loop.turn(bool(unread) and unread[0] + LATE <= self.loop.now)
            self.ours.send(EVENT)
            self.sent.append(self.loop.now)
        return self.pieces - before, max(self.waited[known:])

    def close(self) -> None:
        self.stream.close()
        self.ours.close()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with closing(Line(monkeypatch)) as made:
        yield made


TOGETHER = [0.009, *[0.0001] * 9]
"""Ten events of one transaction, as an API server writes them, every 10 ms."""


def test_a_lone_event_is_read_at_once(line: Line) -> None:
    pieces, longest = line.follow([0.05] * 20)
    assert (pieces, longest < SOON) == (19, True)


@pytest.mark.parametrize("delays", [[0.001] * 1000, TOGETHER * 100], ids=["singly", "by ten"])
def test_of_a_thousand_a_second_a_turn_takes_many(line: Line, delays: list[float]) -> None:
    pieces, longest = line.follow(delays)
    assert pieces < 80
    assert longest <= LONGEST_REST + STEP
    line.follow([0.1])
    assert line.follow([0.05] * 3)[1] < SOON
