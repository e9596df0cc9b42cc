"""docs/public-zone-route53.md, step by step, each output; its policy and its tables."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from feddns.providers import catalogue
from tests import programs
from tests.cloud import emulators
from tests.serving import ROOT, free_port
from tests.test_walkthrough import Walker, blocks

pytest.importorskip("boto3")

PAGE = ROOT / "docs" / "public-zone-route53.md"
FOLDER = "only-clusters"


class Route53Walker(Walker):
    """With a port of its own; what a block exports, the next ones have."""

    def __init__(self, home: Path) -> None:
        self.port = free_port("127.0.0.1")
        super().__init__(home, PORT=str(self.port), AWS_EC2_METADATA_DISABLED="true")

    def adapted(self, commands: str) -> str:
        here = commands.replace("127.0.0.1:8054", f"127.0.0.1:{self.port}")
        here = here.replace(FOLDER, str(self.home / FOLDER))
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        return here.replace("python -m", "exec python -m")

    def is_up(self) -> bool:
        """It prints what to export when all is there."""
        if b"AWS_SECRET" not in (self.home / "log").read_bytes():
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/2013-04-01/hostedzone"):
                return True
        except urllib.error.URLError:
            return False


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_the_page_step_by_step(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if lacking := emulators.missing("ministack"):
        programs.leave_out(request.config, *lacking)
    walker = Route53Walker(tmp_path)
    try:
        for block in blocks(PAGE.read_text().partition("## At AWS")[0]):
            if block.how == "background":
                walker.start(block.commands)
            else:
                walker.step(block)
        exported = (walker.home / "log").read_text()
    finally:
        walker.stop()
    lines = [line for line in exported.splitlines() if line.startswith("export ")]
    assert len(lines) == 3
    for line in lines:
        name, _, value = line.removeprefix("export ").partition("=")
        assert walker.environment[name] == value, "the page exports what the stand-in prints"


def test_the_policy_names_the_calls_that_are_made() -> None:
    (policy,) = (
        json.loads(block)
        for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
        if '"Statement"' in block
    )
    allowed = set()
    for statement in policy["Statement"]:
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)
    source = (ROOT / "feddns/providers/route53.py").read_text()
    calls = set(re.findall(r'"((?:get|list|change|create)_[a-z_]+)"', source))
    made = {f"route53:{''.join(map(str.capitalize, one.split('_')))}" for one in calls}
    assert made == allowed | {"route53:CreateHostedZone"}
    assert "`route53:CreateHostedZone`" in PAGE.read_text()


def test_the_table_of_keys_is_the_catalogue_s() -> None:
    page = PAGE.read_text()
    table = page.partition("| key | what |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M))))
    assert told == {key.name for key in catalogue.row("aws-route53").keys}
