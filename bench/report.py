"""A run's results as Markdown, for the terminal and for README.md.

This module must not measure; what it is given is what it prints.  The two `__main__` call `render`
and `put`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import targets
from bench.questions import WORKS
from bench.results import Results, Scale

TITLES = {key: work.title for key, work in WORKS.items()} | {
    "start": "start: exec → first right answer, ms",
    "memory": "memory after the start, MB",
    "memory-after": "memory after all works, MB",
}
CLUSTER_TITLES = {
    "follow-50": "endpoint changed → answer changed, p50, ms",
    "follow-99": "the same, p99, ms",
    "storm-quiet": "p99 at 20,000 q/s of a pod's mix, quiet, ms",
    "storm": "the same with 1,000 changes a second, ms",
    "storm-lost": "lost with the changes, all rounds, %",
    "storm-change": "CPU a change, µs",
    "footprint-1000": "memory at 1,000 Services, MB",
    "footprint-2500": "memory at 2,500 Services, MB",
    "footprint-5000": "memory at 5,000 Services, MB",
    "footprint-20000": "memory at 20,000 Services, MB",
    "footprint-60000": "memory at 60,000 Services, MB",
    "footprint-slope": "memory of 1,000 Services more, MB",
    "footprint-two": "memory at the middle size, two answering processes, MB",
    "footprint-slope-two": "memory of 1,000 more, two answering processes, MB",
    "relist": "a relist on top of it, %",
    "restart-cold": "exec → first right answer, cold, ms",
    "restart-warm": "the same from a saved snapshot, ms",
    "forward-cached": "forwarded, from the cache, µs of CPU",
    "forward-new": "forwarded, every question new, µs of CPU",
}
API_TITLES = {
    "api-create-1": "creates a second, one client",
    "api-create": "creates a second, 16 clients",
    "api-create-cpu": "µs of CPU a create",
    "api-watch": "events a second to 20 watchers",
    "api-watch-cpu": "µs of CPU an event that arrives",
    "api-get": "gets a second, 16 clients",
    "api-list": "list of 10,000 objects, ms",
    "api-memory": "memory when empty, MB",
    "api-memory-more": "memory of 10,000 objects, MB",
    "api-start": "start: exec → first answer, ms",
    "api-restart": "the same over 10,000 objects, ms",
}
FEDERATION_TITLES = {
    "federation-failover-50": "endpoint gone → another member's answer, p50, ms",
    "federation-failover-99": "the same, p99, ms",
    "federation-failover-note": "of it until the annotation is written, p99, ms",
    "federation-failover-answer": "of it from then until the answer, p99, ms",
    "federation-failover-back": "endpoint back → another member's answer, p99, ms",
    "federation-failover-50-real": "gone → answer, kube-apiservers, p50, ms",
    "federation-failover-99-real": "the same, p99, ms",
    "federation-failover-note-real": "until the annotation, kube-apiservers, p99, ms",
    "federation-failover-answer-real": "from then until the answer, kube-apiservers, p99, ms",
    "federation-failover-back-real": "back → answer, kube-apiservers, p99, ms",
    "federation-deadcluster": "dead cluster out of answers, at most, s",
    "federation-deadcluster-mute": "the same when it says nothing more, s",
    "federation-deadcluster-real": "dead cluster, kube-apiservers, s",
    "federation-deadcluster-mute-real": "the same when it says nothing more, s",
    "federation-fanout": "1,000 Services × 5 members, s",
    "federation-fanout-cpu": "CPU a copy, ms",
    "federation-fanout-rest": "CPU at rest, % of a core",
    "federation-fanout-memory": "memory of the controllers, MB",
    "federation-fanout-faulty": "1,000 more with 200 faulty among them, s",
    "federation-fanout-rest-faulty": "CPU at rest with those, % of a core",
    "federation-fanout-real": "1,000 Services × 5 members, kube-apiservers, s",
    "federation-fanout-cpu-real": "CPU a copy, kube-apiservers, ms",
    "federation-fanout-rest-real": "CPU at rest, kube-apiservers, % of a core",
    "federation-fanout-memory-real": "memory of the controllers, kube-apiservers, MB",
    "federation-fanout-faulty-real": "1,000 more with 200 faulty, kube-apiservers, s",
    "federation-fanout-rest-faulty-real": "CPU at rest with those, kube-apiservers, % of a core",
    "federation-event-100": "CPU of an endpoint's change at 100 Services, ms",
    "federation-event-300": "the same at 300, ms",
    "federation-event-1000": "the same at 1,000, ms",
    "federation-event-10000": "the same at 10,000, ms",
    "federation-event-growth": "the last to the first, times",
    "federation-event-copy-100": "CPU of a Service's change at 100 Services, ms",
    "federation-event-copy-300": "the same at 300, ms",
    "federation-event-copy-1000": "the same at 1,000, ms",
    "federation-event-copy-10000": "the same at 10,000, ms",
    "federation-event-copy-growth": "the last to the first, times",
    "federation-event-rest": "CPU at rest at the last size, % of a core",
    "federation-event-memory": "memory of the controllers at the last size, MB",
}
ZONE_TITLES = {
    "zone-rest-calls": "20,000 record sets, none changed: calls a pass",
    "zone-rest-cpu": "each Service told again: CPU, ms",
    "zone-audit-calls": "the audit, once an hour: calls",
    "zone-audit-cpu": "the same: CPU, s",
    "zone-change-calls": "1 shard changed, of 100,000 record sets: calls",
    "zone-change-cpu": "the same: CPU, ms",
    "zone-start-calls": "a start with those 100,000 in place: calls",
    "zone-start-cpu": "the same: CPU, s",
    "zone-new-calls": "20,000 new record sets: calls",
    "zone-new-cpu": "the same: CPU, s",
    "zone-new-time": "the same at 5 calls a second, s",
}
BIGGEST_GROWTH = 1.25
SCALE_AIM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One table with its ratios: the markers it stands between, its first cell, its rows."""

    marker: str
    corner: str
    titles: Mapping[str, str]

    @property
    def begin(self) -> str:
        return f"<!-- BEGIN {self.marker} -->"

    @property
    def end(self) -> str:
        return f"<!-- END {self.marker} -->"


