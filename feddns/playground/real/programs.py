"""The programs that tools/peers.sh builds: where they are, and their versions.

    feddns runs from      a version is
    a checkout            what tools/peers.sh says, so that it stands in one place
    anywhere else         the newest that lies in the cache

I/O: reads the script and the cache.  Called by `playground`, by tests, bench and tools.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

BUILD = "tools/peers.sh"
API_PROGRAMS = ("etcd", "kube-apiserver")
CONTROLLER_PROGRAMS = ("kube-controller-manager", "kube-scheduler", "kwok")
STAGES = "stages.yaml"
"""What KWOK does, as KWOK's own project has it."""

_SCRIPT = Path(__file__).resolve().parents[3] / BUILD
_FOLDERS = {
    "etcd": "etcd", "kwok": "kwok", STAGES: "kwok", "coredns": "coredns",
    "kube-apiserver": "kubernetes", "kube-controller-manager": "kubernetes",
    "kube-scheduler": "kubernetes", "kubectl": "kubectl", "helm": "helm",
    "txt-registry": "externaldns",
}  # fmt: skip


def version(name: str) -> str:
    """The version of a program; empty when nothing says or has one."""
    folder = _FOLDERS[name]
    if not _SCRIPT.exists():
        return _newest(folder)
    found = re.search(rf"^{folder}=(\S+)$", _SCRIPT.read_text(), re.MULTILINE)
    assert found, f"{BUILD} says no version of {folder}"
    return found[1]


def path(name: str) -> Path:
    """Where the program is when it has been built."""
    return _cache() / f"{_FOLDERS[name]}-{version(name)}" / name


def missing(*names: str) -> list[str]:
    """Those of the named programs that are not built."""
    return [name for name in names if not path(name).exists()]


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "feddns" / "peers"


def _newest(folder: str) -> str:
    there = [one.name.removeprefix(f"{folder}-") for one in _cache().glob(f"{folder}-[0-9]*")]
    return max(there, key=lambda text: [int(part) for part in re.findall(r"\d+", text)], default="")
