"""The API as a server: HTTPS, a file, a kubeconfig.

    server = await start(Options(listen="127.0.0.1:0", data=Path("api.db")))
    server.url, server.kubeconfig(), server.api
    await server.stop()                              at once, open watches are ended

    one turn of the loop
    requests are handled → what deletions bring → one transaction → answers and events go out

Several servers may run in one process and one loop.

I/O.  Called by `cli.apiserver`, by the playground, by tests.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import ipaddress
import logging
import os
import secrets
import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import uvicorn

from feddns.apiserver import bootstrap, certificates, kinds
from feddns.apiserver.certificates import Pair
from feddns.apiserver.handling.api import Api
from feddns.apiserver.handling.call import Answer, Settings, Stream
from feddns.apiserver.identity import MASTERS, User
from feddns.apiserver.journal import Journal
from feddns.apiserver.requests import Request
from feddns.apiserver.store import Store
from feddns.errors import OperatorNeeded

_LOG = logging.getLogger(__name__)
ADMIN = "admin"
_MINUTE = 60.0
"""Seconds between bookmarks."""
_GATHER = 0.004
"""Seconds that a busy watch gathers events before the next piece is sent."""
_LARGEST_BODY = 3 << 20
"""Bytes, as kube-apiserver."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Options(NamedTuple):
    """What one server is told.  Without `data` everything is in memory.

    `tokens`: more users by token.  `sync`: each commit waits for the disk.
    """

    listen: str = "127.0.0.1:0"
    data: Path | None = None
    name: str = "feddns"
    settings: Settings = Settings()
    tokens: Mapping[str, str] = {}
    sync: bool = False


class Server:
    """One API that is served.  Made by `start`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.address, self.port = "", 0
        self._journal = Journal(options.data, sync=options.sync)
        self._store = Store(time.monotonic)
        self._journal.load_into(self._store)
        self._secrets = _Secrets(self._journal, options)
        tokens = {self._secrets.token: User(ADMIN, (MASTERS, "system:authenticated"))}
        for token, name in options.tokens.items():
            tokens[token] = User(name, (MASTERS, "system:authenticated"))
        self.api = Api(
            kinds.BUILTIN(), self._store, now=_now, entropy=os.urandom, tokens=tokens,
            settings=options.settings,
        )  # fmt: skip
        self._committed: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._web: _Web | None = None

    @property
    def url(self) -> str:
        address = self.address
        if ipaddress.ip_address(address).is_unspecified:
            address = "::1" if ":" in address else "127.0.0.1"
        host = f"[{address}]" if ":" in address else address
        return f"https://{host}:{self.port}"

    @property
    def token(self) -> str:
        """Of the administrator."""
        return self._secrets.token

    @property
    def authority(self) -> bytes:
        """The certificate that clients trust, as PEM."""
        return self._secrets.authority.certificate

    def kubeconfig(self, context: str = "") -> dict[str, Any]:
        """For the administrator; JSON of it is a file that kubectl reads."""
        name = context or self.options.name
        return kubeconfig(name, self.url, self.token, self.authority)

    async def begin(self) -> None:
        """Listen, and serve from now on.  Raises `OperatorNeeded`, with the file closed."""
        try:
            bound = _bind(self.options.listen)
        except OperatorNeeded:
            self._journal.close()
            raise
        self.address, self.port = bound.getsockname()[:2]
        bootstrap.fill(self.api, self.port)
        self._turn()
        await self._listen(bound)
        self._tasks = [asyncio.create_task(self._keep_time())]

    async def pause(self) -> None:
        """Nobody is listened to until `resume`; what is here lives on.  Can be called twice."""
        web, self._web = self._web, None
        if web is not None:
            self.api.hub.end_all()
            await web.end()

    async def resume(self) -> None:
        """Listen again, at the same address.  Raises `OperatorNeeded`."""
        if self._web is None:
            host = f"[{self.address}]" if ":" in self.address else self.address
            await self._listen(_bind(f"{host}:{self.port}"))

    async def stop(self) -> None:
        """End the watches, answer what is under way, close the file.  Can be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await self.pause()
        if tasks:
            self._turn()
            self._journal.close()

    async def _listen(self, bound: socket.socket) -> None:
        pair = certificates.serving(self._secrets.authority, self._names(), _now())
        self._web = _Web(self._serve, _context(pair))
        await self._web.begin(bound)

    def _names(self) -> list[str]:
        own = ["127.0.0.1", "::1", "localhost", "kubernetes", "kubernetes.default.svc"]
        first = self.api.context.addresses.first
        wildcard = ipaddress.ip_address(self.address).is_unspecified
        others = _own_addresses() if wildcard else [self.address]
        return list(dict.fromkeys([*own, first, *others]))

    # --- a turn ----------------------------------------------------------------------------------

    def changed(self) -> asyncio.Future[None] | None:
        """What to wait for before anything of this turn is told; None when nothing changed."""
        if self._committed is None:
            if not self._journal.changes:
                return None
            loop = asyncio.get_running_loop()
            self._committed = loop.create_future()
            loop.call_soon(self._turn)
        return self._committed

    def _turn(self) -> None:
        """Make durable what happened, then let it be known.

        What cannot be written stays, untold, for the next turn; until one succeeds, every request
        is answered with 500, as any answer could tell of it.
        """
        more = self._settle()
        committed, self._committed = self._committed, None
        try:
            self._journal.commit()
        except OperatorNeeded as error:
            _LOG.error("%s", error)
            if committed is not None and not committed.done():
                committed.set_exception(error)
            return
        if committed is not None and not committed.done():
            committed.set_result(None)
        self.api.hub.wake()
        if more:
            asyncio.get_running_loop().call_soon(self._turn)

    def _settle(self) -> bool:
        try:
            return self.api.settle()
        except Exception:  # who waits for the commit must not wait for ever
            _LOG.exception("what a deletion brings could not be done")
            return False

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_MINUTE)
            self._turn()
            try:
                self.api.keep_time()
            except Exception:  # the next minute must come all the same
                _LOG.exception("what is due each minute could not be done")
            self._turn()

    def _handle(self, request: Request) -> Answer:
        try:
            return self.api.handle(request)
        except Exception as error:  # a fault of ours: say so, and go on for the others
            _LOG.exception("%s %s", request.method, request.path)
            return Answer(500, msgspec.json.encode(_trouble(f"{type(error).__name__}: {error}")))

    # --- a request -------------------------------------------------------------------------------

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await _body(receive)
        except _Gone:
            return
        if body is None:
            await _send(send, Answer(413, b"the request is too large"))
            return
        answer = await self._durable(self._handle(_request(scope, body)))
        if answer.watch is not None:
            await _stream(answer.watch, receive, send)
        else:
            await _send(send, answer)

    async def _durable(self, answer: Answer) -> Answer:
        """The answer once all that it may tell of is committed; 500 when that cannot be."""
        committed = self.changed()
        if committed is None:
            return answer
        try:
            await asyncio.shield(committed)
        except BaseException as error:
            if answer.watch is not None:
                answer.watch.end()
            if not isinstance(error, OperatorNeeded):
                raise
            return Answer(500, msgspec.json.encode(_trouble(str(error))))
        return answer


