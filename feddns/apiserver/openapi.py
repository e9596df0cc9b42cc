"""/openapi/v3, a document for each group and version, and /openapi/v2, all in one.

Clients look for three things: the schema of a kind (by x-kubernetes-group-version-kind), what can
be done at a path (x-kubernetes-action), and whether PATCH knows `fieldValidation`.  The schemas are
the published ones without their descriptions; those of CRDs are theirs.

Pure.  Called by `discovery`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from feddns.apiserver import schema
from feddns.apiserver.kinds import OWN, SUBRESOURCES, Kind, Registry

_REF = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_INFO = {"title": "Kubernetes", "version": "1.36"}
_BEARER = {"type": "apiKey", "name": "authorization", "in": "header"}
_MEDIA = ("application/json", "application/yaml")
_PATCHES = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
_LISTING = {
    "allowWatchBookmarks": "boolean", "continue": "string", "fieldSelector": "string",
    "labelSelector": "string", "limit": "integer", "resourceVersion": "string",
    "resourceVersionMatch": "string", "sendInitialEvents": "boolean", "timeoutSeconds": "integer",
    "watch": "boolean",
}  # fmt: skip
_WRITING = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
_DELETING = {
    "dryRun": "string", "gracePeriodSeconds": "integer", "orphanDependents": "boolean",
    "propagationPolicy": "string",
}  # fmt: skip
_QUERIES = {
    "list": _LISTING, "get": {}, "post": _WRITING, "put": _WRITING,
    "patch": _WRITING | {"force": "boolean"}, "delete": _DELETING,
    "deletecollection": {**_LISTING, **_DELETING},
}  # fmt: skip
_DONE = {"post": "create", "put": "replace", "get": "read", "deletecollection": "delete"}
"""How operationIds call the actions."""
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
EMPTY = b"\n\x032.0\x12\x12\n\nKubernetes\x12\x041.36"
"""A Swagger document without a path, as gnostic's protobuf.

