"""The table of the pieces, and the clusters that they run on.

    cluster    pieces                     what is in it
    lively     follow, storm, forward     2,500 Services
    big        footprint, restart         grows from 2,500 to 100,000 Services

`bench.__main__` calls `run`, and knows the keys from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import inventory
from bench.cluster import filling, follow, footprint, forward, restart, storm
from bench.cluster.stage import Stage
from bench.inventory import Inventory
from bench.results import Results
from bench.servers import Server
from tests import peers
from tests.realcluster import API_PROGRAMS, RealCluster

LIVELY: dict[str, Callable[[Stage], None]] = {
    "follow": follow.run,
    "storm": storm.run,
    "forward": forward.run,
}
BIG = ("footprint", "restart")
KEYS = (*LIVELY, *BIG)
SIZE = 2500
SERVICE_CIDR = "10.96.0.0/12,fd00:10:96::/108"  # room for all of the inventory's cluster IPs


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do; `seconds` are the load of a number of `forward`."""

    only: Sequence[str]
    servers: Sequence[tuple[Server, str]]
    rounds: int
    seconds: float
    quick: bool
    folder: Path


def run(plan: Plan, results: Results) -> None:
    """Measure the pieces that `plan` names; a note when the machine has no API server."""
    if lacking := peers.missing(*API_PROGRAMS):
        results.note(f"{', '.join(lacking)}: not built; `{peers.BUILD} etcd kubernetes` does it")
        return
    lively = [LIVELY[key] for key in plan.only if key in LIVELY]
    if lively:
        with _stage(plan, results, "lively") as stage:
            _fill(stage, inventory.make(SIZE))
            for piece in lively:
                piece(stage)
    if any(key in plan.only for key in BIG):
        with _stage(plan, results, "big") as stage:
            _grow(plan, stage)


@contextmanager
def _stage(plan: Plan, results: Results, name: str) -> Iterator[Stage]:
    folder = plan.folder / name
    folder.mkdir()
    cluster = RealCluster(f"bench-{name}")
    cluster.service_cidr = SERVICE_CIDR
    with cluster:
        yield Stage(
            cluster=cluster,
            world=Inventory((), ()),
            folder=folder,
            servers=plan.servers,
            results=results,
            rounds=plan.rounds,
            seconds=plan.seconds,
            quick=plan.quick,
        )


def _fill(stage: Stage, world: Inventory) -> None:
    filling.fill(stage.cluster.etcd, world)
    stage.world = world
    stage.wait_until_quiet()


def _grow(plan: Plan, stage: Stage) -> None:
    """The big pieces need one inventory that grows: the smaller ones are its beginning."""
    size = restart.size(plan.quick)
    world = inventory.make(size)
    if "footprint" in plan.only:
        footprint.run(stage, world)
    if "restart" in plan.only:
        footprint.grow(stage, world, size)
        restart.run(stage)
