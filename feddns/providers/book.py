"""What is written down of a public zone, for operators and `feddns zone`: ConfigMaps in the
federation's system namespace, which the controllers write.

    public-zone               data
        zone provider owner policy
        audited               when the zone was read as a whole, seconds since 1970
        records               how many record sets are ours
        plan, plan.txt        id of the plan that waits for an operator, and what it would do
        approve               the operator writes the id here; the controllers take it away again
        quarantine            JSON: by Service, what the provider says of records it does not take
        held                  JSON: what is not done, with its reasons; the first of them
        proposed.txt          of a dry run: what would be done
        trouble               why the zone as a whole is not kept now; absent when it is
        delegation            JSON: what is wrong with the zone's servers
                              binaryData
        plan.gz               the waiting plan as JSON, unless it is too large
    public-zone-history-00 …  binaryData
        applied.gz            what was done, as JSON, a call each line; the last page is followed by
                              the first again, whose content then goes

Pure.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from feddns.errors import DocumentRefused
from feddns.providers import history, plan
from feddns.providers.history import Applied
from feddns.providers.plan import Held, Plan

Json = Mapping[str, Any]
NAME = "public-zone"
HISTORY = "public-zone-history-"
PAGES = 32
PAGE = 500_000
"""Octets of a page before they are packed, which is to a tenth."""
_MOST_CHANGES = 500
"""Of one entry of the history; a call with more is several, of the same time."""
_MOST_PACKED = 500_000
_MOST_LINES, _MOST_HELD, _MOST_WORDS = 300, 200, 60_000
_APPLIED, _PLAN = "applied.gz", "plan.gz"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How it is with a zone.  `audited` is 0 before the zone was read."""

    zone: str
    provider: str = ""
    owner: str = ""
    policy: str = ""
    audited: float = 0.0
    records: int = 0
    pending: Plan | None = None
    proposed: Plan | None = None
    quarantine: Mapping[str, str] = {}
    held: tuple[Held, ...] = ()
    trouble: str = ""
    delegation: tuple[str, ...] = ()


def write(entry: Entry) -> dict[str, Any]:
    """`data` and `binaryData` of the ConfigMap; None for what is not there, as in a merge patch."""
    words = {
        service: said[:_MOST_WORDS]
        for service, said in itertools.islice(sorted(entry.quarantine.items()), _MOST_HELD)
    }
    data: dict[str, str | None] = {
        "zone": entry.zone, "provider": entry.provider, "owner": entry.owner,
        "policy": entry.policy, "records": str(entry.records),
        "audited": f"{entry.audited:.3f}" if entry.audited else None,
        "plan": entry.pending.id if entry.pending else None,
        "plan.txt": _text(entry.pending), "proposed.txt": _text(entry.proposed),
        "quarantine": _json(words), "held": _json(entry.held[:_MOST_HELD]),
        "trouble": entry.trouble or None, "delegation": _json(entry.delegation),
    }  # fmt: skip
    packed = _packed(entry.pending.to_json()) if entry.pending else ""
    if len(packed) > _MOST_PACKED:
        packed = ""
    return {"data": data, "binaryData": {_PLAN: packed or None}}


def read(config_map: Json) -> Entry:
    """What `write` wrote.  Raises `DocumentRefused` for what is none of it."""
    data: Mapping[str, str] = config_map.get("data") or {}
    binary: Mapping[str, str] = config_map.get("binaryData") or {}
    try:
        pending = plan.from_json(_unpacked(binary[_PLAN])) if binary.get(_PLAN) else None
        held = msgspec.json.decode(data.get("held") or "[]", type=tuple[Held, ...])
        quarantine = msgspec.json.decode(data.get("quarantine") or "{}", type=dict[str, str])
        wrong = msgspec.json.decode(data.get("delegation") or "[]", type=tuple[str, ...])
        audited, records = float(data.get("audited") or 0), int(data.get("records") or 0)
    except (msgspec.DecodeError, ValueError, DocumentRefused) as error:
        raise DocumentRefused(f"ConfigMap {NAME}: {error}") from error
    return Entry(
        zone=data.get("zone", ""), provider=data.get("provider", ""), owner=data.get("owner", ""),
        policy=data.get("policy", ""), audited=audited, records=records, pending=pending,
        quarantine=quarantine, held=held, trouble=data.get("trouble", ""), delegation=wrong,
    )  # fmt: skip


