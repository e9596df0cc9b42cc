"""docs/public-zone.md: its walk, step by step, each output; and its tables."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from feddns.cli import zone
from feddns.providers import catalogue
from feddns.providers.plan import Policy
from tests.serving import ROOT
from tests.test_promises import rows
from tests.test_walkthrough import Walker, blocks

PATH = ROOT / "docs" / "public-zone.md"
PAGE = PATH.read_text()
_OWN = r"\bmy-\w+|\bbefore-the-mistake"


class ZoneWalker(Walker):
    """With files of its own; what a block exports, the next ones have."""

    def adapted(self, commands: str) -> str:
        here = re.sub(_OWN, rf"{self.home}/\g<0>", commands)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        return here

    def expected(self, lines: list[str]) -> list[str]:
        return [re.sub(_OWN, rf"{self.home}/\g<0>", line) for line in lines]


def test_the_walk(tmp_path: Path) -> None:
    walker = ZoneWalker(tmp_path)
    walk = blocks(PAGE.partition("## What it holds")[0])
    assert len(walk) == 6
    try:
        for block in walk:
            walker.step(block)
    finally:
        walker.stop()


def test_every_provider_and_key_is_in_the_tables() -> None:
    told = {row[0].strip("`") for row in rows(PATH, "the machine can read it there. A flag wins "
            "over a variable, a variable over the file.")}  # fmt: skip
    assert told == set(catalogue.names())
    keys = {
        (provider, key): secret.rstrip().endswith("Secret.") or "Secret;" in secret
        for provider, key, secret in re.findall(
            r"^\| `([-\w]+)` \| `([-\w]+)` \| (.*) \|$", PAGE, re.MULTILINE
        )
    }
    assert keys == {
        (row.name, key.name): key.is_secret for row in catalogue.ROWS for key in row.keys
    }
    vendors = {key.vendor for row in catalogue.ROWS for key in row.keys if key.vendor}
    assert vendors <= set(re.findall(r"`([A-Z0-9_]+)`", PAGE))


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.name)
def test_the_variable_of_a_provider_is_one(row: catalogue.Row) -> None:
    (told,) = re.findall(rf"^\| `{row.name}` \| [^|`]+ \| (.*?) \|", PAGE, re.MULTILINE)
    known = {row.variable(key.name) for key in row.keys}
    assert told == "–" or told.strip("`") in known


def test_the_commands_and_policies_are_those_there_are() -> None:
    told = [row[0].split()[0].strip("`") for row in rows(PATH, "## Commands")]
    assert told == zone.command.list_commands(click.Context(zone.command))  # type: ignore[attr-defined]
    policies = {row[0].strip("`") for row in rows(PATH, "## What may be done to it")}
    assert policies == {str(policy) for policy in Policy}
