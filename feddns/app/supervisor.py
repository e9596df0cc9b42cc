"""Starts the processes, starts them again when they die, and ends them.

    a child …                          the supervisor
    dies after a second or more        starts it again at once
    dies sooner                        waits 0.05 s, doubled each time, at most 1 s
    cannot be started                  tries again after 1 s
    is to end (`end`)                  SIGTERM; SIGKILL if it stays longer than it may
    (the supervisor itself dies)       the kernel sends them SIGTERM (PR_SET_PDEATHSIG)

Children are forked, so that sockets, shared memory and imported modules are inherited, not made
again.  It parses no packet and holds no object of a cluster, and which children there are and what
a signal means is not decided here: `standing` does.  I/O.  Called by `serve`.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from feddns.errors import OperatorNeeded

_log = logging.getLogger("feddns.supervisor")

_PR_SET_PDEATHSIG = 1

RETIRE = signal.SIGUSR2
"""From our own watching process: another server has taken the sockets over, so end."""

ENDING = (signal.SIGTERM, signal.SIGINT, RETIRE)
"""Signals that end the server: the service manager's, the terminal's, and our own."""

RELOAD = signal.SIGHUP
_SIGNALS = {signal.SIGCHLD, RELOAD, *ENDING}
_FIRST_DELAY, _LAST_DELAY, _HEALTHY_AFTER = 0.05, 1.0, 1.0
_IDLE = 60.0

Step = Callable[[int], float | None]
"""`step(signal or 0)`: seconds until it wants to be called again; None ends the supervisor."""


def heard() -> set[signal.Signals]:
    """The signals that whoever started us has not turned off (nohup does, for SIGHUP)."""
    wanted = {*ENDING, RELOAD}
    return {number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN}


def delay_after(lived: float, before: float) -> float:
    """Seconds until the next start of a child that lived that long; `before`: the last wait."""
    if lived >= _HEALTHY_AFTER:
        return 0.0
    return min(_LAST_DELAY, before * 2 or _FIRST_DELAY)


class Child:
    """One role and the process that has it now."""

    def __init__(self, name: str, role: Callable[[], None], died: Callable[[], None]) -> None:
        self.name = name
        self.role = role
        self.died = died
        self.pid = 0
        self.started = 0.0
        self.due = 0.0
        self.delay = 0.0
        self.deaths = 0
        self.last_death = ""
        self.killed_at = 0.0  # when it is to end: SIGKILL then; 0 when it is to live

    @property
    def is_gone(self) -> bool:
        return bool(self.killed_at) and not self.pid


class Supervisor:
    """Runs until its `step` says that it is over."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def add(
        self, name: str, role: Callable[[], None], died: Callable[[], None] = lambda: None
    ) -> Child:
        """`role` runs in the child until it returns; `died` is called here after each death."""
        child = Child(name, role, died)
        self.children.append(child)
        return child

    def end(self, child: Child, patience: float) -> None:
        """SIGTERM now; SIGKILL after `patience` seconds.  It is not started again."""
        if not child.killed_at:
            child.killed_at = time.monotonic() + patience
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)

    def run(self, step: Step) -> int:
        """The exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.freeze()  # what is imported is shared with the children, so leave it untouched
        received = 0
        while True:
            self._reap()
            wait = step(received)
            if wait is None:
                return 0
            wait = min(wait, self._tend())
            got = signal.sigtimedwait(_SIGNALS, max(0.0, wait))
            received = got.si_signo if got is not None and got.si_signo in heard() else 0

    def _tend(self) -> float:
        """Start who is due, kill who does not hear; seconds until there is more to do."""
        now = time.monotonic()
        wait = _IDLE
        for child in self.children:
            if child.killed_at:
                if child.pid and child.killed_at <= now:
                    os.kill(child.pid, signal.SIGKILL)
                else:
                    wait = min(wait, child.killed_at - now)
            elif not child.pid:
                if child.due <= now:
                    self._start(child)
                if not child.pid:
                    wait = min(wait, child.due - now)
        self.children = [child for child in self.children if not child.is_gone]
        return wait

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        supervisor = os.getpid()
        try:
            child.pid = os.fork()
        except OSError as error:
            _log.error("%s cannot be started: %s", child.name, error.strerror)
            child.due = child.started + _LAST_DELAY
            return
        if child.pid == 0:
            self._be(child, supervisor)

    def _be(self, child: Child, supervisor: int) -> None:
        """The child's life.  Never returns."""
        status = 1
        try:
            prctl: Any = ctypes.CDLL(None).prctl
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            for number in (signal.SIGINT, RELOAD, RETIRE):  # these are the supervisor's
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            if os.getppid() == supervisor:
                child.role()
            status = 0
        except OperatorNeeded as error:
            _log.error("%s: %s", child.name, error)
        except BaseException:  # the last line of a process: said, and ended
            _log.exception("%s ended by an error", child.name)
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self.children:
                if child.pid == pid:
                    self._died(child, status)

    def _died(self, child: Child, status: int) -> None:
        now = time.monotonic()
        child.pid = 0
        if child.killed_at:
            return
        code = os.waitstatus_to_exitcode(status)
        how = (
            f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with status {code}"
        )
        child.deaths += 1
        child.last_death = f"{child.name} ended {how}"
        child.died()
        child.delay = delay_after(now - child.started, child.delay)
        child.due = now + child.delay
        _log.warning("%s; starts again in %.2f s", child.last_death, child.delay)
