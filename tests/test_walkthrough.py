"""docs/cluster.md on real API servers and docs/playground.md, step by step, each output.

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
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clusters import NewCluster
from tests.playground.running import NETWORKS
from tests.realcluster import RealCluster
from tests.serving import ROOT, environment, free_port, loopback, until

PAGE = ROOT / "docs" / "cluster.md"
PLAYGROUND = ROOT / "docs" / "playground.md"
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
    """Runs a page's commands with addresses of this test's own."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.log = (home / "log").open("wb")
        self.servers: list[subprocess.Popen[bytes]] = []
        self.environment = environment(
            HOME=str(home), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables
        )

    def adapted(self, commands: str) -> str:
        """The same for this test's servers."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """Whether what was started in the background answers."""
        raise NotImplementedError

    def expected(self, lines: list[str]) -> list[str]:
        """What they print here."""
        return lines

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
        until(self.is_up, "the server answers")

    def stop(self) -> None:
        for server in self.servers:
            server.terminate()
            server.wait(20)
        self.log.close()

    def step(self, block: Block) -> None:
        """Run one block; its output must be what the page says."""
        limit = time.monotonic() + (SOON if block.how else 0)
        while True:
            status, said = self.run(block.commands)
            holds = status == 0 and prints(said, self.expected(block.output))
            if holds or time.monotonic() > limit:
                break
            time.sleep(0.05)
        log = (self.home / "log").read_text()
        assert holds, f"{block.commands}\nstatus {status}, said\n{said}\nserver:\n{log}"


class ClusterWalker(Walker):
    """Of docs/cluster.md: one server."""

    def __init__(self, home: Path, gondor: Path, fellowship: Path) -> None:
        super().__init__(home, GONDOR=str(gondor), FELLOWSHIP=str(fellowship))
        self.address = loopback()
        self.port = free_port(self.address)
        self.name = f"walk-{os.getpid()}"

    def adapted(self, commands: str) -> str:
        here = commands.replace("@127.0.0.1 -p 5353", f"@{self.address} -p {self.port}")
        here = re.sub(r"\bfeddns (status|why)\b", rf"feddns \1 --control {self.name}", here)
        flags = f"--listen {self.address}:{self.port} --metrics none --control {self.name}"
        return here.replace("feddns serve", f"exec feddns serve --lame-duck 0 {flags}")

    def is_up(self) -> bool:
        question = "dig +short +tries=1 +time=1 @127.0.0.1 -p 5353 cluster.local SOA"
        return "hostmaster" in self.run(question)[1]


class PlaygroundWalker(Walker):
    """Of docs/playground.md: a playground in a network of its own."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, KUBECONFIG=str(home / "fellowship" / "kubeconfig"))

    def adapted(self, commands: str) -> str:
        here = _moved(commands)
        if os.geteuid():  # without the right to low ports
            here = re.sub(r"(@127[\d.]+)", r"\1 -p 5353", here)
            here = re.sub(r"(http://127[\d.]+)", r"\1:8080", here)
        here = here.replace("playground --keep", "playground --no-view --keep")
        return here.replace("feddns playground", f"feddns playground --network 127.{NETWORKS}")

    def expected(self, lines: list[str]) -> list[str]:
        return list(map(_moved, lines))

    def is_up(self) -> bool:
        return b"^C ends it" in (self.home / "log").read_bytes()


def _moved(text: str) -> str:
    """With the addresses of this test's network."""
    return re.sub(r"127\.1([0-3])\.", lambda found: f"127.{NETWORKS + int(found[1])}.", text)


@pytest.fixture
def gondor(new_cluster: NewCluster) -> RealCluster:
    made = new_cluster("gondor", controllers=True)
    for number, zone in enumerate(("us-a", "us-b", "us-a")):
        made.add_node(f"gondor-{number}", zone, "us")
    return made


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.tool("dig")
@pytest.mark.tool("kubectl")
def test_the_walk(gondor: RealCluster, new_cluster: NewCluster, tmp_path: Path) -> None:
    fellowship = new_cluster("fellowship")
    walker = ClusterWalker(tmp_path, gondor.kubeconfig, fellowship.kubeconfig)
    try:
        for block in blocks(PAGE.read_text()):
            if block.how == "background":
                walker.start(block.commands)
                continue
            if block.how == "api-down":
                gondor.kill_api()
            walker.step(block)
    finally:
        walker.stop()


@pytest.mark.timeout(300)
@pytest.mark.tool("curl")
@pytest.mark.tool("dig")
@pytest.mark.tool("kubectl")
def test_the_walk_through_the_playground(tmp_path: Path) -> None:
    walker = PlaygroundWalker(tmp_path)
    try:
        for block in blocks(PLAYGROUND.read_text()):
            if block.how == "background":
                walker.start(block.commands)
            else:
                walker.step(block)
    finally:
        walker.stop()
