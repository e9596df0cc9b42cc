"""The control socket: how `feddns status`, `feddns why` and `--takeover` speak with a server.

    request      reply
    status       a `report.Report`
    world        a `World`, then all objects as frames of the feed: what `why` needs
    takeover     a `Given`, with the listening sockets behind it (SCM_RIGHTS)
    retire       {}: the server that gave its sockets away drains and ends
    ready        {} when there is nothing to complain of, else the reasons

A request is a line of JSON, and so is a reply; the connection is then closed.  A request that
cannot be answered gets {"error": why}.  The socket has a name in the abstract namespace
(`@feddns/127.0.0.1:5353`), so it leaves no file behind and is reached within one network namespace
only.  Only processes of the server's own user and root are listened to.  It is inherited from one
generation of processes to the next, and the watching process that is in force serves it.

I/O.  Called by `watching` and `serve` on the server's side, by the commands on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from feddns import __version__, feed
from feddns.app import pressure
from feddns.app.notice import Board
from feddns.app.sockets import CONTROL_PREFIX, Listener, Sockets, user_of
from feddns.app.supervisor import RETIRE
from feddns.config import Settings, SocketAddress, changes
from feddns.errors import FeddnsError, OperatorNeeded
from feddns.events import Event
from feddns.report import Notice, Report

_LONGEST_REQUEST = 1 << 16
_PATIENCE = 10.0
_MOST_SOCKETS = 250
_POLL = 0.05


class Request(msgspec.Struct, omit_defaults=True):
    """`instance`: to whom `retire` is meant."""

    request: str
    instance: str = ""


class Given(msgspec.Struct):
    """Which sockets come with the reply: UDP and TCP of each address, metrics, control."""

    version: str
    supervisor: int
    instance: str
    listen: list[str]
    metrics: str
    cookie_secret: str = ""


class World(msgspec.Struct):
    """What `why` has to know beside the objects."""

    version: str
    settings: dict[str, str | int | float | bool | list[str]]
    changed: float


class Desk(NamedTuple):
    """What a watching process has to serve the control socket, and whether it may: `number`."""

    board: Board
    sockets: Sockets
    number: int
    settings: Settings
    pressure: pressure.Board

    async def in_force(self) -> None:
        """Wait until the processes of this generation are the ones that count."""
        while self.board.read().watcher != self.number:
            await asyncio.sleep(_POLL)


class Handover(NamedTuple):
    """What another server gave away, and who it is."""

    version: str
    supervisor: int
    instance: str
    sockets: Sockets
    cookie_secret: str


def first_notice(settings: Settings, config_file: str) -> Notice:
    """What the supervisor says at the start."""
    return Notice(
        supervisor=os.getpid(),
        started=time.time(),
        instance=secrets.token_hex(8),
        config_file=config_file,
        settings=changes.to_flags(settings),
    )


# --- the server's side ------------------------------------------------------------------------


class Known(Protocol):
    """What the watching process knows."""

    async def report(self) -> Report: ...

    def ready(self) -> dict[str, str]: ...

    def everything(self) -> tuple[Iterable[Event], bool]: ...

    def changed(self) -> float: ...


class Clerk:
    """Answers at the control socket, in a loop of somebody else's."""

    def __init__(self, desk: Desk, known: Known) -> None:
        self._desk = desk
        self._known = known
        self._serving: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Callable[[socket.socket], Any]] = {
            "status": self._status,
            "ready": self._ready,
            "world": self._world,
            "takeover": self._takeover,
        }

    async def run(self) -> None:
        """Serve, for ever, one task for each connection."""
        loop = asyncio.get_running_loop()
        while True:
            accepted, _ = await loop.sock_accept(self._desk.sockets.control)
            task = loop.create_task(self._serve(accepted))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError, TimeoutError):
            request = await asyncio.wait_for(_read_request(accepted), _PATIENCE)
            if user_of(accepted) not in (0, os.geteuid()):
                await _send(accepted, {"error": "only root and the server's own user may ask"})
                return
            if isinstance(request, str):
                await _send(accepted, {"error": request})
            elif request.request == "retire":
                await self._on_retire(accepted, request)
            elif request.request in self._answers:
                await self._answers[request.request](accepted)
            else:
                await _send(accepted, {"error": f"no such request: {request.request[:40]}"})

    async def _status(self, accepted: socket.socket) -> None:
        await _send(accepted, await self._known.report())

    async def _ready(self, accepted: socket.socket) -> None:
        await _send(accepted, {name: why for name, why in self._known.ready().items() if why})

    async def _world(self, accepted: socket.socket) -> None:
        events, whole = self._known.everything()
        if not whole:
            await _send(accepted, {"error": "nothing has been read whole yet"})
            return
        settings = self._desk.board.read().settings
        await _send(accepted, World(__version__, settings, self._known.changed()))
        loop = asyncio.get_running_loop()
        for frame in feed.frames(events, reset=True, commit=True):
            await loop.sock_sendall(accepted, frame)
            await asyncio.sleep(0)  # a fast reader must not keep the loop to itself

    async def _takeover(self, accepted: socket.socket) -> None:
        notice, sockets = self._desk.board.read(), self._desk.sockets
        given = Given(
            __version__, notice.supervisor, notice.instance,
            [str(listener.address) for listener in sockets.listeners],
            str(sockets.metrics_asked or ""), self._desk.settings.cookie_secret,
        )  # fmt: skip
        pairs = [one for each in sockets.listeners for one in (each.udp, each.tcp)]
        others = [sockets.metrics] if sockets.metrics is not None else []
        descriptors = [one.fileno() for one in (*pairs, *others, sockets.control)]
        socket.send_fds(accepted, [msgspec.json.encode(given) + b"\n"], descriptors)

    async def _on_retire(self, accepted: socket.socket, request: Request) -> None:
        if request.instance != self._desk.board.read().instance:
            await _send(accepted, {"error": "meant for another server"})
            return
        await _send(accepted, {})
        os.kill(self._desk.board.read().supervisor, RETIRE)


