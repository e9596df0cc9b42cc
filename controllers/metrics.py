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
    feddns_controllers_zone_calls_total             zone, call (list, apply)
    feddns_controllers_zone_changes_total           zone
    feddns_controllers_zone_failures_total          zone, reason
    feddns_controllers_zone_records                 zone, owner (ours, foreign)
    feddns_controllers_zone_waiting                 zone
    feddns_controllers_zone_quarantined             zone
    feddns_controllers_zone_held                    zone, reason
    feddns_controllers_zone_trouble                 zone
    feddns_controllers_zone_audit_time_seconds      zone
    feddns_controllers_zone_call_seconds            (histogram)
    feddns_controllers_zone_told_seconds            (histogram)
    feddns_controllers_zone_propagation_seconds     (histogram)

Collected in the loop's thread by `take`; shown by another.  Pure.  Called by `runtime`.
"""

from __future__ import annotations

from collections import Counter
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


class ZonePicture(NamedTuple):
    """Of the public zone.  `calls` as the keeper counts them, `held` a reason each."""

    zone: str
    calls: Mapping[str, int]
    ours: int
    foreign: int
    waiting: int
    quarantined: int
    held: list[str]
    audited: float
    is_in_trouble: bool
    told: Durations
    took: Durations
    propagated: Durations


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
    zone: ZonePicture | None = None


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
    if picture.zone is not None:
        yield from _zone(picture.zone)


_CALLS = {"list", "apply"}


def _zone(one: ZonePicture) -> Iterator[Metric]:
    zone = one.zone
    calls = {(zone, name): one.calls.get(name, 0) for name in _CALLS}
    yield _counter("zone_calls", "Calls to the DNS provider.", ["zone", "call"], calls)
    changes = {(zone,): one.calls.get("changes", 0)}
    yield _counter("zone_changes", "Names that were changed.", ["zone"], changes)
    others = one.calls.keys() - _CALLS - {"changes"}
    failures = {(zone, name): one.calls[name] for name in others}
    yield _counter("zone_failures", "Calls that went wrong.", ["zone", "reason"], failures)
    records = {(zone, "ours"): one.ours, (zone, "foreign"): one.foreign}
    yield _gauge("zone_records", "Record sets in the zone.", ["zone", "owner"], records)
    for name, text, number in (
        ("waiting", "Names whose removal waits for an operator.", one.waiting),
        ("quarantined", "Services with a record that the provider refuses.", one.quarantined),
        ("trouble", "1 while the zone as a whole cannot be kept.", one.is_in_trouble),
        ("audit_time_seconds", "When the zone was read as a whole, Unix time.", one.audited),
    ):
        yield _gauge(f"zone_{name}", text, ["zone"], {(zone,): number})
    held = {(zone, reason): number for reason, number in Counter(one.held).items()}
    yield _gauge("zone_held", "Record sets that are not done.", ["zone", "reason"], held)
    yield _histogram("zone_call_seconds", "Time of a call to the provider.", {"": one.took})
    yield _histogram("zone_told_seconds", "Time from hearing of a change to its being done.",
                     {"": one.told})  # fmt: skip
    yield _histogram("zone_propagation_seconds", "Time from there until its servers give it.",
                     {"": one.propagated})  # fmt: skip


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
