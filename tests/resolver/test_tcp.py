"""The TCP server turn by turn: fair among connections, and on a machine that has nothing left.

The rest is in tests/app/test_tcp.py.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
from collections.abc import Iterator

import dns.message
import pytest

from feddns import config
from feddns.resolver import framing
from feddns.resolver.forwarding.relay import Pending
from feddns.resolver.responder import Responder
from feddns.resolver.tcp import TcpServer
from feddns.snapshot import Snapshot
from feddns.store import Store


class Exhausted(socket.socket):
    """A listening socket on a machine without a free descriptor."""

    tries = 0
    exhausted = True

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        type(self).tries += 1
        if type(self).exhausted:
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_without_a_descriptor_the_server_rests_instead_of_spinning() -> None:
    responder = Responder(config.load({}, {}, None), Store(Snapshot()), serial=1)
    with Exhausted(socket.AF_INET) as listening, socket.socket() as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        listening.setblocking(False)
        server = TcpServer(listening, responder, clock=lambda: 0.0)
        client.connect(listening.getsockname())
        client.sendall(b"\x00")
        while not Exhausted.tries:
            server.on_ready()
        for _ in range(20):
            server.on_ready()
        assert Exhausted.tries == 1
        Exhausted.exhausted = False
        server.reap()
        server.on_ready()
        assert len(server.connections) == 1
        server.close()


# --- turns ---------------------------------------------------------------------------------------

QUESTION = dns.message.make_query("www.example.net.", "A").to_wire()
FRAMED = framing.frame(QUESTION)
MOST = 64
"""Answers of a turn, when each has to be built."""


class Upstream(Responder):
    """A responder whose every answer is still to come."""

    def __init__(self, **settings: int) -> None:
        super().__init__(config.load(settings, {}, None), Store(Snapshot()), serial=1)
        self.pending: list[tuple[Pending, bytes]] = []

    def miss(self, message: bytes, tcp: bool, recorder: object = None) -> Pending:
        made = Pending(None, message, tcp, None, None, None, None)
        self.pending.append((made, message))
        return made

    def settle(self) -> None:
        made, message = self.pending.pop(0)
        assert made.send is not None
        made.send(message[:2] + b"\x80" + message[3:])


class Bench:
    """A server whose loop the test turns by hand."""

    def __init__(self, responder: Responder) -> None:
        self.now = 0.0
        self.step = 0.0
        self.stack = contextlib.ExitStack()
        self.listening = self.stack.enter_context(socket.socket())
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(128)
        self.listening.setblocking(False)
        self.server = TcpServer(self.listening, responder, self.clock)
        self.stack.callback(self.server.close)

    def clock(self) -> float:
        self.now += self.step
        return self.now

    def connect(self, source: str, questions: int = 1) -> socket.socket:
        """A connection that is open on both sides and has asked so much."""
        client = self.stack.enter_context(socket.socket())
        client.bind((source, 0))
        client.connect(self.listening.getsockname())
        client.setblocking(False)
        before = len(self.server.connections)
        client.sendall(FRAMED)
        while len(self.server.connections) == before:
            self.server.on_ready()
        while not answers(client):
            self.server.on_ready()
        client.sendall(FRAMED * questions)
        return client


def answers(client: socket.socket) -> int:
    """How many came."""
    stream = b""
    with contextlib.suppress(BlockingIOError):
        while part := client.recv(1 << 20):
            stream += part
    messages, rest = framing.take(stream)
    assert not rest
    return len(messages)


@pytest.fixture
def bench() -> Iterator[Bench]:
    without_ready_answers = config.load({"answer-cache": 0}, {}, None)
    made = Bench(Responder(without_ready_answers, Store(Snapshot()), serial=1))
    with made.stack:
        yield made


def test_a_turn_is_short_however_much_was_asked(bench: Bench) -> None:
    other = bench.connect("127.0.1.2", 3)
    greedy = bench.connect("127.0.1.1", 1000)
    bench.server.on_ready()
    assert answers(other) == 3
    got = answers(greedy)
    while got < 1000:
        bench.server.on_ready()
        now = answers(greedy)
        assert 0 < now <= MOST
        got += now


def test_many_connections_of_one_client_have_its_turn_together(bench: Bench) -> None:
    greedy = [bench.connect("127.0.1.1", 100) for _ in range(10)]
    other = bench.connect("127.0.1.2", 100)
    for client in (*greedy, other):
        answers(client)
    bench.server.on_ready()
    assert 30 < answers(other) <= MOST
    assert sum(answers(client) for client in greedy) <= MOST
    for _ in range(100):
        bench.server.on_ready()
    assert bench.server.connections


def test_the_line_goes_on_where_it_was(bench: Bench) -> None:
    """More is ready than there is time for: all get the same, in turn."""
    clients = [bench.connect(f"127.0.1.{number}", 0) for number in range(1, 41)]
    for client in clients:
        client.sendall(FRAMED * 640)
    bench.step = 1.0  # each look at the clock finds the time over
    got = [0] * len(clients)
    for turn in range(10):
        bench.server.on_ready()
        for index, client in enumerate(clients):
            got[index] += answers(client)
        assert sum(got) <= (turn + 1) * 16 * MOST
        assert max(got) - min(got) <= MOST


def test_a_long_line_is_not_idleness(bench: Bench) -> None:
    client = bench.connect("127.0.1.1", 1000)
    got = 0
    for _ in range(1000 // MOST + 1):
        bench.now += bench.server.settings.tcp_idle * 0.9
        bench.server.on_ready()
        bench.server.reap()
        got += answers(client)
    assert got == 1000
    bench.now += bench.server.settings.tcp_idle * 1.1
    bench.server.reap()
    assert not bench.server.connections


def test_one_client_does_not_take_all_that_may_be_outstanding() -> None:
    upstream = Upstream(**{"upstream-outstanding": 40})
    bench = Bench(upstream)
    with bench.stack:
        clients = []
        for number in range(2):
            client = bench.stack.enter_context(socket.socket())
            client.bind(("127.0.1.1", 0))
            client.connect(bench.listening.getsockname())
            client.setblocking(False)
            client.sendall(FRAMED * 100)
            while len(bench.server.connections) <= number:
                bench.server.on_ready()
            clients.append(client)
        for _ in range(20):
            bench.server.on_ready()
        # The first had a quarter while it was alone; the second has its half of a quarter.
        assert len(upstream.pending) == 15
        assert bench.server.epoll.poll(0) == []  # nothing spins meanwhile
        got = 0
        for _ in itertools.repeat(None, 2000):
            if not upstream.pending:
                break
            upstream.settle()
            bench.server.on_ready()
            bench.server.on_ready()
            assert len(upstream.pending) <= 15
            got += sum(map(answers, clients))
        assert got == 200
        assert all(connection.waiting == 0 for connection in bench.server.connections.values())
        for client in clients:
            client.sendall(FRAMED)
            bench.server.on_ready()
        assert len(upstream.pending) == 2
        upstream.pending.clear()
