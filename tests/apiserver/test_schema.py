"""The tree of types, and the asset that it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddns.apiserver import kinds, schema
from feddns.apiserver.schema import Type
from tests.realcluster import RealCluster
from tools import gofields, schemas

REGISTRY = kinds.BUILTIN()


def at(kind: str, *path: str) -> Type:
    group, _, name = kind.rpartition("/")
    found = REGISTRY.of_kind(group, "v1", name)
    assert found
    place = schema.type_of(found)
    for step in path:
        below = place.element if step == "*" else place.fields[step]
        assert below
        place = below
    return place


def test_how_lists_and_maps_merge() -> None:
    ports = at("Service", "spec", "ports")
    assert (ports.shape, ports.list_type, ports.keys) == ("list", "map", ("port", "protocol"))
    assert (ports.merge_key, ports.strategy) == ("port", ("merge",))
    assert at("Service", "spec", "ports", "*", "protocol").default == "TCP"
    assert at("Service", "spec", "selector").map_type == "atomic"
    assert at("apps/Deployment", "spec", "template", "spec", "volumes").strategy == (
        "merge", "retainKeys",
    )  # fmt: skip


def test_what_is_written_in_another_way() -> None:
    limits = ("spec", "containers", "*", "resources", "limits")
    assert at("Pod", *limits).shape == "map"
    assert at("Pod", *limits, "*").format == "quantity"
    assert at("Service", "spec", "ports", "*", "targetPort").int_or_string
    assert at("Event", "eventTime").format == "micro-time"
    assert at("ConfigMap", "metadata", "managedFields", "*", "fieldsV1").preserves_unknown


def test_types_may_be_recursive() -> None:
    crd = "apiextensions.k8s.io/CustomResourceDefinition"
    props = at(crd, "spec", "versions", "*", "schema", "openAPIV3Schema")
    assert props.fields["properties"].element is props


def test_what_a_server_writes_of_empty_fields() -> None:
    service = at("Service", "spec")
    assert service.name == "ServiceSpec"
    assert "ports" in service.struct.omit
    assert at("apps/Deployment").struct.emit == {
        "metadata": {}, "spec": {}, "status": {}
    }  # fmt: skip


def test_the_schema_of_a_crd() -> None:
    read = schema.read(
        {
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 1, "default": 3},
                "b": {"type": "array", "items": {"type": "string", "nullable": True}},
                "c": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "d": {"anyOf": [{"type": "integer"}], "x-kubernetes-int-or-string": True},
                "e": {"type": "object", "additionalProperties": {"type": "boolean"}},
            },
        }
    )  # fmt: skip
    a, b, c, d, e = read.fields.values()
    assert (read.required, a.default, a.schema) == (("a",), 3, {"minimum": 1})
    assert b.element is not None
    assert b.element.nullable
    assert c.preserves_unknown
    assert d.int_or_string
    assert d.schema["anyOf"][0].shape == "integer"
    assert e.element is not None
    assert e.element.shape == "boolean"


def test_a_new_object_has_its_structs_and_they_are_its_own() -> None:
    services = at("Service")
    made = schema.empty(services)
    assert made["spec"] == {}
    assert made["status"] == {"loadBalancer": {}}
    made["status"]["loadBalancer"]["ingress"] = []
    assert schema.empty(services)["status"] == {"loadBalancer": {}}
    assert schema.empty(Type("object", {"a": Type("string")})) == {}


def test_the_asset_is_what_the_tool_makes(cluster: RealCluster) -> None:
    if not (gofields.MODULES / f"api@{schemas.VERSION}").exists():
        pytest.skip("Go's module cache has no sources of Kubernetes; tools/peers.sh brings them")
    made = schemas.make(schemas.published(str(cluster.kubeconfig)), schemas.crd())
    assert made == Path(schemas.ASSET).read_bytes()
