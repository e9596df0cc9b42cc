"""Memory by the number of Services that the API server has, and through a relist.

Each server is started over each size, and weighed when it has been quiet for some seconds: PSS of
all its processes as if it were alone (`bench.memory`).  The slope is between the smallest and the
biggest size.  At one size the API server is then killed, something written into etcd and the past
compacted, and the API server started again: what a follower has is too old to go on from, it must
list anew, and what it holds meanwhile is compared with before.

    row                      number
    footprint-<size>         MB at so many Services, 1.4 endpoints each
    footprint-two            the same at the middle size with two answering processes
    footprint-slope          MB for 1,000 Services more; -slope-two: with two answering processes
    relist                   % on top at the worst moment of 30 s
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench import check, memory
from bench.cluster import filling, follow
from bench.cluster.stage import Entrant, Stage, say
from bench.inventory import Inventory, Service
from bench.servers import Server

SIZES, QUICK_SIZES = (2_500, 20_000, 60_000), (1_000, 2_500, 5_000)
SLOPE, TWO, SLOPE_TWO, RELIST = "footprint-slope", "footprint-two", "footprint-slope-two", "relist"
SERVERS = ("feddns", "coredns")
REST, QUICK_REST = 5.0, 2.0
WATCHED, QUICK_WATCHED = 30.0, 12.0


def sizes(quick: bool) -> tuple[int, ...]:
    return QUICK_SIZES if quick else SIZES


@dataclass(frozen=True, slots=True)
class Form:
    """A server with so many answering processes."""

    server: Server
    program: str
    processes: int = 1


def run(stage: Stage, inventory: Inventory) -> None:
    """Grow the stage's world through the sizes of `inventory`."""
    weights: dict[tuple[str, int], dict[int, float]] = {}
    forms = list(_forms(stage.having(*SERVERS)))
    for number, size in enumerate(sizes(stage.quick)):
        grow(stage, inventory, size)
        for form in forms:
            say(f"memory over {size:,} Services: {form.server.key} with {form.processes}")
            weight = _weigh(stage, form, size, relists=number == 1)
            if weight is not None:
                weights.setdefault((form.server.key, form.processes), {})[size] = weight
    for (key, processes), by_size in weights.items():
        work = SLOPE if processes == 1 else SLOPE_TWO
        if len(by_size) == len(sizes(stage.quick)):
            stage.results.cell(work, key).values[0] = slope(by_size)


def _forms(servers: Sequence[tuple[Server, str]]) -> Iterator[Form]:
    for server, program in servers:
        yield Form(server, program)
        if server.key == "feddns":
            yield Form(server, program, processes=2)


def slope(by_size: dict[int, float]) -> float:
    """For 1,000 Services more, between the smallest and the biggest size."""
    low, high = min(by_size), max(by_size)
    return (by_size[high] - by_size[low]) / (high - low) * 1e3


def grow(stage: Stage, inventory: Inventory, size: int) -> None:
    """Put more of the inventory into the cluster, and wait until the API server has it."""
    have = len(stage.world.services)
    if size > have:
        say(f"{size:,} Services into etcd")
        services = stage.world.services + inventory.services[have:size]
        stage.world = Inventory(inventory.namespaces, services)
        filling.fill(stage.cluster.etcd, stage.world, have)
        stage.wait_until_quiet()


def _weigh(stage: Stage, form: Form, size: int, relists: bool) -> float | None:
    place = replace(stage.place(), processes=form.processes)
    key = form.server.key
    work = f"footprint-{size}" if form.processes == 1 else TWO
    with stage.entering(form.server, form.program, place) as entrant:
        if isinstance(entrant, str):
            stage.failed((work,), key, entrant)
            return None
        time.sleep(QUICK_REST if stage.quick else REST)
        weight = memory.pss_of(entrant.running.tree())
        if form.processes == 1 or relists:
            stage.results.cell(work, key).values[0] = weight
        if relists and form.processes == 1:
            _relist(stage, entrant, weight)
        return weight


def _relist(stage: Stage, entrant: Entrant, before: float) -> None:
    """The worst moment of a relist; no number when the server does not follow again after it."""
    stage.cluster.kill_api()
    changed = _change_one(stage)
    # The version that the followers have is now older than what etcd still knows.
    stage.cluster.etcd.put({f"/bench/{number}": b"" for number in range(1000)})
    stage.cluster.compact_etcd(restart=False)
    stage.cluster.start_api()
    most = before
    end = time.monotonic() + (QUICK_WATCHED if stage.quick else WATCHED)
    while time.monotonic() < end:
        most = max(most, memory.pss_of(entrant.running.tree()))
        time.sleep(0.1)
    if said := _not_there(entrant, changed):
        stage.results.refuse(RELIST, entrant.key, "not followed", said)
    else:
        stage.results.cell(RELIST, entrant.key).values[0] = (most / before - 1) * 100


def _change_one(stage: Stage) -> Service:
    """Another address for a headless Service, in etcd and in the stage's world."""
    old = stage.world.headless()[0]
    new = filling.moved(old, 1 if old == filling.moved(old, 0) else 0)
    stage.cluster.etcd.put(dict([filling.pair_of(new)]))
    services = list(stage.world.services)
    services[new.index] = new
    stage.world = replace(stage.world, services=tuple(services))
    return new


def _not_there(entrant: Entrant, changed: Service) -> str | None:
    if death := entrant.running.death():
        return f"died: {death}"
    got = check.ask(entrant.port, changed.dns_name, "A")
    return None if got == follow.right(changed) else f"{changed.dns_name} A: {got} after the relist"
