"""From exec to the first right answer with 100,000 Services: cold, and warm from a saved snapshot.

    cold     everything is listed from the API server
    warm     a run before this one, ended politely, has saved what it knew (`--snapshot`)

Rounds over all servers; only feddns has a warm start.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from bench.cluster.stage import Stage, say
from bench.servers import Server

COLD, WARM = "restart-cold", "restart-warm"
SIZE, QUICK_SIZE = 100_000, 10_000
SERVERS = ("feddns", "coredns")
WITH_SNAPSHOT = ("feddns",)
ROUNDS = 3
SAVE_PATIENCE = 60.0


def size(quick: bool) -> int:
    return QUICK_SIZE if quick else SIZE


def run(stage: Stage) -> None:
    """The stage's world has the size already."""
    for turn in range(min(stage.rounds, ROUNDS)):
        for server, program in stage.having(*SERVERS):
            say(f"start over {len(stage.world.services):,} Services, cold: {server.key}")
            if server.key in WITH_SNAPSHOT:
                _cold_and_warm(stage, server, program, turn)
            else:
                _start(stage, server, program, COLD, turn)


def _cold_and_warm(stage: Stage, server: Server, program: str, turn: int) -> None:
    file = stage.folder / f"snapshot-{turn}"
    _start(stage, server, program, COLD, turn, file)
    if not file.exists():
        stage.results.refuse(WARM, server.key, "nothing saved", "no snapshot was written")
        return
    say(f"the same, warm: {server.key}")
    _start(stage, server, program, WARM, turn, file)
    file.unlink()


def _start(
    stage: Stage, server: Server, program: str, work: str, turn: int, file: Path | None = None
) -> None:
    place = replace(stage.place(), snapshot=file)
    with stage.entering(server, program, place) as entrant:
        if isinstance(entrant, str):
            stage.failed((work,), server.key, entrant)
            return
        stage.results.cell(work, server.key).values[turn] = entrant.started * 1e3
        if file:
            _wait_for(file)


def _wait_for(file: Path) -> None:
    """Until the server has saved: the end of the run is then quick."""
    deadline = time.monotonic() + SAVE_PATIENCE
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
