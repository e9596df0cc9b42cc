"""The table of the pieces, and the federations that they run on.

    members   pieces                  APIs
    three     failover, deadcluster   embedded, real
    five      fanout                  embedded, real
    one       event                   embedded

`bench.__main__` calls `run`, and knows the keys from here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.federation import deadcluster, event, failover, fanout
from bench.federation.stage import NotSo, Stage, federation, say
from bench.results import Results
from tests import peers
from tests.realcluster import API_PROGRAMS

FAILOVER, DEAD = "federation-failover", "federation-deadcluster"
FANOUT, EVENT = "federation-fanout", "federation-event"
KEYS = (FAILOVER, DEAD, FANOUT, EVENT)
REAL = "-real"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do."""

    only: Sequence[str]
    quick: bool
    folder: Path


def run(plan: Plan, results: Results) -> None:
    """Measure the pieces that `plan` names, on embedded APIs and then on real ones."""
    kinds = [False, True]
    if lacking := peers.missing(*API_PROGRAMS):
        results.note(f"{', '.join(lacking)}: not built; `{peers.BUILD} etcd kubernetes` does it")
        kinds.remove(True)
    for real in kinds:
        if {FAILOVER, DEAD} & set(plan.only):
            _on(plan, results, real, failover.MEMBERS, lambda stage: _three(plan, stage))
        if FANOUT in plan.only:
            _on(plan, results, real, fanout.MEMBERS, _five)
    if EVENT in plan.only:
        _on(plan, results, False, event.MEMBERS, _one)


def _on(
    plan: Plan, results: Results, real: bool, members: tuple[str, ...],
    piece: Callable[[Stage], None],
) -> None:  # fmt: skip
    suffix = REAL if real else ""
    folder = plan.folder / f"{len(members)}{suffix}"
    say(f"{len(members) + 1} {'real' if real else 'embedded'} APIs start")
    try:
        with federation(folder, members, real=real) as made:
            piece(Stage(made, folder, results, plan.quick, suffix))
    except NotSo as missing:
        results.note(f"{len(members)} members{suffix}: given up: {missing}")


def _three(plan: Plan, stage: Stage) -> None:
    proxy = deadcluster.proxy_of(stage.members[deadcluster.WHO])
    with contextlib.closing(proxy):
        for name in stage.members:
            url = proxy.url if name == deadcluster.WHO else ""
            stage.federation.register(name, url=url)
        with stage.controllers():
            if FAILOVER in plan.only:
                failover.run(stage)
            if DEAD in plan.only:
                deadcluster.run(stage, proxy)


def _five(stage: Stage) -> None:
    for name in stage.members:
        stage.federation.register(name)
    fanout.run(stage)


def _one(stage: Stage) -> None:
    stage.federation.register("us")
    event.run(stage)