async def _read_request(accepted: socket.socket) -> Request | str:
    """The request, or what is wrong with it."""
    loop = asyncio.get_running_loop()
    accepted.setblocking(False)
    line = b""
    while b"\n" not in line and len(line) <= _LONGEST_REQUEST:
        part = await loop.sock_recv(accepted, _LONGEST_REQUEST)
        if not part:
            break
        line += part
    try:
        return msgspec.json.decode(line, type=Request)
    except msgspec.DecodeError as error:
        return f"not a request: {error}"


async def _send(accepted: socket.socket, reply: Any) -> None:
    accepted.setblocking(False)
    line = msgspec.json.encode(reply) + b"\n"
    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(accepted, line), _PATIENCE)


# --- the other side ---------------------------------------------------------------------------


def names() -> list[str]:
    """The control sockets that are served in this network namespace."""
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    listening = re.compile(r"^\S+ \S+ \S+ 00010000 0001 01 +\d+ @feddns/(.+)$")
    return sorted({found[1] for found in map(listening.match, lines) if found})


def choose(name: str) -> str:
    """The server that is meant: the one of that name, or the only one there is.

    Raises `OperatorNeeded` when there is none, or several.
    """
    found = names()
    if name:
        return name
    if not found:
        raise OperatorNeeded(
            "no feddns serves here: `feddns serve` starts one; in a container, ask in there"
        )
    if len(found) > 1:
        listed = ", ".join(found)
        raise OperatorNeeded(f"several servers are here, --control NAME says which: {listed}")
    return found[0]


def ask(name: str, request: str) -> bytes:
    """The line that the server replies with.  Raises `OperatorNeeded`."""
    with connect(name, request) as connected:
        return take_line(connected, name)[0]


def status(name: str) -> Report:
    """Raises `OperatorNeeded`."""
    try:
        return msgspec.json.decode(ask(name, "status"), type=Report)
    except msgspec.DecodeError as error:
        raise OperatorNeeded(f"the server {name} is of another version: {error}") from error


