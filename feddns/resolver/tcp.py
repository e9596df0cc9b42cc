"""DNS over TCP (RFC 7766): many questions on a connection, answered in the order they came.

    a connection …                                    is closed
    has no whole question for --tcp-idle              when the time is over
    does not take its answers for --tcp-idle          when the time is over; until it takes
                                                      them nothing more is read or answered
    is one more than --tcp-connections                the one idle longest makes room
    is one more than --tcp-connections-per-client     at once

Answers from upstream go out when they come, before or after others (RFC 7766 §6.2.1.1); a client
that has sent its last question, or that is silent, still gets those it waits for.

Part of a question does not count as activity, so that trickled bytes hold nothing open.

Nobody has to wait for a client that asks for much: a connection does a certain `_WORK` in a turn,
less when its client has other connections too, and goes to the end of the line with the rest; epoll
keeps the line.  After `_TURN` it is the turn of UDP and of the feed.  All
connections of a client together wait for a quarter of --upstream-outstanding at most; until an
answer has come nothing more is read from it.

The kernel
hands a connection over when its first bytes are there (TCP_DEFER_ACCEPT), so that a single question
costs one turn.  The connections are watched by an epoll set of the server's own, which the event
loop sees as one descriptor: a connection comes and goes without the loop's books.

I/O.  Called by the answering process.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from feddns.resolver import framing, querylog
from feddns.resolver.forwarding.relay import Pending
from feddns.resolver.responder import Peer, Responder

_log = logging.getLogger("feddns.queries")

_READ = 65_536
_SENT_AT_ONCE = 65_536
"""Octets of answers after which a connection's turn is over: a few questions can ask for a lot."""

_WORK = 1024
_LEAST_WORK = 64
_MISS = 16
"""What a connection's turn may cost, counted in ready answers; one that is built costs so many."""

_ACCEPTS = 64
_EVENTS = 16
_TURN = 0.005
"""Seconds after which the loop has its turn again, once what was taken from epoll is done."""

_DEFER_SECONDS = 3
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NO_LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"


class TcpServer:
    """Serves one bound, listening, non-blocking socket."""

    def __init__(
        self, listening: socket.socket, responder: Responder, clock: Callable[[], float]
    ) -> None:
        """`clock`: seconds that only grow."""
        self.socket = listening
        self.responder = responder
        self.settings = responder.settings
        self.clock = clock
        self.epoll = select.epoll()
        self.connections: dict[int, Connection] = {}  # by descriptor, the longest idle first
        self.clients: Counter[str] = Counter()
        self._resting = False
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_SECONDS)
        # Connections have it from here.  Without it a turn's answers would wait until the client
        # has acknowledged those of the turn before, which it puts off for 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.epoll.register(listening.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        """What the event loop is to watch for reading."""
        return self.epoll.fileno()

    def on_ready(self) -> None:
        """Do what can be done now, up to a time.

        What was ready and had no turn is first in the next one: epoll puts those it has told about
        at the end of its list.
        """
        end = self.clock() + _TURN
        while True:
            events = self.epoll.poll(0, _EVENTS)
            for descriptor, event in events:
                connection = self.connections.get(descriptor)
                if connection is None:
                    self._accept()
                elif event & select.EPOLLOUT:
                    connection.on_writable()
                else:
                    connection.on_readable()
            if len(events) < _EVENTS or self.clock() >= end:
                return

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                accepted, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # the client has gone already, or no descriptor is left
                if error.errno in _EXHAUSTED and not self._make_room():
                    self._rest()
                return
            peer = Peer(address[0], address[1], tcp=True)
            if self.clients[peer.address] >= self.settings.tcp_connections_per_client:
                accepted.close()
                continue
            if len(self.connections) >= self.settings.tcp_connections:
                self._make_room()
            Connection(self, accepted, peer).open()

    def _make_room(self) -> bool:
        """Close the connection idle longest; whether there was one."""
        oldest = next(iter(self.connections.values()), None)
        if oldest is not None:
            oldest.close()
        return oldest is not None

    def _rest(self) -> None:
        """Leave the listening socket alone until the next `reap`: nothing can be taken from it."""
        self.epoll.modify(self.socket.fileno(), 0)
        self._resting = True

    def reap(self) -> None:
        """Close what has been idle for too long; called now and then."""
        if self._resting:
            self.epoll.modify(self.socket.fileno(), select.EPOLLIN)
            self._resting = False
        limit = self.clock() - self.settings.tcp_idle
        for connection in list(self.connections.values()):
            if connection.active > limit:
                break
            if connection.waiting:
                connection.touch()
            else:
                connection.close()

    def close(self) -> None:
        """Close the connections.  The listening socket is its owner's."""
        for connection in list(self.connections.values()):
            connection.close()
        self.epoll.close()


