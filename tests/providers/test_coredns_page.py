"""docs/public-zone-coredns.md, step by step, at the etcd and CoreDNS of its one command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feddns.providers import catalogue
from feddns.providers.coredns import CoreDns
from tests import peers, programs
from tests.providers import corednszone
from tests.serving import ROOT
from tests.test_walkthrough import Walker, blocks

PAGE = (ROOT / "docs" / "public-zone-coredns.md").read_text()


class CoreDnsWalker(Walker):
    """With ports and a folder of its own; what a block exports, the next ones have."""

    def __init__(self, home: Path) -> None:
        cache = peers.path("etcd").parents[3]
        super().__init__(home, XDG_CACHE_HOME=str(cache))
        self.port, self.etcd = corednszone.free_port(), corednszone.free_port()

    def adapted(self, commands: str) -> str:
        here = commands.replace("-p 5300", f"-p {self.port}").replace(":2379", f":{self.etcd}")
        here = re.sub(r"\b(my-coredns|only-clusters)\b", rf"{self.home}/\1", here)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", here, re.MULTILINE):
            self.environment[name] = value
        ports = f"--port {self.port} --etcd-port {self.etcd}"
        return here.replace("tools/coredns-zone", f"exec tools/coredns-zone {ports}")

    def is_up(self) -> bool:
        return b"CoreDNS serves" in (self.home / "log").read_bytes()


@pytest.mark.tool("dig")
@pytest.mark.tool("curl")
def test_the_page_step_by_step(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if lacking := corednszone.missing():
        programs.leave_out(request.config, *lacking)
    for name in corednszone.PROGRAMS:
        programs.use(request.config, name, peers.version(name))
    walker = CoreDnsWalker(tmp_path)
    try:
        for block in blocks(PAGE.partition("## At your own\n")[0]):
            if block.how == "background":
                walker.start(block.commands)
            else:
                walker.step(block)
        check_flags(walker)
    finally:
        walker.stop()


def check_flags(walker: CoreDnsWalker) -> None:
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
    records = [record for page in provider.list() for record in page]
    assert [record.type for record in records] == ["A"]
    assert isinstance(provider, CoreDns)
    assert provider.servers == (f"127.0.0.1:{walker.port}",)
    provider.close()


def test_the_file_of_the_page(tmp_path: Path) -> None:
    (found,) = re.findall(r"^ *```ini\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "coredns.ini"
    path.write_text(found)
    choice = catalogue.choose("coredns", "example.com", "", str(path), (), {})
    told = set(re.findall(r"^ *([-\w]+) =", found, re.MULTILINE))
    assert told == choice.values.keys()


def test_the_table_of_keys() -> None:
    table = re.findall(r"^\| (`[^|]*`) \|", PAGE.partition("## What is written")[0], re.MULTILINE)
    told = {name for names in table for name in re.findall(r"`([-\w]+)`", names)}
    assert told == {key.name for key in catalogue.row("coredns").keys}
