"""The clients: requests over kept connections, and watchers that count.

One request is in flight on a connection.  The parser knows just enough of HTTP/1.1 to cost less
than a server does: it looks for the end of a reply and for its status.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import yaml

NAMESPACE = "default"
CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_Protocol = TypeVar("_Protocol", bound=asyncio.Protocol)


class Place(NamedTuple):
    """Where a server is, and how to come in."""

    url: str
    authority: str
    token: str

    def context(self) -> ssl.SSLContext:
        return _context(self.authority)


@functools.cache
def _context(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority)


def place_of(kubeconfig: Path) -> Place:
    """Where the API of an administrator's kubeconfig is, in YAML or JSON."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Place(cluster["server"], authority, user["token"])


class Refused(Exception):
    """A reply that is not 2xx."""


class Caller(asyncio.Protocol):
    """A kept connection; `requests` is shared, and who is free takes the next."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if _is_whole(self._buffer):
            status = bytes(self._buffer[9:12])
            if not status.startswith(b"2"):
                self._end(Refused(self._buffer[:600].decode(errors="replace")))
                return
            self._buffer.clear()
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(ConnectionResetError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._end(None)
        else:
            self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if not self._done.done():
            if error:
                self._done.set_exception(error)
            else:
                self._done.set_result(None)
        self._transport.abort()  # a close would wait for the server's, beyond the loop's end


class Watcher(asyncio.Protocol):
    """A watch; `count` is of its events: a line each, and an object's JSON has no line ends."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._head = b""
        self.started = asyncio.get_running_loop().create_future()
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.started.done():
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self.started.set_exception(Refused(head.decode()))
                return
            self.started.set_result(None)
        # Chunks end with \r\n, and the line of an event with \n before it.
        self.count += data.count(b"}\n")


def _is_whole(buffer: bytearray) -> bool:
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(buffer[:end]).lower()
    at = head.find(b"content-length:")
    if at >= 0:
        return len(buffer) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
    return buffer.endswith(b"\r\n0\r\n\r\n")


def head(place: Place, method: str, path: str, length: int = 0) -> bytes:
    """The head of a request."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(place.url).netloc}\r\n"
        f"Authorization: Bearer {place.token}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode("ascii")


def creations(place: Place, prefix: str, count: int) -> list[bytes]:
    """Requests that make ConfigMaps of half a kilobyte each."""
    requests = []
    for number in range(count):
        body = json.dumps({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": f"{prefix}-{number}", "labels": {"app": "bench"}},
            "data": {"key": f"{number:0400}"},
        }).encode()  # fmt: skip
        requests.append(head(place, "POST", CONFIGMAPS, len(body)) + body)
    return requests


async def run(place: Place, requests: Sequence[bytes], connections: int) -> float:
    """Send all, over so many connections; the seconds it took.  Raises `Refused`."""
    loop = asyncio.get_running_loop()
    todo = iter(requests)
    done = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for one in done:
        await _connect(place, functools.partial(Caller, todo, one))
    await asyncio.gather(*done)
    return time.perf_counter() - started


async def watch(place: Place, watchers: int, version: str) -> list[Watcher]:
    """So many watches of ConfigMaps from this version, open."""
    request = head(place, "GET", f"{CONFIGMAPS}?watch=1&resourceVersion={version}")
    found = []
    for _ in range(watchers):
        watcher = await _connect(place, functools.partial(Watcher, request))
        await watcher.started
        found.append(watcher)
    return found


async def _connect(place: Place, factory: Callable[[], _Protocol]) -> _Protocol:
    split = urlsplit(place.url)
    assert split.hostname
    assert split.port
    _, protocol = await asyncio.get_running_loop().create_connection(
        factory, split.hostname, split.port, ssl=place.context()
    )
    return protocol
