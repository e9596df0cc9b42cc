"""The metrics of the DNS server, as Prometheus reads them.

Names and labels follow CoreDNS where it has the same thing, with `feddns_` in front, so that a
dashboard needs a search and replace only; `docs/metrics.md` lists them.  Nothing is counted here:
a custom collector turns the answering processes' regions and the watcher's inventory into metric
families when it is asked.  Pure but for the clock it is given.  Called by `app.watching`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from feddns import __version__, records
from feddns.inventory import Inventory
from feddns.resolver import counts
from feddns.resolver.counts import RESTARTS, SILENCE, gauge

Numbers = Sequence[int]


class ServerCollector(Collector):
    """Reads the regions of the answering processes, in order, and the inventory."""

    def __init__(
        self,
        regions: Callable[[], list[Numbers]],
        inventory: Callable[[], Inventory],
        clock: Callable[[], float],
    ) -> None:
        self._regions = regions
        self._inventory = inventory
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        regions = self._regions()
        yield from _questions(regions)
        yield _durations(regions)
        yield from _processes(regions, self._clock())
        yield from _objects(self._inventory())
        build = GaugeMetricFamily("feddns_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def _questions(regions: list[Numbers]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "feddns_dns_requests", "Questions by transport and type.", labels=["proto", "type"]
    )
    responses = CounterMetricFamily(
        "feddns_dns_responses", "Replies by transport and rcode; SILENCE where none was sent.",
        labels=["proto", "rcode"],
    )  # fmt: skip
    hits = CounterMetricFamily("feddns_cache_hits", "Questions that had a ready answer.")
    misses = CounterMetricFamily("feddns_cache_misses", "Questions whose answer was built.")
    by_type: dict[tuple[str, str], int] = {}
    by_rcode: dict[tuple[str, str], int] = {}
    by_ready = {True: 0, False: 0}
    for slot, row in counts.rows():
        number = sum(region[slot] for region in regions)
        proto = "tcp" if row.tcp else "udp"
        kind = records.type_name(row.type) if row.type != counts.OTHER else "other"
        rcode = "SILENCE" if row.rcode == SILENCE else records.RCODE_NAMES[row.rcode]
        by_type[proto, kind] = by_type.get((proto, kind), 0) + number
        by_rcode[proto, rcode] = by_rcode.get((proto, rcode), 0) + number
        by_ready[row.ready] += number
    for labels, number in by_type.items():
        requests.add_metric(labels, number)
    for labels, number in by_rcode.items():
        responses.add_metric(labels, number)
    hits.add_metric([], by_ready[True])
    misses.add_metric([], by_ready[False])
    yield from (requests, responses, hits, misses)


def _durations(regions: list[Numbers]) -> Metric:
    """From taking a batch out of the kernel to handing its replies back."""
    total = [0] * (len(counts.BOUNDS) + 1)
    seconds = 0.0
    for region in regions:
        buckets, own = counts.durations(region)
        total = [a + b for a, b in zip(total, buckets, strict=True)]
        seconds += own
    running = 0
    cumulative = []
    for bound, number in zip([*map(str, counts.BOUNDS), "+Inf"], total, strict=True):
        running += number
        cumulative.append((bound, running))
    family = HistogramMetricFamily(
        "feddns_dns_request_duration_seconds",
        "Time from taking a question out of the kernel to handing its reply back.",
    )
    family.add_metric([], cumulative, seconds)
    return family


def _processes(regions: list[Numbers], now: float) -> Iterator[Metric]:
    gauges = (
        ("ready", "feddns_ready", "1 when the process answers from a whole world."),
        ("stale", "feddns_stale", "1 when the process has lost the feed and says so in answers."),
        ("snapshot_version", "feddns_snapshot_version", "Events applied to the world so far."),
        ("answers_ready", "feddns_cache_entries", "Ready wire answers."),
        ("answers_ready_bytes", "feddns_cache_bytes", "Bytes of the ready wire answers."),
        ("tcp_connections", "feddns_tcp_connections", "Open TCP connections."),
        ("replies_unsent", "feddns_replies_unsent", "Replies that the kernel refused to send."),
        ("process_id", "feddns_process_id", "The process that has the role."),
    )
    for slot_name, name, text in gauges:
        family = GaugeMetricFamily(name, text, labels=["process"])
        for index, region in enumerate(regions):
            family.add_metric([str(index)], region[gauge(slot_name)])
        yield family
    age = GaugeMetricFamily(
        "feddns_snapshot_age_seconds", "Time since the world last changed.", labels=["process"]
    )
    restarts = CounterMetricFamily(
        "feddns_process_restarts", "Times a process was started again.", labels=["process"]
    )
    for index, region in enumerate(regions):
        changed = region[gauge("snapshot_changed_ns")] / 1e9
        if changed:
            age.add_metric([str(index)], max(0.0, now - changed))
        restarts.add_metric([str(index)], region[RESTARTS])
    yield from (age, restarts)


def _objects(inventory: Inventory) -> Iterator[Metric]:
    rows: Iterable[tuple[str, str, str, dict[str, int]]] = (
        ("feddns_objects", "Objects in use, by kind.", "kind", inventory.objects),
        ("feddns_objects_ignored", "Objects passed over, by kind.", "kind", inventory.ignored),
        ("feddns_refused", "Objects and files refused now, by kind.", "kind", inventory.refused),
    )
    for name, text, label, numbers in rows:
        family = GaugeMetricFamily(name, text, labels=[label])
        for value, number in sorted(numbers.items()):
            family.add_metric([value], number)
        yield family
    changed = GaugeMetricFamily(
        "feddns_source_changed_timestamp_seconds", "When a source last brought a change."
    )
    changed.add_metric([], inventory.changed)
    yield changed
