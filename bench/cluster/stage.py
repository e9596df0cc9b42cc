"""What every piece is given: a real cluster with the inventory in it, and servers that follow it.

A server that a piece starts is ended with the `with` block that it entered by.  This module must
not measure; the pieces do.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import check, processes, zone
from bench.check import Question
from bench.inventory import Inventory
from bench.processes import Running, free_port
from bench.results import Results
from bench.servers import Place, Server
from bench.zone import Answer, Answers
from tests.realcluster import RealCluster

PATIENCE = 120.0
QUIET_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Entrant:
    """A server that answers; `started` is its seconds from exec to the first right answer."""

    server: Server
    running: Running
    port: int
    started: float

    @property
    def key(self) -> str:
        return self.server.key


@dataclass(slots=True)
class Stage:
    """One cluster.  `world` is what its API server has now; a piece that changes it says so."""

    cluster: RealCluster
    world: Inventory
    folder: Path
    servers: Sequence[tuple[Server, str]]
    results: Results
    rounds: int
    seconds: float
    quick: bool
    _homes: Iterator[int] = field(default_factory=itertools.count)

    def place(self) -> Place:
        """A free port, a new folder, the kubeconfig."""
        home = self.folder / f"entrant-{next(self._homes)}"
        home.mkdir()
        return Place(
            port=free_port(),
            home=home,
            manifests=home,
            zones=self.folder / "zones",
            api_port=0,
            kubeconfig=self.cluster.kubeconfig,
        )

    def having(self, *keys: str) -> list[tuple[Server, str]]:
        """Those of the servers that are named."""
        return [pair for pair in self.servers if pair[0].key in keys]

    def certain(self) -> tuple[Question, Answer]:
        """A question whose answer no piece changes: a Service that is listed late."""
        last = max(self.world.with_cluster_ip(), key=lambda one: (one.namespace, one.name))
        return (last.dns_name, "A"), Answer("NOERROR", frozenset({str(last.cluster_ip)}))

    @contextmanager
    def entering(
        self, server: Server, program: str, place: Place | None = None
    ) -> Iterator[Entrant | str]:
        """Start a server and wait until it is right; the entrant, or why there is none."""
        place = place or self.place()
        running = Running(server.launch(program, place), place.home / "log")
        try:
            took = check.wait_until_right(running, place.port, *self.certain(), PATIENCE)
            yield took if isinstance(took, str) else Entrant(server, running, place.port, took)
        finally:
            # A server that saves something at its end is given the time for it.
            running.stop(patience=20.0 if place.snapshot else 2.0)

    def write_zones(self) -> Answers:
        """The zone files of the world as it is now; its answers."""
        zone.write(self.world, self.folder / "zones")
        return Answers(self.world)

    def wait_until_quiet(self, patience: float = 60.0) -> None:
        """Wait until etcd and the API server have nothing left to do."""
        pids = [process.pid for process in self.cluster.processes.values()]
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            before = processes.cpu_seconds(pids)
            time.sleep(1.0)
            if processes.cpu_seconds(pids) - before < QUIET_SHARE:
                return

    def failed(self, works: Sequence[str], key: str, reason: str) -> None:
        """No numbers for these works of a server that does not start."""
        for work in works:
            self.results.cell(work, key).reason = "does not start"
        self.results.note(f"{key}, {works[0]}: does not start: {reason}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
