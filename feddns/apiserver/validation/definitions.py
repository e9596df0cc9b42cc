"""The rules of CustomResourceDefinitions: names, versions, structural schemas.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from feddns.apiserver import jsonpath
from feddns.apiserver.kinds import OWN
from feddns.apiserver.problems import (
    IMMUTABLE,
    Problems,
    label_1035,
    subdomain,
)

Object = dict[str, Any]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_COLUMNS = ("boolean", "date", "integer", "number", "string")
_SCOPES = ("Cluster", "Namespaced")
_ONE_STORED = "must have exactly one version marked as storage version"


def definition(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    names, versions = spec["names"], spec["versions"] or []
    plural, group = names["plural"], spec["group"]
    name = obj["metadata"].get("name", "")
    if name != f"{plural}.{group}":
        found.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    _group_and_scope(spec, found)
    for number, version in enumerate(versions):
        _version(version, f"spec.versions[{number}]", len(versions) > 1, found)
    _stored(versions, found)
    _names(names, found)
    if not obj.get("status", {}).get("storedVersions"):
        detail = "must have at least one stored version"
        found.invalid("status.storedVersions", None, detail)
    if old:
        _changes(obj, old, found)


def _group_and_scope(spec: Object, found: Problems) -> None:
    group, scope = spec["group"], spec["scope"]
    if not group:
        found.required("spec.group")
    elif wrong := subdomain(group):
        found.each("spec.group", group, wrong)
    elif "." not in group:
        found.invalid("spec.group", group, "should be a domain with at least one dot")
    if not scope:
        found.required("spec.scope")
    else:
        found.one_of("spec.scope", scope, _SCOPES)


def _stored(versions: list[Object], found: Problems) -> None:
    if sum(bool(version["storage"]) for version in versions) != 1:
        found.invalid("spec.versions", versions or None, _ONE_STORED)
    elif len({version["name"] for version in versions}) != len(versions):
        found.invalid("spec.versions", versions, "must contain unique version names")


def _names(names: Object, found: Problems) -> None:
    for field in ("plural", "singular", "kind", "listKind"):
        value = names.get(field, "")
        if not value:
            found.required(f"spec.names.{field}")
        else:
            lower = value if field in ("plural", "singular") else value.lower()
            found.each(f"spec.names.{field}", value, label_1035(lower))
    for field in ("shortNames", "categories"):
        for number, value in enumerate(names.get(field, ())):
            found.each(f"spec.names.{field}[{number}]", value, label_1035(value))
    if names["kind"] and names["kind"] == names.get("listKind"):
        detail = "kind and listKind may not be the same"
        found.invalid("spec.names.listKind", names["kind"], detail)


def _version(version: Object, here: str, several: bool, found: Problems) -> None:
    found.each(f"{here}.name", version["name"], label_1035(version["name"]))
    whole = version.get("schema", {}).get("openAPIV3Schema")
    if whole is None:
        found.required(f"{here}.schema.openAPIV3Schema")
    else:
        # With one version, a server tells of the schema as it was before there were several.
        place = f"{here}.schema" if several else "spec.validation"
        _schema(whole, f"{place}.openAPIV3Schema", found)
    for number, column in enumerate(version.get("additionalPrinterColumns", ())):
        place = here if several else "spec"
        _column(column, f"{place}.additionalPrinterColumns[{number}]", found)


def _column(column: Object, here: str, found: Problems) -> None:
    if not column["name"]:
        found.required(f"{here}.name")
    if not column["type"]:
        found.required(f"{here}.type", f"must be one of {','.join(_COLUMNS)}")
    elif column["type"] not in _COLUMNS:
        found.invalid(f"{here}.type", column["type"], f"must be one of {','.join(_COLUMNS)}")
    path = column["jsonPath"]
    if not path:
        found.required(f"{here}.JSONPath")
    elif not path.startswith(".") or not _is_read(path):
        detail = "must be a simple json path starting with ."
        found.invalid(f"{here}.JSONPath", path, detail)


def _is_read(path: str) -> bool:
    try:
        jsonpath.parse(path)
    except jsonpath.PathError:
        return False
    return True


def _schema(whole: Object, here: str, found: Problems) -> None:
    if whole.get("type") not in ("object", None, ""):
        found.invalid(f"{here}.type", whole["type"], "must be object at the root")
        return
    if not whole.get("type"):
        found.required(f"{here}.type", "must not be empty at the root")
    for place, part in _within(whole, here):
        if "$ref" in part:
            found.forbidden(f"{place}.$ref", "$ref is not supported")
    _parts(whole, here, found)


def _parts(schema: Object, here: str, found: Problems) -> None:
    """Structural: every value has a type, and what is in it is known."""
    for name, part in sorted(schema.get("properties", {}).items()):
        _typed(part, f"{here}.properties[{name}]", "for specified object fields", found)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        _typed(more, f"{here}.additionalProperties", "for specified object fields", found)
    if more is not None and schema.get("properties"):
        detail = "additionalProperties and properties are mutual exclusive"
        found.forbidden(f"{here}.additionalProperties", detail)
    items = schema.get("items")
    if isinstance(items, dict):
        _typed(items, f"{here}.items", "for specified array items", found)
    elif isinstance(items, list):
        found.forbidden(f"{here}.items", "items must be a schema object and not an array")
    elif schema.get("type") == "array":
        found.required(f"{here}.items", "must be specified")


def _typed(schema: Object, here: str, what: str, found: Problems) -> None:
    kind = schema.get("type")
    lax = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get(
        "x-kubernetes-int-or-string"
    )
    if not kind and not lax:
        found.required(f"{here}.type", f"must not be empty {what}")
    elif kind and kind not in _TYPES:
        found.unsupported(f"{here}.type", kind, _TYPES)
    _parts(schema, here, found)


def _changes(obj: Object, old: Object, found: Problems) -> None:
    """Once names are accepted, objects lie under them."""
    spec, before = obj["spec"], old["spec"]
    if spec["group"] != before["group"]:
        found.invalid("spec.group", spec["group"], IMMUTABLE)
    conditions = old.get("status", {}).get("conditions") or ()
    if not any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
        return
    if spec["scope"] != before["scope"]:
        found.invalid("spec.scope", spec["scope"], IMMUTABLE)
    for field in ("kind", "plural"):
        if spec["names"][field] != before["names"][field]:
            found.invalid(f"spec.names.{field}", spec["names"][field], IMMUTABLE)
    names = [version["name"] for version in spec["versions"] or ()]
    for number, name in enumerate(obj.get("status", {}).get("storedVersions") or ()):
        if name not in names:
            detail = "missing from spec.versions; "
            detail += f"{name} was previously a storage version, and must remain in spec.versions"
            detail += " until a storage migration ensures no data remains persisted in"
            detail += f" {name} and removes {name} from status.storedVersions"
            found.invalid(f"status.storedVersions[{number}]", name, detail)


def warnings(obj: Object) -> list[str]:
    """Rules that this server does not keep."""
    if obj["spec"]["group"] in OWN:
        return []
    told = []
    for number, version in enumerate(obj["spec"]["versions"] or ()):
        whole = version.get("schema", {}).get("openAPIV3Schema", {})
        here = f"spec.versions[{number}].schema.openAPIV3Schema"
        for place, part in _within(whole, here):
            if part.get("x-kubernetes-validations"):
                place = f"{place}.x-kubernetes-validations"
                told.append(f"{place}: rules in CEL are kept, not evaluated")
    if obj["spec"].get("conversion", {}).get("strategy") == "Webhook":
        told.append("spec.conversion.strategy: no webhook is called; versions differ by name only")
    return told


def _within(schema: Any, here: str) -> Iterator[tuple[str, Object]]:
    """The schema and every schema in it, with their places."""
    if not isinstance(schema, dict):
        return
    yield here, schema
    for name, part in schema.get("properties", {}).items():
        yield from _within(part, f"{here}.properties[{name}]")
    for field in ("allOf", "anyOf", "oneOf"):
        for number, part in enumerate(schema.get(field, ())):
            yield from _within(part, f"{here}.{field}[{number}]")
    for field in ("items", "additionalProperties", "not"):
        yield from _within(schema.get(field), f"{here}.{field}")
