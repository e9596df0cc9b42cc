"""What the controllers tell Prometheus.

    family                                          labels
    feddns_controllers_leader
    feddns_controllers_queue_depth                  queue (federation, or a member), state
    feddns_controllers_reconciled_total             kind
    feddns_controllers_reconcile_seconds            (histogram)
    feddns_controllers_queue_seconds                (histogram)
    feddns_controllers_operations_total             cluster, kind, verb, outcome
    feddns_controllers_operation_seconds            cluster (histogram)
    feddns_controllers_writes_total                 kind, outcome
    feddns_controllers_events_total
    feddns_controllers_troubles                     cluster
    feddns_controllers_member_ready                 cluster
    feddns_controllers_member_probes_total          cluster, result
    feddns_controllers_member_objects               cluster, resource
    feddns_controllers_objects                      resource (of the federation)

Collected in the loop's thread by `take`; shown by another.  Pure.  Called by `runtime`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from controllers.counts import BUCKETS, Counts, Durations

_PREFIX = "feddns_controllers_"


class Picture(NamedTuple):
    """Everything that is shown, at one moment."""

    counts: Counts
    is_leading: bool
    queues: dict[str, dict[str, int]]
    ready: dict[str, bool]
    objects: dict[str, dict[str, int]]
    """By cluster, the empty name for the federation; then by resource."""
    troubles: dict[str, int]
    events: int


def families(picture: Picture) -> Iterator[Metric]:
    """All of them."""
    counts = picture.counts
    yield _gauge("leader", "1 while this process acts.", [], {(): picture.is_leading})
    depths = {
        (queue, state): number
        for queue, states in picture.queues.items()
        for state, number in states.items()
    }
    yield _gauge("queue_depth", "Keys that wait, are delayed or in work.",
                 ["queue", "state"], depths)  # fmt: skip
    reconciled = {(kind,): number for kind, number in counts.reconciled.items()}
    yield _counter("reconciled", "Keys looked at.", ["kind"], reconciled)
    yield _histogram("reconcile_seconds", "Time to plan for one key.", {"": counts.reconciling})
    yield _histogram("queue_seconds", "Time that a key waited.", {"": counts.waited})
    yield _counter("operations", "Operations in members.",
                   ["cluster", "kind", "verb", "outcome"], counts.operations)  # fmt: skip
    yield _histogram("operation_seconds", "Time of one operation.", counts.took, "cluster")
    yield _counter("writes", "Writes in the federation.", ["kind", "outcome"], counts.writes)
    yield _counter("events", "Events written in the federation.", [], {(): picture.events})
    troubles = {(name,): number for name, number in picture.troubles.items()}
    yield _gauge("troubles", "Copies that a member refuses.", ["cluster"], troubles)
    ready = {(name,): number for name, number in picture.ready.items()}
    yield _gauge("member_ready", "1 for a member that is ready.", ["cluster"], ready)
    yield _counter("member_probes", "Probes of health.", ["cluster", "result"], counts.probes)
    members = {
        (cluster, resource): number
        for cluster, kept in picture.objects.items()
        for resource, number in kept.items()
        if cluster
    }
    yield _gauge("member_objects", "Objects kept of a member.", ["cluster", "resource"], members)
    own = {(resource,): number for resource, number in picture.objects.get("", {}).items()}
    yield _gauge("objects", "Objects of the federation.", ["resource"], own)


def _gauge(name: str, text: str, labels: list[str], rows: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for values, number in sorted(rows.items()):
        family.add_metric(values, number)
    return family


def _counter(name: str, text: str, labels: list[str], rows: Mapping[Any, float]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for values, number in sorted(rows.items()):
        family.add_metric(values, number)
    return family


def _histogram(name: str, text: str, rows: dict[str, Durations], label: str = "") -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=[label] if label else [])
    for value, durations in sorted(rows.items()):
        buckets, total = [], 0
        for bound, number in zip((*map(str, BUCKETS), "+Inf"), durations.buckets, strict=True):
            total += number
            buckets.append((bound, float(total)))
        family.add_metric([value] if label else [], buckets, durations.sum)
    return family
