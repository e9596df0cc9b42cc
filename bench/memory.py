"""The memory of a tree of processes as if it were alone on the machine, from /proc/PID/smaps.

PSS divides a page by all processes that have it: a server in Python would look smaller for
sharing the interpreter's file pages with the benchmark itself.  So anonymous and shared memory
count by their PSS (they are shared within the tree only), and each mapped file counts once, at
the largest part of it that a process of the tree holds.  `rounds` and `scale` call `pss_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) (\S+) (\d+) *(.*)")

File = tuple[str, str, str]


def pss_of(pids: Iterable[int]) -> float:
    """Megabytes (10^6 octets) of all these processes together."""
    kibibytes = 0
    files: dict[File, int] = {}
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            mappings = Path(f"/proc/{pid}/smaps").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        kibibytes += _field(rollup, "Pss_Anon") + _field(rollup, "Pss_Shmem")
        for file, held in _file_parts(mappings).items():
            files[file] = max(files.get(file, 0), held)
    return (kibibytes + sum(files.values())) * 1024 / 1e6


def _field(rollup: str, name: str) -> int:
    match = re.search(rf"^{name}: +(\d+) kB", rollup, re.MULTILINE)
    return int(match[1]) if match else 0


def _file_parts(mappings: str) -> dict[File, int]:
    """KiB of file pages by mapping; pages written to since are anonymous, and left out."""
    parts: dict[File, int] = {}
    file: File | None = None
    for line in mappings.splitlines():
        if match := _MAPPING.match(line):
            offset, device, inode, path = match.groups()
            in_memory = path.startswith(("/dev/", "/memfd:", "/SYSV"))
            file = None if inode == "0" or in_memory else (device, inode, offset)
        elif file is not None and line.startswith(("Rss:", "Anonymous:")):
            name, amount = line.split()[:2]
            parts[file] = parts.get(file, 0) + (int(amount) if name == "Rss:" else -int(amount))
    return parts
