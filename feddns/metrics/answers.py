"""Questions, replies and how long they took; who was limited.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from feddns import records
from feddns.resolver import counts
from feddns.resolver.counts import SILENCE, Histogram, counter

Numbers = Sequence[int]


def questions(regions: list[Numbers]) -> Iterator[Metric]:
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


def durations(regions: list[Numbers]) -> Iterator[Metric]:
    """Of answers, and of changes on their way into answers."""
    yield _histogram(
        regions, counts.DURATIONS, "feddns_dns_request_duration_seconds",
        "Time from taking a question out of the kernel to handing its reply back.",
    )  # fmt: skip
    yield _histogram(
        regions, counts.PROGRAMMING, "feddns_kubernetes_dns_programming_duration_seconds",
        "Time from what changed an endpoint (its trigger time) to the answers that follow it.",
    )  # fmt: skip


def _histogram(regions: list[Numbers], histogram: Histogram, name: str, text: str) -> Metric:
    """One of all processes."""
    total = [0] * (len(histogram.bounds) + 1)
    seconds = 0.0
    for region in regions:
        buckets, own = histogram.read(region)
        total = [a + b for a, b in zip(total, buckets, strict=True)]
        seconds += own
    bounds = [*map(str, histogram.bounds), "+Inf"]
    family = HistogramMetricFamily(name, text)
    family.add_metric([], list(zip(bounds, accumulate(total), strict=True)), seconds)
    return family


def limits(regions: list[Numbers]) -> Iterator[Metric]:
    limited = CounterMetricFamily(
        "feddns_limited_questions", "Questions of clients above the rate limit, by what they got.",
        labels=["reply"],
    )  # fmt: skip
    for reply in ("silence", "truncated", "badcookie"):
        slot = counter(f"limited_{reply}")
        limited.add_metric([reply], sum(region[slot] for region in regions))
    exempt = CounterMetricFamily(
        "feddns_limit_exemptions", "Questions that a valid cookie kept from the rate limit."
    )
    exempt.add_metric([], sum(region[counter("cookie_exempt")] for region in regions))
    yield from (limited, exempt)
