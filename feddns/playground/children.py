"""The programs that run beside the playground: they end with it, whatever ends it.

I/O.  Called by `stage`.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feddns.errors import OperatorNeeded

_PR_SET_PDEATHSIG = 1
_PATIENCE = 3.0
_TAIL = 600


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", name, *arguments]


class Child:
    """A program.  An `insistent` one is killed when we end, as it takes its time when asked."""

    def __init__(
        self, name: str, command: Sequence[str], logs: Path, *, insistent: bool = False
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._command = command
        self._signal = signal.SIGKILL if insistent else signal.SIGTERM
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Nothing when it runs already."""
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with(os.getpid(), self._signal), start_new_session=True,
            )  # fmt: skip

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end, and end it when it does not; `at_once` does not ask."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()

    def check(self) -> None:
        """Raises `OperatorNeeded` with its last words when it has ended by itself."""
        if self._process is not None and self._process.returncode is not None:
            words = self.log.read_text(errors="replace")[-_TAIL:].strip().splitlines()
            raise OperatorNeeded(f"{self.name} ended: {words[-1] if words else 'without a word'}")


def _end_with(parent: int, number: signal.Signals) -> Any:
    """What the child does before it becomes the program: it gets this signal when we die."""
    prctl: Any = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return ask
