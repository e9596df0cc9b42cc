"""The processes: ready or not, how old their world is, restarts, settings, memory.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from feddns.metrics.answers import Numbers
from feddns.report import Notice
from feddns.resolver.counts import RESTARTS, gauge


def processes(regions: list[Numbers], now: float, watcher_restarts: int) -> Iterator[Metric]:
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
    restarts.add_metric(["watching"], watcher_restarts)
    yield from (age, restarts)


def memory(found: dict[str, int], given_up: int) -> Iterator[Metric]:
    """Bytes of each process, and caches given up to stay below `--memory-limit`."""
    family = GaugeMetricFamily(
        "feddns_memory_bytes", "Memory of a process, its share of shared pages included.",
        labels=["process"],
    )  # fmt: skip
    for role, number in found.items():
        family.add_metric([role], number)
    caches = CounterMetricFamily(
        "feddns_caches_given_up", "Times that all caches were emptied for --memory-limit."
    )
    caches.add_metric([], given_up)
    yield from (family, caches)


def settings(notice: Notice) -> Iterator[Metric]:
    """What the supervisor says."""
    read = CounterMetricFamily("feddns_config_reloads", "Times that the settings were read again.")
    read.add_metric([], notice.reloads)
    failed = CounterMetricFamily(
        "feddns_config_reload_failed", "Times that they were bad, and the old ones stayed."
    )
    failed.add_metric([], notice.reloads_failed)
    good = GaugeMetricFamily(
        "feddns_config_last_reload_successful", "0 when the last reading was bad."
    )
    good.add_metric([], not notice.trouble)
    draining = GaugeMetricFamily("feddns_draining", "1 when the server is about to end.")
    draining.add_metric([], notice.draining)
    yield from (read, failed, good, draining)
