"""Forwarded questions, what is kept of them, and the servers they go to.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from feddns.inventory import LATENCY_BOUNDS, Upstream
from feddns.metrics.answers import Numbers
from feddns.resolver.counts import counter, gauge

_COUNTERS = (
    ("forward_hits", "feddns_forward_cache_hits", "Forwarded questions that had a ready answer."),
    ("forward_misses", "feddns_forward_cache_misses", "Those that an upstream had to be asked."),
    ("forward_stale", "feddns_forward_cache_served_stale", "Those answered by a stale copy."),
    ("forward_prefetches", "feddns_forward_cache_prefetch", "Copies renewed before their end."),
    ("forward_answered", "feddns_forward_answered", "Questions that an upstream answered."),
    ("forward_failed", "feddns_forward_failed", "Questions that no upstream answered."),
    (
        "forward_refused_full",
        "feddns_forward_max_concurrent_rejects",
        "Questions above --upstream-outstanding.",
    ),
    ("forward_loops", "feddns_forward_loops", "Own questions that came back by an upstream."),
)
_GAUGES = (
    ("forward_in_flight", "feddns_forward_in_flight", "Questions on their way to an upstream."),
    ("forward_entries", "feddns_forward_cache_entries", "Kept answers from upstream."),
    ("forward_bytes", "feddns_forward_cache_bytes", "Bytes of those."),
)


def questions(regions: list[Numbers]) -> Iterator[Metric]:
    """Of all processes together; what is kept, by process."""
    for slot_name, name, text in _COUNTERS:
        family = CounterMetricFamily(name, text)
        family.add_metric([], sum(region[counter(slot_name)] for region in regions))
        yield family
    for slot_name, name, text in _GAUGES:
        kept = GaugeMetricFamily(name, text, labels=["process"])
        for index, region in enumerate(regions):
            kept.add_metric([str(index)], region[gauge(slot_name)])
        yield kept


def upstreams(found: dict[int, list[Upstream]]) -> Iterator[Metric]:
    """Each server, as all processes together see it: up when one of them says so."""
    by_server: dict[str, list[Upstream]] = {}
    for rows in found.values():
        for row in rows:
            by_server.setdefault(row.server, []).append(row)
    up = GaugeMetricFamily("feddns_forward_upstream_up", "1 when it answers.", labels=["to"])
    loops = GaugeMetricFamily(
        "feddns_forward_upstream_loops", "1 when it leads back to this server.", labels=["to"]
    )
    asked = CounterMetricFamily(
        "feddns_forward_requests", "What became of the questions to it.", labels=["to", "outcome"]
    )
    latency = HistogramMetricFamily(
        "feddns_forward_request_duration_seconds", "Time until it answered.", labels=["to"]
    )
    bounds = [*map(str, LATENCY_BOUNDS), "+Inf"]
    for server, rows in sorted(by_server.items()):
        up.add_metric([server], any(row.up for row in rows))
        loops.add_metric([server], any(row.loops for row in rows))
        for outcome in ("answered", "timeouts", "errors", "refusals"):
            asked.add_metric([server, outcome], sum(getattr(row, outcome) for row in rows))
        buckets = accumulate(map(sum, zip(*(row.buckets for row in rows), strict=True)))
        seconds = sum(row.seconds for row in rows)
        latency.add_metric([server], list(zip(bounds, buckets, strict=True)), seconds)
    yield from (up, loops, asked, latency)
