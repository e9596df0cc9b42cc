"""What is in flight: a question, the messages sent for it, and who waits for its outcome.

    Question    one for each (name, type, DO, CD, RD), with all who asked it
    Exchange    one message to one server; a question has several when servers are slow

Values without decisions, and what the forwarder asks of the world around it.  Pure; `forwarder`
moves them, `transport` and `relay` know them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from feddns.resolver.forwarding.messages import Asked, Copy
from feddns.resolver.forwarding.servers import Server

STALE_AFTER = 1.8
"""Seconds that an asker waits while there is a stale copy (RFC 8767 §5)."""


class Given(NamedTuple):
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
        """No reply is wanted any more."""


class Chance(Protocol):
    """Random numbers that nobody can guess."""

    def __call__(self, below: int, /) -> int: ...


class Exchange:
    """One message to one server, and the wait for its reply."""

    __slots__ = ("edns", "ident", "message", "place", "question", "server", "started", "tcp")

    def __init__(self, question: Question, server: Server, tcp: bool, edns: bool) -> None:
        self.question = question
        self.server = server
        self.tcp = tcp
        self.edns = edns
        self.ident = 0
        self.message = b""
        self.started = 0.0
        self.place: object = None  # the transport's own


class Question:
    """One question in flight."""

    __slots__ = (
        "asked", "current", "deadline", "done", "due", "exchanges", "given", "is_appeased", "last",
        "order",
        "probed", "refused", "stale", "stale_at", "try_until", "turn", "waiters",
    )  # fmt: skip

    def __init__(self, asked: Asked, order: list[Server], stale: Copy | None, now: float) -> None:
        self.asked = asked
        self.order = order
        self.stale = stale
        self.waiters: list[Waiter] = []
        self.exchanges: list[Exchange] = []
        self.current: Exchange | None = None
        self.refused: dict[Server, str] = {}
        self.last: Copy | None = None
        self.probed: Server | None = None
        self.given: Given | None = None
        self.turn = 0
        self.done = False
        self.is_appeased = False  # those who waited have got the stale copy
        self.due = self.try_until = self.deadline = now
        self.stale_at = now + STALE_AFTER
