"""One resource followed for ever: its informer's requests made over a connection of its own.

    follower = Follower(informer, credentials, passed, looked)
    await follower.run()          # until it is cancelled

    callback            when
    passed(events)      something came, was refused or failed; `events` may be empty
    looked()            the server has accepted, and every second: who judges staleness looks here

I/O.  Called by `kube.following` for DNS, and by the controllers' informers.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from feddns.errors import ApiTrouble, OperatorNeeded
from feddns.kube.client import Connection, Sink
from feddns.kube.credentials import Credentials
from feddns.kube.informer import Informer, Keeper, Note

_TICK = 1.0
_SAME_TROUBLE = 10.0
"""Seconds in which one line says it for all resources of the API."""

T = TypeVar("T", bound=Keeper)


class Follower(Generic[T]):
    """See the module's docstring."""

    def __init__(
        self,
        informer: Informer[T],
        credentials: Credentials,
        passed: Callable[[list[Any]], None],
        looked: Callable[[], None],
    ) -> None:
        self.informer = informer
        self._connection = Connection(credentials)
        self._passed, self._looked = passed, looked
        self._wakened = asyncio.Event()

    async def run(self) -> None:
        """List, watch, and wait where there is trouble."""
        informer, clock = self.informer, asyncio.get_running_loop().time
        sink = Sink(self._accept, lambda data: self._take(informer.data(data, clock())))
        ticking = asyncio.get_running_loop().create_task(self._tick())
        try:
            while True:
                await self._rest(informer.due - clock())
                request = informer.request(clock(), random.random())
                try:
                    answer = await self._connection.ask("GET", request.target, sink)
                except (ApiTrouble, OperatorNeeded) as trouble:
                    informer.failed(str(trouble), clock())
                    self._passed([])
                    continue
                if 200 <= answer.status < 300:
                    self._passed(informer.ended(clock()))
                else:
                    said = message(answer.body)
                    informer.refused(answer.status, said, answer.retry_after, clock())
                    self._passed([])
        finally:
            ticking.cancel()
            self._connection.close()

    def list_again(self) -> None:
        """Read everything anew, soon."""
        self.informer.list_again(asyncio.get_running_loop().time())
        self._connection.close("everything is listed again")
        self._wakened.set()

    async def _rest(self, seconds: float) -> None:
        if seconds <= 0:
            return
        self._wakened.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wakened.wait()
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        """Cut what is silent."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_TICK)
            if self._connection.is_asking and self.informer.is_silent(clock()):
                self._connection.close("nothing came any more; the connection is made anew")
            self._looked()

    def _accept(self) -> None:
        if self.informer.cut:  # while it was being connected
            self._connection.close()
            return
        self.informer.accepted(asyncio.get_running_loop().time())
        self._looked()

    def _take(self, events: list[Any]) -> None:
        if self.informer.cut:
            self._connection.close()
        self._passed(events)


class Notes:
    """What informers of one API note, as log lines; trouble that hits all alike is said once."""

    def __init__(self, log: logging.Logger, title: str) -> None:
        self._log, self._title = log, title
        self._said: dict[str, float] = {}

    def tell(self, informer: Informer[Any]) -> None:
        """Say what it noted."""
        for note in informer.notes:
            self._say(informer, note)
        informer.notes.clear()

    def _say(self, informer: Informer[Any], note: Note) -> None:
        level = logging.WARNING if note.is_warning else logging.INFO
        if not note.is_general:
            self._log.log(level, "%s: %s: %s", self._title, informer.resource.plural, note.text)
            return
        now = time.monotonic()
        if now - self._said.get(note.text, -_SAME_TROUBLE) >= _SAME_TROUBLE:
            self._log.log(level, "%s: %s", self._title, note.text)
        self._said = {text: at for text, at in self._said.items() if now - at < _SAME_TROUBLE}
        self._said[note.text] = now


class _Status(msgspec.Struct):
    message: str = ""


def message(body: bytes) -> str:
    """What the server says: the message of a Status, or the beginning of whatever else it sent."""
    try:
        text = msgspec.json.decode(body, type=_Status).message
    except (msgspec.DecodeError, UnicodeError):
        text = body[:200].decode("utf-8", "replace")
    return " ".join(text.split())
