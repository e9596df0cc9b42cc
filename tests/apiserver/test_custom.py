"""CRDs: accepted, served, held to their schemas."""

from __future__ import annotations

import copy

import pytest

from feddns.apiserver import custom, decoding, discovery, jsonpath, kinds, validation
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY, ASKED = truthful.with_widgets()
NOW = "2026-11-21T00:00:00Z"


def crd(plural: str = "gadgets", kind: str = "Gadget", **more: object) -> Object:
    version = {"name": "v1", "served": True, "storage": True}
    schema = {"schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.com", "scope": "Namespaced", "versions": [version | schema]}
    names = {"names": {"plural": plural, "kind": kind, **more}}
    about = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    whole = {**about, "metadata": {"name": f"{plural}.example.com"}, "spec": {**spec, **names}}
    answer = truthful.ask(kinds.BUILTIN(), whole)
    assert answer.message is None
    return answer.made


@pytest.mark.parametrize("case", ASKED, ids=lambda case: str(case["spec"])[:50])
def test_held_to_its_schema_as_by_a_real_server(case: Object) -> None:
    answer = truthful.ask(REGISTRY, truthful.widget(case["spec"]))
    assert answer.message == case["message"]
    if answer.message is None:
        assert answer.made["spec"] == case["got"]
        assert answer.warnings == case["warnings"]


