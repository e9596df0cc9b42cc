"""Memory of all processes, and what is given up before it is too much."""

from __future__ import annotations

import logging
import os

import pytest

from feddns.app import pressure
from feddns.app.pressure import WHOLE, Board, Judge, Obedience, Watch
from tests.serving import EXAMPLES, Serve, until

MB = 1 << 20


def test_too_much_halves_and_relaxes_slowly() -> None:
    judge = Judge(100 * MB)
    history = []
    used = {0: 50, 2: 101, 4: 120, 6: 90, 64: 70, 66: 70, 125: 70, 190: 70}
    for now, megabytes in used.items():
        judge.judge(megabytes * MB, float(now))
        history.append((judge.allowance, judge.given_up))
    assert history == [
        (WHOLE, 0), (WHOLE // 2, 1), (WHOLE // 4, 2), (WHOLE // 4, 2), (WHOLE // 4, 2),
        (WHOLE // 2, 2), (WHOLE // 2, 2), (WHOLE, 2),
    ]  # fmt: skip


def test_objects_alone_are_too_much(caplog: pytest.LogCaptureFixture) -> None:
    judge = Judge(100 * MB)
    with caplog.at_level(logging.ERROR):
        for now in range(20):
            judge.judge(150 * MB, float(now))
    assert caplog.messages == [
        "150 MB in use with all caches given up, --memory-limit is 100: raise it, or serve fewer "
        "objects (--namespaces)"
    ]


def test_the_board_is_obeyed_once() -> None:
    board = Board()
    orders: list[tuple[float, bool]] = []
    obedience = Obedience(board, lambda share, give_up: orders.append((share, give_up)))
    obedience.tick()
    board.post(WHOLE // 2, 1)
    obedience.tick()
    obedience.tick()
    board.post(WHOLE, 1)
    obedience.tick()
    assert orders == [(0.5, True), (1.0, False)]


def test_a_new_process_obeys_what_stands_there() -> None:
    board = Board()
    board.post(WHOLE // 4, 3)
    orders: list[tuple[float, bool]] = []
    Obedience(board, lambda share, give_up: orders.append((share, give_up))).tick()
    assert orders == [(0.25, False)]


def test_memory_is_measured() -> None:
    assert 5 * MB < pressure.memory_of(os.getpid()) < 5000 * MB
    assert pressure.memory_of(0) == 0
    board = Board()
    Watch(1, board).look([os.getpid()], 0.0)
    assert board.read() == (WHOLE // 2, 1)


def test_a_server_gives_up_its_caches(serve: Serve) -> None:
    server = serve(None, "--memory-limit", "1", folder=EXAMPLES / "cluster")

    def is_kept() -> bool:
        server.rcode("nginx.default.svc.cluster.local.")
        return server.metric("feddns_cache_entries") > 0

    until(is_kept, "an answer is kept")
    until(lambda: server.metric("feddns_cache_entries") == 0, "it is given up")
    until(lambda: server.metric("feddns_caches_given_up_total") > 1, "again and again")
    assert server.metric("feddns_memory_bytes") > 1 * MB
    assert server.rcode("cluster.local.", "SOA") == "NOERROR"
