"""The listening sockets, opened once and inherited by every process that serves them.

    wanted, and …                        becomes
    open already                         the same socket: nobody notices
    not open                             a new one
    open, but not wanted any more        its owner closes it

I/O.  What the machine refuses becomes one line that says what to do about it.  Called by `serve`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import NamedTuple

from feddns.config import Settings, SocketAddress
from feddns.errors import OperatorNeeded

_RECEIVE_BUFFER = 4 << 20
"""Room for what comes while an answering process is started again."""

_SO_RCVBUFFORCE = 33
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_MTU_DISCOVER = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}
_OMIT = 5
"""Neither fragment nor believe forged path MTUs: IP_PMTUDISC_OMIT."""


class Listener(NamedTuple):
    """A UDP and a TCP socket on one address."""

    address: SocketAddress
    udp: socket.socket
    tcp: socket.socket


class Sockets(NamedTuple):
    """All that a server listens on, each beside what was asked for."""

    asked: tuple[SocketAddress, ...]
    listeners: list[Listener]
    metrics_asked: SocketAddress | None
    metrics: socket.socket | None
    control_name: str
    control: socket.socket

    def all(self) -> set[socket.socket]:
        pairs = {one for listener in self.listeners for one in (listener.udp, listener.tcp)}
        return pairs | {self.control} | ({self.metrics} if self.metrics is not None else set())


def open_sockets(settings: Settings, before: Sockets | None = None) -> Sockets:
    """What the settings ask for; what `before` has of it is taken from there.

    Raises `OperatorNeeded`, and then leaves nothing open but what was.
    """
    with contextlib.ExitStack() as opened:
        listeners = _listeners(settings.listen, before, opened)
        metrics = before.metrics if before is not None else None
        if settings.metrics is None:
            metrics = None
        elif before is None or before.metrics is None or before.metrics_asked != settings.metrics:
            metrics = opened.enter_context(open_metrics(settings.metrics))
        name = settings.control or str(listeners[0].address)
        if before is not None and before.control_name == name:
            control = before.control
        else:
            control = opened.enter_context(open_control(name))
        opened.pop_all()
    return Sockets(settings.listen, listeners, settings.metrics, metrics, name, control)


def _listeners(
    wanted: tuple[SocketAddress, ...], before: Sockets | None, opened: contextlib.ExitStack
) -> list[Listener]:
    there = list(zip(before.asked, before.listeners, strict=True)) if before is not None else []
    found = []
    for address in wanted:
        pair = next((pair for pair in there if pair[0] == address), None)
        if pair is not None:
            there.remove(pair)  # port 0 may be wanted twice
            found.append(pair[1])
            continue
        listener = open_listener(address)
        opened.enter_context(listener.udp)
        opened.enter_context(listener.tcp)
        found.append(listener)
    return found


def open_listener(wanted: SocketAddress, tries: int = 10) -> Listener:
    """Bind both sockets.  Port 0 takes a free one, the same for both.  Raises `OperatorNeeded`."""
    family = _family(wanted)
    udp = _open(wanted, family, socket.SOCK_DGRAM, wanted.port)
    _tune(udp, family)
    port = udp.getsockname()[1]
    try:
        tcp = _open(wanted, family, socket.SOCK_STREAM, port)
    except OperatorNeeded:
        udp.close()
        if wanted.port == 0 and tries > 1:  # free for UDP was not free for TCP
            return open_listener(wanted, tries - 1)
        raise
    tcp.listen(1024)
    host = f"[{wanted.address}]" if family == socket.AF_INET6 else wanted.address
    return Listener(SocketAddress(f"{host}:{port}"), udp, tcp)


def open_metrics(wanted: SocketAddress) -> socket.socket:
    """The listening socket of the HTTP server.  Raises `OperatorNeeded`."""
    listening = _open(wanted, _family(wanted), socket.SOCK_STREAM, wanted.port, "--metrics")
    listening.listen(64)
    listening.setblocking(True)
    return listening


CONTROL_PREFIX = "\0feddns/"
"""Names of control sockets are in the abstract namespace: no file, and gone with their owner."""


def open_control(name: str) -> socket.socket:
    """The listening socket that `status`, `why` and `--takeover` speak to.

    Raises `OperatorNeeded` when another server has the name.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(CONTROL_PREFIX + name)
    except OSError as error:
        listening.close()
        raise OperatorNeeded(
            f"the control socket @feddns/{name} is another server's: --control takes another name, "
            "--takeover takes that server's place"
        ) from error
    listening.listen(64)
    listening.setblocking(False)
    return listening


def open_feed() -> socket.socket:
    """The listening socket between watcher and answers.

    Its name is made up by the kernel and is in no folder, so that a read-only file system will do
    and nothing is left behind.  `is_ours` keeps other users out.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind("")
    listening.listen(64)
    return listening


def is_ours(accepted: socket.socket) -> bool:
    """Whether the other end of a Unix socket is a process of our own user."""
    return user_of(accepted) == os.geteuid()


def user_of(connected: socket.socket) -> int:
    """The user of the other end of a Unix socket, when it connected or began to listen."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return int(user)


def _family(wanted: SocketAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in wanted.address else socket.AF_INET


def _open(
    wanted: SocketAddress,
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    port: int,
    flag: str = "--listen",
) -> socket.socket:
    opened = socket.socket(family, kind)
    opened.setblocking(False)
    if kind == socket.SOCK_STREAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        opened.bind((wanted.address, port))
    except OSError as error:
        opened.close()
        transport = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        raise OperatorNeeded(_advice(error, wanted, transport, flag)) from error
    return opened


def _advice(error: OSError, wanted: SocketAddress, transport: str, flag: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"cannot listen on {wanted} ({transport}): something else does; "
            f"`ss -lpn sport = :{wanted.port}` shows what, {flag} takes another ADDRESS:PORT"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"cannot listen on {wanted} ({transport}): ports below 1024 need root or "
            f"CAP_NET_BIND_SERVICE; {flag} takes another port, for example 127.0.0.1:5353"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot listen on {wanted} ({transport}): this machine has no such address"
    return f"cannot listen on {wanted} ({transport}): {error.strerror}"


def _tune(udp: socket.socket, family: socket.AddressFamily) -> None:
    """As much receive buffer as we may have, and no path MTU discovery; neither is essential."""
    try:
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except OSError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    level, option = _MTU_DISCOVER[family]
    with contextlib.suppress(OSError):
        udp.setsockopt(level, option, _OMIT)


def own_addresses(listeners: list[Listener]) -> tuple[bytes, ...]:
    """Packed addresses that clients may reach the server at, for the glue of `ns.dns`.

    A wildcard stands for the address that the machine would use towards others.
    """
    found: dict[bytes, None] = {}
    for listener in listeners:
        family = listener.udp.family
        address = listener.address.address
        if address in ("0.0.0.0", "::"):  # noqa: S104 - a comparison
            address = _outward(family)
        if address:
            found[socket.inet_pton(family, address)] = None
    return tuple(found)


def _outward(family: int) -> str:
    """The source address towards a documentation address; nothing is sent for it."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 53))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
