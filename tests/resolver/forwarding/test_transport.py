"""The sockets of forwarded questions, to a server that is a socket of the test."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from feddns.resolver.forwarding.inflight import Exchange, Question
from feddns.resolver.forwarding.messages import Asked
from feddns.resolver.forwarding.servers import Server
from feddns.resolver.forwarding.transport import Transport

FEW, USES = 16, 32


class Bench:
    """A transport, whom it asks, and the forwarder in its place."""

    def __init__(self) -> None:
        self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.upstream.bind(("127.0.0.1", 0))
        self.upstream.settimeout(5)
        self.server = Server(f"127.0.0.1:{self.upstream.getsockname()[1]}")
        self.timers: list[Callable[[], None]] = []
        self.transport = Transport(lambda _, then: self.timers.append(then), lambda below: 0)
        self.transport.forwarder = self  # type: ignore[assignment]
        self.taken: list[bytes] = []
        self.failures: list[str] = []

    def ask(self) -> tuple[Exchange, tuple[str, int]]:
        """A question, and whence it came."""
        question = Question(Asked(b"", 0), [self.server], None, 0.0, 4.0)
        exchange = Exchange(question, self.server, False, True, 0, b"question", 0.0)
        assert self.transport.send(exchange)
        return exchange, self.upstream.recvfrom(512)[1]

    def answer(self, place: tuple[str, int], message: bytes = b"right") -> None:
        """On loopback it is there when it is sent."""
        self.upstream.sendto(message, place)
        self.transport.on_ready()

    def sockets(self) -> int:
        return len(self.transport._places)

    def turn_the_clock(self) -> None:
        due, self.timers = self.timers, []
        for then in due:
            then()

    # --- the forwarder -------------------------------------------------------------------------

    def received(self, exchange: Exchange, message: bytes) -> bool:
        self.taken.append(message)
        return message == b"right"

    def failed(self, exchange: Exchange, why: str) -> None:
        self.failures.append(why)
        self.transport.drop(exchange)

    def sweep(self) -> bool:
        return False


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.transport.close()
    made.upstream.close()


def test_a_socket_serves_again_when_there_are_some_and_not_for_ever(bench: Bench) -> None:
    asked = []
    for _ in range(FEW * (USES - 1)):
        exchange, place = bench.ask()
        bench.answer(place)
        asked.append(exchange)
    assert bench.sockets() == len({id(exchange.place) for exchange in asked}) == FEW
    for _ in range(3 * FEW):
        exchange, place = bench.ask()
        bench.answer(place)
        asked.append(exchange)
    served = Counter(id(exchange.place) for exchange in asked)
    assert (bench.sockets(), max(served.values())) == (FEW, USES)
    assert len(served) > FEW


def test_one_that_waits_serves_nobody_else(bench: Bench) -> None:
    for _ in range(FEW + 1):
        bench.answer(bench.ask()[1])
    waiting = {bench.ask()[1] for _ in range(2 * FEW)}
    assert len(waiting) == 2 * FEW


def test_a_message_that_is_no_reply_is_waited_on(bench: Bench) -> None:
    _, place = bench.ask()
    bench.answer(place, b"wrong")
    bench.answer(place)
    assert bench.taken == [b"wrong", b"right"]


def test_what_comes_from_elsewhere_is_not_seen(bench: Bench) -> None:
    _, place = bench.ask()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.sendto(b"right", place)
    bench.transport.on_ready()
    assert bench.taken == []


def test_a_late_answer_meets_no_other_question(bench: Bench) -> None:
    exchange, place = bench.ask()
    bench.transport.drop(exchange)
    assert bench.sockets() == 0
    bench.answer(place)
    assert bench.taken == []


def test_who_speaks_without_a_question_is_not_heard_and_not_asked_by_it(bench: Bench) -> None:
    _, place = bench.ask()
    bench.answer(place)
    bench.answer(place)
    assert (bench.taken, bench.sockets()) == ([b"right"], 0)


@pytest.mark.parametrize(("asked", "left"), [(1, 0), (FEW - 1, 0), (FEW, FEW), (2 * FEW, FEW)])
def test_spare_sockets_are_closed_when_few_are_asked_between_two_sweeps(
    bench: Bench, asked: int, left: int
) -> None:
    for _ in range(asked):
        bench.answer(bench.ask()[1])
    bench.turn_the_clock()
    assert bench.sockets() == left
    bench.turn_the_clock()
    assert (bench.sockets(), bench.timers) == (0, [])
    bench.answer(bench.ask()[1])
    assert len(bench.timers) == 1


def test_a_server_that_is_not_there(bench: Bench) -> None:
    bench.upstream.close()
    question = Question(Asked(b"", 0), [bench.server], None, 0.0, 4.0)
    assert bench.transport.send(Exchange(question, bench.server, False, True, 0, b"?", 0.0))
    bench.transport.on_ready()
    assert (bench.failures, bench.sockets()) == (["connection refused"], 0)
