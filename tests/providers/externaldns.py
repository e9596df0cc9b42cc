"""external-dns at work in a zone that is given as record sets: one pass of the real one.

`tools/txtregistry.go` puts its own TXT registry and planner around its provider in memory.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any, NamedTuple

from feddns.providers.recordsets import CNAME, TXT, Key, RecordSet, record_set
from tests import peers

PROGRAM = "txt-registry"


class Pass(NamedTuple):
    """What one pass did: `changed` are the keys of what it created, updated and deleted.

    `labels` are what it thinks of each record set that it found, `records` what is there after it.
    """

    changed: list[Key]
    labels: dict[Key, dict[str, str]]
    records: list[RecordSet]


def run(records: Iterable[RecordSet], desired: Iterable[RecordSet] = (), **settings: str) -> Pass:
    """One pass over `example.com`; settings are owner, prefix, suffix, wildcard, key."""
    question = {
        "zone": "example.com",
        "owner": "external",
        **settings,
        "records": [_asked(record) for record in records],
        "desired": [_asked(record) for record in desired],
    }
    done = subprocess.run(
        [peers.path(PROGRAM)], input=json.dumps(question), capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Pass(
        [_key(one) for part in ("create", "update", "delete") for one in answer[part]],
        {_key(one): one["labels"] for one in answer["seen"]},
        [_told(one) for one in answer["records"]],
    )


def _asked(record: RecordSet) -> dict[str, Any]:
    targets = [value.removesuffix(".") for value in record.values]
    name = record.name.removesuffix(".")
    return {"name": name, "type": record.type, "ttl": record.ttl, "targets": targets}


def _key(one: dict[str, Any]) -> Key:
    return f"{one['name']}.", one["type"]


def _told(one: dict[str, Any]) -> RecordSet:
    """TTL 0 is "the provider's own", which is 300 here."""
    values = [f"{value}." if one["type"] == CNAME else value for value in one["targets"]]
    assert one["type"] != TXT or all(value.startswith('"') for value in values)
    return record_set(*_key(one), one["ttl"] or 300, values)
