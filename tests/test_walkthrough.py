"""docs/cluster.md, step by step on real API servers: each command as it stands, each output.

A block is run by what is behind its `sh`:

    sh              run to its end; it must succeed, and print what the `text` block after it says
    sh background   a server: it runs until the page is done
    sh until        again and again until it prints that
    sh api-down     the same, after the cluster's API server has been killed

`…` in an output is anything, spaces are all alike, other lines may stand between.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clusters import NewCluster
from tests.serving import ROOT, environment, free_port, loopback, until

PAGE = ROOT / "docs" / "cluster.md"
SOON = 20.0


class Block(NamedTuple):
    """Commands, how they are run, and the lines they print."""

    how: str
    commands: str
    output: list[str]


def blocks(text: str) -> list[Block]:
    """The blocks of a page in order."""
    found: list[Block] = []
    for kind, body in re.findall(r"^```(\w+[ \w-]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if kind.startswith("sh"):
            found.append(Block(kind.removeprefix("sh").strip(), body, []))
        elif found:
            found[-1].output.extend(body.splitlines())
    return found


def prints(output: str, expected: list[str]) -> bool:
    """Whether the lines are all there, in their order."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    patterns = [
        ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        for line in expected
    ]
    return all(any(re.search(pattern, line) for line in lines) for pattern in patterns)


class Walker:
    """Runs the page's commands with addresses of this test's own."""

    def __init__(self, home: Path, gondor: Path, fellowship: Path) -> None:
        self.address = loopback()
        self.port = free_port(self.address)
        self.home = home
        self.name = f"walk-{os.getpid()}"
        self.log = (home / "log").open("wb")
        self.servers: list[subprocess.Popen[bytes]] = []
        self.environment = environment(
            GONDOR=str(gondor), FELLOWSHIP=str(fellowship), HOME=str(home),
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        )  # fmt: skip

    def adapted(self, commands: str) -> str:
        """The same for this test's server."""
        here = commands.replace("@127.0.0.1 -p 5353", f"@{self.address} -p {self.port}")
        here = re.sub(r"\bfeddns (status|why)\b", rf"feddns \1 --control {self.name}", here)
        flags = f"--listen {self.address}:{self.port} --metrics none --control {self.name}"
        return here.replace("feddns serve", f"exec feddns serve --lame-duck 0 {flags}")

    def run(self, commands: str) -> tuple[int, str]:
        """The exit status, and what was said."""
        ran = subprocess.run(
            ["bash", "-ec", self.adapted(commands)], env=self.environment, cwd=ROOT,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    def start(self, command: str) -> None:
        started = subprocess.Popen(
            ["bash", "-ec", self.adapted(command)], env=self.environment, cwd=ROOT,
            stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.servers.append(started)
        question = "dig +short +tries=1 +time=1 @127.0.0.1 -p 5353 cluster.local SOA"
        until(lambda: "hostmaster" in self.run(question)[1], "the server answers")

    def stop(self) -> None:
        for server in self.servers:
            server.terminate()
            server.wait(20)
        self.log.close()


@pytest.fixture
def walker(new_cluster: NewCluster, tmp_path: Path) -> Iterator[tuple[Walker, object]]:
    gondor = new_cluster("gondor", controllers=True)
    for number, zone in enumerate(("us-a", "us-b", "us-a")):
        gondor.add_node(f"gondor-{number}", zone, "us")
    fellowship = new_cluster("fellowship")
    made = Walker(tmp_path, gondor.kubeconfig, fellowship.kubeconfig)
    try:
        yield made, gondor
    finally:
        made.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.tool("dig")
@pytest.mark.tool("kubectl")
def test_the_walk(walker) -> None:
    made, gondor = walker
    for block in blocks(PAGE.read_text()):
        if block.how == "background":
            made.start(block.commands)
            continue
        if block.how == "api-down":
            gondor.kill_api()
        limit = time.monotonic() + (SOON if block.how else 0)
        while True:
            status, said = made.run(block.commands)
            holds = status == 0 and prints(said, block.output)
            if holds or time.monotonic() > limit:
                break
            time.sleep(0.05)
        log = (made.home / "log").read_text()
        assert holds, f"{block.commands}\nstatus {status}, said\n{said}\nserver:\n{log}"
