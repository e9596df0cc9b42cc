"""Addresses on which Pods really answer HTTP: who asks is told which Pod it was, and where.

    web = Web(port_offset)
    await web.show({Place("127.11.192.1", 80): (Backend(…), …), …})    # listens, or no longer
    web.close()

A place with several Pods takes turns.  A place without any is not listened on: the connection is
refused, as by a load balancer without a backend.

I/O.  Called by `member`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

log = logging.getLogger("feddns.playground")

_LONGEST_HEAD = 1 << 14
_PATIENCE = 5.0


class Place(NamedTuple):
    """Where it is listened: a loopback address and a port."""

    address: str
    port: int


class Backend(NamedTuple):
    """A Pod, and where it is."""

    cluster: str
    zone: str
    pod: str

    def words(self) -> bytes:
        return f"pod {self.pod} in zone {self.zone} of cluster {self.cluster}\n".encode()


Backends = tuple[Backend, ...]


class Web:
    """See the module's docstring."""

    def __init__(self, port_offset: int = 0) -> None:
        """`port_offset` is added to ports below 1024 where those are not allowed."""
        self.port_offset = port_offset
        self._open: dict[Place, _Listener] = {}
        self._failed: set[Place] = set()

    async def show(self, wanted: Mapping[Place, Backends]) -> None:
        """Listen on these places and no others."""
        for place in self._open.keys() - {place for place, backends in wanted.items() if backends}:
            self._open.pop(place).close()
        self._failed &= wanted.keys()
        for place, backends in wanted.items():
            if place in self._open:
                self._open[place].set(backends)
            elif backends:
                await self._listen(place, backends)

    def close(self) -> None:
        """Listen nowhere."""
        for listener in self._open.values():
            listener.close()
        self._open.clear()

    def port(self, port: int) -> int:
        """Where a port really is."""
        return port + self.port_offset if port < 1024 else port

    async def _listen(self, place: Place, backends: Backends) -> None:
        listener = _Listener(backends)
        try:
            await listener.open(place.address, self.port(place.port))
        except OSError as error:
            if place not in self._failed:
                self._failed.add(place)
                log.warning(
                    "%s:%s: %s; nothing answers there", *place, error.strerror or str(error)
                )
            return
        self._open[place] = listener


class _Listener:
    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._turns: Iterator[Backend] = itertools.cycle(backends)
        self._server: asyncio.Server | None = None

    def set(self, backends: Backends) -> None:
        if backends != self._backends:
            self._backends = backends
            self._turns = itertools.cycle(backends)

    async def open(self, address: str, port: int) -> None:
        self._server = await asyncio.start_server(
            self._serve, address, port, limit=_LONGEST_HEAD, reuse_address=True
        )

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await reader.readuntil(b"\r\n\r\n")
                body = next(self._turns).words()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asks so gets no answer
        finally:
            writer.close()
