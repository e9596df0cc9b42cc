"""Programs of the machine that tests use: named with their version, or left out, with a word.

    @pytest.mark.tool("dig")

A test whose program is missing is skipped; one line at the end says what was left out and how to
get it.  With FEDDNS_LEAVE_OUT=forbidden, as in CI, it fails instead.  Other things that a machine
may lack (IPv6, root, what tools/peers.sh builds) are left out by `leave_out`, and named by `use`.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

_VERSION_FLAG = {
    "dig": "-v", "kdig": "-V", "dnsperf": "-h", "nslookup": "-version",
    "kubectl": "version --client", "openssl": "version", "named-checkzone": "-v",
    "named": "-v", "named-checkconf": "-v", "nsupdate": "-V", "knotd": "-V",
}  # fmt: skip
_PACKAGES = {
    "dig": "bind9-dnsutils", "nslookup": "bind9-dnsutils", "kdig": "knot-dnsutils",
    "dnsperf": "dnsperf", "knotd": "knot", "knotc": "knot", "named-checkzone": "bind9-utils",
    "named": "bind9", "named-checkconf": "bind9-utils", "nsupdate": "bind9-dnsutils",
}  # fmt: skip

_LEFT_OUT: pytest.StashKey[dict[str, str]] = pytest.StashKey()
_USED: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = {}
    config.stash[_USED] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("tool"):
        (name,) = marker.args
        if shutil.which(name) is None:
            leave_out(item.config, name, _PACKAGES.get(name, name))
        use(item.config, name, version(name))


def use(config: pytest.Config, name: str, number: str) -> None:
    """Name a program and its version at the end."""
    config.stash[_USED].setdefault(name, number)


def leave_out(config: pytest.Config, what: str, package: str = "") -> None:
    """Skip the test that runs, or fail where nothing may be left out.

    `package` is a Debian package, or, when it has spaces, the way to get it in words.
    """
    if os.environ.get("FEDDNS_LEAVE_OUT") == "forbidden":
        pytest.fail(f"{what} is missing, and nothing may be left out", pytrace=False)
    config.stash[_LEFT_OUT][what] = package
    pytest.skip(what)


@functools.cache
def version(name: str) -> str:
    """The line of the program's own words that has a number in it, without its name."""
    ran = subprocess.run(
        [name, *_VERSION_FLAG.get(name, "--version").split()], capture_output=True, text=True,
        timeout=10, check=False,
    )  # fmt: skip
    lines = (ran.stdout + ran.stderr).splitlines()
    said = [line for line in lines if "ersion" in line or "DiG" in line] or lines[:1]
    words = [word.removeprefix("v") for word in said[0].split()] if said else []
    return next((word for word in words if word[:1].isdigit()), "")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None] | None:
    used, left_out = config.stash[_USED], config.stash[_LEFT_OUT]
    if used:
        named = ", ".join(f"{name} {number}".strip() for name, number in sorted(used.items()))
        terminalreporter.write_line(f"used: {named}")
    if left_out:
        ways = {way for way in left_out.values() if " " in way}
        if packages := " ".join(sorted(set(left_out.values()) - ways - {""})):
            ways.add(f"apt-get install {packages}")
        way = f" ({'; '.join(sorted(ways))})" if ways else ""
        terminalreporter.write_line(f"left out: {', '.join(sorted(left_out))}{way}")
    return None
