"""Who owns which field: server-side apply, and the record of every other write (managedFields).

    write                 what the manager owns afterwards              what the others lose
    create, update,       what it owned and what it changed             what it changed or
    patch                                                               took away
    apply                 what it applied, nothing else; what it        what it changed (with
                          applied before and nobody owns is removed     `force`; else 409)

    never owned           apiVersion, kind, and of the metadata name, namespace, uid,
                          resourceVersion, generation, creationTimestamp, managedFields, …
    reset by the path     the status where the object is written, the spec where the status is
    time of an entry      of the last write that changed something
    apply over an object  what is there belongs to `before-first-apply`
    without managers
    apply by `kubectl`    takes what `kubectl apply` without --server-side had set, and keeps its
                          annotation up to date, so that either can be used later
    managedFields: [{}]   in an update: forget all owners, and keep no record until the next apply
    more than 10 managers the oldest by update become `ancient-changes`
    by update

Pure.  Called by `handling`.  Objects are not changed: what is returned is new and shares parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from feddns.apiserver import fieldsets, schema, typed
from feddns.apiserver.fieldsets import FieldSet
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.schema import Type
from feddns.apiserver.typed import Changes

Entry: TypeAlias = dict[str, Any]
Identity: TypeAlias = tuple[str, str, str, str]
"""manager, operation, apiVersion (of updates only), subresource."""
Managed: TypeAlias = dict[Identity, Entry]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_BEFORE_FIRST_APPLY = "before-first-apply"
_ANCIENT = "ancient-changes"
_MOST_UPDATERS = 10
_MOST_ANNOTATIONS = 256 * 1024
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

    def entry(self, fields: FieldSet, time: str | None) -> Entry:
        made = {
            "manager": self.name or "unknown", "operation": self.operation,
            "apiVersion": self.api_version, "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields, "subresource": self.subresource,
        }  # fmt: skip
        if not self.subresource:
            del made["subresource"]
        if time is None:
            del made["time"]
        return made


def manager(kind: Kind, name: str, operation: str, *, subresource: str, time: str) -> Manager:
    """The manager of a write to the object (or its subresource) of this kind."""
    reset = _resets(kind, subresource)
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
        return _with_entries(after, {})
    old = typed.empty(type) if before is None else before
    try:
        changes = _changes(old, after, type, manager)
    except typed.Mismatch:  # no object of its type is kept: validation refuses it
        return _with_entries(after, {})
    mine = fieldsets.union(changes.added, changes.modified)
    _take(managed, changes, None)
    if mine:
        identity = manager.identity
        previous = managed.get(identity)
        if previous is not None:
            mine = fieldsets.union(previous["fieldsV1"], mine)
        managed[identity] = manager.entry(mine, manager.time)
    _merge_oldest(managed)
    return _with_entries(after, managed)


def _given(before: dict[str, Any] | None, after: dict[str, Any], manager: Manager) -> Managed:
    """The owners to go on with: those that a client sends where it may and does, or the stored."""
    stored = before["metadata"].get("managedFields") if before else None
    sent = after["metadata"].get("managedFields")
    if manager.subresource or sent is None or sent == stored:
        return _stored(stored)
    if not sent or sent == [{}]:
        return {}
    try:
        return read(sent) or _stored(stored)
    except fieldsets.Malformed:
        return _stored(stored)


def _stored(entries: list[Entry] | None) -> Managed:
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


def _changes(old: dict[str, Any], new: dict[str, Any], type: Type, manager: Manager) -> Changes:
    """What changed of what can be owned and is not reset."""
    changes = typed.compare(_ownable(old), _ownable(new), type)
    reset = manager.reset
    if reset is None:
        reset = {"f:spec" if manager.subresource == "status" else "f:status": {}}
    return Changes(*(fieldsets.without(part, reset) for part in changes))


def _ownable(object: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in object.items() if name not in _UNOWNED}
    made["metadata"] = {
        name: value
        for name, value in object.get("metadata", {}).items()
        if name not in _UNOWNED_METADATA
    }
    return made


def _take(managed: Managed, changes: Changes, keeper: Identity | None) -> None:
    """Take what changed from every manager but the keeper; who has nothing left is no more."""
    taken = fieldsets.union(fieldsets.union(changes.added, changes.modified), changes.removed)
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
    updaters.sort(key=lambda identity: (managed[identity].get("time", ""), _text(identity)))
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


def _with_entries(object: dict[str, Any], managed: Managed) -> dict[str, Any]:
    metadata = {**object["metadata"], "managedFields": None}
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


# --- apply -------------------------------------------------------------------------------------


def apply(
    live: dict[str, Any] | None, applied: dict[str, Any], type: Type, manager: Manager, force: bool
) -> dict[str, Any]:
    """The object with the applied configuration put into it.

    It may have nulls and empty containers, and lacks defaults: as a client's body it has still to
    be brought into form.  Then `keep_times` says whether anything is new.

    `live` is the stored object in the version of the request, None when there is none.  Raises
    `RequestRefused`: 409 when another manager owns what would change, 400 and 500 for a
    configuration that is none.
    """
    _check(applied, type, manager)
    managed = _stored(live["metadata"].get("managedFields")) if live else {}
    if live and not managed:
        old = manager._replace(name=_BEFORE_FIRST_APPLY, operation="Update")
        managed = _stored(record(None, live, type, old)["metadata"].get("managedFields"))
    start = live or typed.empty(type)
    merged, changes = _merged(start, applied, type, (manager, managed))
    conflicts = _conflicts(managed, changes, manager.identity)
    if conflicts and not force:
        _forgive(conflicts, start, type, manager)
    _take(managed, changes, manager.identity)
    mine = managed[manager.identity]
    if not mine["fieldsV1"]:
        del managed[manager.identity]
    elif merged != start:
        managed[manager.identity] = manager.entry(mine["fieldsV1"], manager.time)
    return _with_last_applied(_with_entries(merged, managed), applied, manager)


def _merged(
    live: dict[str, Any], applied: dict[str, Any], type: Type, owners: tuple[Manager, Managed]
) -> tuple[dict[str, Any], Changes]:
    """The merged object, and what changes by it; the manager's entry is its new one then."""
    manager, managed = owners
    merged = typed.merge(live, applied, type)
    fields = fieldsets.without(_fields(applied, type), manager.reset or {})
    last = managed.get(manager.identity)
    managed[manager.identity] = manager.entry(fields, last.get("time") if last else None)
    if last and last["fieldsV1"] != fields and fieldsets.difference(last["fieldsV1"], fields):
        merged = _pruned(merged, type, last["fieldsV1"], managed.values())
    return merged, _changes(live, merged, type, manager)


