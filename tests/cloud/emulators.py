"""AWS' emulators as processes: ministack and moto's server, on free ports of loopback.

    with Emulator("moto", folder) as emulator:   started, and stopped
        emulator.url                             what boto3 is pointed at
        emulator.reset()                         nothing is there any more

Both are real packages of the test extra.  What they get wrong of Route 53 is in `route53shim`.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.processes import free_port

_PATIENCE = 60.0


class _Kind(NamedTuple):
    command: tuple[str, ...]
    environment: dict[str, str]
    """For `{port}` and `{folder}`."""
    needs: tuple[str, ...]
    reset: str


_KINDS = {
    "ministack": _Kind(
        ("-m", "ministack"),
        # Route 53 alone, on loopback: no broker, no SFTP, no containers, its files in our folder.
        {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": "{port}",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": "{folder}",
        },
        ("ministack",),
        "/_ministack/reset",
    ),
    "moto": _Kind(
        ("-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"),
        {},
        ("moto", "flask", "flask_cors"),
        "/moto-api/reset",
    ),
}
NAMES = tuple(_KINDS)


def missing(name: str) -> tuple[str, str] | None:
    """What the machine lacks for it, and the way to get it."""
    lacking = [one for one in _KINDS[name].needs if importlib.util.find_spec(one) is None]
    return (" and ".join(lacking), f"pip install {' '.join(lacking)}") if lacking else None


class Emulator:
    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.version = importlib.metadata.version(name)
        self._kind = _KINDS[name]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"{name}.log"
        known = {"port": self.port, "folder": folder}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *(part.format(**known) for part in self._kind.command)],
                env=os.environ
                | {key: value.format(**known) for key, value in self._kind.environment.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        self._wait()

    def reset(self) -> None:
        self._ask("POST", self._kind.reset)

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            connection.getresponse().read()
        finally:
            connection.close()

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self._ask("GET", "/")
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.close()
        raise RuntimeError(f"{self.name} does not start: {self._log.read_text()[-2000:]}")
