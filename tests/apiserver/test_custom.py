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


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]), (".a['b']", [1]), (".x", []), (".list[0].k", ["p"]), (".list[-1].k", ["q"]),
        (".list[5]", []), (".list[*].k", ["p", "q"]), ('.list[?(@.k=="q")].v', [2]),
        (".list[?(@.v>1)].k", ["q"]), (".list[?(@.v)].k", ["p", "q"]), ("{.a.b}", [1]),
        (r".dotted['x\.y/z']", ["d"]), (r".dotted.x\.y/z", ["d"]), (".a[0]", []), (".a.*", [1]),
    ],
)  # fmt: skip
def test_json_paths(path: str, found: list[object]) -> None:
    obj = {
        "a": {"b": 1}, "list": [{"k": "p", "v": 1}, {"k": "q", "v": 2}], "dotted": {"x.y/z": "d"}
    }  # fmt: skip
    assert jsonpath.find(path, obj) == found


@pytest.mark.parametrize("path", [".a[", "a..b", ".list[?(x)]"])
def test_what_is_no_json_path(path: str) -> None:
    with pytest.raises(jsonpath.PathError, match="is not understood at"):
        jsonpath.find(path, {})
