"""How the controllers speak: reasons and messages of Events, of conditions, of the status note.

    what happened                            told as                               type
    a copy was made / changed / deleted      {Create,Update,Delete}InCluster       Normal
    the same was refused or failed           {Create,Update,Delete}InClusterFailed Warning
    a namespace's objects are being deleted  DeleteNamespace                       Normal
    something is wrong, or another thing     the reason in the note                Warning
    nothing is wrong any more                Resolved                              Normal

Event reasons are the original's (federation-v1.md 3.2), but for AddInClusterFailed, which breaks
the rule that the others follow.

The note is the annotation `federation.feddns.dev/status`.  It is there only while something is
wrong, names only the clusters where it is, and is the same for every kind:

    {"error": "…", "clusters": {"eu": {"reason": "Conflict", "message": "…"}}}

A member that is merely away or busy is not in it: its Cluster says that, once for all objects.
Kinds with `status.conditions` have the condition Conflict, too (decisions.md 20).

Pure.  Called by the reconcilers and by `executor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from controllers.world import Apply, Delete, Json, Key, Operation, Told, Trouble

STATUS = "federation.feddns.dev/status"
CONFLICT = "Conflict"
UNREACHABLE = "Unreachable"
NAMESPACE_MISSING = "NamespaceMissing"
PASSING = frozenset(
    {UNREACHABLE, "ServerTimeout", "ServiceUnavailable", "Timeout", "TooManyRequests"}
)
"""Reasons that pass by themselves, and are no fault of the object: they are not in its note."""
_MOST = 400
"""Characters of a message; an API may answer with a page."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with a federated object: as a whole, and by cluster."""

    error: str = ""
    clusters: dict[str, Trouble] = {}

    def to_annotation(self) -> str | None:
        """The value of the annotation; None when all is well."""
        if not self.error and not self.clusters:
            return None
        clusters = {name: one._asdict() for name, one in self.clusters.items()}
        said = {"error": self.error, "clusters": clusters}
        told = {key: value for key, value in said.items() if value}
        return msgspec.json.encode(told, order="deterministic").decode()

    def told(self, key: Key, before: str | None) -> Told:
        """The Event that goes with a new note."""
        if self.error:
            return Told(key, "Warning", "Refused", _cut(self.error))
        if not self.clusters:
            return Told(key, "Normal", "Resolved", "every cluster is as it should be again")
        known = parse(before).clusters
        fresh = {
            name: one for name, one in self.clusters.items() if known.get(name) != one
        } or self.clusters  # fmt: skip
        reason = min(fresh.items())[1].reason
        said = "; ".join(f"cluster {name}: {one.message}" for name, one in sorted(fresh.items()))
        return Told(key, "Warning", reason, _cut(said))


class _Read(msgspec.Struct):
    error: str = ""
    clusters: dict[str, dict[str, str]] = {}


def parse(annotation: str | None) -> Note:
    """The note in an annotation; what cannot be read says nothing."""
    try:
        read = msgspec.json.decode(annotation or "{}", type=_Read)
    except (msgspec.DecodeError, RecursionError):
        return Note()
    return Note(
        read.error,
        {
            name: Trouble(one.get("reason", ""), one.get("message", ""))
            for name, one in read.clusters.items()
        },
    )


def conflict(key: Key, federation: str = "") -> Trouble:
    """An object of this name is there and is not ours."""
    whose = f"belongs to the federation {federation!r}" if federation else "is not the federation's"
    return Trouble(
        CONFLICT,
        f"{key} is there already and {whose}; delete it there, or annotate the federated one "
        'with federation.feddns.dev/adopt: "true" to take it over',
    )


def trouble(reason: str, message: str) -> Trouble:
    """An API's refusal (`reason` and `message` of its Status), or why there was no answer."""
    return Trouble(reason or UNREACHABLE, _cut(" ".join(message.split())))


def done(operation: Operation) -> Told:
    """An operation in a member went well."""
    verb, past = _verbs(operation)
    return Told(
        operation.key, "Normal", f"{verb}InCluster", f"{past} in cluster {operation.cluster}"
    )


def failed(operation: Operation, why: Trouble) -> Told:
    """An operation in a member did not."""
    verb, past = _verbs(operation)
    message = f"not {past} in cluster {operation.cluster}: {why.message}"
    return Told(operation.key, "Warning", f"{verb}InClusterFailed", _cut(message))


def _verbs(operation: Operation) -> tuple[str, str]:
    if isinstance(operation, Delete):
        return "Delete", "deleted"
    if isinstance(operation, Apply) and operation.is_new:
        return "Create", "created"
    return "Update", "updated"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def with_conflict(federated: Json, clusters: Mapping[str, Trouble], now: float) -> list[Any] | None:
    """`status.conditions` with the condition Conflict as it is now; None when nothing changes.

    The condition is there from the first conflict on, False when there is none any more.
    """
    before = list((federated.get("status") or {}).get("conditions") or ())
    old = next((one for one in before if one.get("type") == CONFLICT), None)
    inside = sorted(name for name, one in clusters.items() if one.reason == CONFLICT)
    if old is None and not inside:
        return None
    new = {
        "type": CONFLICT,
        "status": "True" if inside else "False",
        "reason": "NotOurs" if inside else "AllOurs",
        "message": f"not the federation's in: {', '.join(inside)}" if inside else "",
        "lastTransitionTime": timestamp(now),
    }
    if old is not None and old.get("status") == new["status"]:
        new["lastTransitionTime"] = old.get("lastTransitionTime") or timestamp(now)
    if old is not None and all(old.get(field, "") == value for field, value in new.items()):
        return None
    return [one for one in before if one.get("type") != CONFLICT] + [new]


def timestamp(at: float) -> str:
    """Unix time as the API writes times (RFC 3339)."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
