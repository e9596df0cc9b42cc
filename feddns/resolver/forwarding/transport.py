"""The sockets of forwarded questions: a forger has to guess a port besides the id (RFC 5452 §9).

    UDP    connected, so that the kernel drops what comes from elsewhere; one message at a time.
           A new one for each message; under load, where 16 or more have just had their answers,
           any of those, each for 32 messages at most
    TCP    one connection for one question, after a truncated reply

They are in an epoll set of their own, which the event loop sees as one descriptor, as those of
`tcp` are: a question comes and goes without the loop's books.  While something is in flight, time
is brought to the forwarder every few hundredths of a second; when fewer than 16 were asked between
two of these sweeps, the sockets that have had their answers are closed.

I/O, but no decision.  Called by the answering process.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections import defaultdict
from collections.abc import Callable

from feddns.resolver import framing
from feddns.resolver.forwarding.forwarder import Forwarder
from feddns.resolver.forwarding.inflight import Chance, Exchange
from feddns.resolver.forwarding.servers import Server

_READ = 65_536
_EVENTS = 256
_SWEEP = 0.025
_FEW, _MANY, _USES = 16, 256, 32
_UDP = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_TCP = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class Place:
    """The socket of one exchange, and for TCP what is not yet sent or read."""

    __slots__ = ("exchange", "socket", "unread", "unsent", "uses")

    def __init__(self, exchange: Exchange, opened: socket.socket) -> None:
        self.exchange: Exchange | None = exchange
        self.socket = opened
        self.uses = 1
        self.unsent = b""
        self.unread = b""


class Transport:
    """See `forwarder.Transport`.  `forwarder` is put in after both are made."""

    forwarder: Forwarder

    def __init__(
        self, call_later: Callable[[float, Callable[[], None]], object], chance: Chance
    ) -> None:
        """`call_later`: the loop's."""
        self.epoll = select.epoll()
        self._chance = chance
        self._spares: defaultdict[Server, list[Place]] = defaultdict(list)
        self._places: dict[int, Place] = {}
        self._call_later = call_later
        self._is_sweeping = False
        self._asked = 0

    def fileno(self) -> int:
        """What the event loop is to watch for reading."""
        return self.epoll.fileno()

    # --- for the forwarder ----------------------------------------------------------------------

    def send(self, exchange: Exchange) -> bool:
        """By a socket that has had its answer, or a new one; False when the machine refuses."""
        self._asked += 1
        spares = self._spares[exchange.server]
        if len(spares) < _FEW or exchange.tcp:
            return self._open(exchange)
        place = spares.pop(self._chance(len(spares)))
        try:
            place.socket.send(exchange.message)
        except OSError:
            self._close(place)
            return self._open(exchange)
        place.uses += 1
        place.exchange, exchange.place = exchange, place
        return True

    def _open(self, exchange: Exchange) -> bool:
        """Open a socket and send, or begin to connect."""
        server = exchange.server
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        try:
            opened = socket.socket(family, _TCP if exchange.tcp else _UDP)
        except OSError:  # no descriptor left
            return False
        place = Place(exchange, opened)
        try:
            if exchange.tcp:
                self._connect(place, exchange)
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
        """Close its socket: a late answer must not meet another question."""
        place = exchange.place
        if isinstance(place, Place) and place.exchange is exchange:
            self._close(place)

    def _close(self, place: Place) -> None:
        """The socket leaves the epoll set with its end."""
        place.exchange = None
        if place.socket.fileno() >= 0:
            del self._places[place.socket.fileno()]
            place.socket.close()

    # --- for the loop -----------------------------------------------------------------------------

    def on_ready(self) -> None:
        """Take what has come, up to a number of sockets."""
        for descriptor, event in self.epoll.poll(0, _EVENTS):
            place = self._places.get(descriptor)
            if place is None:  # its question was answered by another one in this turn
                continue
            exchange = place.exchange
            if exchange is None:  # nobody was asked: late, or forged
                self._discard(place)
            elif not exchange.tcp:
                self._receive(place, exchange)
            elif place.unsent and event & select.EPOLLOUT:
                self._write(place, exchange)
            else:
                self._read(place, exchange)

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
        if self._asked < _FEW:
            for spares in self._spares.values():
                for place in spares:
                    self._close(place)
            self._spares.clear()
        self._is_sweeping = self.forwarder.sweep() or self._asked > 0
        self._asked = 0
        if self._is_sweeping:
            self._call_later(_SWEEP, self._sweep)

    # --- sockets ----------------------------------------------------------------------------------

    def _receive(self, place: Place, exchange: Exchange) -> None:
        while True:
            try:
                message = place.socket.recv(_READ)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.forwarder.failed(exchange, _words(error))
                return
            if self.forwarder.received(exchange, message):
                self._spare(place, self._spares[exchange.server])
                return

    def _spare(self, place: Place, spares: list[Place]) -> None:
        """It has had its answer, and may be used again."""
        if place.uses < _USES and len(spares) < _MANY:
            place.exchange = None
            spares.append(place)
        else:
            self._close(place)

    def _discard(self, place: Place) -> None:
        for spares in self._spares.values():
            if place in spares:
                spares.remove(place)
        self._close(place)

    def _connect(self, place: Place, exchange: Exchange) -> None:
        server = exchange.server
        with contextlib.suppress(BlockingIOError):
            place.socket.connect((server.host, server.port))
        place.unsent = framing.frame(exchange.message)
        self.epoll.register(place.socket.fileno(), select.EPOLLOUT | select.EPOLLIN)

    def _write(self, place: Place, exchange: Exchange) -> None:
        try:
            sent = place.socket.send(place.unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.forwarder.failed(exchange, f"over TCP: {_words(error)}")
            return
        place.unsent = place.unsent[sent:]
        if not place.unsent:
            self.epoll.modify(place.socket.fileno(), select.EPOLLIN)

    def _read(self, place: Place, exchange: Exchange) -> None:
        try:
            stream = place.socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.forwarder.failed(exchange, f"over TCP: {_words(error)}")
            return
        messages, place.unread = framing.take(place.unread + stream)
        for message in messages:
            if self.forwarder.received(exchange, message):
                self._close(place)
                return
        if not stream:
            self.forwarder.failed(exchange, "over TCP: closed the connection")


def _words(error: OSError) -> str:
    return (error.strerror or errno.errorcode.get(error.errno or 0, "no answer")).lower()