RULES: Object = {
    "int": {"type": "integer"}, "small": {"type": "integer", "format": "int32"},
    "tenth": {"type": "number", "multipleOf": 0.1}, "zeroth": {"type": "number", "multipleOf": 0},
    "over": {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
    "under": {"type": "integer", "maximum": 9, "exclusiveMaximum": True},
    "set": {"type": "array", "items": {"type": "number"}, "x-kubernetes-list-type": "set"},
    "word": {"type": "string", "pattern": "^[[:alnum:]]+$"},
    "end": {"type": "string", "pattern": r"^[$a]\$?b$"},
    "digit": {"type": "string", "pattern": r"^\d$"},
    "bare": {"type": "string", "pattern": "[[a]"}, "wrong": {"type": "string", "pattern": "("},
    "chosen": {"enum": [1, True, None, "x"], "x-kubernetes-preserve-unknown-fields": True},
    "few": {"type": "object", "minProperties": 1, "maxProperties": 2,
            "additionalProperties": {"type": "integer"}},
    "free": {"minimum": 1, "x-kubernetes-preserve-unknown-fields": True},
    "objects": {"type": "array", "x-kubernetes-list-type": "set",
                "items": {"type": "object", "additionalProperties": {"type": "integer"}}},
    "text": {"type": "string", "minLength": 2, "maxLength": 3},
    "list": {"type": "array", "items": {}, "minItems": 1, "maxItems": 2},
    "bound": {"type": "integer", "minimum": 1, "maximum": 9},
    "all": {"type": "integer", "allOf": [{"minimum": 1}, {"maximum": 9}]},
    "any": {"type": "integer", "anyOf": [{"minimum": 9}, {"maximum": 1}]},
    "one": {"type": "integer", "oneOf": [{"minimum": 5}, {"maximum": 6}]},
    "not": {"type": "integer", "not": {"minimum": 1}},
    **{name: {"type": "string", "format": name}
       for name in ("date-time", "date", "ipv4", "ipv6", "cidr", "uuid")},
}  # fmt: skip
TYPE = custom.type_of({"type": "object", "properties": RULES})
UUID = "00000000-0000-0000-0000-00000000000a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("int", 1.0), ("int", 2**63 - 1), ("int", -(2**63)), ("small", 2**31 - 1), ("tenth", 0.7),
        ("tenth", 3), ("zeroth", 1), ("over", 2), ("under", 8), ("set", [1, 1.0, 1.5]),
        ("word", "abc"), ("end", "ab"), ("end", "$b"), ("end", "a$b"), ("digit", "1"),
        ("bare", "["), ("wrong", ")"), ("chosen", True), ("chosen", 1.0), ("few", {"a": 1, "b": 2}),
        ("free", None), ("free", True), ("free", 1), ("objects", [{"a": 1}, {"a": 2}]),
        ("text", "éé"), ("text", "ééé"), ("list", [1]), ("list", [1, 2]), ("bound", 1),
        ("bound", 9), ("all", 1), ("all", 9), ("any", 1), ("any", 9), ("one", 4), ("one", 7),
        ("not", 0), ("small", -(2**31)),
        ("date-time", "2026-01-01t00:00:00z"), ("date-time", "2026-01-01T00:00:00.5+01:00"),
        ("date", "2026-01-01"), ("ipv4", "192.0.2.1"), ("ipv6", "2001:db8::1"),
        ("cidr", "192.0.2.1/24"), ("uuid", UUID), ("uuid", UUID.replace("-", "").upper()),
    ],
)  # fmt: skip
def test_values_that_are_good(name: str, value: object) -> None:
    assert custom.check_schema(TYPE, {name: value}) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("int", 2**63, 'Invalid value: "number": int in body must be of type integer: "number"'),
        ("int", 10**400, 'Invalid value: "number": int in body must be of type integer: "number"'),
        ("int", 1e30, 'Invalid value: "number": int in body must be of type integer: "number"'),
        ("small", 2**31, 'Invalid value: "": Checked value must be of type integer with format'
         " int32 in small"),
        ("int", -(2**63) - 1,
         'Invalid value: "number": int in body must be of type integer: "number"'),
        ("int", None, 'Invalid value: "null": int in body must be of type integer: "null"'),
        ("small", -(2**31) - 1, 'Invalid value: "": Checked value must be of type integer with'
         " format int32 in small"),
        ("free", 0, "Invalid value: 0: free in body should be greater than or equal to 1"),
        ("objects", [{"a": 1, "b": 2}, {"b": 2, "a": 1}], 'Duplicate value: {"b":2,"a":1}'),
        ("text", "e", 'Invalid value: "e": text in body should be at least 2 chars long'),
        ("text", "abcd", "Too long: may not be more than 3 bytes"),
        ("list", [], "Invalid value: 0: list in body should have at least 1 items"),
        ("list", [1, 2, 3], "Too many: 3: must have at most 2 items"),
        ("bound", 0, "Invalid value: 0: bound in body should be greater than or equal to 1"),
        ("bound", 10, "Invalid value: 10: bound in body should be less than or equal to 9"),
        ("all", 0, 'Invalid value: "": "all" must validate all the schemas (allOf)'),
        ("any", 5, 'Invalid value: "": "any" must validate at least one schema (anyOf)'),
        ("one", 5, 'Invalid value: "": "one" must validate one and only one schema (oneOf). Found 2'
         " valid alternatives"),
        ("not", 1, 'Invalid value: "": "not" must not validate the schema (not)'),
        ("tenth", 0.35, "Invalid value: 0.35: tenth in body should be a multiple of 0.1"),
        ("tenth", 1e30, "Invalid value: 1e+30: tenth in body should be a multiple of 0.1"),
        ("over", 1, "Invalid value: 1: over in body should be greater than 1"),
        ("under", 9, "Invalid value: 9: under in body should be less than 9"),
        ("set", [1.5, 1, 1.5], "Duplicate value: 1.5"),
        ("end", "b", r"""Invalid value: "b": end in body should match '^[$a]\$?b$'"""),
        ("end", "ab\n", r"""Invalid value: "ab\n": end in body should match '^[$a]\$?b$'"""),
        ("digit", "٣", r"""Invalid value: "٣": digit in body should match '^\d$'"""),
        ("chosen", "y",
         'Unsupported value: "y": supported values: "1", "true", "null", "x"'),
        ("few", {}, "Invalid value: 0: few in body should have at least 1 properties"),
        ("few", {"a": 1, "b": 1, "c": 1}, "Too many: 3: must have at most 2 items"),
    ],
)  # fmt: skip
def test_values_that_are_not(name: str, value: object, message: str) -> None:
    assert custom.check_schema(TYPE, {name: value})[0].message == message


@pytest.mark.parametrize(
    ("format", "value"),
    [
        ("date-time", "2026-13-31T00:00:00Z"), ("date-time", "20260101T000000Z"),
        ("date-time", "2026-01-01T00:00Z"), ("date-time", "2026-01-01 00:00:00Z"),
        ("date", "20260101"), ("date", "2026-W01-1"), ("date", "2026-02-30"), ("ipv4", "::1"),
        ("ipv6", "fe80::1%e"), ("ipv6", "192.0.2.1"), ("cidr", "192.0.2.1"), ("cidr", "x/8"),
        ("uuid", f"{{{UUID}}}"), ("uuid", UUID[:-1]),
    ],
)  # fmt: skip
def test_what_is_not_of_its_format(format: str, value: str) -> None:
    (cause,) = custom.check_schema(TYPE, {format: value})
    words = f'Invalid value: "{value}": {format} in body must be of type {format}: "{value}"'
    assert (cause.reason, cause.message) == ("FieldValueTypeInvalid", words)


