"""The rules of the small kinds: ConfigMap, Secret, Namespace, Node, Event, Lease.

Pure.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from feddns.apiserver.problems import (
    IMMUTABLE,
    Problems,
    cidr,
    config_key,
    label_value,
    qualified_name,
)
from feddns.apiserver.validation.metadata import check_finalizers

Object = dict[str, Any]

_LARGEST = 1024 * 1024
_SEALED = "field is immutable when `immutable` is set"
_TYPES = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"), "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}  # fmt: skip
"""The keys that Secrets of a type must have."""
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def config_map(obj: Object, old: Object | None, found: Problems) -> None:
    data, binary = obj.get("data", {}), obj.get("binaryData", {})
    for key in data:
        found.each(f"data[{key}]", key, config_key(key))
        if key in binary:
            found.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        found.each(f"binaryData[{key}]", key, config_key(key))
    size = sum(len(value.encode()) for value in data.values())
    size += sum(len(value) * 3 // 4 for value in binary.values())
    if size > _LARGEST:
        found.too_long("[]", _LARGEST)
    if old and old.get("immutable"):
        _sealed(obj, old, ("data", "binaryData"), found)


def secret(obj: Object, old: Object | None, found: Problems) -> None:
    data = obj.get("data", {})
    if old:
        if obj["type"] != old["type"]:
            found.invalid("type", obj["type"], IMMUTABLE)
        if old.get("immutable"):
            _sealed(obj, old, ("data",), found)
    for key in data:
        found.each(f"data[{key}]", key, config_key(key))
    if sum(len(value) * 3 // 4 for value in data.values()) > _LARGEST:
        found.too_long("data", _LARGEST)
    _typed_secret(obj, data, found)


def _typed_secret(obj: Object, data: dict[str, str], found: Problems) -> None:
    kind = obj["type"]
    for key in _TYPES.get(kind, ()):
        if key not in data:
            found.required(f"data[{key}]")
        elif kind.startswith("kubernetes.io/docker"):
            _docker(key, data[key], found)
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        found.required("data[username]")
        found.required("data[password]")
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not obj["metadata"].get(
        "annotations", {}
    ).get(account):
        found.required(f"metadata.annotations[{account}]")


def _docker(key: str, value: str, found: Problems) -> None:
    text = base64.b64decode(value)
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        first = text[:1].decode(errors="replace")
        why = f"invalid character '{first}' looking for beginning of value"
        if not text:
            why = "unexpected end of JSON input"
        found.invalid(f"data[{key}]", "<secret contents redacted>", why)


def _sealed(obj: Object, old: Object, fields: tuple[str, ...], found: Problems) -> None:
    if not obj.get("immutable"):
        found.forbidden("immutable", _SEALED)
    for field in fields:
        if obj.get(field, {}) != old.get(field, {}):
            found.forbidden(field, _SEALED)


def namespace(obj: Object, old: Object | None, found: Problems) -> None:
    check_finalizers(obj.get("spec", {}).get("finalizers", []), "spec.finalizers", found)


def node(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    for number, taint in enumerate(spec.get("taints", ())):
        here = f"metadata.taints[{number}]"
        found.each(f"{here}.key", taint["key"], qualified_name(taint["key"]))
        found.each(f"{here}.value", taint.get("value", ""), label_value(taint.get("value", "")))
        if not taint["effect"]:
            found.required(f"{here}.effect")
        else:
            found.one_of(f"{here}.effect", taint["effect"], _EFFECTS)
    for number, range in enumerate(spec.get("podCIDRs", ())):
        found.each(f"spec.podCIDRs[{number}]", range, cidr(range))
    if old:
        for field, told in (("podCIDR", "podCIDRs"), ("providerID", "providerID")):
            before = old["spec"].get(field)
            if before and before != spec.get(field):
                detail = f'node updates may not change {field} except from "" to valid'
                found.forbidden(f"spec.{told}", detail)


def event(obj: Object, old: Object | None, found: Problems) -> None:
    place = obj["metadata"].get("namespace", "default")
    if "regarding" in obj or obj["apiVersion"] != "v1":
        _event(obj, old, found)
        return
    about = obj["involvedObject"].get("namespace", "")
    if about != place and not (not about and place == "default"):
        found.invalid("involvedObject.namespace", about, "does not match event.namespace")


def _event(obj: Object, old: Object | None, found: Problems) -> None:
    """Of events.k8s.io: what the core kind leaves open must be told."""
    if old:
        return
    if not obj.get("eventTime"):
        found.required("eventTime")
    else:
        for field in ("reportingController", "reportingInstance", "action", "reason"):
            value = obj.get(field, "")
            if not value:
                found.required(field)
            if field == "reportingController":
                found.each(field, value, qualified_name(value))
    kind = obj.get("type", "")
    if kind not in ("Normal", "Warning"):
        found.invalid("type", "", f"has invalid value: {kind}")


def lease(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        found.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    found.not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))