def _fields(applied: dict[str, Any], type: Type) -> FieldSet:
    fields = typed.fields_of(_ownable(applied), type)
    if not fields.get("f:metadata", True):
        del fields["f:metadata"]
    return fields


def _pruned(
    merged: dict[str, Any], type: Type, last: FieldSet, entries: Iterable[Entry]
) -> dict[str, Any]:
    """Without what the manager applied last and nobody owns now.

    First without all that it applied, then with what anybody owns put back, then with what it
    had not applied put back: so what lies in a removed item goes with it, however it came there.
    """
    last = typed.with_structs(last, type)
    owned: FieldSet = {"f:metadata": {".": {}, "f:name": {}}}  # always applied
    for entry in entries:
        owned = fieldsets.union(owned, typed.with_structs(entry["fieldsV1"], type))
    everything = typed.with_structs(typed.fields_of(merged, type), type)

    def left(gone: FieldSet) -> FieldSet:
        return typed.with_structs(typed.fields_of(typed.remove(merged, gone, type), type), type)

    kept = fieldsets.union(left(last), owned)
    still = left(fieldsets.difference(everything, kept))
    gone = fieldsets.intersection(fieldsets.difference(everything, still), last)
    made: dict[str, Any] = typed.remove(merged, gone, type)
    return made


# --- conflicts ---------------------------------------------------------------------------------


def _conflicts(managed: Managed, changes: Changes, own: Identity) -> dict[Identity, FieldSet]:
    """What each other manager owns of what would change."""
    taken = fieldsets.union(changes.added, changes.modified)
    conflicts = {}
    for identity, entry in managed.items():
        common = fieldsets.intersection(entry["fieldsV1"], taken) if identity != own else None
        if common:
            conflicts[identity] = common
    return conflicts


