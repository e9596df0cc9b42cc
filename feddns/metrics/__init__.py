"""The metrics of the DNS server, as Prometheus reads them.

    answers       questions, replies, durations, ready answers, limits
    processes     each process, the settings' state, memory
    sources       objects, refusals, informers
    forwarding    forwarded questions, what is kept of them, the upstream servers

Names and labels follow CoreDNS where it has the same thing, with `feddns_` in front, so that a
dashboard needs a search and replace only; `docs/metrics.md` lists them.  Nothing is counted here:
a custom collector turns the answering processes' regions and what the watcher knows into metric
families when it is asked.  Pure but for what it is given to ask.  Called by `app.watching`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feddns import __version__
from feddns.inventory import Inventory
from feddns.metrics import answers, forwarding, processes, sources
from feddns.metrics.answers import Numbers
from feddns.report import Notice


class Asked(NamedTuple):
    """Where the numbers come from; each is called once for a scrape.

    `regions` in the order of the answering processes; `clock` gives Unix time; `memory` the bytes
    of each process by its role; `given_up` how many times caches were given up for memory.
    """

    regions: Callable[[], list[Numbers]]
    inventory: Callable[[], Inventory]
    clock: Callable[[], float]
    notice: Callable[[], Notice] = Notice
    memory: Callable[[], dict[str, int]] = dict
    given_up: Callable[[], int] = int


class ServerCollector(Collector):
    """All families."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def collect(self) -> Iterator[Metric]:
        asked = self._asked
        regions, notice, inventory = asked.regions(), asked.notice(), asked.inventory()
        now = asked.clock()
        yield from answers.questions(regions)
        yield from answers.durations(regions)
        yield from answers.limits(regions)
        yield from forwarding.questions(regions)
        yield from forwarding.upstreams(inventory.upstreams)
        yield from processes.processes(regions, now, notice.watcher_restarts)
        yield from processes.memory(asked.memory(), asked.given_up())
        yield from processes.settings(notice)
        yield from sources.objects(inventory)
        yield from sources.informers(inventory.informers, now)
        build = GaugeMetricFamily("feddns_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
