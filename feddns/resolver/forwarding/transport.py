"""The sockets of forwarded questions: a new UDP socket, with a port of its own, for each message.

    UDP    connected, so that the kernel drops what comes from elsewhere; a new one for each
           message, so that a forger has to guess its port besides the id (RFC 5452 §9)
    TCP    one connection for one question, after a truncated reply

They are in an epoll set of their own, which the event loop sees as one descriptor, as those of
`tcp` are: a question comes and goes without the loop's books.  While something is in flight, time
is brought to the forwarder every few hundredths of a second.

I/O, but no decision.  Called by the answering process.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections.abc import Callable

from feddns.resolver import framing
from feddns.resolver.forwarding.forwarder import Forwarder
from feddns.resolver.forwarding.inflight import Exchange

_READ = 65_536
_EVENTS = 256
_SWEEP = 0.025
_UDP = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_TCP = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class Place:
    """The socket of one exchange, and for TCP what is not yet sent or read."""

    __slots__ = ("exchange", "socket", "unread", "unsent")

    def __init__(self, exchange: Exchange, opened: socket.socket) -> None:
        self.exchange = exchange
        self.socket = opened
        self.unsent = b""
        self.unread = b""


class Transport:
    """See `forwarder.Transport`.  `forwarder` is put in after both are made."""

    forwarder: Forwarder

    def __init__(self, call_later: Callable[[float, Callable[[], None]], object]) -> None:
        """`call_later`: the loop's."""
        self.epoll = select.epoll()
        self._places: dict[int, Place] = {}
        self._call_later = call_later
        self._is_sweeping = False

    def fileno(self) -> int:
        """What the event loop is to watch for reading."""
        return self.epoll.fileno()

    # --- for the forwarder ----------------------------------------------------------------------

    def send(self, exchange: Exchange) -> bool:
        """Open a socket and send, or begin to connect; False when the machine refuses."""
        server = exchange.server
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        try:
            opened = socket.socket(family, _TCP if exchange.tcp else _UDP)
        except OSError:  # no descriptor left
            return False
        place = Place(exchange, opened)
        try:
            if exchange.tcp:
                self._connect(place)
            else:
                opened.connect((server.host, server.port))
                opened.send(exchange.message)
                self.epoll.register(opened.fileno(), select.EPOLLIN)
        except OSError:
            opened.close()
            return False
        exchange.place = place
        self._places[opened.fileno()] = place
        if not self._is_sweeping:
            self._is_sweeping = True
            self._call_later(_SWEEP, self._sweep)
        return True

    def drop(self, exchange: Exchange) -> None:
        """Close its socket, which leaves the epoll set with it."""
        place = exchange.place
        if isinstance(place, Place) and place.socket.fileno() >= 0:
            del self._places[place.socket.fileno()]
            place.socket.close()

    # --- for the loop -----------------------------------------------------------------------------

    def on_ready(self) -> None:
        """Take what has come, up to a number of sockets."""
        for descriptor, event in self.epoll.poll(0, _EVENTS):
            place = self._places.get(descriptor)
            if place is None:  # its question was answered by another one in this turn
                continue
            if not place.exchange.tcp:
                self._receive(place)
            elif place.unsent and event & select.EPOLLOUT:
                self._write(place)
            else:
                self._read(place)

    def finish(self, seconds: float) -> None:
        """Go on without the loop until nobody waits any more, at most so long."""
        stop = time.monotonic() + seconds
        while self.forwarder.waiting and time.monotonic() < stop:
            select.select([self.epoll.fileno()], [], [], _SWEEP)
            self.on_ready()
            self.forwarder.sweep()

    def close(self) -> None:
        """Close everything."""
        for place in list(self._places.values()):
            place.socket.close()
        self._places.clear()
        self.epoll.close()

    def _sweep(self) -> None:
        self._is_sweeping = self.forwarder.sweep()
        if self._is_sweeping:
            self._call_later(_SWEEP, self._sweep)

    # --- sockets ----------------------------------------------------------------------------------

    def _receive(self, place: Place) -> None:
        exchange = place.exchange
        while True:
            try:
                message = place.socket.recv(_READ)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.forwarder.failed(exchange, _words(error))
                return
            if self.forwarder.received(exchange, message):
                return

    def _connect(self, place: Place) -> None:
        server = place.exchange.server
        with contextlib.suppress(BlockingIOError):
            place.socket.connect((server.host, server.port))
        place.unsent = framing.frame(place.exchange.message)
        self.epoll.register(place.socket.fileno(), select.EPOLLOUT | select.EPOLLIN)

    def _write(self, place: Place) -> None:
        try:
            sent = place.socket.send(place.unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.forwarder.failed(place.exchange, f"over TCP: {_words(error)}")
            return
        place.unsent = place.unsent[sent:]
        if not place.unsent:
            self.epoll.modify(place.socket.fileno(), select.EPOLLIN)

    def _read(self, place: Place) -> None:
        try:
            stream = place.socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.forwarder.failed(place.exchange, f"over TCP: {_words(error)}")
            return
        messages, place.unread = framing.take(place.unread + stream)
        for message in messages:
            if self.forwarder.received(place.exchange, message):
                return
        if not stream:
            self.forwarder.failed(place.exchange, "over TCP: closed the connection")


def _words(error: OSError) -> str:
    return (error.strerror or errno.errorcode.get(error.errno or 0, "no answer")).lower()
