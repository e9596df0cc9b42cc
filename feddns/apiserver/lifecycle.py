"""What the server itself decides about an object when it is made, changed and deleted.

    what           made                       changed                         status changed
    uid, creation  new                        as before                       as before
    generation     1, where the kind has one  + 1 when more than metadata     as before
                                              and status changed
    status         dropped, where it is a     as before                       all else is as before
                   subresource
    deletion       none                       as before                       as before

    deleted, with             then
    propagationPolicy Orphan  finalizer `orphan`: dependents lose their owner first
    Foreground                finalizer `foregroundDeletion`: dependents go first
    Background, none          no finalizer; dependents go afterwards
    finalizers left           deletionTimestamp is set, it stays until they are gone
    no finalizers             it goes

Pure.  Called by `handling`.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from feddns.apiserver import decoding
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import Cause

Object = dict[str, Any]

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""Of a CRD that goes, until its objects are gone."""
_BY_POLICY = {"Orphan": ORPHAN, "Foreground": FOREGROUND}
SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public")
"""That may not be deleted."""

_WITH_GENERATION = {
    ("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "DaemonSet"), ("batch", "Job"),
    ("networking.k8s.io", "Ingress"), ("discovery.k8s.io", "EndpointSlice"), ("", "Pod"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"), ("federation.feddns.dev", "Cluster"),
}  # fmt: skip
_STATUS_AT_BIRTH = {"Node"}
"""Kinds whose status may be given when they are made: a kubelet brings its own."""
_SERVERS_OWN = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_VOWELLESS = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_BASE = 58


def name_from(base: str, entropy: Callable[[int], bytes]) -> str:
    """A name for generateName: five letters that make no words."""
    letters = (_VOWELLESS[byte % len(_VOWELLESS)] for byte in entropy(5))
    return base[:_LONGEST_BASE] + "".join(letters)


def make(kind: Kind, obj: Object, time: str, entropy: Callable[[int], bytes]) -> None:
    """What a new object is given; what it may not bring is dropped."""
    drop_own(obj)
    metadata = obj["metadata"]
    metadata["uid"] = str(uuid.UUID(bytes=entropy(16), version=4))
    metadata["creationTimestamp"] = time
    if has_generation(kind):
        metadata["generation"] = 1
    if _isolated(kind) and kind.kind not in _STATUS_AT_BIRTH:
        _set(obj, "status", _fresh_status(kind))


def change(kind: Kind, obj: Object, old: Object) -> None:
    """The object as it may be after a write to it: what is the server's is as it was."""
    keep_own(obj, old)
    if _isolated(kind):
        _set(obj, "status", old.get("status"))
    if (kind.group, kind.kind) == ("", "Namespace"):
        _set(obj, "spec", old.get("spec"))
    if (kind.group, kind.kind) == ("", "Service") and obj["spec"].get("type") != "LoadBalancer":
        obj["status"] = {**(old.get("status") or {}), "loadBalancer": {}}
    if has_generation(kind):
        same = _spec_of(kind, obj) == _spec_of(kind, old)
        _set(obj["metadata"], "generation", old["metadata"].get("generation", 1) + (not same))
    elif "generation" not in obj["metadata"] and "generation" in old["metadata"]:
        obj["metadata"]["generation"] = old["metadata"]["generation"]


def change_status(kind: Kind, obj: Object, old: Object) -> None:
    """The object after a write to its status: all else is as it was."""
    for name in {*obj, *old} - {"metadata", "status"}:
        _set(obj, name, old.get(name))
    metadata = obj["metadata"]
    if kind.custom or kind.kind == "CustomResourceDefinition" or kind.plural == "clusters":
        managed = metadata.get("managedFields")
        metadata = obj["metadata"] = {**old["metadata"]}
        _set(metadata, "managedFields", managed)
    elif kind.kind == "Deployment":
        _set(metadata, "labels", old["metadata"].get("labels"))
    keep_own(obj, old)
    _set(obj["metadata"], "generation", old["metadata"].get("generation"))


def has_generation(kind: Kind) -> bool:
    return bool(kind.custom) or (kind.group, kind.kind) in _WITH_GENERATION


def _isolated(kind: Kind) -> bool:
    return "status" in kind.subresources


@functools.cache
def _fresh_json(kind: Kind) -> bytes:
    fresh: Object = {"metadata": {}}
    decoding.decode(kind, fresh)
    return msgspec.json.encode(fresh.get("status"))


def _fresh_status(kind: Kind) -> Any:
    """The status of what is new: what Go writes for one that has nothing."""
    return None if kind.custom else msgspec.json.decode(_fresh_json(kind))


def drop_own(obj: Object) -> None:
    """What only the server says of an object is not taken from who makes it."""
    for name in (*_SERVERS_OWN, "selfLink"):
        obj["metadata"].pop(name, None)


def keep_own(obj: Object, old: Object) -> None:
    metadata, was = obj["metadata"], old["metadata"]
    for name in _SERVERS_OWN:
        _set(metadata, name, was.get(name))
    metadata.pop("selfLink", None)


def _spec_of(kind: Kind, obj: Object) -> Object:
    """All that counts for the generation."""
    without = ("metadata", "status") if _isolated(kind) else ("metadata",)
    return {name: value for name, value in obj.items() if name not in without}


def _set(where: Object, name: str, value: Any) -> None:
    if value is None:
        where.pop(name, None)
    else:
        where[name] = value


# --- deletion ------------------------------------------------------------------------------------


def mark_deleted(kind: Kind, obj: Object, policy: str, time: str) -> bool:
    """Change the object as its deletion wants it; whether it may go at once."""
    metadata = obj["metadata"]
    before = list(metadata.get("finalizers") or ())
    finalizers = _finalizers(before, policy)
    if kind.kind == "CustomResourceDefinition" and "deletionTimestamp" not in metadata:
        finalizers = [*finalizers, CLEANUP]
    _set(metadata, "finalizers", finalizers or None)
    namespace = (kind.group, kind.kind) == ("", "Namespace")
    if may_go(kind, obj):
        return True
    if "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = time
        if namespace:
            obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        else:
            metadata["deletionGracePeriodSeconds"] = 0
        if metadata.get("generation"):
            metadata["generation"] += 1
    return False


def may_go(kind: Kind, obj: Object) -> bool:
    """Whether nothing holds it."""
    if obj["metadata"].get("finalizers"):
        return False
    spec = obj.get("spec") or {}
    return (kind.group, kind.kind) != ("", "Namespace") or not spec.get("finalizers")


def _finalizers(before: list[str], policy: str) -> list[str]:
    if not policy:
        return before
    kept = [one for one in before if one not in (ORPHAN, FOREGROUND)]
    wanted = _BY_POLICY.get(policy)
    return [*kept, wanted] if wanted else kept


def new_finalizers(obj: Object, old: Object) -> list[Cause]:
    """Why finalizers may not be added to what is being deleted."""
    if "deletionTimestamp" not in old["metadata"]:
        return []
    had = set(old["metadata"].get("finalizers") or ())
    new = [one for one in obj["metadata"].get("finalizers") or () if one not in had]
    if not new:
        return []
    shown = ", ".join(f'"{one}"' for one in new)
    why = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new "
        f"finalizers []string{{{shown}}}"
    )
    return [Cause("FieldValueForbidden", why, "metadata.finalizers")]
