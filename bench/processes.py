"""One server's processes: start, CPU of the whole tree, stop.

Everything is read from /proc.  A tree is the started process and all its descendants; only
those are ever signalled, by their ids.  `rounds` and `scale` call this module through `Running`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started; `environment` is added to ours."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")


class Running:
    """A started server with its log in `log`."""

    def __init__(self, launch: Launch, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                launch.command,
                env={**os.environ, **launch.environment},
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def tree(self) -> list[int]:
        """The ids of the process and its descendants."""
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (fields := _stat(int(entry))):
                children.setdefault(int(fields[1]), []).append(int(entry))
        found = [self._process.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the tree, the descendants that ended included."""
        return cpu_seconds(self.tree())

    def run_seconds(self) -> float:
        """The same of what lives, to the nanosecond."""
        return run_seconds(self.tree())

    def death(self) -> str | None:
        """Why the server is gone, or None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        return f"ended with status {status}: {self.last_words()}"

    def last_words(self) -> str:
        text = self.log.read_text(errors="replace").strip()
        return text.splitlines()[-1][:200] if text else "it printed nothing"

    def stop(self, patience: float = 2.0) -> None:
        """End the tree: politely, and after `patience` seconds for sure."""
        pids = self.tree()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._end_the_rest(pids)
        self._process.wait()

    def _end_the_rest(self, pids: list[int]) -> None:
        session = self._process.pid
        for pid in pids:
            # An id whose session is another one was given to a stranger meanwhile.
            if (fields := _stat(pid)) and int(fields[3]) == session:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that ended."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICKS_A_SECOND


def run_seconds(pids: Iterable[int]) -> float:
    """The same without those that ended, to the nanosecond: for what takes less than some ticks."""
    nanoseconds = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                nanoseconds += int(thread.read_text().split()[0])
    return nanoseconds / 1e9


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on, or None when the process is gone."""
    try:
        # Any process may have any bytes in its name.
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def free_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP.

    Below the range that clients get theirs from: a socket that asks whether a server is up yet
    must not sit on the server's own port.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with (
            socket.socket(type=socket.SOCK_STREAM) as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            return port
