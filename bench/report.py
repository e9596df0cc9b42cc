"""A run's results as Markdown, for the terminal and for README.md.

This module must not measure; what it is given is what it prints.  `__main__` calls `render` and
`put`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import targets
from bench.questions import WORKS
from bench.results import Results, Scale

BEGIN = "<!-- BEGIN RESULTS -->"
END = "<!-- END RESULTS -->"

TITLES = {key: work.title for key, work in WORKS.items()} | {
    "start": "start: exec → first right answer, ms",
    "memory": "memory after the start, MB",
    "memory-after": "memory after all works, MB",
}
BIGGEST_GROWTH = 1.25
SCALE_AIM = 10.0


def render(results: Results, versions: dict[str, str], how: str) -> str:
    """The whole section: machine, numbers, ratios and targets, big folders, notes."""
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {machine()}",
        "Servers: " + ", ".join(f"{key} {version}" for key, version in versions.items()) + ".",
        how,
        "\n".join(_numbers(results)),
    ]
    if targets.OURS in results.servers:
        parts.append("\n".join(_ratios(results)))
        parts.append("\n".join(_scales(results.scales)))
    parts.append("\n".join(f"- {note}" for note in results.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def put(text: str, file: Path) -> None:
    """Write `text` between the markers of `file`, or as the whole of it when it has none."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if begin and end:
        text = f"{head}{BEGIN}\n\n{text}\n{END}{tail}"
    file.write_text(text, encoding="utf-8")


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


def _works(results: Results) -> list[str]:
    measured = {work for work, _ in results.cells}
    return [work for work in TITLES if work in measured]


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


def _numbers(results: Results) -> list[str]:
    rows = [
        [TITLES[work], *(_cell(results, work, server) for server in results.servers)]
        for work in _works(results)
    ]
    return _table(["µs of CPU a query", *results.servers], rows)


def _cell(results: Results, work: str, server: str) -> str:
    reason = results.cell(work, server).reason
    return reason or _number(results.median(work, server))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _ratios(results: Results) -> list[str]:
    peers = [server for server in results.servers if server != targets.OURS]
    rows = []
    for work in _works(results):
        must, aim = targets.TARGETS.get(work, ((), ()))
        ratios = (results.ratio(work, targets.OURS, peer) for peer in peers)
        row = [TITLES[work], *(f"{ratio:.2f}" if ratio else "-" for ratio in ratios)]
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
