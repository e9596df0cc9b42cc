"""Server-side apply: a manager says what it wants, and owns just that.

    in the object         becomes
    applied               the value that is applied; its fields belong to the manager
    applied before, no    nothing, unless somebody else owns it
    more, by it
    owned by others,      409, with who and where; with `force` it is taken from them
    and to be changed
    not applied           what it was

    over an object        what is there belongs to `before-first-apply`
    without managers
    by `kubectl`          takes what `kubectl apply` without --server-side had set, and keeps its
                          annotation up to date, so that either can be used later

The record of all other writes is kept by `owners`; its names that others use are here too.

Pure.  Called by `handling`.  Objects are not changed: what is returned is new and shares parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from feddns.apiserver import fieldsets, owners, schema, typecheck, typed
from feddns.apiserver.fieldsets import FieldSet
from feddns.apiserver.owners import (
    Entry,
    Identity,
    Managed,
    Manager,
    keep_times,
    manager,
    record,
)
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.schema import Type
from feddns.apiserver.typed import Changes

__all__ = ["LAST_APPLIED", "Manager", "apply", "keep_times", "manager", "record"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_BEFORE_FIRST_APPLY = "before-first-apply"
_MOST_ANNOTATIONS = 256 * 1024


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
    try:
        made = _apply(live, applied, type, manager, force)
    except typed.Mismatch as error:
        what = f"failed to create typed live object ({_named(live or applied)}): {error}"
        raise RequestRefused(500, "", what) from error
    return _with_last_applied(made, applied, manager)


def _apply(
    live: dict[str, Any] | None, applied: dict[str, Any], type: Type, manager: Manager, force: bool
) -> dict[str, Any]:
    managed = owners.stored(live["metadata"].get("managedFields")) if live else {}
    if live and not managed:
        old = manager._replace(name=_BEFORE_FIRST_APPLY, operation="Update")
        managed = owners.stored(record(None, live, type, old)["metadata"].get("managedFields"))
    start = live or schema.empty(type)
    merged, changes = _merged(start, applied, type, (manager, managed))
    conflicts = _conflicts(managed, changes, manager.identity)
    if conflicts and not force:
        _forgive(conflicts, start, type, manager)
    owners.take(managed, changes, manager.identity)
    mine = managed[manager.identity]
    if not mine["fieldsV1"]:
        del managed[manager.identity]
    elif merged != start:
        managed[manager.identity] = manager.entry(mine["fieldsV1"], manager.time)
    return owners.with_entries(merged, managed)


def _merged(
    live: dict[str, Any], applied: dict[str, Any], type: Type, owned: tuple[Manager, Managed]
) -> tuple[dict[str, Any], Changes]:
    """The merged object, and what changes by it; the manager's entry is its new one then."""
    manager, managed = owned
    merged = typed.merge(live, applied, type)
    fields = fieldsets.without(_fields(applied, type), manager.untouched)
    last = managed.get(manager.identity)
    managed[manager.identity] = manager.entry(fields, last.get("time") if last else None)
    if last and last["fieldsV1"] != fields and fieldsets.difference(last["fieldsV1"], fields):
        merged = _pruned(merged, type, last["fieldsV1"], managed.values())
    return merged, owners.changes(live, merged, type, manager)


def _fields(applied: dict[str, Any], type: Type) -> FieldSet:
    fields = typed.fields_of(owners.ownable(applied), type)
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
    """What the annotation of `kubectl apply` says and still is so; None when that is not known."""
    text = (live.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = msgspec.json.decode(text) if text else None
        if not isinstance(last, dict) or last.get("apiVersion") != manager.api_version:
            return None
        if typecheck.mismatches(last, type) or typecheck.mismatches(live, type):
            return None  # also when the live object has an item twice
        fields = typed.fields_of(last, type)
        changes = typed.compare(last, live, type)
    except (msgspec.DecodeError, typed.Mismatch):
        return None
    for part in changes:
        fields = fieldsets.difference(fields, part)
    return fields


def _conflict(conflicts: dict[Identity, FieldSet]) -> RequestRefused:
    causes, lines = [], []
    for identity in sorted(conflicts, key=owners.text_of):
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


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- what can be applied -----------------------------------------------------------------------


def _check(applied: dict[str, Any], type: Type, manager: Manager) -> None:
    version, kind = applied.get("apiVersion", ""), applied.get("kind", "")
    if version != manager.api_version or manager.kind not in ("", kind):
        text = f"invalid object type: {_gvk(version, kind)}"
        raise RequestRefused(400, "BadRequest", text)
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise RequestRefused(400, "BadRequest", "metadata.managedFields must be nil")
    wrong = typecheck.mismatches(applied, type)
    if wrong:
        what = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        text = f"failed to create typed patch object ({_named(applied)}): {what}"
        raise RequestRefused(500, "", text)


def _named(object: dict[str, Any]) -> str:
    """default/web; apps/v1, Kind=Deployment."""
    metadata = object.get("metadata")
    parts = metadata if isinstance(metadata, dict) else {}
    names = f"{parts.get('namespace', '')}/{parts.get('name', '')}"
    return f"{names}; {_gvk(object.get('apiVersion', ''), object.get('kind', ''))}"


def _gvk(api_version: Any, kind: Any) -> str:
    """apps/v1, Kind=Deployment; /v1, Kind=ConfigMap."""
    version = api_version if isinstance(api_version, str) else ""
    return f"{version if '/' in version else f'/{version}'}, Kind={kind}"


def _with_last_applied(
    made: dict[str, Any], applied: dict[str, Any], manager: Manager
) -> dict[str, Any]:
    """The annotation of `kubectl apply` follows what `kubectl apply --server-side` applies."""
    annotations = made["metadata"].get("annotations") or {}
    if manager.name != _KUBECTL or not annotations.get(LAST_APPLIED):
        return made
    metadata = dict(applied.get("metadata") or {})
    if metadata.get("annotations") is not None:
        metadata["annotations"] = {
            name: value for name, value in metadata["annotations"].items() if name != LAST_APPLIED
        }
    text = fieldsets.spell({**applied, "metadata": metadata}) + "\n"
    kept = {**annotations, LAST_APPLIED: text}
    texts = (text or "" for pair in kept.items() for text in pair)  # an applied one may be null
    if sum(len(text.encode()) for text in texts) > _MOST_ANNOTATIONS:
        del kept[LAST_APPLIED]
    return {**made, "metadata": {**made["metadata"], "annotations": kept}}
