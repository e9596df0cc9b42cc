"""HTTP over TLS, by uvicorn: requests in, answers and streams out.

    what comes                            what is done
    a body of more than 3 MiB             413
    a client that leaves before the end   nothing: half a request is never read
    a request                             handed on

    what goes back                        how
    an object                             whole
    a watch                               as it comes, until it ends, the client goes or the time
                                          is up

Knows nothing of the API.

I/O.  Called by `server`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec
import uvicorn

from feddns.apiserver.certificates import Pair
from feddns.apiserver.handling.call import Answer, Stream
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Request
from feddns.errors import OperatorNeeded

_GATHER = 0.004
"""Seconds that a busy watch gathers events before the next piece is sent."""
LARGEST_BODY = 3 << 20
"""Bytes, as kube-apiserver."""
_MOST_WARNED = 4096
"""Characters of all warnings together; where there are more, each is cut.  As kube-apiserver."""
_LONGEST_WARNING = 256
_NO_HEADER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Handle = Callable[[Request], Awaitable[Answer]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Web(uvicorn.Server):
    """uvicorn in somebody else's loop: no signals, no logs, stopped at once."""

    def __init__(self, handle: Handle, pair: Pair) -> None:
        async def app(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
            await _serve(handle, scope, receive, send)

        config = uvicorn.Config(
            app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
            log_level="critical", proxy_headers=False, server_header=False, date_header=True,
            timeout_keep_alive=90, timeout_graceful_shutdown=1, interface="asgi3",
        )  # fmt: skip
        config.load()
        config.ssl = _context(pair)
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self._ticking: asyncio.Task[None] | None = None

    async def begin(self, bound: socket.socket) -> None:
        await self.startup(sockets=[bound])
        self._ticking = asyncio.create_task(self.main_loop())

    async def end(self) -> None:
        """Close every connection; answers that are under way have a moment."""
        if self._ticking is not None:
            self._ticking.cancel()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while self.server_state.tasks:
                    await asyncio.sleep(0.005)
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)


def bind(listen: str) -> socket.socket:
    """A socket that listens at ADDRESS:PORT.  Raises `OperatorNeeded`."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise OperatorNeeded(f"{listen}: not ADDRESS:PORT; for example 127.0.0.1:6443")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
        bound.listen()  # two may bind to one port, until the first of them listens
    except (OSError, UnicodeError) as error:
        bound.close()
        why = getattr(error, "strerror", None) or error
        raise OperatorNeeded(f"cannot listen on {listen}: {why}") from error
    return bound


# --- one request ---------------------------------------------------------------------------------


async def _serve(handle: Handle, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    try:
        body = await _body(receive)
    except _Gone:
        return
    except RequestRefused as refused:
        await _send(send, Answer(refused.code, msgspec.json.encode(refused.status())))
        return
    answer = await handle(_request(scope, body))
    if answer.watch is not None:
        await _stream(answer.watch, _warned(answer.warnings), receive, send)
    else:
        await _send(send, answer)


class _Gone(Exception):
    """The client left before all of its request was here."""


async def _body(receive: Receive) -> bytes:
    """The whole body.  Raises `_Gone`, and `RequestRefused` when it is too large."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > LARGEST_BODY:
            why = f"Request entity too large: limit is {LARGEST_BODY}"
            raise RequestRefused(413, "RequestEntityTooLarge", why)
        more = message.get("more_body", False)
    return b"".join(pieces)


def _request(scope: Mapping[str, Any], body: bytes) -> Request:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body)


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"cache-control", b"no-cache, private"),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    if answer.retry_after:
        headers.append((b"retry-after", str(answer.retry_after).encode()))
    if "as=" in answer.content_type:
        headers[0] = (b"cache-control", b"public")
        headers.append((b"vary", b"Accept"))
    elif answer.content_type.startswith("text/plain") or answer.status == 403:
        headers.append((b"x-content-type-options", b"nosniff"))
    headers += _warned(answer.warnings)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _warned(warnings: Iterable[str]) -> list[tuple[bytes, bytes]]:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in _fitting(warnings))
    return [(b"warning", f'299 - "{text}"'.encode()) for text in quoted]


def _fitting(warnings: Iterable[str]) -> list[str]:
    """Each once; what no header can hold is left out, and what is too much."""
    texts = [text for text in dict.fromkeys(warnings) if text and not _NO_HEADER.search(text)]
    if sum(map(len, texts)) <= _MOST_WARNED:
        return texts
    found: list[str] = []
    size = 0
    for text in texts:
        if size >= _MOST_WARNED:
            break
        found.append(text[:_LONGEST_WARNING])
        size += len(found[-1])
    return found


async def _stream(
    watch: Stream, more: list[tuple[bytes, bytes]], receive: Receive, send: Send
) -> None:
    """Send what the watch brings until it ends, the client goes or the time is up."""
    news = asyncio.Event()
    watch.awake = news.set
    gone = asyncio.ensure_future(receive())
    gone.add_done_callback(lambda _: watch.end())
    timer = asyncio.get_running_loop().call_later(watch.timeout, watch.end)
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers + more})
        await send({"type": "http.response.body", "body": watch.take(), "more_body": True})
        while not watch.ended:
            await news.wait()
            news.clear()
            piece = watch.take()
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(_GATHER)
        await send({"type": "http.response.body", "body": watch.take()})
    finally:
        timer.cancel()
        gone.cancel()
        watch.end()


# --- TLS -----------------------------------------------------------------------------------------


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _file(pair.certificate + pair.key) as path:
        context.load_cert_chain(path)
    return context


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """ssl reads files only."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(content)
        file.flush()
        yield file.name
