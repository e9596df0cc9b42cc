"""What is in flight: a question, the messages sent for it, and who waits for its outcome.

    Question    one for each (name, type, DO, CD, RD), with all who asked it
    Exchange    one message to one server; a question has several when servers are slow

Values without decisions, and what the forwarder asks of the world around it.  Pure; `forwarder`
moves them, `transport` and `relay` know them.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from feddns.resolver.forwarding.messages import Asked, Copy
from feddns.resolver.forwarding.servers import Server

STALE_AFTER = 1.8
"""Seconds that an asker waits while there is a stale copy (RFC 8767 §5)."""


class Given(msgspec.Struct, gc=False):
    """What the askers get; `stale` when it is past its time."""

    copy: Copy
    stale: bool = False


class Waiter(Protocol):
    """Somebody who asked."""

    def settle(self, given: Given) -> None:
        """The outcome; called once."""


class Transport(Protocol):
    """The sockets."""

    def send(self, exchange: Exchange) -> bool:
        """Send it; False when that cannot be."""

    def drop(self, exchange: Exchange) -> None:
        """No reply is wanted any more.  Not called for one that has come."""


class Chance(Protocol):
    """Random numbers that nobody can guess."""

    def __call__(self, below: int, /) -> int: ...


class Exchange(msgspec.Struct, eq=False):
    """One message to one server, and the wait for its reply.  `place` is the transport's own."""

    question: Question
    server: Server
    tcp: bool
    edns: bool
    ident: int
    message: bytes
    started: float
    place: object = None


class Question(msgspec.Struct, eq=False):
    """One question in flight.

    `due`: when to look at it again; `try_until`: when the try under way has had its time, which
    is `current`.  `is_appeased`: those who waited have got the stale copy.
    """

    asked: Asked
    order: list[Server]
    stale: Copy | None
    started: float
    deadline: float
    due: float = 0.0
    try_until: float = 0.0
    turn: int = 0
    exchanges: list[Exchange] = []
    current: Exchange | None = None
    refused: dict[Server, str] = {}
    last: Copy | None = None
    waiters: list[Waiter] = []
    given: Given | None = None
    probed: Server | None = None
    is_appeased: bool = False
    done: bool = False

    @property
    def stale_at(self) -> float:
        """When those who wait get the stale copy."""
        return self.started + STALE_AFTER