class Connection:
    """One client's connection."""

    def __init__(self, server: TcpServer, accepted: socket.socket, peer: Peer) -> None:
        self.server = server
        self.socket = accepted
        self.peer = peer
        self.active = 0.0
        self._descriptor = accepted.fileno()
        self._unread = b""
        self._unsent = b""
        self._unanswered: list[bytes] = []
        self._waits_to_send = False
        self.waiting = 0  # for answers from upstream
        self._has_ended = False
        self._is_held = False  # until an answer from upstream has come

    def open(self) -> None:
        """Enter the books, and read what has come with the connection."""
        self.server.clients[self.peer.address] += 1
        self.server.epoll.register(self._descriptor, select.EPOLLIN)
        self.touch()
        self.on_readable()

    def close(self) -> None:
        if self._descriptor < 0:
            return
        server, address = self.server, self.peer.address
        del server.connections[self._descriptor]
        self._descriptor = -1
        server.clients[address] -= 1
        if not server.clients[address]:
            del server.clients[address]
        if self._waits_to_send:
            # The client does not read: nothing is to linger in the kernel for it.
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.socket.close()  # leaves the epoll set with its last descriptor

    def on_readable(self) -> None:
        failed = False
        try:
            stream = self.socket.recv(_READ, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            stream, failed = b"", True
        if not stream:
            if self.waiting and not self._has_ended and not failed:
                self._has_ended = True
                self._watch()
            else:
                self.close()
            return
        messages, self._unread = framing.take(self._unread + stream)
        if messages:
            self.touch()
            self._answer(messages)

    def on_writable(self) -> None:
        if self._unsent:
            sent = self._try_to_send(self._unsent)
            if not sent:
                return
            self._unsent = self._unsent[sent:]
        self.touch()
        if not self._unsent:
            self._answer(self._unanswered)

    def _answer(self, messages: list[bytes]) -> None:
        """Answer as many as one turn may; the others when the client has taken these."""
        started = time.perf_counter()
        stream, number = self._answers(messages)
        sent = self._try_to_send(stream)
        self.server.responder.observe(time.perf_counter() - started, number)
        if sent is None:
            return
        self._unsent, self._unanswered = stream[sent:], messages[number:]
        waits = bool(self._unsent or self._unanswered)
        if waits != self._waits_to_send or (self.waiting and self._has_enough()):
            self._waits_to_send = waits
            self._watch()

    def _share(self, whole: int, fewest: int) -> int:
        """What each of a client's connections has of what is for all of them."""
        return max(fewest, whole // self.server.clients[self.peer.address])

    def _has_enough(self) -> bool:
        """Whether so many answers from upstream are waited for that no more are asked for."""
        return self.waiting >= self._share(self.server.settings.upstream_outstanding // 4, 1)

    def _watch(self) -> None:
        """Wait for what is to be done next: to send, or to read as long as something may come."""
        if self._has_ended and not self.waiting and not self._waits_to_send:
            self.close()
            return
        event = 0 if self._has_ended else select.EPOLLIN
        if self._waits_to_send:
            event = select.EPOLLOUT
        if self.waiting and not self._unsent and self._has_enough():
            event = 0
            self._is_held = True
        self.server.epoll.modify(self._descriptor, event)

    def _send_late(self, message: bytes, reply: bytes) -> None:
        """An answer from upstream; the connection may be gone."""
        self.waiting -= 1
        if self.server.settings.log_queries:
            _log.info("%s", querylog.line(self.peer, message, reply))
        if self._descriptor < 0:
            return
        stream = self._unsent + framing.frame(reply)
        sent = 0 if self._waits_to_send else self._try_to_send(stream)
        if sent is None:
            return
        self.touch()
        self._unsent = stream[sent:]
        if self._unsent and not self._waits_to_send:
            self._waits_to_send = True
            self._watch()
        elif self._is_held or (self._has_ended and not self._waits_to_send):
            self._is_held = False
            self._watch()

    def _answers(self, messages: list[bytes]) -> tuple[bytes, int]:
        """The answers to the first messages, and to how many."""
        responder = self.server.responder
        ready, counts = responder.tcp.ready.get, responder.counts
        parts: list[bytes] = []
        number = size = 0
        if self.waiting and self._has_enough():
            return b"", 0
        work = self._share(_WORK, _LEAST_WORK)
        for message in messages:
            number += 1
            work -= 1
            found = ready(message[2:])
            if found is not None:
                answers, slot = found
                counts[slot] += 1
                reply = next(answers)
                parts += ((len(reply) + 2).to_bytes(2, "big"), message[:2], reply)
                size += len(reply)
            else:
                work -= _MISS - 1
                whole = self._missed(message)
                if isinstance(whole, Pending):
                    self.waiting += 1
                    whole.send = partial(self._send_late, message)
                    if self._has_enough():
                        break
                else:
                    if self.server.settings.log_queries:
                        _log.info("%s", querylog.line(self.peer, message, whole))
                    if whole is not None:
                        parts.append(framing.frame(whole))
                        size += len(whole)
            if size >= _SENT_AT_ONCE or work <= 0:
                break
        return b"".join(parts), number

    def _missed(self, message: bytes) -> bytes | Pending | None:
        """The reply to a message that has no ready answer."""
        responder = self.server.responder
        asked = responder.take_cookie(message)
        if asked is None:
            return responder.miss(message, True)
        client = socket.inet_pton(self.socket.family, self.peer.address.partition("%")[0])
        return responder.answer_cookie(asked, client, time.time(), True)[0]

    def _try_to_send(self, stream: bytes) -> int | None:
        """How many octets the kernel took; None when the connection is no more."""
        try:
            return self.socket.send(stream, socket.MSG_DONTWAIT) if stream else 0
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.close()
            return None

    def touch(self) -> None:
        """Note activity: the books are kept in its order."""
        connections = self.server.connections
        connections.pop(self._descriptor, None)
        connections[self._descriptor] = self
        self.active = self.server.clock()
