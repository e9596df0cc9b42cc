"""The programs that tools/peers.sh builds: where they are, and their versions.

The versions are read from that script, so that they stand in one place.  Imports nothing of pytest:
tests, bench and tools use it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

BUILD = "tools/peers.sh"
_SCRIPT = Path(__file__).resolve().parent.parent / BUILD
_FOLDERS = {
    "etcd": "etcd", "kwok": "kwok", "stages.yaml": "kwok", "coredns": "coredns",
    "kube-apiserver": "kubernetes", "kube-controller-manager": "kubernetes",
    "kube-scheduler": "kubernetes", "kubectl": "kubectl",
}  # fmt: skip


def version(name: str) -> str:
    """The version of a program that tools/peers.sh builds."""
    found = re.search(rf"^{_FOLDERS[name]}=(\S+)$", _SCRIPT.read_text(), re.MULTILINE)
    assert found, f"{BUILD} says no version of {_FOLDERS[name]}"
    return found[1]


def path(name: str) -> Path:
    """Where the program is when it has been built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "feddns" / "peers" / f"{_FOLDERS[name]}-{version(name)}" / name


def missing(*names: str) -> list[str]:
    """Those of the named programs that are not built."""
    return [name for name in names if not path(name).exists()]
