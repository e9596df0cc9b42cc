"""CRDs: kinds that are added while the server runs.

    accept          what a server writes into the status of a CRD: whether its names are free
    install         its served versions become kinds of the registry
    remove          they are no more
    set_defaults    `default` of its schema
    check           its schema, with the words of a kube-apiserver (see `crdschema`)
    warnings        deprecated versions

Versions differ by their names only (conversion None).  Rules in CEL (x-kubernetes-validations) are
not evaluated; whoever installs a CRD with such rules is told (`validation.warnings`).

Pure.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from feddns.apiserver import crdschema, schema
from feddns.apiserver.kinds import DEFINED_VERBS, OWN, Custom, Kind, Registry
from feddns.apiserver.refusals import Cause
from feddns.apiserver.schema import Type

Object = dict[str, Any]

check_schema = crdschema.check


def accept(registry: Registry, crd: Object, now: str) -> Object:
    """The status: whether the names are free, and with that whether the kinds are served.

    `now` is the time of conditions that change, RFC 3339.
    """
    names, taken = crd["spec"]["names"], _taken(registry, crd)
    established = _holds(crd, "Established")
    if taken:
        reason, message = taken
        accepted = crd.get("status", {}).get("acceptedNames") or {"plural": "", "kind": ""}
        told = [_condition("NamesAccepted", False, reason, message)]
        if not established:
            message = "not all names are accepted"
            told.append(_condition("Established", False, "NotAccepted", message))
    else:
        accepted = copy.deepcopy(names)
        told = [_condition("NamesAccepted", True, "NoConflicts", "no conflicts found")]
        message = "the initial names have been accepted"
        told.append(_condition("Established", True, "InitialNamesAccepted", message))
    status = crd.get("status", {})
    conditions = _merged(status.get("conditions") or [], told, now)
    stored = list(status.get("storedVersions") or ())
    current = next((v["name"] for v in crd["spec"]["versions"] if v.get("storage")), "")
    if current and current not in stored:
        stored.append(current)
    return {"conditions": conditions, "acceptedNames": accepted, "storedVersions": stored}


def install(registry: Registry, crd: Object) -> list[Kind]:
    """Serve what the CRD defines, instead of what it defined before; what is served now."""
    remove(registry, crd)
    if crd["spec"]["group"] in OWN:
        return []
    kinds = [_kind(crd, version) for version in crd["spec"]["versions"] if version.get("served")]
    for kind in kinds:
        registry.add(kind)
    return kinds


def remove(registry: Registry, crd: Object) -> list[Kind]:
    """Stop serving it; what was served."""
    name = crd["metadata"]["name"]
    gone = [kind for kind in registry.all() if kind.custom and kind.custom.definition == name]
    for kind in gone:
        registry.remove(kind)
    return gone


def _taken(registry: Registry, crd: Object) -> tuple[str, str] | None:
    """A name that another kind of the group has already."""
    spec, names = crd["spec"], crd["spec"]["names"]
    for kind in registry.all():
        own = kind.custom is not None and kind.custom.definition == crd["metadata"]["name"]
        if kind.group != spec["group"] or own or spec["group"] in OWN:
            continue
        used = {kind.plural, kind.singular, *kind.short_names}
        for field, reason in (
            ("plural", "PluralConflict"), ("singular", "SingularConflict"),
        ):  # fmt: skip
            if names.get(field) in used:
                return reason, f'"{names[field]}" is already in use'
        for short in names.get("shortNames", ()):
            if short in used:
                return "ShortNamesConflict", f'"{short}" is already in use'
        if names["kind"] == kind.kind:
            return "KindConflict", f'"{names["kind"]}" is already in use'
    return None


def _holds(crd: Object, kind: str) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def _condition(kind: str, holds: bool, reason: str, message: str) -> Object:
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message}


def _merged(before: list[Object], told: list[Object], now: str) -> list[Object]:
    """The conditions with what is told of now; the time of those that stay as they are stays."""
    old = {one["type"]: one for one in before}
    merged = dict(old)
    for one in told:
        known = old.get(one["type"])
        same = known is not None and known["status"] == one["status"]
        time = known["lastTransitionTime"] if known is not None and same else now
        merged[one["type"]] = {
            "type": one["type"], "status": one["status"], "lastTransitionTime": time,
            "reason": one["reason"], "message": one["message"],
        }  # fmt: skip
    return list(merged.values())


def _kind(crd: Object, version: Object) -> Kind:
    spec, names = crd["spec"], crd["spec"]["names"]
    subresources = version.get("subresources", {})
    storage = next((v["name"] for v in spec["versions"] if v.get("storage")), version["name"])
    return Kind(
        group=spec["group"], version=version["name"], kind=names["kind"], plural=names["plural"],
        singular=names.get("singular", names["kind"].lower()),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        subresources=tuple(name for name in ("scale", "status") if name in subresources),
        verbs=DEFINED_VERBS, storage=f"{spec['group']}/{storage}", custom=_custom(crd, version),
    )  # fmt: skip


def _custom(crd: Object, version: Object) -> Custom:
    whole = version.get("schema", {}).get("openAPIV3Schema", {})
    gvk = f"{crd['spec']['group']}/{version['name']} {crd['spec']['names']['kind']}"
    deprecation = version.get("deprecationWarning") or f"{gvk} is deprecated"
    return Custom(
        definition=crd["metadata"]["name"], type=type_of(whole), schema=whole,
        columns=tuple(version.get("additionalPrinterColumns", ())),
        scale=version.get("subresources", {}).get("scale"),
        selectable=tuple(one["jsonPath"] for one in version.get("selectableFields", ())),
        deprecation=deprecation if version.get("deprecated") else "",
    )  # fmt: skip


def type_of(whole: Object) -> Type:
    """The type of a CRD's objects: its schema, and metadata as every object has it."""
    read = schema.read({"type": "object"} | whole)
    about = {"apiVersion": Type("string"), "kind": Type("string"), "metadata": schema.META}
    read.fields = {**read.fields, **about}
    return read


def set_defaults(type: Type, value: Any) -> None:
    """Fill in `default`s, also in what a default brought in."""
    if type.shape == "list" and isinstance(value, list) and type.element:
        for part in value:
            set_defaults(type.element, part)
    elif isinstance(value, dict):
        for name, field in type.fields.items():
            if name not in value and field.default is not msgspec.UNSET:
                value[name] = copy.deepcopy(field.default)
            if name in value and not field.name:
                set_defaults(field, value[name])
        if type.element:
            for part in value.values():
                set_defaults(type.element, part)


def check(custom: Custom, obj: Object, old: Object | None = None) -> list[Cause]:
    """What its schema refuses."""
    return crdschema.check(custom.type, obj)


def warnings(custom: Custom, obj: Object) -> list[str]:
    return [custom.deprecation] if custom.deprecation else []