def test_a_large_set_takes_no_long() -> None:
    assert custom.check_schema(TYPE, {"set": list(range(100_000))}) == []


def test_accepted_and_served_and_gone() -> None:
    registry, gadgets = kinds.BUILTIN(), crd(shortNames=["gg"])
    before = registry.version
    status = custom.accept(registry, gadgets, NOW)
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [
        ("NamesAccepted", "True", "NoConflicts"),
        ("Established", "True", "InitialNamesAccepted"),
    ]
    assert status["acceptedNames"]["listKind"] == "GadgetList"
    assert status["storedVersions"] == ["v1"]
    gadgets["status"] = status
    assert custom.accept(registry, gadgets, "2027-01-01T00:00:00Z") == status
    (kind,) = custom.install(registry, gadgets)
    assert registry.find("example.com", "v1", "gadgets") is kind
    assert registry.version > before
    assert discovery.answer("/apis/example.com/v1", "", registry) is not None
    assert custom.remove(registry, gadgets) == [kind]
    assert registry.find("example.com", "v1", "gadgets") is None
    assert discovery.answer("/apis/example.com/v1", "", registry) is None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"plural": "things", "kind": "Gadget", "singular": "thing"}, "KindConflict"),
        ({"plural": "things", "kind": "Thing", "shortNames": ["gg"]}, "ShortNamesConflict"),
        ({"plural": "things", "kind": "Thing", "singular": "gadget"}, "SingularConflict"),
    ],
)
def test_names_that_are_taken(more: Object, reason: str) -> None:
    registry = kinds.BUILTIN()
    custom.install(registry, crd(shortNames=["gg"]))
    first, second = custom.accept(registry, crd(**more), NOW)["conditions"]
    assert (first["type"], first["status"], first["reason"]) == ("NamesAccepted", "False", reason)
    assert (second["type"], second["reason"]) == ("Established", "NotAccepted")


def test_versions_that_differ_by_their_names() -> None:
    registry, gadgets = kinds.BUILTIN(), crd()
    newer = copy.deepcopy(gadgets["spec"]["versions"][0]) | {"name": "v2", "storage": False}
    gadgets["spec"]["versions"].append(newer | {"deprecated": True})
    old, new = custom.install(registry, gadgets)
    assert registry.stored_as(new) is old
    assert set(registry.siblings(old)) == {old, new}
    obj = {"apiVersion": "example.com/v2", "kind": "Gadget", "metadata": {}}
    assert kinds.convert(obj, old)["apiVersion"] == "example.com/v1"
    assert validation.warnings(new, obj) == ["example.com/v2 Gadget is deprecated"]


def test_rules_in_cel_are_accepted_and_said_not_to_be_kept() -> None:
    gadgets = crd()
    schema = gadgets["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"] = {"spec": {"type": "object", "x-kubernetes-validations": [{"rule": "x"}]}}
    kind = truthful.kind_of(kinds.BUILTIN(), gadgets)
    assert validation.warnings(kind, gadgets) == [
        "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations:"
        " rules in CEL are kept, not evaluated"
    ]
    assert validation.warnings(kind, gadgets, gadgets) == []


def test_the_crd_of_clusters_may_lie_there_and_changes_nothing() -> None:
    registry = kinds.BUILTIN()
    built_in = registry.find(kinds.CLUSTERS, "v1beta1", "clusters")
    clusters = crd("clusters", "Cluster")
    clusters["spec"]["group"] = kinds.CLUSTERS
    assert custom.accept(registry, clusters, NOW)["conditions"][0]["status"] == "True"
    assert custom.install(registry, clusters) == []
    assert registry.find(kinds.CLUSTERS, "v1beta1", "clusters") is built_in


def test_metadata_is_decoded_as_in_every_kind() -> None:
    kind = truthful.kind_of(REGISTRY, truthful.widget({}))
    obj = truthful.widget({"q": 1, "map": [{"k": "a", "w": 1}]}) | {"yy": 3}
    obj["metadata"] |= {"zz": 3, "labels": {}, "creationTimestamp": None}
    assert decoding.decode(kind, obj) == [
        'unknown field "metadata.zz"', 'unknown field "spec.map[0].w"', 'unknown field "spec.q"',
        'unknown field "yy"',
    ]  # fmt: skip
    assert obj == truthful.widget({"map": [{"k": "a"}]})


