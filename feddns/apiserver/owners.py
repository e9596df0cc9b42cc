"""Who owns which field: the record of every write in `managedFields`.

    write                 what the manager owns afterwards          what the others lose
    create, update,       what it owned and what it changed         what it changed or took
    patch                                                           away
    apply                 see `apply`

    never owned           apiVersion, kind, and of the metadata name, namespace, uid,
                          resourceVersion, generation, creationTimestamp, managedFields, …
    reset by the path     the status where the object is written, the spec where the status is
    time of an entry      of the last write that changed something; a write of the scale has none
    managedFields: [{}]   in an update: forget all owners, and keep no record until the next apply
    more than 10 managers the oldest by update become `ancient-changes`
    by update

Entries of other versions of the kind are read as if they were of the version of the write.

Pure.  Called by `apply`, which has the names that `handling` uses.  Objects are not changed: what
is returned is new and shares parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from feddns.apiserver import fieldsets, schema, typed
from feddns.apiserver.fieldsets import FieldSet
from feddns.apiserver.kinds import Kind
from feddns.apiserver.schema import Type
from feddns.apiserver.typed import Changes

Entry: TypeAlias = dict[str, Any]
Identity: TypeAlias = tuple[str, str, str, str]
"""manager, operation, apiVersion (of updates only), subresource."""
Managed: TypeAlias = dict[Identity, Entry]

_GENERATION = "deprecated.daemonset.template.generation"
_ANCIENT = "ancient-changes"
_MOST_UPDATERS = 10
_UNOWNED = frozenset(("apiVersion", "kind"))
_UNOWNED_METADATA = frozenset((
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
    "clusterName", "managedFields",
))  # fmt: skip


class Manager(NamedTuple):
    """Who writes, how, and where; make it with `manager`."""

    name: str
    operation: str
    """Apply or Update."""
    api_version: str
    subresource: str = ""
    time: str = ""
    """RFC 3339, in seconds."""
    kind: str = ""
    """That the path is of; empty when it was looked at before."""
    reset: FieldSet | None = None
    """What a write here never changes; None: as for a built-in kind with a status."""

    @property
    def identity(self) -> Identity:
        version = self.api_version if self.operation == "Update" else ""
        return self.name or "unknown", self.operation, version, self.subresource

    @property
    def untouched(self) -> FieldSet:
        """What nobody owns by a write here."""
        if self.reset is not None:
            return self.reset
        return {"f:spec" if self.subresource == "status" else "f:status": {}}

    def entry(self, fields: FieldSet, time: str | None) -> Entry:
        made = {
            "manager": self.name or "unknown", "operation": self.operation,
            "apiVersion": self.api_version, "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields, "subresource": self.subresource,
        }  # fmt: skip
        if not self.subresource:
            del made["subresource"]
        if not time:
            del made["time"]
        return made


def manager(kind: Kind, name: str, operation: str, *, subresource: str, time: str) -> Manager:
    """The manager of a write to the object (or its subresource) of this kind."""
    reset = _resets(kind, subresource)
    time = "" if subresource == "scale" else time
    return Manager(name, operation, kind.api_version, subresource, time, kind.kind, reset)


# The parts of the metadata that a write of the status does not change either.
_STATUS_RESETS: Mapping[str, FieldSet] = {
    "Deployment": {"f:metadata": {"f:labels": {}}},
    "Pod": {"f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}},
    "CustomResourceDefinition": {"f:metadata": {}},
}


def _resets(kind: Kind, subresource: str) -> FieldSet:
    if subresource == "status":
        is_go = bool(schema.type_of(kind).name)
        more = _STATUS_RESETS.get(kind.kind, {}) if is_go else {"f:metadata": {}}
        return {"f:spec": {}, **more}
    return {"f:status": {}} if "status" in kind.subresources else {}


# --- create, update, patch ---------------------------------------------------------------------


def record(
    before: dict[str, Any] | None, after: dict[str, Any], type: Type, manager: Manager
) -> dict[str, Any]:
    """`after` with the managedFields that this write leaves.

    `before` is the stored object, None when it is created.  Both in the version of the request,
    with defaults; what the server itself sets afterwards belongs to nobody.
    """
    managed = _given(before, after, manager)
    if before is not None and not managed:
        return with_entries(after, {})
    old, new = (schema.empty(type), _as_made(after)) if before is None else (before, after)
    try:
        changed = changes(old, new, type, manager)
    except typed.Mismatch:  # no object of its type is kept: validation refuses it
        return with_entries(after, {})
    mine = fieldsets.union(changed.added, changed.modified)
    take(managed, changed, None)
    if mine:
        identity = manager.identity
        previous = managed.get(identity)
        if previous is not None:
            mine = fieldsets.union(previous["fieldsV1"], mine)
        managed[identity] = manager.entry(mine, manager.time)
    _merge_oldest(managed)
    return with_entries(after, managed)


def _as_made(object: dict[str, Any]) -> dict[str, Any]:
    """A new object as a kube-apiserver sees it: a DaemonSet has its generation as annotation."""
    if object.get("kind") != "DaemonSet":
        return object
    annotations = {_GENERATION: "0", **(object["metadata"].get("annotations") or {})}
    return {**object, "metadata": {**object["metadata"], "annotations": annotations}}


def _given(before: dict[str, Any] | None, after: dict[str, Any], manager: Manager) -> Managed:
    """The owners to go on with: those that a client sends where it may and does, or the stored."""
    kept = before["metadata"].get("managedFields") if before else None
    sent = after["metadata"].get("managedFields")
    if manager.subresource or sent is None or sent == kept:
        return stored(kept)
    if not sent or sent == [{}]:
        return {}
    try:
        return read(sent) or stored(kept)
    except fieldsets.Malformed:
        return stored(kept)


def stored(entries: list[Entry] | None) -> Managed:
    """The entries of a stored object: they are in normal form."""
    return {_identity(entry): entry for entry in entries or ()}


def _identity(entry: Entry) -> Identity:
    operation = entry["operation"]
    version = entry["apiVersion"] if operation == "Update" else ""
    return entry.get("manager", ""), operation, version, entry.get("subresource", "")


def read(entries: Any) -> Managed:
    """The managedFields that a client sends, in normal form.  Raises `fieldsets.Malformed`."""
    if not isinstance(entries, list):
        raise fieldsets.Malformed("managedFields: not a list")
    managed = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
            raise fieldsets.Malformed("operation must be `Apply` or `Update`")
        if not entry.get("apiVersion"):
            raise fieldsets.Malformed("apiVersion must not be empty")
        if entry.get("fieldsType") != "FieldsV1":
            raise fieldsets.Malformed(f"missing fieldsType in managed fields entry {place}")
        fields = fieldsets.canonical(entry.get("fieldsV1") or {})
        managed[_identity(entry)] = {**entry, "fieldsV1": fields}
    return managed


def changes(old: dict[str, Any], new: dict[str, Any], type: Type, manager: Manager) -> Changes:
    """What changed of what can be owned and is not reset."""
    found = typed.compare(ownable(old), ownable(new), type)
    return Changes(*(fieldsets.without(part, manager.untouched) for part in found))


def ownable(object: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in object.items() if name not in _UNOWNED}
    made["metadata"] = {
        name: value
        for name, value in (object.get("metadata") or {}).items()
        if name not in _UNOWNED_METADATA
    }
    return made


def take(managed: Managed, changed: Changes, keeper: Identity | None) -> None:
    """Take what changed from every manager but the keeper; who has nothing left is no more."""
    taken = fieldsets.union(fieldsets.union(changed.added, changed.modified), changed.removed)
    for identity, entry in list(managed.items()):
        if identity == keeper or not taken:
            continue
        fields = entry["fieldsV1"]
        left = fieldsets.difference(fields, taken)
        if not left:
            del managed[identity]
        elif left != fields:
            managed[identity] = {**entry, "fieldsV1": left}


def _merge_oldest(managed: Managed) -> None:
    """Put the oldest managers by update together, each version by itself, until they are few."""
    if len(managed) <= _MOST_UPDATERS:
        return
    updaters = [identity for identity in managed if identity[1] == "Update"]
    updaters.sort(key=lambda identity: (managed[identity].get("time", ""), text_of(identity)))
    first: dict[str, Identity] = {}
    excess = len(updaters) - _MOST_UPDATERS
    for identity in updaters:
        if excess <= 0:
            return
        version = identity[2]
        if version not in first:
            first[version] = identity
            continue
        bucket = _ANCIENT, "Update", version, ""
        merged = managed.pop(bucket if bucket in managed else first[version])
        entry = managed.pop(identity, merged)
        fields = fieldsets.union(merged["fieldsV1"], entry["fieldsV1"])
        ancient = Manager(_ANCIENT, "Update", version)
        managed[bucket] = ancient.entry(fields, entry.get("time"))
        excess -= 1


def with_entries(object: dict[str, Any], managed: Managed) -> dict[str, Any]:
    metadata = {**(object.get("metadata") or {}), "managedFields": None}
    if managed:
        metadata["managedFields"] = sorted(managed.values(), key=_order)
    else:
        del metadata["managedFields"]
    return {**object, "metadata": metadata}


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    return (
        entry["operation"], entry.get("time", ""), entry.get("manager", ""), entry["apiVersion"],
        entry.get("subresource", ""),
    )  # fmt: skip


def keep_times(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """`after`, with the managedFields of `before` where nothing but their times is new.

    To be asked when the new object is complete: a write that changes nothing leaves no trace.
    """
    old, new = before["metadata"].get("managedFields"), after["metadata"].get("managedFields")
    if not old or not new or len(old) != len(new) or old == new:
        return after
    if any(_timeless(one) != _timeless(other) for one, other in zip(old, new, strict=True)):
        return after
    kept = {**after, "metadata": {**after["metadata"], "managedFields": old}}
    return kept if kept == before else after


def _timeless(entry: Entry) -> Entry:
    return {name: value for name, value in entry.items() if name != "time"}


# --- text --------------------------------------------------------------------------------------


def text_of(identity: Identity) -> str:
    """By which managers are put in order."""
    names = ("manager", "operation", "apiVersion", "subresource")
    return _json({name: part for name, part in zip(names, identity, strict=True) if part})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
