"""What the server says it serves: /version, /api, /apis, /openapi.

    path                     answer
    /version                 the Kubernetes whose behaviour is meant
    /                        the paths
    /api, /apis              groups and versions; with `as=APIGroupDiscoveryList` everything at once
    /api/v1, /apis/G/V       the resources of a version
    /apis/G                  the versions of a group
    /openapi/v3[/…], /v2     schemas (see `openapi`)

Pure.  Called by `handling` for every path that is no resource.  Answers are made once for each
version of the registry.
"""

from __future__ import annotations

from typing import Any

import msgspec

from feddns.apiserver import openapi
from feddns.apiserver.kinds import SUBRESOURCES, Kind, Registry
from feddns.apiserver.refusals import RequestRefused

JSON = "application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_PLAIN = ("*/*", "application/*", JSON, "application/yaml")
VERSION = {
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
    "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.3+feddns",
    "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "", "compiler": "", "platform": "linux/amd64",
}  # fmt: skip


def answer(path: str, accept: str, registry: Registry) -> tuple[str, bytes] | None:
    """The content type and the body; None where there is nothing at this path.

    Raises RequestRefused 406 for who takes neither.
    """
    path = path.rstrip("/")
    if path == "/openapi/v2" and openapi.PROTOBUF in accept.replace("@", "."):
        return openapi.PROTOBUF, openapi.EMPTY
    aggregated = path in ("/api", "/apis") and _wants_aggregated(accept)
    key = f"{path} aggregated" if aggregated else path
    body = registry.memo.get(key)
    if body is None:
        whole = _aggregated(path, registry) if aggregated else _whole(path, registry)
        if whole is None:
            return None
        body = registry.memo[key] = msgspec.json.encode(whole)
    return (AGGREGATED if aggregated else JSON), body


def _wants_aggregated(accept: str) -> bool:
    """Whether the first thing that a client takes, of what we have, is aggregated discovery v2.

    Raises RequestRefused 406 when it takes nothing that we have.
    """
    for part in filter(None, accept.replace(" ", "").split(",")):
        medium, *parameters = part.split(";")
        if medium == JSON and {"as=APIGroupDiscoveryList", "v=v2"} <= set(parameters):
            return True
        if medium in _PLAIN and not any(one.startswith("as=") for one in parameters):
            return False
    if accept:
        known = "application/json, application/yaml"
        raise RequestRefused(
            406, "NotAcceptable", f"only the following media types are accepted: {known}"
        )
    return False


def _whole(path: str, registry: Registry) -> dict[str, Any] | None:
    match path.split("/")[1:]:
        case ["version"]:
            return VERSION
        case []:
            return {"paths": _paths(registry)}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [_group(group, registry) for group in _groups(registry) if group]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", version]:
            return _resources("", version, registry)
        case ["apis", group] if group in _groups(registry):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, registry)
        case ["apis", group, version] if group:
            return _resources(group, version, registry)
        case ["openapi", "v2"]:
            return openapi.version_2(registry)
        case ["openapi", "v3"]:
            return openapi.index(registry)
        case ["openapi", "v3", "api", version]:
            return openapi.document("", version, registry)
        case ["openapi", "v3", "apis", group, version]:
            return openapi.document(group, version, registry)
    return None


def _groups(registry: Registry) -> dict[str, list[str]]:
    """Versions by group, in the order of the registry; the first version is the preferred one."""
    groups: dict[str, list[str]] = {}
    for kind in registry.all():
        versions = groups.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return groups


def _paths(registry: Registry) -> list[str]:
    paths = {"/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz"}
    for kind in registry.all():
        paths.add(openapi.base(kind.group, kind.version))
        if kind.group:
            paths.add(f"/apis/{kind.group}")
    return [*sorted(paths), "/version"]


# --- as kubectl before 1.26 asks -----------------------------------------------------------------


def _group(group: str, registry: Registry) -> dict[str, Any]:
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for version in _groups(registry)[group]
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: str, registry: Registry) -> dict[str, Any] | None:
    kinds = [kind for kind in registry.all() if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    resources: list[dict[str, Any]] = []
    for kind in kinds:
        about = {
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": kind.verbs, "shortNames": kind.short_names,
            "categories": kind.categories,
        }  # fmt: skip
        resources.append({key: value for key, value in about.items() if value != ()})
        resources += (_subresource(kind, name) for name in kind.subresources)
    return {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": kinds[0].api_version,
        "resources": resources,
    }  # fmt: skip


def _subresource(kind: Kind, name: str) -> dict[str, Any]:
    about = SUBRESOURCES[name]
    whole: dict[str, Any] = {
        "name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced,
    }  # fmt: skip
    if about.version:
        whole |= {"group": about.group, "version": about.version}
    return whole | {"kind": about.kind or kind.kind, "verbs": about.verbs}


# --- as later ones ask ---------------------------------------------------------------------------


def _aggregated(path: str, registry: Registry) -> dict[str, Any]:
    items = []
    for group, versions in _groups(registry).items():
        if (path == "/api") == (group == ""):
            told = [_version(group, version, registry) for version in versions]
            items.append({"metadata": {"name": group} if group else {}, "versions": told})
    return {
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items,
    }  # fmt: skip


def _version(group: str, version: str, registry: Registry) -> dict[str, Any]:
    resources = [
        _resource(kind) for kind in registry.all() if (kind.group, kind.version) == (group, version)
    ]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _resource(kind: Kind) -> dict[str, Any]:
    about = {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": kind.verbs,
        "shortNames": kind.short_names,
        "categories": kind.categories,
        "subresources": [_aggregated_subresource(kind, name) for name in kind.subresources],
    }
    return {key: value for key, value in about.items() if value}


def _aggregated_subresource(kind: Kind, name: str) -> dict[str, Any]:
    about = SUBRESOURCES[name]
    answered = {
        "group": about.group, "version": about.version, "kind": about.kind or kind.kind
    }  # fmt: skip
    return {"subresource": name, "responseKind": answered, "verbs": about.verbs}
