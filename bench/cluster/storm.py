"""Questions at a fixed rate while a thousand EndpointSlices change each second.

Each server by itself, so that the API server has one follower: the same load first without
changes and then with them, which are written into etcd one by one.  Rounds over all
servers.  Knot serves the same names from a zone file and follows nothing: what the machine's own
noise is.

    row               number
    quiet             p99 of the answers' time without changes
    storm             with them
    lost              questions without an answer after a second, with changes, of all rounds
    change            CPU of the server with changes less without, over the changes; not from a
                      round in which 1 % was lost or a core nearly used up: what it then spends
                      on changes it takes from the questions

The numbers stand only when the rcodes were right, and when afterwards the server answers what was
written last.  `openloop` asks and `writer` writes, each a process of its own.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import check
from bench.cluster import filling, slots, writer
from bench.cluster.stage import Entrant, Stage, say
from bench.inventory import Inventory
from bench.questions import mix
from bench.servers import ROOT
from bench.zone import Answers

QUIET, STORM, LOST, CHANGE = "storm-quiet", "storm", "storm-lost", "storm-change"
WORKS = (QUIET, STORM, LOST, CHANGE)
STATIC = ("knot",)
NEVER_NEW = (*STATIC, "coredns-cache")  # a cached answer is 30 s old by intent
SERVERS = ("feddns", "knot", "coredns", "coredns-cache", "coredns-kubeadm")
QUESTIONS_A_SECOND = 20_000
CHANGES_A_SECOND = 1_000
SECONDS, QUICK_SECONDS = 5.0, 2.0
LEAD = 0.25
PATIENCE = 5.0
CHECKED = 40
MOST_SKIPPED = 0.02
MOST_LOST_PERCENT = 1.0
MOST_BEHIND = 0.2
MOST_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Run:
    """One load: what the client said, the server's CPU, and the changes in that time."""

    load: dict[str, Any]
    cpu: float
    changes: int = 0

    @property
    def p99(self) -> float:
        return float(self.load["milliseconds"][2])

    @property
    def lost_percent(self) -> float:
        share: float = self.load["answered"] / self.load["sent"]
        return 100 * (1 - share)


def run(stage: Stage) -> None:
    answers = stage.write_zones()
    asked = [(name, kind, answers.of(name, kind).rcode) for name, kind in mix(stage.world)]
    questions = stage.folder / "storm.questions"
    questions.write_bytes(slots.pack(asked[: slots.SLOTS]))
    storm = Storm(stage, questions)
    for turn in range(stage.rounds):
        for server, program in _rotated(stage.having(*SERVERS), turn):
            say(f"round {turn + 1} of {stage.rounds}: storm, {server.key}")
            if stage.results.cell(STORM, server.key).reason:
                continue
            stage.write_zones()
            stage.wait_until_quiet()
            with stage.entering(server, program) as entrant:
                if isinstance(entrant, str):
                    stage.failed(WORKS, server.key, entrant)
                else:
                    storm.measure(entrant, turn)
    storm.tell()


def _rotated(servers: list[Any], turn: int) -> list[Any]:
    first = turn % max(1, len(servers))
    return servers[first:] + servers[:first]


