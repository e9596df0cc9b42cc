"""The live view: clusters, the shards of each federated Service, and what each cluster's DNS says.

Pure: a `Scene` → what rich prints.  Filled by `showing`, called by `desk`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class ClusterRow(NamedTuple):
    """A member: what the federation says of it, and what is broken on purpose."""

    name: str
    place: str
    condition: str
    broken: str
    dns: str


class ServiceRow(NamedTuple):
    """A federated Service: by cluster its shard, and what that cluster's DNS answers."""

    name: str
    shards: dict[str, str]
    answers: dict[str, str]


class Scene(NamedTuple):
    """One picture.  `said`: the last command and what it did; `hidden`: Services beyond these;
    `is_away`: the federation's API is, so what it says is of before."""

    clusters: tuple[ClusterRow, ...]
    services: tuple[ServiceRow, ...]
    said: str = ""
    hidden: int = 0
    is_away: bool = False


def render(scene: Scene) -> RenderableType:
    """The picture; what is wrong is marked with `!`, so that it is found without colours too."""
    parts: list[RenderableType] = [_clusters(scene.clusters)]
    if scene.services:
        parts += [Text(), _services(scene)]
    if scene.hidden:
        parts.append(Text(f"… and {scene.hidden} more Services", style="dim"))
    if scene.is_away:
        parts += [
            Text(),
            Text("! federation: its API is away; what it says is of before", "yellow"),
        ]
    if scene.said:
        parts += [Text(), Text(scene.said, style="italic")]
    return Group(*parts)


def _clusters(rows: Iterable[ClusterRow]) -> Table:
    table = _table("cluster", "region: zones", "federation says", "broken on purpose", "its DNS")
    for row in rows:
        good = row.condition == "Ready"
        table.add_row(
            Text(row.name, style="bold"),
            row.place,
            Text(row.condition if good else f"! {row.condition}", style="" if good else "red"),
            Text(f"! {row.broken}" if row.broken else "", style="yellow"),
            row.dns,
        )
    return table


def _services(scene: Scene) -> Table:
    names = [row.name for row in scene.clusters]
    table = _table("service", "", *names)
    for row in scene.services:
        shards = [_shard(row.shards.get(name, "")) for name in names]
        table.add_row(Text(row.name, style="bold"), Text("shard", style="dim"), *shards)
        answers = [row.answers.get(name, "") for name in names]
        table.add_row("", Text("answer", style="dim"), *answers)
    return table


def _shard(text: str) -> Text:
    return Text(text, style="red" if text.startswith("!") else "")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