def test_a_null_stays_where_it_may_be() -> None:
    names: Object = {"a": {"type": "string", "nullable": True}, "b": {"type": "string"}}
    inner = {"type": "object", "properties": names}
    gadgets = crd()
    schema = gadgets["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"] = {**names, "spec": inner}
    (kind,) = custom.install(kinds.BUILTIN(), gadgets)
    nulls = {"a": None, "b": None}
    obj: Object = {"metadata": {}, **nulls, "spec": dict(nulls)}
    assert decoding.decode(kind, obj) == []
    assert obj == {"metadata": {}, "a": None, "spec": {"a": None}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]), (".a['b']", [1]), (".x", []), (".list[0].k", ["p"]), (".list[-1].k", ["q"]),
        (".list[5]", []), (".list[*].k", ["p", "q"]), ('.list[?(@.k=="q")].v', [2]),
        (".list[?(@.v>1)].k", ["q"]), (".list[?(@.v)].k", ["p", "q"]), ("{.a.b}", [1]),
        (".list[?(@.v>=2)].k", ["q"]), (".list[?(@.v<=1)].k", ["p"]), (".list[?(@.v<2)].k", ["p"]),
        ('.list[?(@.k!="q")].v', [1]), (".list[?(@.k>1)].v", []), (".list[?(@.x)].v", []),
        ("[*].b", [1]), (".a.b[*]", []), (".a.b.*", []), (".list[-3]", []), (".list[2]", []),
        (r".dotted['x\.y/z']", ["d"]), (r".dotted.x\.y/z", ["d"]), (".a[0]", []), (".a.*", [1]),
    ],
)  # fmt: skip
def test_json_paths(path: str, found: list[object]) -> None:
    obj = {
        "a": {"b": 1}, "list": [{"k": "p", "v": 1}, {"k": "q", "v": 2}], "dotted": {"x.y/z": "d"}
    }  # fmt: skip
    assert jsonpath.find(path, obj) == found


@pytest.mark.parametrize("path", [".a[", "a..b", ".list[?(x)]", f"[?(@{'.a' * 200}"])
def test_what_is_no_json_path(path: str) -> None:
    with pytest.raises(jsonpath.PathError, match="is not understood at"):
        jsonpath.find(path, {})


def refused(rules: Object, columns: list[Object] | None = None, several: bool = False) -> str:
    """What is said of a CRD with this schema and these columns."""
    whole = crd()
    (version,) = whole["spec"]["versions"]
    version["schema"]["openAPIV3Schema"] |= rules
    version["additionalPrinterColumns"] = columns or []
    if several:
        whole["spec"]["versions"].append(version | {"name": "v2", "storage": False})
    return truthful.ask(kinds.BUILTIN(), whole).message or ""


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"$ref": "#/x"}, "$ref: Forbidden: $ref is not supported"),
        ({"properties": {"a": {"type": "object", "$ref": "x"}}}, "properties[a].$ref: Forbidden: "),
        ({"allOf": [{"$ref": "#/x"}]}, "allOf[0].$ref: Forbidden: "),
        ({"not": {"$ref": "#/x"}}, "not.$ref: Forbidden: "),
        ({"properties": {"a": {"type": "array", "items": {"type": "string", "$ref": "x"}}}},
         "properties[a].items.$ref: Forbidden: "),
        ({"properties": {"a": {"type": "array", "items": [{"type": "string"}]}}},
         "properties[a].items: Forbidden: items must be a schema object and not an array"),
        ({"properties": {"a": {"type": "array"}}},
         "properties[a].items: Required value: must be specified"),
        ({"properties": {"a": {}}},
         "properties[a].type: Required value: must not be empty for specified object fields"),
        ({"additionalProperties": {"type": "x"}}, "additionalProperties.type: Unsupported value: "),
    ],
)  # fmt: skip
def test_schemas_that_are_refused(rules: Object, message: str) -> None:
    assert f"spec.validation.openAPIV3Schema.{message}" in refused(rules)


@pytest.mark.parametrize("path", ["spec", "{.spec}", ".a..b", ".a["])
def test_columns_that_are_refused(path: str) -> None:
    column = {"name": "A", "type": "integer", "jsonPath": path}
    words = f'Invalid value: "{path}": must be a simple json path starting with .'
    assert f"spec.additionalPrinterColumns[0].JSONPath: {words}" in refused({}, [column])
    place = "spec.versions[1].additionalPrinterColumns[0].JSONPath"
    assert f"{place}: {words}" in refused({}, [column], several=True)
