"""The two servers, each on a core of its own: how they are started, stopped, and what they are.

This module must not measure; `contest` does.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Protocol

import yaml

from bench.api import load
from bench.api.load import Place
from bench.processes import Launch, Running
from tests import peers
from tests.clusterapi import ADMIN_TOKEN
from tests.realcluster import RealCluster

CORE = 0
"""The servers' core; the clients have the others."""
PATIENCE = 60.0


class Contender(Protocol):
    """A server that can be started and stopped again over the same data."""

    key: str
    version: str

    def start(self) -> float:
        """Start it; the seconds from exec until it answers."""

    def stop(self) -> None:
        """Stop what `start` started; the data stay."""

    def close(self) -> None:
        """Stop everything and remove the data."""

    def place(self) -> Place: ...

    def pids(self) -> list[int]: ...


class Embedded:
    """`feddns apiserver`."""

    key = "feddns"

    def __init__(self) -> None:
        import feddns

        self.version = feddns.__version__
        self._folder = tempfile.TemporaryDirectory(prefix="feddns-bench-api-")
        self._config = Path(self._folder.name) / "kubeconfig"
        self._running: Running | None = None

    def start(self) -> float:
        folder = Path(self._folder.name)
        command = [
            sys.executable, "-m", "feddns", "apiserver",
            "--no-sync", "--data", str(folder / "data"), "--listen", "127.0.0.1:0",
            "--write-kubeconfig", str(self._config),
        ]  # fmt: skip
        self._config.unlink(missing_ok=True)
        started = time.perf_counter()
        with _on_core():
            self._running = Running(Launch(command, folder=folder), folder / "log")
        _wait(lambda: _answers(self.place()), self._running)
        return time.perf_counter() - started

    def stop(self) -> None:
        if self._running:
            self._running.stop()
            self._running = None

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def place(self) -> Place:
        return load.place_of(self._config)

    def pids(self) -> list[int]:
        return self._running.tree() if self._running else []


class Real:
    """kube-apiserver with its etcd; a start is of kube-apiserver alone, over a running etcd."""

    key = "kube-apiserver"

    def __init__(self) -> None:
        self.version = f"{peers.version('kube-apiserver')} with etcd {peers.version('etcd')}"
        self._cluster = RealCluster("bench", number=90)
        with _on_core():
            self._cluster.start()
        self._cluster.kill_api()

    def start(self) -> float:
        started = time.perf_counter()
        with _on_core():
            self._cluster.start_api()
        return time.perf_counter() - started

    def stop(self) -> None:
        if "kube-apiserver" in self._cluster.processes:
            self._cluster.kill_api()

    def close(self) -> None:
        self._cluster.stop()

    def place(self) -> Place:
        authority = (self._cluster.home / "certs/ca.crt").read_text()
        return Place(self._cluster.url, authority, ADMIN_TOKEN)

    def pids(self) -> list[int]:
        return [process.pid for process in self._cluster.processes.values()]


@contextlib.contextmanager
def _on_core() -> Any:
    """What is started within this runs on the servers' core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _answers(place: Place) -> bool:
    context = place.context()
    headers = {"Authorization": f"Bearer {place.token}"}
    request = urllib.request.Request(f"{place.url}/api/v1/namespaces/default", headers=headers)
    with urllib.request.urlopen(request, timeout=2, context=context) as reply:
        return bool(reply.status == 200)


def _wait(holds: Any, running: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if death := running.death():
            raise SystemExit(f"the server {death}")
        with contextlib.suppress(OSError, KeyError, TypeError, yaml.YAMLError):
            if holds():
                return
        time.sleep(0.005)
    raise SystemExit(f"the server does not answer: {running.last_words()}")


def missing() -> list[str]:
    """The programs of the real one that are not built."""
    return peers.missing("etcd", "kube-apiserver")
