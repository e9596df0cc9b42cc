"""What the controllers count of themselves.  Pure.  `metrics` shows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Durations:
    """A histogram: how many took as long as each bound at most, all of them, and their sum."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        place = next((at for at, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))
        self.buckets[place] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        return sum(self.buckets)


@dataclass
class Counts:
    """Counters of one process."""

    operations: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """By cluster, kind, verb and outcome."""
    took: dict[str, Durations] = field(default_factory=dict)
    """An operation in a member, by cluster."""
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """In the federation, by kind and outcome."""
    reconciled: Counter[str] = field(default_factory=Counter)
    """By kind."""
    reconciling: Durations = field(default_factory=Durations)
    waited: Durations = field(default_factory=Durations)
    """In the queue of the reconcilers."""
    probes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By cluster and result."""
