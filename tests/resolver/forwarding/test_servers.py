"""Health, latency and order of the servers: every row of `servers`' tables."""

from __future__ import annotations

from feddns.resolver.forwarding.servers import Server, Servers

THREE = ("192.0.2.1:53", "192.0.2.2:53", "[2001:db8::1]:5353")


def servers(policy: str = "sequential") -> Servers:
    return Servers(policy, lambda below: 0)


def order(known: Servers, now: float = 1000.0) -> list[str]:
    return [server.address for server in known.order(THREE, now)]


def heard(known: Servers, address: str, seconds: float, now: float = 1000.0) -> None:
    known.of(address).note_asked(now)
    known.of(address).note_answer(seconds)


def test_addresses_are_taken_apart() -> None:
    assert (Server(THREE[2]).host, Server(THREE[2]).port) == ("2001:db8::1", 5353)


def test_sequential_is_the_order_given() -> None:
    known = servers()
    heard(known, THREE[2], 0.001)
    assert order(known) == list(THREE)


def test_random_is_any_order() -> None:
    known = servers("random")
    assert sorted(order(known)) == sorted(THREE)
    assert order(known) != list(THREE)


def test_least_latency_is_the_fastest_first() -> None:
    known = servers("least-latency")
    for address, seconds in zip(THREE, (0.03, 0.01, 0.02), strict=True):
        heard(known, address, seconds)
    assert order(known) == [THREE[1], THREE[2], THREE[0]]


def test_least_latency_asks_again_whom_it_has_not_heard_for_long() -> None:
    known = servers("least-latency")
    heard(known, THREE[0], 0.03, now=900.0)
    heard(known, THREE[1], 0.01)
    heard(known, THREE[2], 0.02)
    assert order(known)[0] == THREE[0]
    known.of(THREE[0]).note_asked(1000.0)
    assert order(known)[0] == THREE[1]


def test_who_is_down_comes_last_and_who_loops_not_at_all() -> None:
    known = servers()
    down = known.of(THREE[0])
    assert [down.note_failure(1000.0, timeout=True) for _ in range(3)] == [False, False, True]
    assert order(known) == [THREE[1], THREE[2], THREE[0]]
    known.of(THREE[1]).note_loop(True)
    assert order(known) == [THREE[2], THREE[0]]
    assert down.note_answer(0.01)
    assert order(known) == [THREE[0], THREE[2]]


def test_an_answer_between_failures_keeps_a_server_up() -> None:
    server = Server(THREE[0])
    for _ in range(5):
        server.note_failure(1000.0, timeout=True)
        server.note_failure(1000.0, timeout=False)
        assert not server.is_down
        server.note_answer(0.01)
    assert (server.timeouts, server.errors, server.answered) == (5, 5, 5)


def test_patience_follows_the_latency_within_bounds() -> None:
    server = Server(THREE[0])
    assert server.patience(4.0) == 0.5
    assert server.patience(0.6) == 0.3
    server.note_answer(0.002)
    assert server.patience(4.0) == 0.1
    server.latency = 0.2
    assert server.patience(4.0) == 0.8
    server.latency = 3.0
    assert server.patience(4.0) == 2.0


def test_copies_for_the_sick_become_rare() -> None:
    server = Server(THREE[0])
    assert not server.wants_copy(1000.0)
    for _ in range(3):
        server.note_failure(1000.0, timeout=True)
    asked = [now for now in range(1000, 1200) if server.wants_copy(float(now))]
    assert asked == [1001, 1003, 1007, 1015, 1031, 1061, 1091, 1121, 1151, 1181]


def test_latency_is_smoothed() -> None:
    server = Server(THREE[0])
    server.note_answer(0.08)
    server.note_answer(0.16)
    assert abs(server.latency - 0.09) < 1e-9
    assert sum(server.row().buckets) == 2


def test_what_is_known_of_a_server_that_stays_is_kept() -> None:
    known = servers()
    heard(known, THREE[0], 0.01)
    known.keep([THREE[1], THREE[0]])
    assert known.of(THREE[0]).answered == 1
    known.keep([THREE[1]])
    assert list(known.known) == [THREE[1]]
