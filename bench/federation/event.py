"""What one change costs the controllers, by the number of federated objects.

A federated Service, its copy in the one member and its endpoint, a hundred, a thousand and ten
thousand times.  Then changes one after the other, of a hundred Services in turn, at a steady pace:

    row                 a change
    event-<size>        an endpoint in the member, gone or back: the annotation is written
    event-copy-<size>   a label of the federated Service: the copy is written
    event-growth, event-copy-growth   the last to the first size
    event-rest          % of a core without changes, at the last size
    event-memory        MB of the controllers at the last size

Numbers are ms of the controllers' CPU a change, less what they take without changes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from bench import memory
from bench.federation import objects, talking
from bench.federation.objects import Made
from bench.federation.stage import NotSo, Stage, say
from bench.federation.talking import Line
from bench.processes import Running

ENDPOINT, COPY = "federation-event", "federation-event-copy"
GROWTH, COPY_GROWTH = "federation-event-growth", "federation-event-copy-growth"
REST, MEMORY = "federation-event-rest", "federation-event-memory"
SIZES, QUICK_SIZES = (100, 1_000, 10_000), (100, 300)
MEMBERS = ("us",)
MOVED = 100
CHANGES, QUICK_CHANGES = 400, 100
PACE = 0.05
PATIENCE = 900.0
IDLE, QUICK_IDLE = 20.0, 5.0


def sizes(quick: bool) -> tuple[int, ...]:
    return QUICK_SIZES if quick else SIZES


def run(stage: Stage) -> None:
    """On a federation of one member."""
    with contextlib.ExitStack() as stack, stage.controllers() as controllers:
        here, there = Line(stage.api), Line(stage.members["us"])
        stack.callback(here.close)
        stack.callback(there.close)
        try:
            Events(stage, controllers, here, there).measure()
        except NotSo as missing:
            for growth in (GROWTH, COPY_GROWTH):
                stage.refuse(growth, "not all copied", str(missing))


class Events:
    """The federation as it grows."""

    def __init__(self, stage: Stage, controllers: Running, here: Line, there: Line) -> None:
        self._stage, self._controllers = stage, controllers
        self._here, self._there = here, there
        self._size = 0

    def measure(self) -> None:
        costs: dict[str, list[float]] = {ENDPOINT: [], COPY: []}
        idle = 0.0
        for size in sizes(self._stage.quick):
            self._grow(size)
            idle = self._idle()
            say(f"event: {size:,} objects, {idle * 100:.1f} % of a core at rest")
            for work, change in ((ENDPOINT, self._endpoint), (COPY, self._label)):
                costs[work].append(self._cost(change, idle))
                self._stage.put(f"{work}-{size}", costs[work][-1])
        for work, growth in ((ENDPOINT, GROWTH), (COPY, COPY_GROWTH)):
            self._stage.put(growth, costs[work][-1] / costs[work][0])
        self._stage.put(REST, idle * 100)
        self._stage.put(MEMORY, memory.pss_of(self._controllers.tree()))

    def _grow(self, size: int) -> None:
        """More Services, copied, with addresses and endpoints where there are changes."""
        names = [_name(number) for number in range(self._size, size)]
        stage, us = self._stage, self._stage.members["us"]
        stage.create(stage.api, [("services", objects.service(name)) for name in names])
        path = stage.path("services")
        stage.until(lambda: self._there.count(path) >= size, f"{size:,} copies", PATIENCE, 0.5)
        slices: list[Made] = [("endpointslices", objects.endpoint_slice(name)) for name in names]
        stage.create(us, slices)
        ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}}
        statuses = ((f"{stage.path('services', name)}/status", ingress) for name in names)
        talking.at_once(us, "PATCH", statuses)
        self._size = size
        stage.until_quiet(self._controllers, PATIENCE)

    def _idle(self) -> float:
        seconds = QUICK_IDLE if self._stage.quick else IDLE
        before = self._controllers.run_seconds()
        time.sleep(seconds)
        return (self._controllers.run_seconds() - before) / seconds

    def _cost(self, change: Callable[[int], None], idle: float) -> float:
        """ms of CPU a change."""
        count = QUICK_CHANGES if self._stage.quick else CHANGES
        before, began = self._controllers.run_seconds(), time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number * PACE - time.monotonic()))
            change(number)
        self._stage.until_quiet(self._controllers)
        spent = self._controllers.run_seconds() - before
        spent -= idle * (time.monotonic() - began)
        return spent / count * 1e3

    def _endpoint(self, number: int) -> None:
        """Each Service in turn: gone, and the next time round back."""
        ready = number // MOVED % 2 == 1
        path = self._stage.path("endpointslices", _name(number % MOVED))
        self._there.patch(path, {"endpoints": objects.endpoints(ready=ready)})

    def _label(self, number: int) -> None:
        path = self._stage.path("services", _name(number % MOVED))
        self._here.patch(path, {"metadata": {"labels": {"turn": f"t{time.monotonic_ns()}"}}})


def _name(number: int) -> str:
    return f"s-{number}"
