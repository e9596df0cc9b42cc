"""The kubectls of this machine, by version.

1.36.3      what tools/peers.sh builds
the rest    `kubectl` and `kubectl.1.29` … on the PATH and beside where its links lead: Google's
            package has one of each version, and a `kubectl` that chooses among them
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

from tests import peers


@functools.cache
def found() -> dict[tuple[int, int], Path]:
    """Minor version → program, the oldest first."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += [(folder / "kubectl").resolve().parent for folder in folders]
    programs = {
        path.resolve() for folder in folders for path in folder.glob("kubectl*")
        if re.fullmatch(r"kubectl(\.\d+\.\d+)?", path.name) and os.access(path, os.X_OK)
    }  # fmt: skip
    if not peers.missing("kubectl"):
        programs.add(peers.path("kubectl"))
    versions = {version: path for path in sorted(programs) if (version := _version(path))}
    return dict(sorted(versions.items()))


def newest() -> Path:
    """The newest.  Raises `LookupError` when the machine has none."""
    if not found():
        raise LookupError(f"no kubectl: {peers.BUILD} builds it")
    return list(found().values())[-1]


@functools.cache
def full(path: Path) -> str:
    """The whole version."""
    ran = subprocess.run(
        [path, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False
    )
    found = re.search(r'"gitVersion": "v([^"]*)"', ran.stdout)
    return found[1] if found else ""


def _version(path: Path) -> tuple[int, int] | None:
    """Major and minor, of a program that is a kubectl itself."""
    major, minor, rest = [*full(path).split(".", 2), "", ""][:3]
    chooses = "dispatcher" in rest
    return (int(major), int(minor)) if minor and not chooses else None
