"""What is in a zone as rows, each with whose it is; and the rows as a table or as JSON.

    a record set                                 owner               service, clusters, generation
    ours, with its claim                         our owner id        what the claim says
    our claim                                    in the row of its record set, or an orphan's
    somebody's, claimed in external-dns' way     that owner id       the claim's resource
    any other                                    nobody known        –

Pure.  Called by `feddns zone show`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from feddns.providers import claims
from feddns.providers.claims import Registry
from feddns.providers.ownership import Holdings
from feddns.providers.recordsets import TXT, Key, RecordSet, unquoted

_EXTERNAL_DNS = Registry("", prefix="")
"""How external-dns names its claims by itself."""
_MOST_VALUES = 8


class Row(msgspec.Struct, frozen=True):
    """A record set, and whose it is."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    is_ours: bool = False
    owner: str = ""
    resource: str = ""
    clusters: tuple[str, ...] = ()
    generation: int | None = None

    @property
    def service(self) -> str:
        """`shop/web`."""
        return self.resource.partition("/")[2] if self.is_ours else self.resource


def rows(found: Holdings) -> list[Row]:
    """By name from the zone's top down, ours and the others'."""
    others = _others(found)
    made = [*_ours(found), *(_row(record, others) for record in found.foreign.values())]
    return sorted(made, key=lambda row: (row.name.split(".")[::-1], row.type))


def _ours(found: Holdings) -> Iterator[Row]:
    owner = found.registry.owner
    for (name, type), own in found.ours.items():
        mark = own.mark
        ttl, values = (own.record.ttl, own.record.values) if own.record else (own.claim.ttl, ())
        yield Row(
            name, type, ttl, values, True, owner, mark.resource, mark.clusters, mark.generation
        )


def _others(found: Holdings) -> dict[Key, dict[str, str]]:
    """What others claim: the labels, by the key of what is claimed."""
    claimed: dict[Key, dict[str, str]] = {}
    for record in found.foreign.values():
        if record.type != TXT:
            continue
        for value in record.values:
            labels = claims.read(unquoted(value))
            for registry in (_EXTERNAL_DNS, found.registry):
                key = registry.claimed(record.name)
                if labels is not None and key is not None:
                    claimed.setdefault(key, labels)
                    claimed.setdefault(record.key, labels)
    return claimed


def _row(record: RecordSet, others: dict[Key, dict[str, str]]) -> Row:
    labels = others.get(record.key, {})
    return Row(
        record.name, record.type, record.ttl, record.values,
        owner=labels.get("external-dns/owner", ""),
        resource=labels.get("external-dns/resource", ""),
    )  # fmt: skip


def to_json(found: Iterable[Row]) -> str:
    raw = msgspec.json.encode([msgspec.structs.asdict(row) for row in found])
    return msgspec.json.format(raw, indent=2).decode()


def table(found: Iterable[Row], width: int, color: bool = False) -> str:
    """The rows for a person; an orphaned claim has `(gone)` in place of values.

    With `color`, for a terminal: a value a line, and not all of very many.
    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("NAME", "TTL", "TYPE", "VALUES", "OWNER", "SERVICE", "CLUSTERS", "GEN"):
        made.add_column(head, overflow="fold", no_wrap=head in ("TTL", "TYPE", "GEN"))
    for row in found:
        generation = "" if not row.generation else str(row.generation)
        cells = (row.name, str(row.ttl), row.type, _values(row, color), row.owner, row.service,
                 " ".join(row.clusters), generation)  # fmt: skip
        made.add_row(*map(Text, cells), style=None if row.is_ours else "dim")
    page = io.StringIO()
    console = Console(
        file=page, width=width, force_terminal=color, no_color=not color, highlight=False,
        markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    console.print(made)
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


def _values(row: Row, is_terminal: bool) -> str:
    if not row.values:
        return "(gone)"
    if not is_terminal:
        return " ".join(row.values)
    more = len(row.values) - _MOST_VALUES
    return "\n".join([*row.values[:_MOST_VALUES], *([f"… {more} more"] if more > 0 else [])])
