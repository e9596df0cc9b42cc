"""docs/public-zone-octodns.md, step by step, each output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.serving import ROOT
from tests.test_walkthrough import Walker, blocks

pytest.importorskip("octodns")

PAGE = ROOT / "docs" / "public-zone-octodns.md"


class OctoWalker(Walker):
    """In a folder of its own; what a block exports, the next ones have."""

    def adapted(self, commands: str) -> str:
        here = commands.replace("octodns.yaml\n", f"{self.home}/octodns.yaml\n")
        here = here.replace("> octodns.yaml", f"> {self.home}/octodns.yaml")
        here = re.sub(r"\bzones(?=\n|/)", f"{self.home}/zones", here)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        return here


def test_the_page_step_by_step(tmp_path: Path) -> None:
    walker = OctoWalker(tmp_path)
    text = PAGE.read_text().partition("## Tried out")[2].partition("## What is different")[0]
    try:
        for block in blocks(text):
            walker.step(block)
    finally:
        walker.stop()
