"""What a run found: numbers by work, server and round, or why there is none.

This module holds and combines; it must not measure or print.  `rounds` and `scale` fill it,
`targets` and `report` read it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(slots=True)
class Cell:
    """One server at one work: a number per round, or a reason that takes their place."""

    values: dict[int, float] = field(default_factory=dict)
    reason: str | None = None

    def median(self) -> float | None:
        if self.reason or not self.values:
            return None
        return statistics.median(self.values.values())


@dataclass(frozen=True, slots=True)
class Scale:
    """A start over a big folder; `pause` and `change` are seconds, `megabytes` is PSS."""

    services: int
    seconds: float
    megabytes: float
    pause: float
    change: float | None


@dataclass(slots=True)
class Results:
    """The whole run.  `notes` are lines for the reader: what is wrong, what was left out."""

    servers: list[str]
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    scales: list[Scale] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cell(self, work: str, server: str) -> Cell:
        return self.cells.setdefault((work, server), Cell())

    def refuse(self, work: str, server: str, reason: str, detail: str) -> None:
        """Put `reason` in place of the number, and the detail among the notes."""
        self.cell(work, server).reason = reason
        self.note(f"{server}, {work}: {detail}")

    def note(self, text: str) -> None:
        """Say `text` once."""
        if text not in self.notes:
            self.notes.append(text)

    def median(self, work: str, server: str) -> float | None:
        found = self.cells.get((work, server))
        return found.median() if found else None

    def ratio(self, work: str, server: str, peer: str) -> float | None:
        """The median of the rounds' own ratios: within a round both saw the same machine."""
        ours, theirs = self.cells.get((work, server)), self.cells.get((work, peer))
        if ours is None or theirs is None or ours.reason or theirs.reason:
            return None
        common = ours.values.keys() & theirs.values.keys()
        ratios = [ours.values[turn] / theirs.values[turn] for turn in common if theirs.values[turn]]
        return statistics.median(ratios) if ratios else None