MAIN = Section("RESULTS", "µs of CPU a query", TITLES)
CLUSTER = Section("CLUSTER RESULTS", "on a real kube-apiserver", CLUSTER_TITLES)
API = Section("API RESULTS", "on one core", API_TITLES)
ZONE = Section("ZONE RESULTS", "a public zone", ZONE_TITLES)
FEDERATION = Section("FEDERATION RESULTS", "a federation", FEDERATION_TITLES)


def render(section: Section, results: Results, versions: dict[str, str], how: str) -> str:
    """The whole section: machine, numbers, ratios and targets, big folders, notes."""
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {machine()}",
        "Servers: " + ", ".join(f"{key} {version}" for key, version in versions.items()) + ".",
        how,
        "\n".join(_numbers(section, results)),
    ]
    if targets.OURS in results.servers:
        parts.append("\n".join(_ratios(section, results)))
        parts.append("\n".join(_scales(results.scales)))
    parts.append("\n".join(f"- {note}" for note in results.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def put(texts: Mapping[Section, str], file: Path) -> None:
    """Write each text between its markers in `file`, or all as the whole of it when it has none."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    marked = [section for section in texts if section.begin in old and section.end in old]
    new = old if marked else "\n".join(texts.values())
    for section in marked:
        head, begin, rest = new.partition(section.begin)
        _, end, tail = rest.partition(section.end)
        new = f"{head}{begin}\n\n{texts[section]}\n{end}{tail}"
    file.write_text(new, encoding="utf-8")


def machine() -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {system}, kernel {platform.release()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f} at the end."
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _works(section: Section, results: Results) -> list[str]:
    measured = {work for work, _ in results.cells}
    return [work for work in section.titles if work in measured]


def _servers(results: Results) -> list[str]:
    measured = {server for _, server in results.cells}
    return [server for server in results.servers if server in measured]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table with its columns aligned, so that it can be read in a terminal too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    if not lines[1:]:
        return []
    return [texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]]


def _numbers(section: Section, results: Results) -> list[str]:
    servers = _servers(results)
    rows = [
        [section.titles[work], *(_cell(results, work, server) for server in servers)]
        for work in _works(section, results)
    ]
    return _table([section.corner, *servers], rows)


def _cell(results: Results, work: str, server: str) -> str:
    found = results.cells.get((work, server))
    return (found and found.reason) or _number(results.median(work, server))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _ratios(section: Section, results: Results) -> list[str]:
    peers = [server for server in _servers(results) if server != targets.OURS]
    rows = []
    for work in _works(section, results):
        must, aim = targets.TARGETS.get(work, ((), ()))
        ratios = (results.ratio(work, targets.OURS, peer) for peer in peers)
        row = [section.titles[work], *(f"{ratio:.2f}" if ratio else "-" for ratio in ratios)]
        for bounds in (must, aim):
            row += [" and ".join(map(str, bounds)), _mark(targets.met(results, work, bounds))]
        rows.append(row)
    return _table(["feddns :", *peers, "must", "met", "aim", "met"], rows)


def _mark(value: bool | None) -> str:
    return "-" if value is None else "✓" if value else "✗"


def _scales(scales: Sequence[Scale]) -> list[str]:
    if not scales:
        return []
    rows = [
        [
            f"{scale.services:,}",
            f"{scale.seconds:.2f}",
            f"{scale.seconds / scale.services * 1e6:.0f}",
            f"{scale.megabytes:.0f}",
            f"{scale.pause * 1e3:.0f}",
            f"{scale.change * 1e3:.0f}" if scale.change is not None else "not seen",
        ]
        for scale in scales
    ]
    head = ["Services", "first answer, s", "µs a Service", "MB", "longest answer later, ms"]
    lines = _table([*head, "a change after, ms"], rows)
    return [*lines, "", _verdict(scales)]


def _verdict(scales: Sequence[Scale]) -> str:
    """Linear is: no more time for a Service in the biggest folder than in the smallest."""
    first, last = scales[0], scales[-1]
    growth = (last.seconds / last.services) / (first.seconds / first.services)
    linear = _mark(growth <= BIGGEST_GROWTH)
    text = f"Time a Service, biggest folder to smallest: {growth:.2f} (≤ {BIGGEST_GROWTH} {linear})"
    if last.services < 100_000:
        return f"{text}."
    return f"{text}; 100,000 Services in ≤ {SCALE_AIM:.0f} s {_mark(last.seconds <= SCALE_AIM)}."
