"""Questions for names outside the cluster, answered by an upstream: from the cache, and not.

The upstream is Knot with 20,000 names and a wildcard, TTL 300, a process of its own that is not
counted.  All servers run for the whole time and take turns, as in `bench.rounds`.

    row               asked
    forward-cached    2,000 of the names, over and over; CoreDNS needs `cache` for this
    forward-new       names below the wildcard, none ever asked twice of a server
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench import check, dnsperf
from bench.cluster.stage import Entrant, Stage, say
from bench.processes import Launch, Running, free_port
from bench.zone import Answer

CACHED, NEW = "forward-cached", "forward-new"
SERVERS = ("feddns", "coredns", "coredns-cache", "coredns-kubeadm")
WITHOUT_CACHE = ("coredns",)
ORIGIN = "example."
NAMES, HOT = 20_000, 2_000
TTL = 300
OUTSTANDING = 100
MOST_LOST = 0.001
TRIES = 3
NEW_A_SECOND = 60_000
CHECKED = 25


def run(stage: Stage) -> None:
    upstreams = stage.having("knot")
    if not upstreams:
        stage.results.note("forward is left out: its upstream is Knot")
        return
    with _upstream(stage, upstreams[0][1]) as port, ExitStack() as stack:
        entrants = [entrant for entrant in _enter(stage, stack, port) if _checked(stage, entrant)]
        race = Race(stage)
        for turn in range(stage.rounds):
            for work in (CACHED, NEW):
                say(f"round {turn + 1} of {stage.rounds}: {work}")
                first = turn % max(1, len(entrants))
                for entrant in entrants[first:] + entrants[:first]:
                    if work == NEW or entrant.key not in WITHOUT_CACHE:
                        race.time(work, entrant, turn)


# --- the upstream ------------------------------------------------------------------------------


def records() -> Iterator[str]:
    yield f"{ORIGIN} {TTL} SOA ns.{ORIGIN} hostmaster.{ORIGIN} 1 7200 1800 86400 {TTL}\n"
    yield f"{ORIGIN} {TTL} NS ns.{ORIGIN}\n"
    yield f"ns.{ORIGIN} {TTL} A 127.0.0.1\n"
    yield f"*.new.{ORIGIN} {TTL} A 192.0.2.1\n"
    for number in range(NAMES):
        yield f"{name(number)} {TTL} A {address(number)}\n"


def name(number: int) -> str:
    return f"host-{number}.{ORIGIN}"


def address(number: int) -> str:
    return f"198.18.{number >> 8}.{number & 255}"


@contextmanager
def _upstream(stage: Stage, program: str) -> Iterator[int]:
    home = stage.folder / "upstream"
    home.mkdir()
    (home / "example.zone").write_text("".join(records()))
    port = free_port()
    configuration = home / "knot.conf"
    configuration.write_text(
        f"server:\n    rundir: {home}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n"
        f"database:\n    storage: {home}\nlog:\n  - target: stderr\n    any: warning\n"
        f"zone:\n  - domain: {ORIGIN}\n    file: {home}/example.zone\n"
        "    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n"
    )
    knot = Running(Launch([program, "-c", str(configuration)], folder=home), home / "log")
    try:
        right = Answer("NOERROR", frozenset({address(NAMES - 1)}))
        took = check.wait_until_right(knot, port, (name(NAMES - 1), "A"), right, 20.0)
        if isinstance(took, str):
            raise RuntimeError(f"the upstream does not start: {took}")
        yield port
    finally:
        knot.stop()


# --- the servers -------------------------------------------------------------------------------


def _enter(stage: Stage, stack: ExitStack, upstream: int) -> Iterator[Entrant]:
    for server, program in stage.having(*SERVERS):
        place = replace(stage.place(), upstream=upstream)
        entrant = stack.enter_context(stage.entering(server, program, place))
        if isinstance(entrant, str):
            stage.failed((CACHED, NEW), server.key, entrant)
        else:
            yield entrant


def _checked(stage: Stage, entrant: Entrant) -> bool:
    for number in range(0, NAMES, NAMES // CHECKED):
        expected = Answer("NOERROR", frozenset({address(number)}))
        got = check.ask(entrant.port, name(number), "A")
        if got != expected:
            for work in (CACHED, NEW):
                detail = f"{name(number)} A: {got}, expected {expected}"
                stage.results.refuse(work, entrant.key, "wrong answer", detail)
            return False
    return True


class Race:
    """The timing: CPU of the server for an answer."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._hot = stage.folder / "forward.hot"
        self._hot.write_text("".join(f"{name(number)} A\n" for number in range(HOT)))
        self._new = stage.folder / "forward.new"
        self._made = 0

    def time(self, work: str, entrant: Entrant, turn: int) -> None:
        cell = self._stage.results.cell(work, entrant.key)
        if cell.reason:
            return
        try:
            outcome = self._microseconds(work, entrant)
        except dnsperf.LoadError as error:
            outcome = f"dnsperf: {error}"
        if isinstance(outcome, float):
            cell.values[turn] = outcome
        else:
            reason = outcome.partition(":")[0]
            self._stage.results.refuse(work, entrant.key, reason, outcome)

    def _microseconds(self, work: str, entrant: Entrant) -> float | str:
        seconds = self._stage.seconds
        if work == CACHED:
            dnsperf.run(entrant.port, self._hot, 3.0, OUTSTANDING, tcp=False, once=True)
        load = dnsperf.Load(0, 0, {})
        for attempt in range(TRIES):
            file = self._hot if work == CACHED else self._new_names(seconds)
            before = entrant.running.cpu_seconds()
            outstanding = OUTSTANDING >> attempt
            load = dnsperf.run(
                entrant.port, file, seconds, outstanding, tcp=False, once=work == NEW
            )
            spent = entrant.running.cpu_seconds() - before
            if death := entrant.running.death():
                return f"died: {death}"
            if load.completed and load.lost_share <= MOST_LOST:
                wrong = load.completed - load.rcodes.get("NOERROR", 0)
                return f"wrong rcodes: {load.rcodes}" if wrong else spent / load.completed * 1e6
        return f"lost {load.lost_share:.1%}: of {load.sent} queries, {TRIES} times in a row"

    def _new_names(self, seconds: float) -> Path:
        self._made += 1
        names = never_seen(self._made, int(seconds * NEW_A_SECOND))
        self._new.write_text("".join(f"{one} A\n" for one in names))
        return self._new


def never_seen(seed: int, count: int) -> Sequence[str]:
    """Names below the wildcard; another seed gives other ones."""
    digits = random.Random(seed).randbytes(6 * count).hex()
    return [f"{digits[start : start + 12]}.new.{ORIGIN}" for start in range(0, 12 * count, 12)]
