"""A queue emptied: each key that comes up is given to a handler, several at a time.

    the handler's answer       what becomes of the key
    Done()                     nothing more; its next failure is the first one
    Done(again=seconds)        the same, and looked at again then
    Failed(least)              again after its back-off, at least after `least` seconds
    an exception               a line in the log, and as failed

I/O (the loop's clock).  Called by `engine` and `executor`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from controllers.workqueue import WorkQueue

log = logging.getLogger("feddns.controllers")

K = TypeVar("K", bound=Hashable)


class Done(NamedTuple):
    again: float | None = None


class Failed(NamedTuple):
    least: float = 0.0


class Pump(Generic[K]):
    """See the module's docstring.  `waited(seconds)` is told how long each key has waited."""

    def __init__(
        self,
        handle: Callable[[K], Awaitable[Done | Failed]],
        limit: int,
        waited: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.queue: WorkQueue[K] = WorkQueue()
        self._handle, self._limit, self._waited = handle, limit, waited
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = True
        self._clock = asyncio.get_running_loop().time

    def add(self, key: K, *, bulk: bool = False) -> None:
        """Look at it soon."""
        self.queue.add(key, self._clock(), bulk=bulk)
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Look at it then."""
        self.queue.add_after(key, seconds, self._clock())
        self._wake.set()

    async def run(self) -> None:
        """Until it is closed or cancelled."""
        try:
            while self._is_open:
                self._wake.clear()
                self._start()
                await self._rest(self.queue.due(self._clock()))
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, seconds: float) -> None:
        """Take nothing more, and let what is under way finish within the time."""
        self._is_open = False
        if self._tasks and seconds > 0:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        self._wake.set()

    def _start(self) -> None:
        while self._is_open and len(self._tasks) < self._limit:
            taken = self.queue.take(self._clock())
            if taken is None:
                return
            key, seconds = taken
            self._waited(seconds)
            task = asyncio.get_running_loop().create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    async def _work(self, key: K) -> None:
        try:
            outcome = await self._handle(key)
        except Exception:
            log.exception("%s: it is tried again", key)
            outcome = Failed()
        now = self._clock()
        if isinstance(outcome, Failed):
            self.queue.failed(key, now, outcome.least)
            return
        self.queue.good(key)
        self.queue.done(key, now)
        if outcome.again is not None:
            self.queue.add_after(key, outcome.again, now)

    async def _rest(self, seconds: float | None) -> None:
        if seconds == 0.0 and len(self._tasks) >= self._limit:
            seconds = None
        if seconds is not None and seconds <= 0:
            seconds = 0.0
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
