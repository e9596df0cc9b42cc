"""How an answering process leaves its sockets: nothing that it has been asked stays unanswered.

    1  UDP: what waits in the kernel is answered, until nothing waits or half a second is over; the
       questions that come later are for the other processes, or nobody's
    2  TCP: connections that wait are accepted, then no more
    3  each connection is closed when it has been quiet for a moment, when nothing is under way
    4  forwarded questions (`pending`) are waited for

I/O.  Called by `answering`.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections.abc import Callable, Sequence

from feddns.resolver.tcp import TcpServer
from feddns.resolver.udp import UdpServer

_LONGEST_PASS = 0.5
_QUIET = 0.5
"""Seconds without a question after which a TCP connection is closed."""

_LONGEST_TCP = 2.0
_POLL = 0.02


def answer_waiting(udp: UdpServer) -> None:
    """Answer the datagrams that are in the socket."""
    waiting = select.poll()
    waiting.register(udp.socket.fileno(), select.POLLIN)
    end = time.monotonic() + _LONGEST_PASS
    while waiting.poll(0) and time.monotonic() < end:
        udp.on_readable()


def stop_accepting(tcp: TcpServer) -> None:
    """Take what waits to be accepted, and no more."""
    tcp.on_ready()
    with contextlib.suppress(OSError):
        tcp.epoll.modify(tcp.socket.fileno(), 0)


async def finish(servers: Sequence[TcpServer], pending: Callable[[], int], longest: float) -> None:
    """Until the connections have their answers and are closed, and nothing is pending.

    `longest`: seconds that a pending question may take; the loop watches the servers meanwhile.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        waits = loop.time() - started < longest and pending() > 0
        talks = loop.time() - started < _LONGEST_TCP and any(tcp.connections for tcp in servers)
        if not waits and not talks:
            break
        if not waits:
            _close_quiet(servers, loop.time() - _QUIET)
        await asyncio.sleep(_POLL)
    for tcp in servers:
        tcp.on_ready()  # a client that never pauses gets what it has asked until now


def _close_quiet(servers: Sequence[TcpServer], since: float) -> None:
    for tcp in servers:
        for connection in list(tcp.connections.values()):
            if connection.active <= since:
                connection.close()