def world(name: str) -> tuple[World, Iterator[feed.Step]]:
    """What `why` needs, the objects as they come.  Raises `OperatorNeeded`."""
    connected = connect(name, "world")
    line, rest = take_line(connected, name)
    head = msgspec.json.decode(line, type=World)
    if head.version != __version__:
        raise OperatorNeeded(
            f"the server {name} is feddns {head.version}, this is {__version__}: ask with its own"
        )
    return head, _steps(connected, rest)


def _steps(connected: socket.socket, rest: bytes) -> Iterator[feed.Step]:
    splitter = feed.Splitter()
    splitter.feed(rest)
    with connected:
        while True:
            while (step := splitter.take()) is not None:
                yield step
            data = connected.recv(1 << 18)
            if not data:
                return
            splitter.feed(data)


def connect(name: str, request: str, instance: str = "") -> socket.socket:
    """A connection on which that was asked.  Raises `OperatorNeeded`."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(_PATIENCE)
    try:
        connected.connect(CONTROL_PREFIX + name)
        connected.sendall(msgspec.json.encode(Request(request, instance)) + b"\n")
    except OSError as error:
        connected.close()
        there = ", ".join(names())
        known = f"; there are: {there}" if there else ""
        raise OperatorNeeded(f"no server has the control socket @feddns/{name}{known}") from error
    return connected


def take_line(connected: socket.socket, name: str) -> tuple[bytes, bytes]:
    """The line of the reply, and what came behind it.  Raises `OperatorNeeded`."""
    got = b""
    while b"\n" not in got:
        try:
            part = connected.recv(1 << 16)
        except OSError:
            part = b""
        if not part:
            raise OperatorNeeded(f"the server {name} does not answer on its control socket")
        got += part
    line, _, rest = got.partition(b"\n")
    with contextlib.suppress(msgspec.DecodeError):
        refused = msgspec.json.decode(line, type=dict[str, Any]).get("error")
        if refused:
            raise OperatorNeeded(f"the server {name} says: {refused}")
    return line, rest


# --- takeover ---------------------------------------------------------------------------------


def take(settings: Settings) -> Handover | None:
    """The sockets of the server that has them; None when there is none.

    Raises `OperatorNeeded` when it does not give them.
    """
    wanted = [settings.control] if settings.control else list(map(str, settings.listen))
    there = set(names())
    name = next((name for name in wanted if name in there), None)
    return None if name is None else _take(name)


def _take(name: str) -> Handover:
    with connect(name, "takeover") as connected:
        if user_of(connected) not in (0, os.geteuid()):
            raise OperatorNeeded(f"the control socket @feddns/{name} is another user's")
        try:
            line, descriptors, _, _ = socket.recv_fds(connected, 1 << 16, _MOST_SOCKETS)
        except OSError as error:
            raise OperatorNeeded(f"the server {name} does not give its sockets: {error}") from error
    received = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    try:
        given = msgspec.json.decode(line, type=Given)
    except msgspec.DecodeError as error:
        said = line.decode("utf-8", "replace").strip() or "nothing"
        raise OperatorNeeded(f"the server {name} does not give its sockets: {said}") from error
    pairs = zip(given.listen, received[0::2], received[1::2], strict=False)
    listeners = [Listener(SocketAddress(address), udp, tcp) for address, udp, tcp in pairs]
    metrics = SocketAddress(given.metrics) if given.metrics else None
    for one in received:
        one.setblocking(False)
    if metrics is not None:
        received[-2].setblocking(True)
    asked = tuple(listener.address for listener in listeners)
    sockets = Sockets(
        asked, listeners, metrics, received[-2] if metrics is not None else None, name, received[-1]
    )
    return Handover(given.version, given.supervisor, given.instance, sockets, given.cookie_secret)


def retire(handover: Handover) -> str:
    """Tell the server that gave the sockets to end; what came of it, empty when it does."""
    name = handover.sockets.control_name
    try:
        with connect(name, "retire", handover.instance) as connected:
            connected.settimeout(_PATIENCE / 2)
            take_line(connected, name)
    except FeddnsError as error:
        return str(error)
    return ""
