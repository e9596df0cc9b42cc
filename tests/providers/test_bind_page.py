"""docs/public-zone-bind.md, step by step, each output, at a BIND that its one command starts."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bench.processes import free_port
from feddns.providers import catalogue
from tests.providers.nameservers import KEY, SECRET
from tests.serving import ROOT
from tests.test_walkthrough import Walker, blocks

PAGE = (ROOT / "docs" / "public-zone-bind.md").read_text()

pytestmark = [pytest.mark.tool(name) for name in ("named", "dig", "nsupdate")]


class BindWalker(Walker):
    """With a port and a folder of its own; what a block exports, the next ones have."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = free_port()

    def adapted(self, commands: str) -> str:
        here = re.sub(r"127\.0\.0\.1( -p)? 5300", rf"127.0.0.1\1 {self.port}", commands)
        here = re.sub(r"\b(my-bind|only-clusters)\b", rf"{self.home}/\1", here)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        return here.replace("tools/bind-zone", f"exec tools/bind-zone --port {self.port}")

    def is_up(self) -> bool:
        return b"BIND serves" in (self.home / "log").read_bytes()


@pytest.fixture
def walker(tmp_path: Path) -> BindWalker:
    return BindWalker(tmp_path)


def test_the_page_step_by_step(walker: BindWalker) -> None:
    try:
        for block in blocks(PAGE.partition("## At your own server")[0]):
            if block.how == "background":
                walker.start(block.commands)
            else:
                walker.step(block)
        check_flags(walker)
    finally:
        walker.stop()


def check_flags(walker: BindWalker) -> None:
    """What the command prints is what the page exports, and opens the zone."""
    said = (walker.home / "log").read_text()
    flags = dict(re.findall(r"(--[-\w]+) (\S+)", said))
    for name, value in flags.items():
        variable = "FEDDNS_" + name.removeprefix("--").upper().replace("-", "_")
        assert walker.environment[variable] == value
    choice = catalogue.choose(
        flags["--dns-provider"], flags["--zone-name"], "", flags["--dns-provider-config"], (), {}
    )
    provider = catalogue.open_provider(choice)
    (records,) = provider.list()
    assert [record.type for record in records] == ["MX"]
    provider.close()


def test_the_files_of_the_page(tmp_path: Path) -> None:
    """Each INI block is one that the catalogue takes for its provider."""
    found = re.findall(r"^ *```ini\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    for provider, text in zip(("rfc2136", "zonefile"), found, strict=True):
        path = tmp_path / f"{provider}.ini"
        path.write_text(text)
        assert catalogue.choose(provider, "example.com", "", str(path), (), {}).values


def test_a_port_that_is_taken() -> None:
    """A second named could listen there, too, and would take half of the questions."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = subprocess.run(
            [sys.executable, str(ROOT / "tools/bind-zone"), "--port", str(port)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert ran.returncode == 1
    assert f"named cannot listen at 127.0.0.1 port {port}: Address already in use" in ran.stderr


@pytest.mark.tool("named-checkconf")
@pytest.mark.tool("knotc")
def test_the_servers_configurations_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "feddns.key").write_text(KEY)
    indented = re.findall(r"^   ```text\n(.*?)^   ```$", PAGE, re.MULTILINE | re.DOTALL)
    bind, knot = (textwrap.dedent(text) for text in indented)
    (tmp_path / "named.conf").write_text(bind.replace("/etc/bind", str(tmp_path)))
    (tmp_path / "knot.conf").write_text(knot.replace("…", SECRET))
    checked(["named-checkconf", str(tmp_path / "named.conf")])
    checked(["knotc", "-c", str(tmp_path / "knot.conf"), "conf-check"])


def checked(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_table_of_keys() -> None:
    table = re.findall(r"^\| (`[^|]*`) \|", PAGE.partition("## What is sent")[0], re.MULTILINE)
    told = {name for names in table for name in re.findall(r"`([-\w]+)`", names)}
    assert told == {key.name for key in catalogue.row("rfc2136").keys}
