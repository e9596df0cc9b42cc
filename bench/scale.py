"""feddns over big folders of manifests: time to the first answer, and pauses later.

Three sizes tell whether the time is linear in them.  After the first answer one Service more is
put into the folder while the server is asked without a break: how long the longest answer took,
and when the new Service was there.  `__main__` calls `run`.
"""

from __future__ import annotations

import ipaddress
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dns.message

from bench import check, inventory, manifests, memory
from bench.inventory import Inventory, Service
from bench.processes import Running, free_port
from bench.results import Results, Scale
from bench.servers import Place, Server
from bench.zone import Answer

SIZES = (25_000, 50_000, 100_000)
QUICK_SIZES = (5_000, 10_000, 20_000)
PATIENCE = 90.0
WATCHED = 3.0
CHANGE_AFTER = 0.5


def run(server: Server, program: str, sizes: Sequence[int], folder: Path, results: Results) -> None:
    """Measure each size in turn; a size that fails ends the series with a note."""
    for size in sizes:
        print(f"start over {size:,} Services", file=sys.stderr, flush=True)
        home = folder / f"scale-{size}"
        home.mkdir()
        try:
            outcome = _measure(server, program, size, home)
        finally:
            shutil.rmtree(home)
        if isinstance(outcome, str):
            results.note(f"{server.key} over {size:,} Services: {outcome}")
            return
        results.scales.append(outcome)


def _measure(server: Server, program: str, size: int, home: Path) -> Scale | str:
    world = inventory.make(size)
    place = Place(free_port(), home, home / "manifests", home, 0)
    manifests.write(world, place.manifests)
    running = Running(server.launch(program, place), home / "log")
    try:
        last = world.with_cluster_ip()[-1]
        took = check.wait_until_right(
            running, place.port, (last.dns_name, "A"), _address(last), PATIENCE
        )
        if isinstance(took, str):
            return took
        weight = memory.pss_of(running.tree())
        pause, change = _watch(place, last, _one_more(world))
        return Scale(size, took, weight, pause, change)
    finally:
        running.stop()


def _address(service: Service) -> Answer:
    return Answer("NOERROR", frozenset({str(service.cluster_ip)}))


def _one_more(world: Inventory) -> Service:
    """A Service that is not in the inventory, without endpoints."""
    last = world.with_cluster_ip()[-1]
    index = len(world.services)
    address = ipaddress.IPv4Address(inventory.FIRST_CLUSTER_IP + index)
    return replace(last, index=index, name="latest", cluster_ip=str(address), endpoints=())


def _watch(place: Place, known: Service, added: Service) -> tuple[float, float | None]:
    """The longest wait for an answer, and the time until the added Service is answered."""
    old = dns.message.make_query(known.dns_name, "A").to_wire()
    new = dns.message.make_query(added.dns_name, "A").to_wire()
    began = time.perf_counter()
    longest, written, change = 0.0, None, None
    while (now := time.perf_counter()) < began + WATCHED:
        if written is None and now > began + CHANGE_AFTER:
            _add(added, place.manifests)
            written = now = time.perf_counter()
        check.exchange(place.port, old, WATCHED)
        longest = max(longest, time.perf_counter() - now)
        if written is not None and change is None:
            reply = check.exchange(place.port, new, WATCHED)
            if reply and check.read_answer(dns.message.from_wire(reply), "A") == _address(added):
                change = time.perf_counter() - written
        time.sleep(0.001)
    return longest, change


def _add(service: Service, folder: Path) -> None:
    draft = folder.parent / "latest.yaml"
    draft.write_text("".join(manifests.list_text([manifests.service_object(service)])))
    draft.rename(folder / "latest.yaml")
