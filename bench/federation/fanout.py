"""A thousand federated Services into five members, twice; then the controllers at rest.

    row              number
    fanout           s from the first create to the last copy in the last member
    fanout-cpu       ms of the controllers' CPU for a copy
    fanout-faulty    s of a thousand more, with 200 faulty objects among them (`objects`)
    fanout-rest      % of a core that the controllers take afterwards, all copies made
    fanout-memory    MB of the controllers then
    fanout-rest-faulty  the same while 200 objects are faulty, and are tried again now and then

Copies are counted once a quarter of a second.  Afterwards each copy is looked at.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from bench import memory
from bench.federation import objects
from bench.federation.objects import Made
from bench.federation.stage import NotSo, Stage, say
from bench.federation.talking import Line
from bench.processes import Running
from controllers import copies

TOOK, CPU, FAULTY = "federation-fanout", "federation-fanout-cpu", "federation-fanout-faulty"
REST, REST_FAULTY = "federation-fanout-rest", "federation-fanout-rest-faulty"
MEMORY = "federation-fanout-memory"
WORKS = (TOOK, CPU, FAULTY, REST, REST_FAULTY, MEMORY)
MEMBERS = ("us", "eu", "asia", "africa", "oceania")
SERVICES, QUICK_SERVICES = 1000, 100
PATIENCE = 300.0
WATCHED, QUICK_WATCHED = 30.0, 5.0


def run(stage: Stage) -> None:
    """On a federation of `MEMBERS`, all registered."""
    count = QUICK_SERVICES if stage.quick else SERVICES
    with contextlib.ExitStack() as stack, stage.controllers() as controllers:
        lines = {name: Line(api) for name, api in stage.members.items()}
        for line in lines.values():
            stack.callback(line.close)
        fanout = Fanout(stage, lines, controllers)
        try:
            before = controllers.run_seconds()
            stage.put(TOOK, fanout.spread(_good("good", count)))
            fanout.settle()
            spent = controllers.run_seconds() - before
            stage.put(CPU, spent / count / len(MEMBERS) * 1e3)
            stage.put(REST, fanout.rest())
            stage.put(MEMORY, memory.pss_of(controllers.tree()))
            stage.put(FAULTY, fanout.spread(_mixed(stage, count)))
            fanout.settle()
            stage.put(REST_FAULTY, fanout.rest())
        except NotSo as missing:
            stage.refuse(TOOK, "not all copied", str(missing))


def _good(prefix: str, count: int) -> list[Made]:
    return [("services", objects.service(f"{prefix}-{number}")) for number in range(count)]


def _mixed(stage: Stage, count: int) -> list[Made]:
    """Good ones with a faulty one after each fifth; what those stumble over is put there."""
    for member in stage.members.values():
        stage.create(member, objects.in_the_way(count // 5))
    faulty = (made for _, made in objects.faulty(count // 5))
    return list(_merged(_good("more", count), faulty))


def _merged(good: list[Made], faulty: Iterator[Made]) -> Iterator[Made]:
    for number, made in enumerate(good):
        if number % 5 == 0:
            yield from (one for one in (next(faulty, None),) if one)
        yield made


class Fanout:
    """Objects made in the federation, and their copies."""

    def __init__(self, stage: Stage, lines: dict[str, Line], controllers: Running) -> None:
        self._stage, self._lines, self._controllers = stage, lines, controllers
        self._copies = 0
        """Services that each member must have."""

    def spread(self, made: list[Made]) -> float:
        """Make them; seconds until every member has every Service.  Raises `NotSo`."""
        self._copies += sum(plural == "services" for plural, _ in made)
        say(f"fanout{self._stage.suffix}: {len(made)} objects")
        since = time.perf_counter()
        created = self._stage.create(self._stage.api, made)
        path = self._stage.path("services")
        waiting = dict(self._lines)

        def spread() -> bool:
            for name, line in list(waiting.items()):
                if line.count(path) >= self._copies:
                    del waiting[name]
            return not waiting

        self._stage.until(spread, f"{self._copies} copies everywhere", PATIENCE, 0.25)
        took = time.perf_counter() - since
        say(f"fanout{self._stage.suffix}: created in {created:.1f} s, copied in {took:.1f} s")
        self._check(path)
        return took

    def settle(self) -> None:
        self._stage.until_quiet(self._controllers)

    def rest(self) -> float:
        """% of a core, over a while."""
        seconds = QUICK_WATCHED if self._stage.quick else WATCHED
        before = self._controllers.run_seconds()
        time.sleep(seconds)
        return (self._controllers.run_seconds() - before) / seconds * 100

    def _check(self, path: str) -> None:
        for name, line in self._lines.items():
            labelled = f"{path}?labelSelector={copies.LABEL}"
            found = len(line.get(labelled)["items"])
            if found != self._copies:
                raise NotSo(f"{name} has {found} copies, not {self._copies}")
