"""DNS over TCP (RFC 7766): many questions on a connection, answered in the order they came.

    a connection …                                    is closed
    has no whole question for --tcp-idle              when the time is over
    does not take its answers for --tcp-idle          when the time is over; until it takes
                                                      them nothing more is read from it
    is one more than --tcp-connections                the one idle longest makes room
    is one more than --tcp-connections-per-client     at once

One message of a split question does not count as activity, so that trickled bytes hold nothing
open.  The kernel hands a connection over when its first bytes are there (TCP_DEFER_ACCEPT), so
that a single question costs one turn of the loop.

I/O.  Called by the answering process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import Counter

from feddns.resolver import framing, querylog
from feddns.resolver.responder import Peer, Responder

_log = logging.getLogger("feddns.queries")

_READ = 65_536
_ACCEPTS = 64
_DEFER_SECONDS = 3
_NO_LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"


class TcpServer:
    """Serves one bound, listening, non-blocking socket."""

    def __init__(
        self, listening: socket.socket, responder: Responder, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.socket = listening
        self.responder = responder
        self.loop = loop
        self.settings = responder.settings
        self.connections: dict[Connection, float] = {}  # the longest idle first
        self.clients: Counter[str] = Counter()
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_SECONDS)

    def on_acceptable(self) -> None:
        """Take the connections that wait, up to a number of them."""
        for _ in range(_ACCEPTS):
            try:
                accepted, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # the client has gone already, or no descriptor is left
                self._make_room()
                return
            accepted.setblocking(False)
            if self.clients[address[0]] >= self.settings.tcp_connections_per_client:
                accepted.close()
                continue
            if len(self.connections) >= self.settings.tcp_connections:
                self._make_room()
            Connection(self, accepted, Peer(address[0], address[1], tcp=True)).open()

    def _make_room(self) -> None:
        oldest = next(iter(self.connections), None)
        if oldest is not None:
            oldest.close()

    def reap(self) -> None:
        """Close what has been idle for too long; called now and then."""
        limit = self.loop.time() - self.settings.tcp_idle
        for connection, active in list(self.connections.items()):
            if active > limit:
                break
            connection.close()

    def close(self) -> None:
        """Close the connections.  The listening socket is its owner's."""
        for connection in list(self.connections):
            connection.close()


class Connection:
    """One client's connection."""

    def __init__(self, server: TcpServer, accepted: socket.socket, peer: Peer) -> None:
        self.server = server
        self.socket = accepted
        self.peer = peer
        self._descriptor = accepted.fileno()
        self._unread = b""
        self._unsent = b""
        self._listening = False

    def open(self) -> None:
        """Enter the books, and read what has come with the connection."""
        self.server.clients[self.peer.address] += 1
        self._touch()
        self.on_readable()
        if self._descriptor >= 0 and not self._unsent:
            self._listen()

    def close(self) -> None:
        if self._descriptor < 0:
            return
        self._deafen()
        if self._unsent:
            self.server.loop.remove_writer(self._descriptor)
            # The client does not read: nothing is to linger in the kernel for it.
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._descriptor = -1
        self.socket.close()
        self.server.connections.pop(self, None)
        self.server.clients[self.peer.address] -= 1
        if not self.server.clients[self.peer.address]:
            del self.server.clients[self.peer.address]

    def on_readable(self) -> None:
        try:
            stream = self.socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            stream = b""
        if not stream:
            self.close()
            return
        started = time.perf_counter()
        messages, self._unread = framing.take(self._unread + stream)
        if messages:
            self._touch()
            self._send(self._answers(messages))
            self.server.responder.observe(time.perf_counter() - started, len(messages))

    def _answers(self, messages: list[bytes]) -> bytes:
        responder = self.server.responder
        ready, counts = responder.tcp.ready.get, responder.counts
        parts: list[bytes] = []
        for message in messages:
            found = ready(message[2:])
            if found is not None:
                answers, slot = found
                counts[slot] += 1
                reply = next(answers)
                parts += ((len(reply) + 2).to_bytes(2, "big"), message[:2], reply)
            else:
                whole = responder.miss(message, True)
                if self.server.settings.log_queries:
                    _log.info("%s", querylog.line(self.peer, message, whole))
                if whole is not None:
                    parts.append(framing.frame(whole))
        return b"".join(parts)

    def _send(self, stream: bytes) -> None:
        try:
            sent = self.socket.send(stream) if stream else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(stream):
            self._unsent = stream[sent:]
            self._deafen()
            self.server.loop.add_writer(self._descriptor, self._on_writable)

    def _on_writable(self) -> None:
        try:
            sent = self.socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if sent:
            self._touch()
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self.server.loop.remove_writer(self._descriptor)
            self._listen()

    def _touch(self) -> None:
        """Note activity: the books are kept in its order."""
        self.server.connections.pop(self, None)
        self.server.connections[self] = self.server.loop.time()

    def _listen(self) -> None:
        self.server.loop.add_reader(self._descriptor, self.on_readable)
        self._listening = True

    def _deafen(self) -> None:
        if self._listening:
            self.server.loop.remove_reader(self._descriptor)
            self._listening = False
