"""The measurement: every server at every work, round after round.

All servers run for the whole time, and take turns within each work of each round, so that what
disturbs the machine disturbs all of them.  This module must not know how a server is configured
(`servers`) or what the numbers should be (`targets`).  `__main__` calls `Rounds`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench import check, connections, dnsperf, memory, questions
from bench.inventory import Inventory
from bench.processes import Running, free_port
from bench.questions import Work
from bench.results import Results
from bench.servers import Place, Server
from bench.zone import Answers

START_PATIENCE = 30.0
OUTSTANDING = 100
TRIES = 3
MOST_LOST = 0.001


@dataclass(frozen=True, slots=True)
class Contest:
    """What a run is about.  `place` holds the inventory's forms; port and home are replaced."""

    world: Inventory
    answers: Answers
    place: Place
    folder: Path
    servers: Sequence[tuple[Server, str]]
    works: Sequence[Work]
    seconds: float
    rounds: int


@dataclass(slots=True)
class Entrant:
    """A server in the run."""

    server: Server
    running: Running
    port: int

    @property
    def key(self) -> str:
        return self.server.key


class Rounds:
    """One run over a contest; fills `results`."""

    def __init__(self, contest: Contest, results: Results, stack: ExitStack) -> None:
        self._contest = contest
        self._results = results
        self._stack = stack
        self._entrants: list[Entrant] = []
        self._lists = {work.key: work.ask(contest.world) for work in contest.works}
        self._files: dict[str, Path] = {}

    def works(self) -> None:
        """Start all servers, check their answers, and time the works."""
        for server, program in self._contest.servers:
            self._enter(server, program)
        for work in self._contest.works:
            for entrant in self._entrants:
                self._check(work, entrant)
        for turn in range(self._contest.rounds):
            for work in self._contest.works:
                _say(f"round {turn + 1} of {self._contest.rounds}: {work.title}")
                for entrant in _rotated(self._entrants, turn):
                    self._time(work, entrant, turn)
                self._forget_names(work)
        self._weigh_after()

    def starts(self) -> None:
        """Start each server by itself each round: time to the first answer, then memory."""
        for turn in range(self._contest.rounds):
            _say(f"round {turn + 1} of {self._contest.rounds}: start and memory")
            for server, program in self._contest.servers:
                if self._results.cell("start", server.key).reason is None:
                    self._start_once(server, program, turn)

    # --- entering ------------------------------------------------------------------------------

    def _enter(self, server: Server, program: str) -> None:
        entrant, took = self._launch(server, program)
        if isinstance(took, float):
            self._stack.callback(entrant.running.stop)
            self._entrants.append(entrant)
            return
        entrant.running.stop()
        for work in self._contest.works:
            self._results.cell(work.key, server.key).reason = "does not start"
        self._results.note(f"{server.key} does not start: {took}")

    def _launch(self, server: Server, program: str) -> tuple[Entrant, float | str]:
        """A new process and its seconds to the first right answer, or why there is none."""
        port = free_port()
        home = self._contest.folder / f"{server.key}-{port}"
        home.mkdir()
        place = replace(self._contest.place, port=port, home=home)
        running = Running(server.launch(program, place), home / "log")
        entrant = Entrant(server, running, port)
        try:
            # The last Service is the last one loaded.
            question = (self._contest.world.services[-1].dns_name, "A")
            expected = self._contest.answers.of(*question)
            return entrant, check.wait_until_right(
                running, port, question, expected, START_PATIENCE
            )
        except BaseException:
            running.stop()
            raise

    def _check(self, work: Work, entrant: Entrant) -> None:
        asked, answers = self._lists[work.key], self._contest.answers
        wrong = check.first_wrong(entrant.port, asked, answers, work.transport != "udp")
        if wrong:
            self._results.refuse(work.key, entrant.key, "wrong answer", wrong)

    # --- timing --------------------------------------------------------------------------------

    def _time(self, work: Work, entrant: Entrant, turn: int) -> None:
        cell = self._results.cell(work.key, entrant.key)
        if cell.reason:
            return
        try:
            outcome = self._microseconds(work, entrant, turn)
        except dnsperf.LoadError as error:
            outcome = f"dnsperf: {error}"
        if death := entrant.running.death():
            self._results.refuse(work.key, entrant.key, "died", death)
        elif isinstance(outcome, float):
            cell.values[turn] = outcome
        else:
            self._results.refuse(work.key, entrant.key, outcome.partition(":")[0], outcome)

    def _microseconds(self, work: Work, entrant: Entrant, turn: int) -> float | str:
        """CPU per query; tried again with fewer outstanding while too many are lost."""
        if not work.fresh:
            self._load(work, entrant, turn, OUTSTANDING, once=True)
        load = dnsperf.Load(0, 0, {})
        for attempt in range(TRIES):
            if entrant.running.death():
                break
            before = entrant.running.cpu_seconds()
            load = self._load(work, entrant, turn * TRIES + attempt, OUTSTANDING >> attempt)
            spent = entrant.running.cpu_seconds() - before
            if load.completed and load.lost_share <= MOST_LOST:
                return self._wrong_rcodes(work, load) or spent / load.completed * 1e6
        return f"lost {load.lost_share:.1%}: of {load.sent} queries, {TRIES} times in a row"

    def _load(
        self, work: Work, entrant: Entrant, seed: int, outstanding: int, once: bool = False
    ) -> dnsperf.Load:
        seconds = 1.0 if once else self._contest.seconds
        if work.transport == "connect":
            return connections.run(entrant.port, self._lists[work.key], 0.3 if once else seconds)
        return dnsperf.run(
            entrant.port,
            self._file(work, seed),
            seconds,
            outstanding,
            tcp=work.transport == "tcp",
            once=once or work.fresh,
        )

    def _file(self, work: Work, seed: int) -> Path:
        """The file with the questions; one per round and try for names never seen before."""
        key = f"{work.key}-{seed}" if work.fresh else work.key
        if key not in self._files:
            if work.fresh:
                count = int(self._contest.seconds * questions.NEW_NAMES_A_SECOND)
                lines = [f"{name} A\n" for name in questions.never_seen(seed + 1, count)]
            else:
                lines = [f"{name} {kind}\n" for name, kind in self._lists[work.key]]
            self._files[key] = self._contest.folder / f"{key}.questions"
            self._files[key].write_text("".join(lines))
        return self._files[key]

    def _forget_names(self, work: Work) -> None:
        if work.fresh:
            for key in [key for key in self._files if key.startswith(f"{work.key}-")]:
                self._files.pop(key).unlink()

    def _wrong_rcodes(self, work: Work, load: dnsperf.Load) -> str | None:
        """The rcodes must come in the shares that the questions have."""
        expected = Counter(
            self._contest.answers.of(*asked).rcode for asked in self._lists[work.key]
        )
        # A run may end in the middle of a mixed list.
        slack = 0.03 if len(expected) > 1 else MOST_LOST
        for rcode in expected.keys() | load.rcodes.keys():
            right = expected[rcode] / expected.total()
            got = load.rcodes.get(rcode, 0) / load.completed
            if abs(got - right) > (slack if rcode in expected else MOST_LOST):
                return f"wrong rcodes: {rcode} {got:.1%} instead of {right:.1%}"
        return None

    # --- start and memory ----------------------------------------------------------------------

    def _start_once(self, server: Server, program: str, turn: int) -> None:
        entrant, took = self._launch(server, program)
        try:
            if isinstance(took, str):
                for row in ("start", "memory"):
                    self._results.cell(row, server.key).reason = "does not start"
                self._results.note(f"{server.key} does not start: {took}")
                return
            self._results.cell("start", server.key).values[turn] = took * 1e3
            time.sleep(1.0)  # what is needed to start only is given back by now
            weight = memory.pss_of(entrant.running.tree())
            self._results.cell("memory", server.key).values[turn] = weight
        finally:
            entrant.running.stop()

    def _weigh_after(self) -> None:
        for entrant in self._entrants:
            if entrant.running.death():
                continue
            weight = memory.pss_of(entrant.running.tree())
            self._results.cell("memory-after", entrant.key).values[0] = weight


def _rotated(entrants: Sequence[Entrant], turn: int) -> list[Entrant]:
    first = turn % len(entrants) if entrants else 0
    return [*entrants[first:], *entrants[:first]]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
