"""Calls to the provider and CPU time of ours, for what happens to a public zone.

    row                 measured
    zone-rest-calls     a pass over 20,000 record sets of which none has changed: calls
    zone-rest-cpu       ms of CPU to see that nothing has, each Service told again
    zone-audit-calls    the reading of that zone, once an hour: calls
    zone-audit-cpu      s of CPU of it, the comparison included
    zone-change-calls   one shard of one Service gets unhealthy, of 100,000 record sets: calls
    zone-change-cpu     ms of CPU from the new Service to the change that is known to be done
    zone-start-calls    those 100,000 read at a start, all in place: calls
    zone-start-cpu      s of CPU of it, what each Service wants and the comparison included
    zone-new-calls      20,000 record sets into an empty zone: calls
    zone-new-cpu        s of CPU of it
    zone-new-time       s that those calls need at the provider's rate

Each record set has its claim beside it, so that the zone holds twice as many.  In the end the zone
is compared with what is wanted.  `__main__` calls `run`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.publiczone import federation
from bench.results import Results
from bench.targets import OURS
from feddns.providers import memory, ownership
from feddns.providers.base import Limits
from feddns.providers.keeper import Keeper, Read, Send, Settings, Wait
from feddns.providers.plan import Source
from feddns.providers.recordsets import RecordSet

ROUTE_53 = Limits(changes=1000, rate=5.0, burst=1, is_atomic=True)
"""1,000 record sets a change, 5 requests a second and account (AWS, "Quotas")."""
PAGE = 300
SMALL, BIG = 20_000, 100_000
_REGISTRY = ownership.registry("feddns-fellowship")
_PROOF = (Source("services", "1"), Source("clusters", "1"))
_HOUR = 3600.0


class NotRight(Exception):
    """The zone does not hold what is wanted."""


def run(turn: int, results: Results, small: int = SMALL, big: int = BIG) -> None:
    """One round."""

    def put(work: str, number: float) -> None:
        results.cell(f"zone-{work}", OURS).values[turn] = number

    stage = Stage(small)
    spent = stage.take(stage.want_all)
    put("new-calls", stage.calls)
    put("new-cpu", spent)
    put("new-time", stage.now)
    put("rest-cpu", stage.take(stage.want_all) * 1e3)
    put("rest-calls", stage.calls)
    put("audit-cpu", stage.take(stage.rest_an_hour))
    put("audit-calls", stage.calls)
    stage.look()
    stage = Stage(big, _content(big))
    put("start-cpu", stage.take(stage.want_all))
    put("start-calls", stage.calls)
    put("change-cpu", stage.take(stage.lose_a_shard) * 1e3)
    put("change-calls", stage.calls)
    stage.look()


@functools.cache
def _content(count: int) -> tuple[RecordSet, ...]:
    """The zone when all is done."""
    stage = Stage(count)
    stage.want_all()
    return stage.zone.content()


class Stage:
    """A keeper on a zone in memory, in virtual time.  `calls`: of the last `take`."""

    def __init__(self, count: int, content: Iterable[RecordSet] = ()) -> None:
        self.zone = memory.open(
            memory.Settings(
                zone=federation.ZONE, records=tuple(content), limits=ROUTE_53, page=PAGE
            )
        )
        self.now, self.calls = 0.0, 0
        self._view = federation.view()
        self._services = [federation.service(number) for number in range(count // federation.EACH)]
        self._keeper = Keeper(federation.ZONE, Settings(), _REGISTRY, ROUTE_53)
        self._pages: Iterator[Sequence[RecordSet]] = iter(())
        self._others = 0.0

    def take(self, work: Callable[[], None]) -> float:
        """Seconds of CPU for it, without those of the zone in memory."""
        self.calls, self._others = 0, 0.0
        start = time.process_time()
        work()
        return time.process_time() - start - self._others

    def want_all(self) -> None:
        for service in self._services:
            wanted = federation.wanted(self._view, service)
            self._keeper.want(federation.key(service), wanted, self.now)
        self._keeper.prove(_PROOF, self.now)
        self._go_on(60.0)

    def lose_a_shard(self) -> None:
        number = len(self._services) // 2
        self._services[number] = federation.service(number, without=3)
        wanted = federation.wanted(self._view, self._services[number])
        self._keeper.want(federation.key(self._services[number]), wanted, self.now)
        self._go_on(60.0)
        if not self._keeper.settled(federation.key(self._services[number])):
            raise NotRight("the change is not done")

    def rest_an_hour(self) -> None:
        audited = self._keeper.audited
        until = self.now + 2 * _HOUR
        while self._keeper.audited == audited and self.now < until:
            self._step(until)

    def _go_on(self, quiet: float) -> None:
        """Until nothing is to be done for so long."""
        while self._step(self.now + quiet):
            pass

    def _step(self, until: float) -> bool:
        order = self._keeper.next(self.now)
        if isinstance(order, Wait):
            if order.until is None or order.until > until:
                return False
            self.now = order.until
        elif isinstance(order, Read):
            self._read(order)
        else:
            self._send(order)
        return True

    def _read(self, order: Read) -> None:
        start = time.process_time()
        if order.is_new:
            self._pages = self.zone.list()
        page = next(self._pages, None)
        self._others += time.process_time() - start
        if page is None:
            self._keeper.read(self.now)
        else:
            self.calls += 1
            self._keeper.page(page, self.now)

    def _send(self, order: Send) -> None:
        self.calls += 1
        start = time.process_time()
        self.zone.apply(order.changes)
        self._others += time.process_time() - start
        self._keeper.sent(self.now)
        self._keeper.news()
        self._keeper.applied()

    def look(self) -> None:
        """Raises `NotRight`."""
        wanted = {
            wish.record
            for service in self._services
            for wish in federation.wanted(self._view, service)
        }
        owned = ownership.divide(self.zone.content(), _REGISTRY).ours.values()
        if {own.record for own in owned} != wanted:
            raise NotRight(f"{len(owned)} record sets, {len(wanted)} wanted, and not the same")
