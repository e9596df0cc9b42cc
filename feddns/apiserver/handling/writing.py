"""create, update and patch of objects.

    step          what
    bodies        the object that is sent, in form; or the patch, put into what there is
    defaults      what is missing
    record        who owns which field now (managedFields)
    lifecycle     what is the server's: uid, generation, the status
    prepare, fit  what admission gives: phases, addresses
    check         422 with all causes
    store         unless it is a dry run, or nothing changes

An object that is being deleted and loses its last finalizer by the change is gone by it.

Pure.  Called by `api`, and by `subresources`.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from feddns.apiserver import apply, defaults, kinds, lifecycle, patch, requests, schema, validation
from feddns.apiserver.apply import Manager
from feddns.apiserver.handling import bodies, presenting
from feddns.apiserver.handling.call import (
    ENDPOINTS,
    Answer,
    Call,
    bad_request,
    conflict,
    details,
    modified,
    not_found,
)  # fmt: skip
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.services import RESOURCE as SERVICES
from feddns.apiserver.store import Conflicting, Entry, key_of
from feddns.errors import DocumentRefused

Object = dict[str, Any]

_MADE_BY_UPDATE = {
    "Lease", "Endpoints", "Event", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
}  # fmt: skip
_HEAD = ("kind", "apiVersion")
_LOCKED = {"CustomResourceDefinition", "Lease", "HorizontalPodAutoscaler"}
"""Kinds that are only updated by who tells the resourceVersion."""
_PATCHES = (
    patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_MERGE_PATCH, patch.APPLY_PATCH,
)  # fmt: skip


# --- create --------------------------------------------------------------------------------------


def create(call: Call) -> Answer:
    presenting.form(call)
    obj = bodies.read(call)
    if obj["metadata"].get("resourceVersion") not in (None, "", "0"):
        raise _internal("resourceVersion should not be set on objects to be created")
    return make(call, obj, manager(call, "Update"))


def make(call: Call, obj: Object, by: Manager, *, applied: bool = False) -> Answer:
    """Keep a new object, which is in the version of the request."""
    context, stored = call.context, call.stored
    _place(call, obj)
    _check_namespace(call, obj)
    made = in_form(call, obj)
    lifecycle.drop_own(made)
    if not applied:
        _record(call, None, made, by)
    lifecycle.make(stored, made, context.timestamp(), context.entropy)
    defaults.prepare(stored, made)
    _refuse(call, made, _fit(call, made, None) or _broken(call, made, None))
    _warn(call, made)
    key = key_of(call.target.namespace, made["metadata"]["name"])
    found = context.store.get(stored.resource, key)
    if found is not None:
        raise _exists(call.kind, found)
    if call.options.dry_run:
        return presenting.obj(call, kinds.convert(made, call.kind), 201)
    return presenting.one(call, context.store.create(stored.resource, key, made), 201)


def _place(call: Call, obj: Object) -> None:
    """Namespace and name, from the path and the object.  Raises `RequestRefused`."""
    metadata, kind, target = obj["metadata"], call.kind, call.target
    _check_place(call, metadata)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = lifecycle.name_from(metadata["generateName"], call.context.entropy)
    if not metadata.get("name"):
        why = "Required value: name or generateName is required"
        cause = Cause("FieldValueRequired", why, "metadata.name")
        raise validation.refuse(kind, "", [cause])
    if kind.namespaced:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)


def _check_place(call: Call, metadata: Object) -> None:
    target = call.target
    if metadata.get("namespace") and metadata["namespace"] != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.name and metadata.get("name") != target.name:
        given = metadata.get("name")
        if not given:
            raise bad_request(
                f"the name of the object ({target.name} based on URL) was undeterminable: "
                "name must be provided"
            )
        raise bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({target.name})"
        )


def _check_namespace(call: Call, obj: Object) -> None:
    """Raises `RequestRefused` when the namespace is not there, or going."""
    name = call.target.namespace
    if not name:
        return
    entry = call.context.store.get("namespaces", name)
    if entry is None:
        missing = {"name": name, "kind": "namespaces"}
        raise RequestRefused(404, "NotFound", f'namespaces "{name}" not found', missing)
    if b'"deletionTimestamp"' in entry.body and "deletionTimestamp" in entry.object()["metadata"]:
        mine = obj["metadata"]["name"]
        cause = Cause(
            "NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace"
        )
        raise RequestRefused(
            403, "Forbidden",
            f'{call.kind.resource} "{mine}" is forbidden: unable to create new content in '
            f"namespace {name} because it is being terminated",
            details(call.kind, mine), [cause],
        )  # fmt: skip


def _exists(kind: Kind, found: Entry) -> RequestRefused:
    name = found.key.rpartition("/")[2]
    message = f'{kind.resource} "{name}" already exists'
    if "deletionTimestamp" in found.object()["metadata"]:
        message = f"object is being deleted: {message}"
    return RequestRefused(409, "AlreadyExists", message, details(kind, name))


# --- update --------------------------------------------------------------------------------------


def update(call: Call) -> Answer:
    presenting.form(call)
    obj = bodies.read(call)
    _check_place(call, obj["metadata"])
    entry = call.find()
    if entry is None:
        if call.kind.kind in _MADE_BY_UPDATE and not call.target.subresource:
            return make(call, obj, manager(call, "Update"))
        raise not_found(call.kind, call.target.name)
    _check_revision(call, entry, obj)
    return replace(call, entry, obj, manager(call, "Update"))


def _check_revision(call: Call, entry: Entry, obj: Object) -> None:
    """Optimistic locking.  Raises `RequestRefused`: 409."""
    metadata = obj["metadata"]
    try:
        given = requests.unsigned(metadata.get("resourceVersion") or "0")
    except ValueError as error:
        raise _internal(str(error)) from None
    uid = metadata.get("uid")
    was = entry.object()["metadata"]["uid"]
    if uid and uid != was:
        group = f"{call.stored.group}/" if call.kind.custom else ""
        raise conflict(
            call.kind, call.target.name,
            f"StorageError: invalid object, Code: 4, Key: /registry/{group}{call.stored.plural}/"
            f"{entry.key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
            f"precondition: {uid}, UID in object meta: {was}",
        )  # fmt: skip
    if given == 0:
        if (call.verb == "update" and call.kind.custom) or call.kind.kind in _LOCKED:
            why = "Invalid value: 0: must be specified for an update"
            cause = Cause("FieldValueInvalid", why, "metadata.resourceVersion")
            raise validation.refuse(call.kind, call.target.name, [cause])
    elif given != entry.revision:
        raise modified(call.kind, call.target.name)


def replace(call: Call, entry: Entry, obj: Object, by: Manager, *, applied: bool = False) -> Answer:
    """Keep the object (in the version of the request) in the place of what there is."""
    stored, subresource = call.stored, call.target.subresource
    old = _load(call, entry)
    obj["metadata"].setdefault("name", old["metadata"]["name"])
    if stored.namespaced:
        obj["metadata"].setdefault("namespace", old["metadata"]["namespace"])
    made = in_form(call, obj)
    lifecycle.keep_own(made, old)
    if not applied:
        _record(call, entry, made, by)
    if subresource == "status":
        lifecycle.change_status(stored, made, old)
    elif subresource == "finalize":
        made = {**old, "metadata": made["metadata"] | _own(old), "spec": made.get("spec") or {}}
    else:
        lifecycle.change(stored, made, old)
    if not subresource:
        defaults.prepare(stored, made, old)
    causes = lifecycle.new_finalizers(made, old) or _fit(call, made, old)
    _refuse(call, made, causes or _broken(call, made, old))
    _warn(call, made)
    made["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    made = apply.keep_times(old, made)
    return keep(call, entry, old, made)


def keep(call: Call, entry: Entry, old: Object, made: Object) -> Answer:
    """Store what a change has made of an object, both in the stored version."""
    store, stored = call.context.store, call.stored
    if made == old:
        return presenting.one(call, entry)
    going = "deletionTimestamp" in made["metadata"] and lifecycle.may_go(stored, made)
    if call.options.dry_run or going:
        if not call.options.dry_run:
            store.delete(stored.resource, entry.key, entry.revision, made)
            made["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        return presenting.obj(call, kinds.convert(made, call.kind))
    try:
        new = store.update(stored.resource, entry.key, made, entry.revision)
    except Conflicting:
        raise modified(call.kind, call.target.name) from None
    return presenting.one(call, new)


def _own(old: Object) -> Object:
    names = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
    return {name: old["metadata"][name] for name in names if name in old["metadata"]}


# --- patch ---------------------------------------------------------------------------------------


def patch_(call: Call) -> Answer:
    presenting.form(call)
    sort = bodies.medium(call)
    if sort not in _PATCHES or (call.kind.custom and sort == patch.STRATEGIC_MERGE_PATCH):
        accepted = list(_PATCHES)
        if call.kind.custom:
            accepted.remove(patch.STRATEGIC_MERGE_PATCH)
        message = "415: Unsupported Media Type"
        if sort in _PATCHES:
            message = (
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(accepted)
            )
        raise RequestRefused(415, "UnsupportedMediaType", message, {})
    if sort == patch.APPLY_PATCH:
        return _apply(call)
    entry = call.get()
    live = call.object_of(entry)
    obj = patched(call, live, sort)
    if not isinstance(obj, dict) or any(obj.get(name) != live[name] for name in _HEAD):
        raise _spoiled(obj, "illegal base64 data at input byte 0")
    before = msgspec.json.encode(obj)
    try:
        bodies.form(call, obj, [])
    except RequestRefused as refused:
        if call.kind.custom or "strict decoding" in refused.message:
            raise
        why = refused.message.partition(f"handled as a {call.kind.kind}: ")[2]
        raise _spoiled(msgspec.json.decode(before), why or refused.message) from None
    uid = obj["metadata"].get("uid")
    if uid != live["metadata"]["uid"]:
        why = f"Invalid value: {_quoted(uid or '')}: field is immutable"
        cause = Cause("FieldValueInvalid", why, "metadata.uid")
        raise validation.refuse(call.kind, call.target.name, [cause])
    _check_place(call, obj["metadata"])
    _check_revision(call, entry, obj)
    return replace(call, entry, obj, manager(call, "Update"))


def patched(call: Call, live: Object, sort: str) -> Object:
    """What the patch of the body makes of the object."""
    wanted = patch.read(call.request.body, sort)
    if sort == patch.JSON_PATCH:
        made: Object = patch.json_patch(live, wanted)
        return made
    if sort == patch.MERGE_PATCH:
        return patch.merge(copy.deepcopy(live), wanted)
    return patch.strategic(live, wanted, schema.type_of(call.kind))


def _spoiled(obj: Any, why: str) -> RequestRefused:
    """422: what the patch makes is no object of the kind."""
    shown = msgspec.json.encode(_sorted_head(obj)).decode()
    wrong = f"Invalid value: {_quoted(shown)}: {why}"
    return RequestRefused(
        422, "Invalid", f'  "" is invalid: patch: {wrong}', {},
        [Cause("FieldValueInvalid", wrong, "patch")],
    )  # fmt: skip


def _quoted(text: str) -> str:
    """As %q, for what is ASCII."""
    return msgspec.json.encode(text).decode()


_METADATA = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations",
    "ownerReferences", "finalizers", "managedFields",
)  # fmt: skip


def _sorted_head(obj: Any) -> Any:
    """In the order in which kube-apiserver shows what it could not read."""
    if not isinstance(obj, dict):
        return obj
    made = {name: obj[name] for name in sorted(obj)}
    for name, part in made.items():
        if isinstance(part, dict):
            order = _METADATA if name == "metadata" else sorted(part)
            made[name] = {field: part[field] for field in order if field in part}
    managed = made.get("metadata", {}).get("managedFields") or ()
    for entry in managed:
        entry["fieldsV1"] = _sorted(entry.get("fieldsV1"))
    return made


def _sorted(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _sorted(value[name]) for name in sorted(value)}


def _apply(call: Call) -> Answer:
    """Server-side apply: makes the object when it is not there."""
    if not call.options.field_manager:
        why = "Required value: is required for apply patch"
        cause = Cause("FieldValueRequired", why, "fieldManager")
        raise RequestRefused(
            422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {why}',
            {"group": "meta.k8s.io", "kind": "PatchOptions"}, [cause],
        )  # fmt: skip
    try:
        applied = bodies.from_yaml(call.request.body)
    except DocumentRefused as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(applied, dict):
        raise bad_request("error decoding YAML: not an object")
    entry, by = call.find(), manager(call, "Apply")
    if entry is None and call.target.subresource:
        raise not_found(call.kind, call.target.name)
    live = call.object_of(entry) if entry else None
    metadata = applied.get("metadata")
    if isinstance(metadata, dict):
        metadata.setdefault("name", call.target.name)
        given = [metadata.get(name) for name in ("uid", "resourceVersion")]
        if entry is not None and all(
            isinstance(one, str | None) for one in given
        ):  # or `apply` says
            _check_revision(call, entry, {"metadata": metadata})
    type, force = schema.type_of(call.kind), bool(call.options.force)
    made = apply.apply(live, applied, type, by, force)
    bodies.form(call, made, [])
    _check_place(call, made["metadata"])
    if entry is None:
        made["metadata"].pop("resourceVersion", None)
        return make(call, made, by, applied=True)
    return replace(call, entry, made, by, applied=True)


# --- common --------------------------------------------------------------------------------------


def manager(call: Call, operation: str) -> Manager:
    """Who writes: as the client says, or the first word of its User-Agent."""
    agent = call.request.headers.get("user-agent", "")
    name = call.options.field_manager or agent.partition("/")[0] or "unknown"
    return apply.manager(
        call.kind, name, operation, subresource=call.target.subresource,
        time=call.context.timestamp(),
    )  # fmt: skip


def recorded(call: Call, obj: Object) -> Object:
    """A new object with the managedFields of the request that brings it."""
    return apply.record(None, obj, schema.type_of(call.kind), manager(call, "Update"))


def in_form(call: Call, obj: Object) -> Object:
    """The object in the stored version, with defaults."""
    made = kinds.convert(obj, call.stored)
    defaults.set_defaults(call.stored, made)
    return made


def _record(call: Call, entry: Entry | None, made: Object, by: Manager) -> None:
    """Put the managedFields of this write into the object."""
    before = call.object_of(entry) if entry else None
    after = kinds.convert(made, call.kind)
    managed = apply.record(before, after, schema.type_of(call.kind), by)["metadata"]
    if managed.get("managedFields"):
        made["metadata"]["managedFields"] = managed["managedFields"]
    else:
        made["metadata"].pop("managedFields", None)


def _fit(call: Call, made: Object, old: Object | None) -> list[Cause]:
    if call.stored.resource != SERVICES or call.target.subresource:
        return []
    return call.context.addresses.fit(made, old, call.context.entropy)


def _broken(call: Call, made: Object, old: Object | None) -> list[Cause]:
    """The rules that it breaks."""
    loopback = call.context.settings.loopback
    return validation.check(call.stored, made, old, loopback=loopback)


def _refuse(call: Call, made: Object, causes: list[Cause]) -> None:
    if causes:
        raise validation.refuse(call.kind, made["metadata"]["name"], causes)


def _warn(call: Call, made: Object) -> None:
    if call.stored.resource != ENDPOINTS and not call.target.subresource:
        call.warnings.extend(validation.warnings(call.stored, made))


def _load(call: Call, entry: Entry) -> Object:
    return {"kind": call.stored.kind, "apiVersion": call.stored.api_version, **entry.object()}


def _internal(message: str) -> RequestRefused:
    return RequestRefused(500, "", message)