def _forgive(
    conflicts: dict[Identity, FieldSet], live: dict[str, Any], type: Type, manager: Manager
) -> None:
    """Raise the conflicts, unless they are all about what kubectl had set client-side."""
    if manager.name == _KUBECTL:
        ours = _applied_client_side(live, type, manager)
        if ours is not None:
            rest = {each: fieldsets.difference(one, ours) for each, one in conflicts.items()}
            conflicts = {each: one for each, one in rest.items() if one}
    if conflicts:
        raise _conflict(conflicts)


def _applied_client_side(live: dict[str, Any], type: Type, manager: Manager) -> FieldSet | None:
    """What the annotation of `kubectl apply` says and still is so; None without it."""
    text = (live.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = msgspec.json.decode(text) if text else None
        if not isinstance(last, dict) or last.get("apiVersion") != manager.api_version:
            return None
        fields = typed.fields_of(last, type)
        changes = typed.compare(last, live, type)
    except (msgspec.DecodeError, typed.Mismatch):
        return None
    for part in changes:
        fields = fieldsets.difference(fields, part)
    return fields


def _conflict(conflicts: dict[Identity, FieldSet]) -> RequestRefused:
    causes, lines = [], []
    for identity in sorted(conflicts, key=_text):
        shown = _shown(identity)
        paths = list(fieldsets.paths(conflicts[identity]))
        causes += [Cause("FieldManagerConflict", f"conflict with {shown}", path) for path in paths]
        lines += [f"conflicts with {shown}:", *(f"- {path}" for path in paths)]
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    return RequestRefused(409, "Conflict", text, causes=causes)


def _shown(identity: Identity) -> str:
    name, operation, version, subresource = identity
    text = _json(name)
    if subresource:
        text += f" with subresource {_json(subresource)}"
    return f"{text} using {version}" if operation == "Update" else text


def _text(identity: Identity) -> str:
    """By which managers are put in order."""
    names = ("manager", "operation", "apiVersion", "subresource")
    return _json({name: part for name, part in zip(names, identity, strict=True) if part})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- what can be applied -----------------------------------------------------------------------


def _check(applied: dict[str, Any], type: Type, manager: Manager) -> None:
    version, kind = applied.get("apiVersion", ""), applied.get("kind", "")
    if version != manager.api_version or manager.kind not in ("", kind):
        text = f"invalid object type: {_gvk(version, kind)}"
        raise RequestRefused(400, "BadRequest", text)
    metadata = applied.get("metadata") or {}
    if metadata.get("managedFields") is not None:
        raise RequestRefused(400, "BadRequest", "metadata.managedFields must be nil")
    wrong = typed.mismatches(applied, type)
    if wrong:
        what = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        text = f"failed to create typed patch object ({name}; {_gvk(version, kind)}): {what}"
        raise RequestRefused(500, "", text)


def _gvk(api_version: str, kind: str) -> str:
    """apps/v1, Kind=Deployment; /v1, Kind=ConfigMap."""
    return f"{api_version if '/' in api_version else f'/{api_version}'}, Kind={kind}"


def _with_last_applied(
    made: dict[str, Any], applied: dict[str, Any], manager: Manager
) -> dict[str, Any]:
    """The annotation of `kubectl apply` follows what `kubectl apply --server-side` applies."""
    annotations = made["metadata"].get("annotations") or {}
    if manager.name != _KUBECTL or not annotations.get(LAST_APPLIED):
        return made
    metadata = dict(applied["metadata"])
    if metadata.get("annotations") is not None:
        metadata["annotations"] = {
            name: value for name, value in metadata["annotations"].items() if name != LAST_APPLIED
        }
    text = fieldsets.spell({**applied, "metadata": metadata}) + "\n"
    kept = {**annotations, LAST_APPLIED: text}
    if (
        sum(len(name.encode()) + len(value.encode()) for name, value in kept.items())
        > _MOST_ANNOTATIONS
    ):
        del kept[LAST_APPLIED]
    return {**made, "metadata": {**made["metadata"], "annotations": kept}}