async def start(options: Options) -> Server:
    """A server that listens.  Raises `OperatorNeeded`."""
    server = Server(options)
    await server.begin()
    return server


def kubeconfig(name: str, url: str, token: str, authority: bytes | None) -> dict[str, Any]:
    """JSON of it is a file that kubectl reads; without an authority nothing is checked."""
    trust: dict[str, Any] = {"insecure-skip-tls-verify": True}
    if authority is not None:
        trust = {"certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": url, **trust}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": token}}],
    }  # fmt: skip


# --- HTTP ----------------------------------------------------------------------------------------


def _request(scope: Mapping[str, Any], body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body
    )


class _Gone(Exception):
    """The client left before all of its request was here."""


async def _body(receive: Receive) -> bytes | None:
    """The whole body, None when it is too large.  Raises `_Gone`: half a body is never read."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > _LARGEST_BODY:
            return None
        more = message.get("more_body", False)
    return b"".join(pieces)


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
    for warning in answer.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        headers.append((b"warning", f'299 - "{quoted}"'.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _stream(watch: Stream, receive: Receive, send: Send) -> None:
    """Send what the watch brings until it ends, the client goes or the time is up."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    watch.awake = news.set
    gone = asyncio.ensure_future(receive())
    gone.add_done_callback(lambda _: watch.end())
    timer = loop.call_later(watch.timeout, watch.end)
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
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


class _Web(uvicorn.Server):
    """uvicorn in somebody else's loop: no signals, no logs, stopped at once."""

    def __init__(self, app: Any, context: ssl.SSLContext) -> None:
        config = uvicorn.Config(
            app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
            log_level="critical", proxy_headers=False, server_header=False, date_header=True,
            timeout_keep_alive=90, timeout_graceful_shutdown=1, interface="asgi3",
        )  # fmt: skip
        config.load()
        config.ssl = context
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


# --- the machine ---------------------------------------------------------------------------------


class _Secrets:
    """What the server keeps of itself: made once, for as long as the file lives."""

    def __init__(self, journal: Journal, options: Options) -> None:
        certificate, key = journal.secret("ca.crt"), journal.secret("ca.key")
        token = journal.secret("token")
        if certificate is None or key is None or token is None:
            certificate, key = certificates.authority(options.name, _now())
            token = secrets.token_urlsafe(32).encode()
            journal.keep_secret("ca.crt", certificate)
            journal.keep_secret("ca.key", key)
            journal.keep_secret("token", token)
        self.authority = Pair(certificate, key)
        self.token = token.decode()


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


def _bind(listen: str) -> socket.socket:
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdigit():
        raise OperatorNeeded(f"{listen}: not ADDRESS:PORT; for example 127.0.0.1:6443")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
    except OSError as error:
        bound.close()
        raise OperatorNeeded(f"cannot listen on {listen}: {error.strerror}") from error
    return bound


def _own_addresses() -> list[str]:
    with contextlib.suppress(OSError):
        return [str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)]
    return []


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _trouble(message: str) -> dict[str, Any]:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "InternalError", "code": 500,
    }  # fmt: skip
