"""The rules of metadata: names, labels, annotations, owners, finalizers, what may not change.

    kind                        its name is
    Namespace                   RFC 1123 label
    Service                     RFC 1123 label
    RBAC kinds                  anything that fits into a path
    the rest                    RFC 1123 subdomain

Pure.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver.kinds import Kind
from feddns.apiserver.problems import (
    IMMUTABLE,
    Form,
    Problems,
    check_labels,
    label_name,
    qualified_name,
    segment,
    subdomain,
)

Object = dict[str, Any]

_FORMS: dict[str, Form] = {
    "Namespace": label_name, "Service": label_name, "Role": segment, "ClusterRole": segment,
    "RoleBinding": segment, "ClusterRoleBinding": segment,
}  # fmt: skip
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_ANNOTATIONS = 256 * 1024


def check(kind: Kind, meta: Object, old: Object | None, found: Problems) -> None:
    name = meta.get("name", "")
    if not name:
        found.required("metadata.name", "name or generateName is required")
    elif not old:
        found.each("metadata.name", name, _FORMS.get(kind.kind, subdomain)(name))
    if labels := meta.get("labels"):
        check_labels(labels, "metadata.labels", found)
    if annotations := meta.get("annotations"):
        _annotations(annotations, found)
    if owners := meta.get("ownerReferences"):
        _owners(owners, found)
    if finalizers := meta.get("finalizers"):
        check_finalizers(finalizers, "metadata.finalizers", found)
    if old is not None:
        _changes(meta, old, found)


def _annotations(annotations: dict[str, str], found: Problems) -> None:
    for key in annotations:
        found.each("metadata.annotations", key, qualified_name(key.lower()))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS:
        found.too_long("metadata.annotations", _ANNOTATIONS)


def check_finalizers(finalizers: list[str], field: str, found: Problems) -> None:
    for number, finalizer in enumerate(finalizers):
        wrong = qualified_name(finalizer)
        found.each(field, finalizer, wrong)
        if not wrong and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            place = f"{field}[{number}]" if field.startswith("metadata") else field
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            found.invalid(place, finalizer, detail)


def _owners(owners: list[Object], found: Problems) -> None:
    field, controllers = "metadata.ownerReferences", []
    for owner in owners:
        version = owner["apiVersion"].rpartition("/")[2]
        if not version:
            found.invalid(f"{field}.apiVersion", owner["apiVersion"], "version must not be empty")
        for part in ("kind", "name", "uid"):
            if not owner[part]:
                found.invalid(f"{field}.{part}", "", "must not be empty")
        if (owner["apiVersion"], owner["kind"]) == ("v1", "Event"):
            found.invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            controllers.append(f"{owner['kind']}/{owner['name']}")
    if len(controllers) > 1:
        first, second = controllers[:2]
        detail = (
            "Only one reference can have Controller set to true."
            f' Found "true" in references for {first} and {second}'
        )
        found.invalid(field, owners, detail)


def _changes(meta: Object, old: Object, found: Problems) -> None:
    """What `lifecycle` does not carry over from the old object."""
    for name in ("name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if name in meta and meta.get(name) != old.get(name):
            found.invalid(f"metadata.{name}", meta[name], IMMUTABLE)
