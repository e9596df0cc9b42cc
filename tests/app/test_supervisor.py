"""When a child is started again, in injected time; what it does is in `test_processes`."""

from __future__ import annotations

import signal

import pytest

from feddns.app import supervisor
from feddns.app.supervisor import Supervisor


@pytest.mark.parametrize(
    ("lives", "waits"),
    [
        ([5.0], [0.0]),
        ([1.0], [0.0]),
        ([0.5], [0.05]),
        ([0.0] * 8, [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]),
        ([0.0, 0.0, 2.0, 0.0, 0.0], [0.05, 0.1, 0.0, 0.05, 0.1]),
    ],
)
def test_delays(lives: list[float], waits: list[float]) -> None:
    before = 0.0
    found = []
    for lived in lives:
        before = supervisor.delay_after(lived, before)
        found.append(before)
    assert found == pytest.approx(waits)


def test_a_failed_fork_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No memory, or too many processes, for the moment: the others go on."""
    told = Supervisor()
    told.add("answering-0", lambda: None)
    (child,) = told.children
    monkeypatch.setattr(supervisor.os, "fork", no_fork)
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: 100.0)
    told._start(child)
    assert child.pid == 0
    assert child.due == 101.0
    assert "answering-0 cannot be started: Resource temporarily unavailable" in caplog.text


def no_fork() -> int:
    raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("status", [9, 35, 64, 0, 256])
def test_every_way_to_die_has_a_name(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Real-time signals too."""
    told = Supervisor()
    told.add("watching", lambda: None)
    (child,) = told.children
    child.pid = 4711
    told._died(child, status)
    assert child.pid == 0
    assert "watching ended" in caplog.text


def test_what_nohup_turned_off_is_not_heard() -> None:
    assert supervisor.heard() >= {signal.SIGTERM, signal.SIGHUP}
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in supervisor.heard()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_child_that_is_to_end_is_not_started_again(caplog: pytest.LogCaptureFixture) -> None:
    told = Supervisor()
    child = told.add("watching", lambda: None)
    told.end(child, 5.0)
    assert child.is_gone
    told._tend()
    assert told.children == []
    assert caplog.text == ""