class Storm:
    """The questions of a run, and the changes, of which each is new."""

    def __init__(self, stage: Stage, questions: Path) -> None:
        self._stage = stage
        self._questions = questions
        self._bodies = stage.folder / "storm.changes"
        self._seconds = QUICK_SECONDS if stage.quick else SECONDS
        self._turn = 0
        self._asked: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._skipped: list[float] = []
        self._behind: list[float] = []

    def measure(self, entrant: Entrant, turn: int) -> None:
        results = self._stage.results
        self._load(entrant, 1.0)  # what is asked is warm
        quiet = self._load(entrant, self._seconds)
        storm = self._storm(entrant)
        if said := self._wrong(entrant, quiet, storm):
            for work in WORKS:
                results.refuse(work, entrant.key, said.partition(":")[0], said)
            return
        results.cell(QUIET, entrant.key).values[turn] = quiet.p99
        results.cell(STORM, entrant.key).values[turn] = storm.p99
        self._asked[entrant.key] += storm.load["sent"]
        self._answered[entrant.key] += storm.load["answered"]
        share = self._answered[entrant.key] / self._asked[entrant.key]
        results.cell(LOST, entrant.key).values[0] = 100 * (1 - share)
        if entrant.key not in STATIC:
            self._count_change(entrant, turn, quiet, storm)

    def _count_change(self, entrant: Entrant, turn: int, quiet: Run, storm: Run) -> None:
        busy = max(quiet.cpu, storm.cpu) / self._seconds > MOST_BUSY
        if busy or max(quiet.lost_percent, storm.lost_percent) > MOST_LOST_PERCENT:
            return
        same = quiet.cpu * storm.load["answered"] / quiet.load["answered"]
        each = (storm.cpu - same) / storm.changes * 1e6
        self._stage.results.cell(CHANGE, entrant.key).values[turn] = each

    # --- load ----------------------------------------------------------------------------------

    def _load(self, entrant: Entrant, seconds: float) -> Run:
        before = entrant.running.cpu_seconds()
        load = _result(self._ask(entrant, seconds))
        time.sleep(LEAD)
        return Run(load, entrant.running.cpu_seconds() - before)

    def _storm(self, entrant: Entrant) -> Run:
        """The load with changes from a little before it to a little after it."""
        world = self._stage.world
        seconds = self._seconds + 2 * LEAD
        count = int(seconds * CHANGES_A_SECOND)
        changes = filling.changes(world.services, self._turn)
        self._bodies.write_bytes(writer.pack(changes, count))
        before = entrant.running.cpu_seconds()
        writing = self._write(seconds)
        time.sleep(LEAD)
        load = _result(self._ask(entrant, self._seconds))
        written = _result(writing)
        time.sleep(LEAD)
        spent = entrant.running.cpu_seconds() - before
        self._stage.world = filling.after(world, written["written"], self._turn)
        self._turn += math.ceil(written["written"] / len(world.services))
        self._note(load, written)
        return Run(load, spent, written["written"])

    def _ask(self, entrant: Entrant, seconds: float) -> subprocess.Popen[str]:
        return _start("openloop", entrant.port, self._questions, seconds, QUESTIONS_A_SECOND)

    def _write(self, seconds: float) -> subprocess.Popen[str]:
        etcd = self._stage.cluster.etcd.place
        return _start("writer", etcd, self._bodies, seconds, CHANGES_A_SECOND)

    def _note(self, load: dict[str, Any], written: dict[str, Any]) -> None:
        """Remember what would make the numbers doubtful."""
        self._skipped.append(load["skipped"] / (load["sent"] + load["skipped"]))
        self._behind.append(written["behind"])

    def tell(self) -> None:
        """A note when the client or the writer could not keep up."""
        storms = len(self._skipped)
        if late := [share for share in self._skipped if share > MOST_SKIPPED]:
            text = f"storm: in {len(late)} of {storms} storms the client could not ask in time"
            self._stage.results.note(f"{text}, at most {max(late):.0%} of the questions")
        if late := [seconds for seconds in self._behind if seconds > MOST_BEHIND]:
            text = f"storm: in {len(late)} of {storms} storms the changes were late at the end"
            self._stage.results.note(f"{text}, by {max(late):.1f} s at most")

    # --- right ---------------------------------------------------------------------------------

    def _wrong(self, entrant: Entrant, *runs: Run) -> str | None:
        if death := entrant.running.death():
            return f"died: {death}"
        for one in runs:
            if not one.load["answered"]:
                return "no answers: none in the whole run"
            if one.load["wrong"]:
                return f"wrong rcodes: {one.load['wrong']} of {one.load['answered']}"
        if entrant.key in NEVER_NEW:
            return None
        return _not_the_last(entrant, self._stage.world)


def _not_the_last(entrant: Entrant, world: Inventory) -> str | None:
    """What is wrong when the changes, the last of them too, are not answered soon."""
    answers = Answers(world)
    headless = world.headless()
    asked = [(one.dns_name, "A") for one in headless[:: max(1, len(headless) // CHECKED)]]
    deadline = time.monotonic() + PATIENCE
    while said := check.first_wrong(entrant.port, asked, answers, tcp=False):
        if time.monotonic() > deadline:
            return f"changes missing: {said}"
        time.sleep(0.1)
    return None


def _start(module: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"bench.cluster.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found
