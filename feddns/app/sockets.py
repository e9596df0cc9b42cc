"""The listening sockets, opened once and inherited by every answering process.

I/O.  What the machine refuses becomes one line that says what to do about it.  Called by `serve`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import NamedTuple

from feddns.config import SocketAddress
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
    raw = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return bool(user == os.geteuid())


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
