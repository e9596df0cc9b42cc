"""Where the embedded API differs from kube-apiserver on purpose, and why.

A row takes what its pattern matches out of both transcripts, in the steps that `where` matches
("scenario: step").  An empty pattern is the whole of what the step shows, but for whether it
failed.  A row that no step needs is an error: the list of differences is to be true.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Difference(NamedTuple):
    where: str
    pattern: str
    reason: str


DIFFERENCES: tuple[Difference, ...] = ()


def without(shown: str, pattern: str) -> str:
    """What is compared of a step to which such a row applies."""
    if not pattern:
        return "failed" if re.search(r"^\? \d", shown, re.MULTILINE) else "done"
    return re.sub(pattern, "…", shown, flags=re.MULTILINE)


def agree(where: str, real: str, ours: str, used: set[Difference]) -> bool:
    """Whether a step shows the same, the decided differences aside; adds the rows it needed."""
    return not remaining(where, real, ours, DIFFERENCES, used)


def remaining(
    where: str, real: str, ours: str, rows: Sequence[Difference], used: set[Difference]
) -> tuple[str, str] | None:
    """What still differs, or None."""
    for row in rows:
        if real == ours:
            break
        if re.search(row.where, where):
            before = (real, ours)
            real, ours = without(real, row.pattern), without(ours, row.pattern)
            if before != (real, ours):
                used.add(row)
    return None if real == ours else (real, ours)
