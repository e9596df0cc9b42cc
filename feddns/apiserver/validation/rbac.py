"""The rules of roles and their bindings.

Pure.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver.problems import Problems, segment, subdomain

Object = dict[str, Any]

_GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")


def role(obj: Object, old: Object | None, found: Problems) -> None:
    _rules(obj, True, found)


def cluster_role(obj: Object, old: Object | None, found: Problems) -> None:
    _rules(obj, False, found)


def _rules(obj: Object, namespaced: bool, found: Problems) -> None:
    for number, rule in enumerate(obj.get("rules") or ()):
        here = f"rules[{number}]"
        if not rule["verbs"]:
            found.required(f"{here}.verbs", "verbs must contain at least one value")
        if addresses := rule.get("nonResourceURLs"):
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                found.invalid(f"{here}.nonResourceURLs", addresses, detail)
            if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                found.invalid(f"{here}.nonResourceURLs", addresses, detail)
            continue
        if not rule.get("apiGroups"):
            detail = "resource rules must supply at least one api group"
            found.required(f"{here}.apiGroups", detail)
        if not rule.get("resources"):
            detail = "resource rules must supply at least one resource"
            found.required(f"{here}.resources", detail)


def role_binding(obj: Object, old: Object | None, found: Problems) -> None:
    _binding(obj, old, ("Role", "ClusterRole"), found)


def cluster_role_binding(obj: Object, old: Object | None, found: Problems) -> None:
    _binding(obj, old, ("ClusterRole",), found)


def _binding(obj: Object, old: Object | None, roles: tuple[str, ...], found: Problems) -> None:
    reference = obj["roleRef"]
    if reference["apiGroup"] != _GROUP:
        found.unsupported("roleRef.apiGroup", reference["apiGroup"], (_GROUP,))
    found.one_of("roleRef.kind", reference["kind"], roles)
    if not reference["name"]:
        found.required("roleRef.name")
    else:
        found.each("roleRef.name", reference["name"], segment(reference["name"]))
    for number, subject in enumerate(obj.get("subjects", ())):
        _subject(subject, f"subjects[{number}]", len(roles) == 2, found)
    if old and old["roleRef"] != reference:
        shape = {"APIGroup": reference["apiGroup"], "Kind": reference["kind"]}
        found.invalid("roleRef", shape | {"Name": reference["name"]}, "cannot change roleRef")


def _subject(subject: Object, here: str, namespaced: bool, found: Problems) -> None:
    kind, name, group = subject["kind"], subject["name"], subject.get("apiGroup", "")
    if not name:
        found.required(f"{here}.name")
    if kind == "ServiceAccount":
        if name:
            found.each(f"{here}.name", name, subdomain(name))
        if group:
            found.unsupported(f"{here}.apiGroup", group, ("",))
        if not namespaced and not subject.get("namespace"):
            found.required(f"{here}.namespace")
    elif kind in _SUBJECTS:
        if group != _GROUP:
            found.unsupported(f"{here}.apiGroup", group, (_GROUP,))
    else:
        found.unsupported(f"{here}.kind", kind, _SUBJECTS)
