"""The list played against both servers at once, and where they disagree.

Used by the tests and by `__main__`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.apiserver.conformance import differences, playing
from tests.apiserver.conformance.differences import Difference
from tests.apiserver.conformance.playing import Played
from tests.apiserver.conformance.servers import Server
from tests.apiserver.conformance.steps import Scenario

AT_ONCE = 6
"""Scenarios, each on one of the servers; most of the time they wait."""


class Disagreement(NamedTuple):
    """A step that shows something else: `diff` from the real server's words to ours."""

    scenario: str
    line: int
    title: str
    diff: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.scenario}.txt:{self.line}: {self.title}", *self.diff])


class Games:
    """Scenarios being played against servers: the transcripts come as they are asked for."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._played: dict[str, list[Future[list[Played]]]] = {}

    def begin(self, scenario: Scenario, kubectl: Path) -> None:
        """Play the scenario with this kubectl, against each server, as soon as somebody is free."""
        self._played[scenario.name] = [
            self._pool.submit(playing.play, scenario, server, kubectl) for server in self._servers
        ]

    def transcripts(self, name: str) -> list[list[Played]]:
        """What each server showed; waits until the scenario has been played."""
        return [one.result() for one in self._played[name]]

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def disagreements(
    name: str, real: list[Played], ours: list[Played], used: set[Difference]
) -> list[Disagreement]:
    """The steps of a scenario that the servers do not agree on."""
    found = []
    for (step, first, _), (_, second, _) in zip(real, ours, strict=True):
        left = differences.remaining(
            f"{name}: {step.title}\n{step.body}", first, second, differences.DIFFERENCES, used
        )
        if left is not None:
            diff = difflib.unified_diff(*(text.splitlines() for text in left), n=1, lineterm="")
            found.append(Disagreement(name, step.line, step.title, list(diff)[2:]))
    return found