kubectl asks for it when version 3 has not the kind, and finds there that nothing has it.
"""

Document = dict[str, Any]


def base(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def index(registry: Registry) -> Document:
    """The documents; the hash in the address changes with the document."""
    paths = {}
    for group, version in dict.fromkeys((kind.group, kind.version) for kind in registry.all()):
        path = base(group, version)
        kinds = [kind for kind in registry.all() if (kind.group, kind.version) == (group, version)]
        names = msgspec.json.encode([_described(kind) for kind in kinds])
        digest = hashlib.sha512(names).hexdigest().upper()
        paths[path.removeprefix("/")] = {"serverRelativeURL": f"/openapi/v3{path}?hash={digest}"}
    return {"paths": dict(sorted(paths.items()))}


def document(group: str, version: str, registry: Registry) -> Document | None:
    kinds = [kind for kind in registry.all() if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    paths: Document = {}
    for kind in kinds:
        paths |= _paths(kind)
    return {
        "openapi": "3.0.0", "info": _INFO, "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _schemas(kinds, paths), "securitySchemes": {"BearerToken": _BEARER}
        },
    }  # fmt: skip


def version_2(registry: Registry) -> Document:
    """The same in Swagger 2: kubectl before 1.27 and Helm read it."""
    kinds = list(registry.all())
    paths: Document = {}
    for kind in kinds:
        paths |= _paths(kind)
    definitions = _swagger(_schemas(kinds, paths))
    return {
        "swagger": "2.0", "info": _INFO,
        "paths": {path: _swagger_item(item) for path, item in sorted(paths.items())},
        "definitions": definitions, "securityDefinitions": {"BearerToken": _BEARER},
    }  # fmt: skip


def _described(kind: Kind) -> list[Any]:
    whole = kind.custom.schema if kind.custom else kind.definition
    return [kind.plural, kind.kind, kind.verbs, kind.subresources, whole]


# --- paths ---------------------------------------------------------------------------------------


def _paths(kind: Kind) -> Iterator[tuple[str, Document]]:
    root = base(kind.group, kind.version)
    place = f"{root}/namespaces/{{namespace}}" if kind.namespaced else root
    collection = f"{place}/{kind.plural}"
    if kind.namespaced and "list" in kind.verbs:
        yield f"{root}/{kind.plural}", _item(kind, ("list",), ())
    here = ("namespace",) if kind.namespaced else ()
    yield collection, _item(kind, ("list", "post", "deletecollection"), here)
    if "get" in kind.verbs:
        whole = _item(kind, ("get", "put", "patch", "delete"), ("name", *here))
        yield f"{collection}/{{name}}", whole
    for name in kind.subresources:
        verbs = {"create": "post", "update": "put"}
        actions = [verbs.get(verb, verb) for verb in SUBRESOURCES[name].verbs]
        yield f"{collection}/{{name}}/{name}", _item(kind, actions, ("name", *here), name)


def _item(
    kind: Kind, actions: Iterable[str], places: tuple[str, ...], subresource: str = ""
) -> Document:
    item: Document = {}
    for action in actions:
        verb = {"list": "list", "post": "create", "put": "update"}.get(action, action)
        if subresource or verb in kind.verbs:
            method = {"list": "get", "deletecollection": "delete"}.get(action, action)
            item[method] = _operation(kind, action, "namespace" in places, subresource)
    item["parameters"] = [
        {"name": place, "in": "path", "required": True, **_plain("string")} for place in places
    ] + [{"name": "pretty", "in": "query", **_plain("string")}]
    return item


def _plain(shape: str) -> Document:
    return {"schema": {"type": shape, "uniqueItems": True}}


def _operation(kind: Kind, action: str, namespaced: bool, subresource: str) -> Document:
    about = SUBRESOURCES.get(subresource)
    group, version, name = kind.group, kind.version, kind.kind
    body = kind.schema_name
    if about and about.kind:
        group, version, name = about.group, about.version or "v1", about.kind
        body = _schema_of(group, version, name)
    gvk = {"group": group, "version": version, "kind": name}
    whole: Document = {
        "tags": [f"{_camel(kind.group or 'core', first=False)}_{kind.version}"],
        "operationId": _operation_id(kind, action, namespaced, subresource),
        "parameters": [
            {"name": query, "in": "query", **_plain(shape)}
            for query, shape in sorted(_QUERIES[action].items())
        ],
    }
    if told := _body(action, body, kind.definition and kind.group not in OWN):
        whole["requestBody"] = told
    answered = {
        "list": f"{body}List", "delete": f"{_META}.Status", "deletecollection": f"{_META}.Status"
    }.get(action, body)  # fmt: skip
    return whole | {
        "responses": _responses(action, answered, subresource),
        "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
    }  # fmt: skip


def _schema_of(group: str, version: str, kind: str) -> str:
    """The published schema of a kind that is no resource: Scale, Eviction, Binding, …"""
    package = (group or "core").removesuffix(".k8s.io")
    return f"io.k8s.api.{package}.{version}.{kind}"


def _body(action: str, body: str, strategic: Any) -> Document | None:
    """`strategic`: strategic merge patches are taken, as they are not by kinds of CRDs."""
    if action in ("post", "put"):
        return {"content": {"*/*": _content(body)}, "required": True}
    if action == "patch":
        patch = _content(f"{_META}.Patch")
        media = _PATCHES if strategic else _PATCHES[:-1]
        return {"content": dict.fromkeys(media, patch), "required": True}
    if action in ("delete", "deletecollection"):
        return {"content": {"*/*": _content(f"{_META}.DeleteOptions")}}
    return None


def _content(name: str) -> Document:
    return {"schema": {"$ref": f"{_REF}{name}"}}


def _responses(action: str, name: str, subresource: str) -> Document:
    content = dict.fromkeys(_MEDIA, _content(name))
    if subresource == "log":
        content = {"text/plain": _plain("string")}
    told = {"description": "OK", "content": content}
    codes = {"post": ("200", "201", "202"), "put": ("200", "201"), "patch": ("200", "201")}
    return dict.fromkeys(codes.get(action, ("200",)), told) | {
        "401": {"description": "Unauthorized"}
    }


def _operation_id(kind: Kind, action: str, namespaced: bool, subresource: str) -> str:
    """`patchAppsV1NamespacedDeploymentStatus`: clients are generated from these."""
    done = _DONE.get(action, action)
    where = _camel(kind.group or "core") + kind.version.capitalize()
    collection = "Collection" if action == "deletecollection" else ""
    scope = "Namespaced" if namespaced else ""
    everywhere = "ForAllNamespaces" if kind.namespaced and not namespaced else ""
    return f"{done}{where}{collection}{scope}{kind.kind}{subresource.capitalize()}{everywhere}"


def _camel(group: str, first: bool = True) -> str:
    parts = group.removesuffix(".k8s.io").split(".")
    rest = "".join(part.capitalize() for part in parts[1:])
    return (parts[0].capitalize() if first else parts[0]) + rest


# --- schemas -------------------------------------------------------------------------------------


def _schemas(kinds: Iterable[Kind], paths: Document) -> Document:
    """Every schema that the paths refer to, with what those refer to."""
    known = schema.definitions()
    own: Document = {}
    for kind in kinds:
        if kind.custom:
            own |= _custom(kind)
    chosen: Document = {}
    waiting = list(references(paths))
    while waiting:
        name = waiting.pop()
        found = own.get(name, known.get(name))
        if name not in chosen and found is not None:  # {} is a schema: of anything
            chosen[name] = found
            waiting += references(found)
    return dict(sorted(chosen.items()))


def references(part: Any) -> Iterator[str]:
    """The names of all schemas that a part of a document refers to."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_REF)
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def _custom(kind: Kind) -> Document:
    """A CRD's schema, as a server publishes it: with metadata, and with a list of the kind."""
    assert kind.custom
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    plain = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    meta = {"metadata": {"allOf": [{"$ref": f"{_REF}{_META}.ObjectMeta"}]}}
    own = kind.custom.schema
    whole = {"type": "object"} | own
    if not own.get("x-kubernetes-preserve-unknown-fields") or "properties" in own:
        whole["properties"] = {**plain, **own.get("properties", {}), **meta}
    key = "x-kubernetes-group-version-kind"
    items = {"type": "array", "items": {"$ref": f"{_REF}{kind.schema_name}"}}
    of_list = {
        "type": "object", "required": ["items"],
        "properties": {**plain, "items": items, "metadata": {"$ref": f"{_REF}{_META}.ListMeta"}},
        key: [gvk | {"kind": f"{kind.kind}List"}],
    }  # fmt: skip
    return {kind.schema_name: whole | {key: [gvk]}, f"{kind.schema_name}List": of_list}


