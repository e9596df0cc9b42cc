"""The schema of a kind as a tree of types: what validation, patch and apply walk along.

    shape      children                     lists and maps merge by
    object     `fields`, by name            `map_type` atomic, or field by field
    map        `element`                    `map_type` atomic, or key by key
    list       `element`                    `list_type`: atomic, set, map (by `keys`)
    string integer number boolean           (leaves)
    any        anything: RawExtension, IntOrString (`int_or_string`), preserve-unknown-fields

The published schemas of the built-in kinds are in `schema.msgpack.gz`, without their descriptions;
`tools/schemas.py` makes it from a kube-apiserver's /openapi/v3 and deploy/crds.  A Quantity is a
string of format `quantity`, a MicroTime one of `micro-time`.  `required` is what is published, not
what a server demands of built-in kinds: that is in `validation`; only CRDs are held to theirs.

Pure, but for the asset, read once.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from feddns.apiserver.kinds import Kind

_REF = "#/components/schemas/"
_OLD = "io.k8s.api.extensions."
"""Of these no Go code is left to read; they are as strict as the others all the same."""
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SHAPES = {
    "object": "object", "array": "list", "string": "string", "integer": "integer",
    "number": "number", "boolean": "boolean",
}  # fmt: skip
_CONSTRAINTS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "allOf",
    "anyOf", "oneOf", "not", "x-kubernetes-embedded-resource",
)  # fmt: skip


class Struct(msgspec.Struct, frozen=True):
    """How a kube-apiserver writes a definition's fields (tools/gofields.py)."""

    omit: frozenset[str] = frozenset()
    """Left out when empty: "", 0, false, [], {}."""
    emit: dict[str, Any] = {}
    """There also when nobody set them: with this value, a struct ({}) with its own fields."""
    go: dict[str, str] = {}
    """Their types, as its decoder's errors name them."""


class Type(msgspec.Struct, eq=False):
    """A node.  Types may be recursive (JSONSchemaProps), so they are compared by identity."""

    shape: str = "any"
    fields: dict[str, Type] = {}
    element: Type | None = None
    required: tuple[str, ...] = ()
    list_type: str = ""
    """atomic, set or map (x-kubernetes-list-type); empty means atomic."""
    keys: tuple[str, ...] = ()
    """x-kubernetes-list-map-keys."""
    map_type: str = ""
    """atomic or granular (x-kubernetes-map-type); empty means granular."""
    merge_key: str = ""
    """x-kubernetes-patch-merge-key: of strategic merge patches."""
    strategy: tuple[str, ...] = ()
    """x-kubernetes-patch-strategy: merge, replace, retainKeys."""
    format: str = ""
    enum: tuple[Any, ...] = ()
    default: Any = msgspec.UNSET
    int_or_string: bool = False
    nullable: bool = False
    preserves_unknown: bool = False
    pattern: str = ""
    description: str = ""
    schema: dict[str, Any] = {}
    """The rest of a CRD's schema (minimum, maxLength, …), for validation alone."""
    name: str = ""
    """Of the Go struct ("ServicePort"); what CRDs say has none."""
    struct: Struct = Struct()


def type_of(kind: Kind) -> Type:
    """The type of the kind's objects, metadata included."""
    return kind.custom.type if kind.custom else named(kind.definition)


def empty(type: Type) -> dict[str, Any]:
    """What a new object of a built-in type has before anybody sets anything.

    Structs that are always there, and what is written although it is unset.  What is in it
    belongs to nobody.  Empty for the kinds of CRDs.  Each time anew, as defaults are filled in in
    place.
    """
    return {
        name: empty(type.fields[name]) if zero == {} else zero
        for name, zero in type.struct.emit.items()
    }


class Asset(msgspec.Struct):
    schemas: dict[str, dict[str, Any]]
    structs: dict[str, Struct]


@cache
def _asset() -> Asset:
    packed = resources.files("feddns.apiserver").joinpath("schema.msgpack.gz").read_bytes()
    return msgspec.msgpack.decode(gzip.decompress(packed), type=Asset)


def definitions() -> dict[str, dict[str, Any]]:
    """Every published schema by name, as OpenAPI v3 has it.  Not to be changed."""
    return _asset().schemas


@cache
def named(definition: str) -> Type:
    """The type of one definition of the asset."""
    return _named(definition)


def read(schema: dict[str, Any]) -> Type:
    """A schema without references, as in a CRD, to its tree of types."""
    return _read(schema)


# What JSON schema says in another way than the rest of the tree.
_SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Type("string", format="quantity"),
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": Type("string", format="micro-time"),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Type(int_or_string=True),
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": Type(preserves_unknown=True),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": Type(preserves_unknown=True),
}
_types: dict[str, Type] = dict(_SPECIAL)


def _named(name: str) -> Type:
    """Recursion ends at `_types`: a type stands there before its fields are read."""
    found = _types.get(name)
    if found is None:
        found = _types[name] = Type()
        _fill(found, definitions()[name])
        struct = _asset().structs.get(name)
        if struct or name.startswith(_OLD):
            found.name, found.struct = name.rpartition(".")[2], struct or Struct()
    return found


def _read(schema: dict[str, Any]) -> Type:
    name = reference(schema)
    if name:
        return _named(name)
    made = Type()
    _fill(made, schema)
    return made


def reference(schema: dict[str, Any]) -> str:
    """The name of the definition that a schema refers to, also through allOf; or nothing."""
    ref = schema.get("$ref")
    if ref is None and len(parts := schema.get("allOf", ())) == 1:
        ref = parts[0].get("$ref")
    return str(ref or "").removeprefix(_REF)


def _fill(made: Type, schema: dict[str, Any]) -> None:
    made.shape = _SHAPES.get(schema.get("type", ""), "any")
    made.int_or_string = bool(
        schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string"
    )
    made.preserves_unknown = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    _fill_children(made, schema)
    made.required = tuple(schema.get("required", ()))
    made.list_type = schema.get("x-kubernetes-list-type", "")
    made.keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
    made.map_type = schema.get("x-kubernetes-map-type", "")
    made.merge_key = schema.get("x-kubernetes-patch-merge-key", "")
    made.strategy = tuple(filter(None, schema.get("x-kubernetes-patch-strategy", "").split(",")))
    made.format = schema.get("format", "")
    made.enum = tuple(schema.get("enum", ()))
    made.nullable = bool(schema.get("nullable"))
    made.pattern = schema.get("pattern", "")
    made.description = schema.get("description", "")
    if "default" in schema:
        made.default = schema["default"]
    made.schema = {key: _constraint(key, schema[key]) for key in _CONSTRAINTS if key in schema}


def _constraint(key: str, value: Any) -> Any:
    """A constraint; where it is made of schemas, of types."""
    if key in ("allOf", "anyOf", "oneOf"):
        return [_read(part) for part in value]
    return _read(value) if key == "not" else value


def _fill_children(made: Type, schema: dict[str, Any]) -> None:
    """Without a type, properties are those of an alternative (`anyOf`): they are only looked at."""
    if made.shape == "list":
        made.element = _read(schema.get("items", {}))
    elif "properties" in schema:
        made.fields = {name: _read(part) for name, part in schema["properties"].items()}
    elif more := schema.get("additionalProperties"):
        made.shape = "map"
        made.element = _read(more if isinstance(more, dict) else {})


META = named(_META)
