"""What cannot be equal in the words of two servers, replaced by names of it.

    uid, resourceVersion, times, ages         other each time
    addresses of the server, ClusterIPs       each server has its own
    names with a random end, node ports       chosen by the server
    continue tokens, durations, log stamps    meaningless to others
    what clients log of short watches         by chance
    runs of spaces                            columns are as wide as what was replaced
    the order of managedFields                by time, so by chance when a second begins
    the order of what is wrong with a map     Go's maps have no order

Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), to)
    for pattern, to in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r'(\buid"?: "?|^UID  +)admin', r"\1UID"),
        (r'([rR]esource[- ]?[vV]ersion\\?"?[:=] *\\?"?)[1-9]\d*', r"\1N"),
        (r"(Too large resource version: \w+, current: |ResourceVersion in record \()\d+", r"\1N"),
        (r"too old resource version: \d+ \(\d+\)", "too old resource version: N (N)"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
        (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z]\w\w \d{4} \d\d:\d\d:\d\d [+]0000", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "TIME"),
        (r"\b(LIVE|MERGED|kubectl-edit)-\d+", r"\1-N"),
        (r"\b[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ([\w.]+):\d+\]", r"LOG \1"),
        (r"^! LOG reflector.go .*(\n|\Z)", ""),
        (r"\b(\d+m)?\d+s\b(?! timeout)", "AGE"),
        (r"https://[\w.:\[\]]+:\d+", "SERVER"),
        (r"\b127\.\d+\.\d+\.\d+(:\d+)?\b", "ADDRESS"),
        (r"\b10\.\d+\.\d+\.\d+\b", "CLUSTER-IP"),
        (r"\bfd00:[0-9a-f:]+", "CLUSTER-IP"),
        (r"\b3[0-2]\d{3}(?=/|\b)", "NODE-PORT"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-RANDOM"),
        (r'("continue": ?")[^"]+', r"\1TOKEN"),
        (r"/tmp/conformance-\w+", "FOLDER"),
        (r"(?<=\S) {2,}", "  "),
        (r"[ \t]+$", ""),
    )
)


_MANAGED = re.compile(r"^( *)managedFields:\n((?:\1- .*\n(?:\1  .*\n)*)+)", re.MULTILINE)
"""The list in YAML, with its entries."""
_OF_A_MAP = re.compile(
    r"(?:^! \* (metadata\.labels): .*\n)(?:^! \* \1: .*(?:\n|\Z))+", re.MULTILINE
)
"""What kubectl says of several entries of one map."""


def normalise(text: str) -> str:
    """The text without what differs from server to server."""
    for pattern, to in _RULES:
        text = pattern.sub(to, text)
    text = _OF_A_MAP.sub(lambda lines: "".join(sorted(lines[0].splitlines(keepends=True))), text)
    return _MANAGED.sub(_in_order, text)


def _in_order(managed: re.Match[str]) -> str:
    indent = managed[1]
    entries = re.split(rf"^(?={indent}- )", managed[2], flags=re.MULTILINE)
    return f"{indent}managedFields:\n{''.join(sorted(entries))}"


def in_order(value: Any) -> Any:
    """The same in JSON."""
    if isinstance(value, list):
        return [in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: in_order(item) for key, item in value.items()}
    if isinstance(found.get("managedFields"), list):
        # The time is the last of an entry's keys, so that it decides nothing.
        found["managedFields"].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return found
