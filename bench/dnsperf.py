"""Load by dnsperf, and what it says about it.

This module runs one dnsperf to its end and reads its summary; it must not judge the numbers
(`rounds` does).
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# More than 150 outstanding overflow a socket buffer of the default size.
MOST_OUTSTANDING = 150
CONNECTIONS = 4


class LoadError(Exception):
    """dnsperf could not run; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was sent and what came back."""

    sent: int
    completed: int
    rcodes: dict[str, int]

    @property
    def lost_share(self) -> float:
        return 1 - self.completed / self.sent if self.sent else 1.0


def run(port: int, file: Path, seconds: float, outstanding: int, *, tcp: bool, once: bool) -> Load:
    """Ask the questions in `file` for `seconds`, over and over unless `once`."""
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(file), "-t", "2"]
    command += ["-l", f"{seconds:g}", "-q", str(min(outstanding, MOST_OUTSTANDING)), "-W"]
    command += ["-T", "1", "-c", str(CONNECTIONS)]
    command += ["-m", "tcp"] if tcp else []
    command += ["-n", "1"] if once else []
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + 30
    )
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines() or ["it printed nothing"]
        raise LoadError(f"status {result.returncode}, {lines[-1]}")
    return read_summary(result.stdout)


def read_summary(text: str) -> Load:
    codes = re.search(r"Response codes: +(.*)", text)
    pairs = re.findall(r"(\w+) (\d+) \(", codes[1]) if codes else []
    return Load(
        sent=_count(text, "sent"),
        completed=_count(text, "completed"),
        rcodes={rcode: int(count) for rcode, count in pairs},
    )


def _count(text: str, what: str) -> int:
    match = re.search(rf"Queries {what}: +(\d+)", text)
    return int(match[1]) if match else 0
