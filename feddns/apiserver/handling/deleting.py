"""delete and deletecollection.

    what is asked                        what is done
    preconditions uid, resourceVersion   409 when it is another object
    propagationPolicy, orphanDependents  see `lifecycle`
    gracePeriodSeconds                   taken; nobody runs here who would need it
    dryRun                               nothing, but it says what would be
    a body, and options in the query     the body alone counts

Pure.  Called by `api` and by `tending`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from feddns.apiserver import decoding, kinds, lifecycle, requests
from feddns.apiserver.handling import bodies, filtering, presenting
from feddns.apiserver.handling.call import (
    Answer,
    Call,
    Context,
    answer,
    bad_request,
    details,
    load,
)  # fmt: skip
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.store import Entry

_POLICIES = ("Foreground", "Background", "Orphan")
_OPTIONS = Kind(
    "", "v1", "DeleteOptions", "", "",
    definition="io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
)  # fmt: skip
_TELLS_OBJECT = {"Service", "Pod", "ServiceAccount", "Namespace"}


class Wanted(NamedTuple):
    """meta/v1 DeleteOptions."""

    policy: str = ""
    uid: str = ""
    revision: str = ""
    dry_run: bool = False


def delete(call: Call) -> Answer:
    presenting.form(call)
    asked = _options(call)
    entry = call.get()
    check(call, entry, asked)
    gone, made = remove(call.context, call.stored, entry, asked)
    if gone and call.kind.kind not in _TELLS_OBJECT:
        return answer(200, _success(call.kind, made))
    return presenting.obj(call, kinds.convert(made, call.kind))


def collection(call: Call) -> Answer:
    presenting.form(call)
    asked = _options(call)
    filter, store = filtering.of(call), call.context.store
    found = [
        entry
        for entry in store.entries(call.stored.resource, call.target.namespace)
        if filter.matches(entry)
    ]
    for entry in found:
        check(call, entry, asked)
        remove(call.context, call.stored, entry, asked)
    return presenting.many(call, found, {"resourceVersion": str(store.revision)})


def remove(
    context: Context, kind: Kind, entry: Entry, wanted: Wanted
) -> tuple[bool, dict[str, Any]]:
    """Delete it, or mark it as deleted; whether it is gone, and what it is now or was last."""
    old = load(kind, kind, entry)
    made = load(kind, kind, entry)
    gone = lifecycle.mark_deleted(kind, made, wanted.policy, context.timestamp())
    if wanted.dry_run:
        return gone, made
    if gone:
        last = context.store.delete(kind.resource, entry.key, entry.revision)
        return True, load(kind, kind, last)
    if made != old:
        entry = context.store.update(kind.resource, entry.key, made, entry.revision)
    return False, load(kind, kind, entry)


def _options(call: Call) -> Wanted:
    """Of the body, or else of the query.  Raises `RequestRefused`: 400, 422."""
    if not call.request.body:
        return wanted(requests.delete_options(call.request.query))
    body = bodies.parse(call, None)
    if body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request(
            f'no kind "{body["kind"]}" is registered for version '
            f'"{body.get("apiVersion", "")}" in scheme "pkg/runtime/scheme.go:111"'
        )
    try:
        decoding.decode(_OPTIONS, body)
    except RequestRefused as refused:  # of options the decoder's words alone are told
        raise bad_request(refused.message.partition("as a DeleteOptions: ")[2]) from None
    return wanted(body)


def wanted(options: dict[str, Any]) -> Wanted:
    """What DeleteOptions in form say.  Raises `RequestRefused`: 422."""
    policy, orphan = options.get("propagationPolicy") or "", options.get("orphanDependents")
    _check_policy(policy, orphan)
    dry_run = options.get("dryRun") or []
    if set(dry_run) - {"All"}:
        raise requests.refuse_dry_run(dry_run, "DeleteOptions")
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    conditions = options.get("preconditions") or {}
    return Wanted(
        policy, conditions.get("uid") or "", conditions.get("resourceVersion") or "", bool(dry_run)
    )


def _check_policy(policy: str, orphan: bool | None) -> None:
    if policy and orphan is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        wrong = f'Invalid value: "{policy}": {why}'
        raise requests.refuse_options(
            "DeleteOptions", "propagationPolicy", "FieldValueInvalid", wrong
        )
    if policy and policy not in _POLICIES:
        known = ", ".join(f'"{one}"' for one in (*_POLICIES, "nil"))
        wrong = f'Unsupported value: "{policy}": supported values: {known}'
        raise requests.refuse_options(
            "DeleteOptions", "propagationPolicy", "FieldValueNotSupported", wrong
        )


def check(call: Call, entry: Entry, wanted: Wanted) -> None:
    """Raises `RequestRefused`: 403 for what may not go, 409 for what is another object."""
    kind, name = call.kind, entry.key.rpartition("/")[2]
    if kind.resource == "namespaces" and name in lifecycle.SYSTEM_NAMESPACES:
        message = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
        raise RequestRefused(403, "Forbidden", message, details(kind, name))
    uid = entry.object()["metadata"]["uid"]
    why = ""
    if wanted.uid and wanted.uid != uid:
        why = (
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"
        )
    elif wanted.revision and wanted.revision != str(entry.revision):
        why = (
            f"the ResourceVersion in the precondition ({wanted.revision}) does not match the "
            f"ResourceVersion in record ({entry.revision}). The object might have been modified"
        )
    if why:
        message = f'Operation cannot be fulfilled on {_qualified(kind)} "{name}": {why}'
        named = {**details(kind, name), "kind": kind.kind}
        raise RequestRefused(409, "Conflict", message, named)


def _qualified(kind: Kind) -> str:
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def _success(kind: Kind, made: dict[str, Any]) -> dict[str, Any]:
    named = details(kind, made["metadata"]["name"]) | {"uid": made["metadata"]["uid"]}
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": named,
    }  # fmt: skip
