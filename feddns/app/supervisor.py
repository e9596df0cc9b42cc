"""Starts the processes, starts them again when they die, and stops them.

    a child …                          the supervisor
    dies after a second or more        starts it again at once
    dies sooner                        waits 0.05 s, doubled each time, at most 1 s
    cannot be started                  tries again after 1 s
    SIGTERM, SIGINT, SIGHUP            SIGTERM to all; SIGKILL to who stays longer than 5 s
    (the supervisor itself dies)       the kernel sends them SIGTERM (PR_SET_PDEATHSIG)

Children are forked, so that sockets, shared memory and imported modules are inherited, not made
again.  It parses no packet and holds no object of a cluster.  I/O.  Called by `serve`.
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
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that end the server: the service manager's, and two of the terminal's."""

_SIGNALS = {signal.SIGCHLD, *ENDING}
_PATIENCE = 5.0
_FIRST_DELAY, _LAST_DELAY, _HEALTHY_AFTER = 0.05, 1.0, 1.0


def ending() -> set[signal.Signals]:
    """Those of `ENDING` that whoever started us has not turned off (nohup does, for SIGHUP)."""
    return {number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN}


def delay_after(lived: float, before: float) -> float:
    """Seconds until the next start of a child that lived that long; `before`: the last wait."""
    if lived >= _HEALTHY_AFTER:
        return 0.0
    return min(_LAST_DELAY, before * 2 or _FIRST_DELAY)


class Child:
    """One role and the process that has it now."""

    def __init__(self, name: str, role: Callable[[], None], restarted: Callable[[], None]) -> None:
        self.name = name
        self.role = role
        self.restarted = restarted
        self.pid = 0
        self.started = 0.0
        self.due = 0.0
        self.delay = 0.0


class Supervisor:
    """Runs until it is told to stop."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def add(
        self, name: str, role: Callable[[], None], restarted: Callable[[], None] = lambda: None
    ) -> None:
        """`role` runs in the child until it returns; `restarted` is called here after a death."""
        self._children.append(Child(name, role, restarted))

    def run(self) -> int:
        """The exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.freeze()  # what is imported is shared with the children, so leave it untouched
        while True:
            now = time.monotonic()
            for child in self._children:
                if not child.pid and child.due <= now:
                    self._start(child)
            waiting = [child.due - now for child in self._children if not child.pid]
            received = signal.sigtimedwait(_SIGNALS, max(0.0, min([60.0, *waiting])))
            if received is not None and received.si_signo in ending():
                return self._stop()
            self._reap()

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
            for number in (signal.SIGINT, signal.SIGHUP):  # the terminal's are the supervisor's
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
            for child in self._children:
                if child.pid == pid:
                    self._died(child, status)

    def _died(self, child: Child, status: int) -> None:
        now = time.monotonic()
        child.pid = 0
        child.restarted()
        child.delay = delay_after(now - child.started, child.delay)
        child.due = now + child.delay
        code = os.waitstatus_to_exitcode(status)
        how = (
            f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with status {code}"
        )
        _log.warning("%s ended %s; starts again in %.2f s", child.name, how, child.delay)

    def _stop(self) -> int:
        deadline = time.monotonic() + _PATIENCE
        for child in self._children:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        living = {child.pid for child in self._children if child.pid}
        while living:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            living.discard(pid)
            if pid == 0:
                left = deadline - time.monotonic()
                if left <= 0:
                    for pid in living:
                        os.kill(pid, signal.SIGKILL)
                signal.sigtimedwait({signal.SIGCHLD}, max(0.01, left))
        return 0
