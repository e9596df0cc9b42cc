"""docs/controllers.md against the program."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from controllers import metrics, options
from controllers.counts import Counts, Durations
from controllers.metrics import Picture, ZonePicture

PAGE = Path(__file__).parents[2] / "docs/controllers.md"


def test_the_table_of_flags_is_the_program_s() -> None:
    rows = re.findall(r"^\| (`--.*?) \| (.*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    told = [(re.findall(r"--([a-z-]+)", names), default, why) for names, default, why in rows]
    assert told == [
        ([row.flag, *row.aliases], options.default_text(row), row.why) for row in options.ROWS
    ]
    for flag in options.WITHOUT_EFFECT:
        assert f"`--{flag}`" in PAGE.read_text()


def test_the_table_of_metrics_is_what_is_served() -> None:
    counts = Counts()
    counts.operations["us", "Service", "apply", "done"] += 1
    counts.took["us"] = Durations()
    counts.writes["Service", "written"] += 1
    counts.reconciled["Service"] += 1
    counts.probes["us", "good"] += 1
    counts.waited.add(0.3)
    counts.waited.add(99.0)
    objects = {"": {"services": 1}, "us": {"services": 1}}
    queues = {"us": {"waiting": 1, "delayed": 0, "working": 0}}
    calls = {"list": 1, "apply": 2, "changes": 3, "Throttled": 4}
    zone = ZonePicture(
        "example.com.", calls, 1, 2, 3, 4, ["Conflict"], 5.0, False,
        Durations(), Durations(), Durations(),
    )  # fmt: skip
    picture = Picture(counts, True, queues, {"us": True}, objects, {"us": 1}, 1, zone)

    class Shown(Collector):
        def collect(self) -> list[metrics.Metric]:
            return list(metrics.families(picture))

    registry = CollectorRegistry()
    registry.register(Shown())
    text = generate_latest(registry).decode()
    served = {
        family.name: (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in text_string_to_metric_families(text)
    }
    rows = re.findall(r"^\| `(feddns\w+)` \| (\w+) \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    told = {
        name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in rows
    }
    assert told == served
    assert 'queue_seconds_bucket{le="0.25"} 0.0' in text
    assert 'queue_seconds_bucket{le="0.5"} 1.0' in text
    assert 'queue_seconds_bucket{le="+Inf"} 2.0' in text
