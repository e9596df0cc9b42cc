"""A report as text for a person: a few tables that fit 80 columns.

What nobody has filled in is left out; what is wrong comes first and is marked with `!`, so that it
is found without colours too.  A function of the report and the width.  Called by `status`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from feddns.report import Process, Report

_WRONG = "bold red"
_NARROWEST = 60
_MOST_REFUSED = 20


def text(report: Report, width: int = 80, color: bool = False) -> str:
    """The whole page."""
    page = io.StringIO()
    console = Console(
        file=page, width=max(_NARROWEST, width), force_terminal=color, no_color=not color,
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    console.print(Group(*_parts(report)))
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


def _parts(report: Report) -> Iterator[RenderableType]:
    yield from _head(report)
    yield from _part("processes", _processes(report))
    yield from _part("sources", _sources(report))
    yield from _last_errors(report)
    yield from _part("objects", _objects(report))
    yield from _part("federations", _federations(report))
    yield from _part("upstreams", _upstreams(report))
    yield from _part("caches", _caches(report))
    yield from _part("refused", _refused(report))


def _part(title: str, table: Table) -> Iterator[RenderableType]:
    if table.row_count:
        yield Text(f"\n{title}", style="bold")
        yield Padding(table, (0, 0, 0, 2))


def _head(report: Report) -> Iterator[RenderableType]:
    notice = report.notice
    grid = _table()
    yield Text(f"feddns {report.version}, up {ago(report.now - notice.started)}", style="bold")
    for trouble in troubles(report):
        yield Text(f"! {trouble}", style=_WRONG)
    grid.add_row("listens on", Text(" ".join(report.listen)))
    if report.metrics:
        grid.add_row("metrics", report.metrics)
    grid.add_row("control", f"@feddns/{report.control}")
    grid.add_row("place", _place(report))
    if report.changed:
        grid.add_row("last change", f"{ago(report.now - report.changed)} ago")
    grid.add_row("settings", _settings(report))
    yield Padding(grid, (0, 0, 0, 2))


def _place(report: Report) -> str:
    parts = (("zone", report.zone), ("region", report.region))
    known = ", ".join(f"{rung} {name}" for rung, name in parts if name)
    return known or "not known: no node has a zone or region label"


def troubles(report: Report) -> list[str]:
    """What is wrong, worst first."""
    found = []
    if report.notice.draining:
        found.append("draining: the server is about to end")
    for process in report.processes:
        if not process.ready:
            found.append(f"{process.role} has no whole world yet")
    stale = [one.stale_since for one in report.processes if one.stale_since]
    if stale:
        found.append(f"stale: not followed for {ago(report.now - min(stale))}")
    if report.notice.trouble:
        found.append(f"settings not taken, the old ones are in force: {report.notice.trouble}")
    if report.trouble:
        found.append(f"the federation's view is not used: {report.trouble}")
    return found


def _settings(report: Report) -> str:
    notice = report.notice
    said = notice.config_file or "flags and environment"
    if notice.reloaded:
        said += f", read {ago(report.now - notice.reloaded)} ago"
    if notice.reloads:
        said += f", {notice.reloads} reloads"
    return said + (f", {notice.reloads_failed} failed" if notice.reloads_failed else "")


# --- tables -----------------------------------------------------------------------------------


def _table(*headings: str, right: Iterable[str] = ()) -> Table:
    """Columns two apart; those of numbers to the right."""
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(headings),
        header_style="dim",
    )  # fmt: skip
    numbers = set(right)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numbers else "left")
    return table


def _processes(report: Report) -> Table:
    numbers = ("pid", "memory", "restarts", "version", "questions", "a second")
    table = _table("role", *numbers, "state", right=numbers)
    for process in report.processes:
        answers = process.role not in ("supervisor", "watching")
        table.add_row(
            process.role,
            str(process.pid or "-"),
            size(process.memory),
            str(process.restarts),
            str(process.snapshot_version) if answers else "",
            count(process.questions) if answers else "",
            count(process.a_second) if answers else "",
            _state(process) if answers else "",
        )
    return table


def _state(process: Process) -> Text:
    if not process.ready:
        return Text("! waits", style=_WRONG)
    return Text("! stale", style=_WRONG) if process.stale_since else Text("ready")


def _sources(report: Report) -> Table:
    numbers = ("objects", "lists", "watches", "errors")
    table = _table("source", "state", *numbers, "last event", right=numbers)
    for row in report.sources:
        event = f"{ago(report.now - row.last_event)} ago" if row.last_event else "-"
        wide = [str(number or "-") for number in (row.objects, row.lists, row.watches, row.errors)]
        table.add_row(row.title, row.state, *wide, event)
    return table


def _last_errors(report: Report) -> Iterator[RenderableType]:
    for row in report.sources:
        if row.last_error:
            yield Padding(Text(f"! {row.title}: {row.last_error}", style=_WRONG), (0, 0, 0, 2))


def _objects(report: Report) -> Table:
    table = _table()
    for title, numbers in (("in use", report.objects), ("passed over", report.ignored)):
        if numbers:
            said = [f"{number} {kind}" for kind, number in sorted(numbers.items())]
            table.add_row(title, ", ".join(said))
    return table


def _federations(report: Report) -> Table:
    table = _table("name", "domain", "view")
    for federation in report.federations:
        table.add_row(federation.name, federation.domain, federation.view)
    return table


def _upstreams(report: Report) -> Table:
    numbers = ("latency", "questions", "failures")
    table = _table("server", "for", "health", *numbers, right=numbers)
    for row in report.upstreams:
        health = Text("good") if row.healthy else Text("! bad", style=_WRONG)
        latency = f"{row.latency * 1000:.1f} ms" if row.latency else "-"
        table.add_row(
            row.address, row.domain or "all else", health, latency, count(row.questions),
            count(row.failures),
        )  # fmt: skip
    return table


def _caches(report: Report) -> Table:
    numbers = ("entries", "memory", "hits")
    table = _table("cache", *numbers, right=numbers)
    for row in report.caches:
        asked = row.hits + row.misses
        rate = f"{100 * row.hits / asked:.1f} %" if asked else "-"
        table.add_row(row.title, count(row.entries), size(row.bytes), rate)
    return table


def _refused(report: Report) -> Table:
    table = _table()
    for row in report.refused[:_MOST_REFUSED]:
        table.add_row(Text(f"! {row.where}: {row.reason}" if row.where else f"! {row.reason}"))
    more = report.refused_more + max(0, len(report.refused) - _MOST_REFUSED)
    if more:
        table.add_row(f"and {more} more (--json shows the first hundred)")
    return table


# --- numbers ----------------------------------------------------------------------------------


def ago(seconds: float) -> str:
    """3 s, 3 min, 3 h, 3 d."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(0, int(seconds)) // unit} {name}"
    return f"{int(seconds) // 86_400} d"


def size(octets: int) -> str:
    """In KB or MB; nothing for nothing."""
    if not octets:
        return "-"
    return f"{octets / (1 << 20):.1f} MB" if octets >= 1 << 20 else f"{octets / 1024:.1f} KB"


def count(number: float) -> str:
    """With commas between thousands."""
    return f"{number:,.0f}"
