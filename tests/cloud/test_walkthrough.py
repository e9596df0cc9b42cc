"""docs/public-zone-clouddns.md, step by step, each output."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.serving import ROOT, free_port
from tests.test_walkthrough import Walker, blocks

pytest.importorskip("google.cloud.dns")

PAGE = ROOT / "docs" / "public-zone-clouddns.md"
FOLDER = "only-clusters"


class CloudWalker(Walker):
    """With a port of its own; what a block exports, the next ones have."""

    def __init__(self, home: Path) -> None:
        self.port = free_port("127.0.0.1")
        super().__init__(home, PORT=str(self.port))

    def adapted(self, commands: str) -> str:
        here = commands.replace("127.0.0.1:8053", f"127.0.0.1:{self.port}")
        here = here.replace(FOLDER, str(self.home / FOLDER))
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        return here.replace("python -m", "exec python -m")

    def is_up(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/dns/v1/projects/feddns-test"
        try:
            with urllib.request.urlopen(url) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False


@pytest.fixture
def walker(tmp_path: Path) -> CloudWalker:
    return CloudWalker(tmp_path)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_the_page_step_by_step(walker: CloudWalker) -> None:
    try:
        for block in blocks(PAGE.read_text().partition("## At Google")[0]):
            if block.how == "background":
                walker.start(block.commands)
            else:
                walker.step(block)
        exported = (walker.home / "log").read_text()
    finally:
        walker.stop()
    for line in exported.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        assert walker.environment[name] == value, "the page exports what the stand-in prints"
