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
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from feddns.apiserver import bootstrap, certificates, kinds, web
from feddns.apiserver.certificates import Pair
from feddns.apiserver.handling.api import Api
from feddns.apiserver.handling.call import Answer, Settings, answer
from feddns.apiserver.identity import MASTERS, User
from feddns.apiserver.journal import Journal
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Request
from feddns.apiserver.store import Store
from feddns.apiserver.web import Web
from feddns.errors import OperatorNeeded

_LOG = logging.getLogger(__name__)
ADMIN = "admin"
_MINUTE = 60.0
"""Seconds between bookmarks."""


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
        self._next: asyncio.Handle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._web: Web | None = None

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
            bound = web.bind(self.options.listen)
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
            await self._listen(web.bind(f"{host}:{self.port}"))

    async def stop(self) -> None:
        """End the watches, answer what is under way, close the file.  Can be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await self.pause()
        if tasks:
            self._turn()
            self._not_again()  # what deletions bring goes on at the next start
            self._journal.close()

    async def _listen(self, bound: socket.socket) -> None:
        pair = certificates.serving(self._secrets.authority, self._names(), _now())
        self._web = Web(self._answer, pair)
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
            self._committed = asyncio.get_running_loop().create_future()
            self._turn_soon()
        return self._committed

    def _turn(self) -> None:
        """Make durable what happened, then let it be known.

        What cannot be written stays, untold, for the next turn; until one succeeds, every request
        is answered with 500, as any answer could tell of it.
        """
        self._not_again()
        more = self._settle()
        committed, self._committed = self._committed, None
        try:
            self._journal.commit()
        except OperatorNeeded as error:
            _LOG.error("%s", error)
            if committed is not None and not committed.done():
                committed.set_exception(error)
                committed.exception()  # seen, also where nobody waits
            return
        if committed is not None and not committed.done():
            committed.set_result(None)
        self.api.hub.wake()
        if more:
            self._turn_soon()

    def _turn_soon(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._turn)

    def _not_again(self) -> None:
        next, self._next = self._next, None
        if next is not None:
            next.cancel()

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

    # --- a request -------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Answer:
        """The answer once all that it may tell of is committed; 500 when that cannot be."""
        made = self._handle(request)
        committed = self.changed()
        if committed is None:
            return made
        try:
            await asyncio.shield(committed)
        except BaseException as error:
            if made.watch is not None:
                made.watch.end()
            if not isinstance(error, OperatorNeeded):
                raise
            return _trouble(str(error))
        return made

    def _handle(self, request: Request) -> Answer:
        try:
            return self.api.handle(request)
        except Exception as error:  # a fault of ours: say so, and go on for the others
            _LOG.exception("%s %s", request.method, request.path)
            return _trouble(f"{type(error).__name__}: {error}")


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


def _own_addresses() -> list[str]:
    with contextlib.suppress(OSError):
        return [str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)]
    return []


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _trouble(message: str) -> Answer:
    refused = RequestRefused(500, "InternalError", message)
    return answer(refused.code, refused.status())
