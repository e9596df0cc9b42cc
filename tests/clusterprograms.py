"""The programs of one cluster: started, logged into a folder of its own, ended by their pid.

When the test itself is killed the kernel ends them (setpriv --pdeathsig).  Imports nothing of
pytest; `tests.realcluster` is built on it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import peers

PATIENCE = 60.0


class ClusterFailed(Exception):
    """The cluster did not do what it should; `status` is the API's, when it was the API."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Programs:
    """What runs for one cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.home = Path(tempfile.mkdtemp(prefix=f"feddns-{name}-"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, program: str, *flags: str) -> None:
        """Start a program of tools/peers.sh; its log is `<program>.log`."""
        command = [str(peers.path(program)), *flags]
        if guard := shutil.which("setpriv"):
            command = [guard, "--pdeathsig", "KILL", "--", *command]
        with (self.home / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.home, start_new_session=True
            )

    def end(self, program: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait until the program is gone; after 2 s it is killed."""
        process = self.processes.pop(program)
        process.send_signal(number)
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Kill what runs and remove the folder.  Can be called twice."""
        for process in reversed(self.processes.values()):
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes.clear()
        shutil.rmtree(self.home, ignore_errors=True)

    def logs(self, lines: int = 30) -> str:
        """The end of each program's log."""
        return "\n".join(
            f"--- {path.stem} of {self.name} ---\n"
            + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in sorted(self.home.glob("*.log"))
        )

    def until(self, holds: Callable[[], object], what: str, *, within: float = PATIENCE) -> float:
        """Poll until `holds()`; the seconds it took.  Raises `ClusterFailed` with the logs."""
        started = time.monotonic()
        while not holds():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() - started > within:
                said = f"{', '.join(ended)} ended" if ended else f"not within {within:.0f} s"
                raise ClusterFailed(f"{said}: {what}\n{self.logs()}")
            time.sleep(0.02)
        return time.monotonic() - started
