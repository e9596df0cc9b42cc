"""What the sources hold and how they are followed.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from feddns.inventory import InformerState, Inventory

_INFORMER = "feddns_kubernetes_informer_"


def informers(states: list[InformerState], now: float) -> Iterator[Metric]:
    """How each resource of an API is followed."""
    labels = ["source", "resource"]
    objects = GaugeMetricFamily(_INFORMER + "objects", "Objects kept.", labels=labels)
    phase = GaugeMetricFamily(
        _INFORMER + "phase", "1 for what it does now: listing, watching, waiting, forbidden.",
        labels=[*labels, "phase"],
    )  # fmt: skip
    silent = GaugeMetricFamily(
        _INFORMER + "silent_seconds", "Time since the API last said something, if only a bookmark.",
        labels=labels,
    )  # fmt: skip
    lists = CounterMetricFamily(_INFORMER + "lists", "Times all was read anew.", labels=labels)
    watches = CounterMetricFamily(_INFORMER + "watches", "Watches begun.", labels=labels)
    errors = CounterMetricFamily(
        _INFORMER + "errors",
        "Lists and watches that failed, by reason.",
        labels=[*labels, "reason"],
    )
    for state in states:
        place = [state.source, state.resource]
        objects.add_metric(place, state.objects)
        phase.add_metric([*place, state.phase], 1)
        heard = max(state.last_event, state.last_bookmark)
        if heard:
            silent.add_metric(place, max(0.0, now - heard))
        lists.add_metric(place, state.lists)
        watches.add_metric(place, state.watches)
        for reason, number in state.errors.items():
            errors.add_metric([*place, reason], number)
    yield from (objects, phase, silent, lists, watches, errors)


def objects(inventory: Inventory) -> Iterator[Metric]:
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