# --- Swagger 2 -----------------------------------------------------------------------------------


def _swagger(part: Any) -> Any:
    """What OpenAPI 3 wraps (`allOf` around a reference, oneOf, nullable) said plainly."""
    if isinstance(part, list):
        return [_swagger(value) for value in part]
    if not isinstance(part, dict):
        return part
    if name := schema.reference(part):
        return {"$ref": f"#/definitions/{name}"}
    if part.get("format") == "int-or-string" or part.get("oneOf") == [
        {"type": "string"}, {"type": "number"},
    ]:  # fmt: skip
        return {key: part[key] for key in ("format",) if key in part} | {"type": "string"}
    dropped = ("oneOf", "anyOf", "not", "allOf", "nullable", "default")
    return {
        key: {name: _swagger(field) for name, field in value.items()}
        if key == "properties"
        else _swagger(value)
        for key, value in part.items()
        if key not in dropped
    }


def _swagger_item(item: Document) -> Document:
    made: Document = {}
    for method, operation in item.items():
        if method == "parameters":
            made[method] = [_swagger_parameter(parameter) for parameter in operation]
            continue
        parameters = [_swagger_parameter(parameter) for parameter in operation["parameters"]]
        whole = {key: value for key, value in operation.items() if key != "requestBody"}
        if request := operation.get("requestBody"):
            content = request["content"]
            parameters.insert(0, {"name": "body", "in": "body", **_swagger_body(content)})
            whole["consumes"] = list(content)
        whole["responses"] = {
            code: {"description": told["description"]}
            | (_swagger_body(told["content"]) if "content" in told else {})
            for code, told in operation["responses"].items()
        }
        made[method] = whole | {"parameters": parameters, "produces": list(_MEDIA)}
    return made


def _swagger_body(content: Document) -> Document:
    return {"schema": _swagger(next(iter(content.values()))["schema"])}


def _swagger_parameter(parameter: Document) -> Document:
    plain: Document = {key: value for key, value in parameter.items() if key != "schema"}
    plain.update(parameter["schema"])
    return plain