def approval(plan_id: str | None) -> dict[str, Any]:
    """The merge patch of `public-zone` by which an operator lets a plan go; None takes it back."""
    return {"data": {"approve": plan_id}}


def approved(config_map: Json) -> str:
    """The id of the plan that an operator lets go, or empty."""
    return str((config_map.get("data") or {}).get("approve") or "")


def _text(given: Plan | None) -> str | None:
    if given is None:
        return None
    lines = list(itertools.islice(plan.text(given), _MOST_LINES + 1))
    more = ["…"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])[:_MOST_WORDS]


def _json(value: Any) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


# --- history --------------------------------------------------------------------------------------


class History:
    """The pages, as they are to be; `objects` are the ConfigMaps of the system namespace."""

    def __init__(self, objects: Iterable[Json] = ()) -> None:
        self._pages = {number: lines for number, lines in map(_page, objects) if lines}
        last = {number: _time(lines[-1]) for number, lines in self._pages.items()}
        self._number = max(last, key=lambda number: last[number], default=0)
        self._due: set[int] = set()
        self._offered: dict[int, int] = {}
        """How many lines were in what is being written."""

    def add(self, done: Iterable[Applied]) -> None:
        for one in done:
            for start in range(0, len(one.changes), _MOST_CHANGES):
                part = Applied(one.time, one.changes[start : start + _MOST_CHANGES])
                self._add(part.to_json())

    def _add(self, line: bytes) -> None:
        lines = self._pages.setdefault(self._number, [])
        if lines and sum(map(len, lines)) + len(line) > PAGE:
            self._number = (self._number + 1) % PAGES
            lines = self._pages[self._number] = []
            self._offered.pop(self._number, None)
        lines.append(line)
        self._due.add(self._number)

    def learn(self, config_map: Json) -> None:
        """What somebody else wrote into a page since we read it, or wrote it."""
        number, lines = _page(config_map)
        mine = self._pages.setdefault(number, []) if lines else []
        if others := [line for line in lines if line not in set(mine)]:
            self._pages[number] = sorted([*mine, *others], key=_time)
            self._due.add(number)

    def due(self) -> dict[str, dict[str, Any]]:
        """By name, the ConfigMaps that are to be written, as merge patches; again until `wrote`."""
        self._offered = {number: len(self._pages[number]) for number in self._due}
        return {
            f"{HISTORY}{number:02}": {
                "binaryData": {_APPLIED: _packed(b"\n".join(self._pages[number]))}
            }
            for number in sorted(self._due)
        }

    def wrote(self, name: str) -> None:
        """It is written as it was due last."""
        number = int(name.removeprefix(HISTORY))
        if len(self._pages[number]) == self._offered.get(number):
            self._due.discard(number)

    def applied(self) -> Iterator[Applied]:
        """All of it, the oldest first."""
        found = [history.from_json(line) for lines in self._pages.values() for line in lines]
        yield from sorted(found, key=lambda one: one.time)


def _page(config_map: Json) -> tuple[int, list[bytes]]:
    """A page of the history; no lines when it is none, or cannot be read."""
    name = str(config_map["metadata"]["name"])
    number = name.removeprefix(HISTORY)
    if not name.startswith(HISTORY) or not number.isdigit() or int(number) >= PAGES:
        return 0, []
    try:
        lines = _unpacked((config_map.get("binaryData") or {}).get(_APPLIED) or "").splitlines()
        for line in lines:
            history.from_json(line)
    except (DocumentRefused, ValueError):
        return 0, []
    return int(number), lines


def _time(line: bytes) -> float:
    return history.from_json(line).time


def _packed(raw: bytes) -> str:
    """The same for the same, whenever that is."""
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode()


def _unpacked(text: str) -> bytes:
    try:
        return gzip.decompress(base64.b64decode(text, validate=True)) if text else b""
    except (binascii.Error, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error


def of(objects: Sequence[Json]) -> Entry | None:
    """Of the ConfigMaps of the namespace, the entry of the zone."""
    return next((read(one) for one in objects if one["metadata"]["name"] == NAME), None)
