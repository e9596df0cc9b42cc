"""The benchmark's own truth: what it writes for the servers is one world, and feddns answers it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import dns.message
import pytest

from bench import check, inventory, manifests, questions, zone
from feddns import config
from feddns.cli import offline
from feddns.resolver.responder import Peer, Responder
from tests import clusters
from tests.realcluster import API_PROGRAMS

SIZE = 120
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world() -> inventory.Inventory:
    return inventory.make(SIZE)


@pytest.fixture(scope="module")
def responder(world: inventory.Inventory, tmp_path_factory: pytest.TempPathFactory) -> Responder:
    folder = tmp_path_factory.mktemp("manifests")
    manifests.write(world, folder)
    return offline.responder(config.load({"manifests": [str(folder)]}, {}, None))


def ask(responder: Responder, name: str, kind: str) -> zone.Answer:
    message = dns.message.make_query(name, kind)
    reply = responder.respond(message.to_wire(), Peer("127.0.0.1", 5300, tcp=True), 0.0)
    assert reply is not None
    return check.read_answer(dns.message.from_wire(reply), kind)


def test_the_same_size_gives_the_same_inventory(world: inventory.Inventory) -> None:
    assert inventory.make(SIZE) == world
    endpoints = sum(len(service.endpoints) for service in inventory.make(5000).services)
    assert 1.3 < endpoints / 5000 < 1.5


def test_every_record_of_the_zone_files_is_answered(
    world: inventory.Inventory, responder: Responder
) -> None:
    """The generator of Knot's zones knows nothing of feddns: a second opinion on 2.3 and 2.4."""
    answers = zone.Answers(world)
    asked = {(owner, kind) for owner, kind, _ in zone.records(world)}
    assert len(asked) > 5 * SIZE
    wrong = [
        (name, kind, str(ask(responder, name, kind)), str(answers.of(name, kind)))
        for name, kind in sorted(asked)
        if ask(responder, name, kind) != answers.of(name, kind)
    ]
    assert wrong == []


@pytest.mark.parametrize("work", [work for work in questions.WORKS if work != "new"])
def test_the_questions_of_each_work_have_the_answers_it_expects(
    work: str, world: inventory.Inventory, responder: Responder
) -> None:
    answers = zone.Answers(world)
    asked = sorted(set(questions.WORKS[work].ask(world)))
    for name, kind in random.Random(1).sample(asked, min(300, len(asked))):
        assert ask(responder, name, kind) == answers.of(name, kind), (name, kind)


def test_names_that_are_new_every_time() -> None:
    assert len(set(questions.never_seen(1, 1000)) | set(questions.never_seen(2, 1000))) == 2000


@pytest.mark.slow
@pytest.mark.tool("dnsperf")
@pytest.mark.tool("knotd")
def test_one_short_run_beside_knot(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    ran = subprocess.run(
        [
            sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "0.5",
            "--only", "hot,new", "--servers", "feddns,knot", "--output", str(table),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr  # 1: a number over its limit, on a busy machine
    hot = next(line for line in table.read_text().splitlines() if line.startswith("| hot names"))
    cells = [cell.strip() for cell in hot.strip("|").split("|")]
    assert [float(cell) > 0 for cell in cells[1:3]] == [True, True], ran.stdout


@pytest.mark.slow
@pytest.mark.tool("dnsperf")
def test_one_short_run_on_a_real_api_server(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    clusters.require(request.config, *API_PROGRAMS)
    table = tmp_path / "table.md"
    ran = subprocess.run(
        [
            sys.executable, "-m", "bench", "--quick", "--only", "follow", "--servers", "feddns",
            "--output", str(table),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    row = next(line for line in table.read_text().splitlines() if line.startswith("| endpoint ch"))
    assert float(row.strip("|").split("|")[1]) > 0, ran.stdout
