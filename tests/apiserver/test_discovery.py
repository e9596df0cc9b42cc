"""Discovery and OpenAPI: for our kinds the same as from a real kube-apiserver."""

from __future__ import annotations

import json
from typing import Any

import pytest

from feddns.apiserver import discovery, kinds, openapi
from feddns.apiserver.refusals import RequestRefused
from tests.apiserver import truthful
from tests.realcluster import RealCluster

REGISTRY = kinds.BUILTIN()
KUBECTL = f"{discovery.AGGREGATED},application/json"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
OURS = ("federation.feddns.dev", "federation", "extensions")


def answer(path: str, accept: str = "application/json") -> Any:
    found = discovery.answer(path, accept, REGISTRY)
    assert found, path
    return json.loads(found[1])


def test_paths_that_there_are_not() -> None:
    for path in ("/apis/nothing", "/apis/apps/v9", "/api/v2", "/openapi/v3/apis/nothing/v1", "/x"):
        assert discovery.answer(path, "", REGISTRY) is None


def test_a_slash_at_the_end_is_no_other_path() -> None:
    for path in ("/version", "/api", "/apis", "/apis/apps/v1", ""):
        assert answer(f"{path}/") == answer(path)


@pytest.mark.parametrize(
    ("accept", "aggregated"),
    [
        (KUBECTL, True), ("application/json", False), ("*/*", False),
        (f"application/json,{discovery.AGGREGATED}", False), ("", False),
        (f"{V2BETA1},application/json", False), ("application/yaml", False),
    ],
)  # fmt: skip
def test_everything_at_once_for_whom_asks_for_it(accept: str, aggregated: bool) -> None:
    kind = "APIGroupDiscoveryList" if aggregated else "APIGroupList"
    found = discovery.answer("/apis", accept, REGISTRY)
    assert found is not None
    assert json.loads(found[1])["kind"] == kind
    assert found[0] == (discovery.AGGREGATED if aggregated else "application/json")


@pytest.mark.parametrize("accept", [V2BETA1, "text/html", "application/vnd.kubernetes.protobuf"])
def test_who_takes_nothing_that_there_is(accept: str) -> None:
    with pytest.raises(RequestRefused, match="only the following media types") as refused:
        discovery.answer("/apis", accept, REGISTRY)
    assert refused.value.code == 406


def test_made_once_for_each_set_of_kinds() -> None:
    registry, _ = truthful.with_widgets()
    first = discovery.answer("/apis", "", registry)
    assert discovery.answer("/apis", "", registry)[1] is first[1]  # type: ignore[index]
    registry.remove(registry.find("example.com", "v1", "widgets"))  # type: ignore[arg-type]
    assert discovery.answer("/apis", "", registry) != first


def test_old_versions_have_no_short_names_and_come_last() -> None:
    groups = [group["name"] for group in answer("/apis")["groups"]]
    assert groups[-2:] == ["federation", "extensions"]
    for resource in answer("/apis/extensions/v1beta1")["resources"]:
        assert "shortNames" not in resource
        assert "categories" not in resource


def test_the_address_of_a_document_changes_with_its_kinds() -> None:
    def address(registry: kinds.Registry, path: str) -> str:
        found = discovery.answer("/openapi/v3", "", registry)
        assert found
        return str(json.loads(found[1])["paths"][path]["serverRelativeURL"])

    registry, _ = truthful.with_widgets()
    before = address(registry, "apis/example.com/v1")
    assert before.startswith("/openapi/v3/apis/example.com/v1?hash=")
    assert address(registry, "api/v1") == address(REGISTRY, "api/v1")


def test_the_document_of_a_crd() -> None:
    registry, _ = truthful.with_widgets()
    found = discovery.answer("/openapi/v3/apis/example.com/v1", "", registry)
    assert found
    document = json.loads(found[1])
    schema = document["components"]["schemas"]["com.example.v1.Widget"]
    gvk = {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert schema["x-kubernetes-group-version-kind"] == [gvk]
    assert schema["properties"]["metadata"]["allOf"][0]["$ref"].endswith("v1.ObjectMeta")
    item = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]
    names = [one["name"] for one in item["patch"]["parameters"]]
    assert names == ["dryRun", "fieldManager", "fieldValidation", "force"]
    assert item["patch"]["x-kubernetes-group-version-kind"] == gvk


def test_whatever_a_document_refers_to_is_in_it() -> None:
    for path in answer("/openapi/v3")["paths"]:
        document = answer(f"/openapi/v3/{path}")
        known = set(document["components"]["schemas"])
        assert set(openapi.references(document)) <= known


def test_swagger_says_it_plainly() -> None:
    document = answer("/openapi/v2")
    port = document["definitions"]["io.k8s.api.core.v1.ServicePort"]["properties"]["targetPort"]
    assert port["$ref"] == "#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString"
    patch = document["paths"]["/api/v1/namespaces/{namespace}/services/{name}"]["patch"]
    assert patch["parameters"][0]["name"] == "body"
    assert "application/strategic-merge-patch+json" in patch["consumes"]
    asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    assert discovery.answer("/openapi/v2", asked, REGISTRY) == (openapi.PROTOBUF, openapi.EMPTY)


# --- beside a real one ---------------------------------------------------------------------------


def versions() -> list[str]:
    paths = {openapi.base(kind.group, kind.version) for kind in REGISTRY.all()}
    return sorted(path for path in paths if path.split("/")[2] not in OURS)


@pytest.mark.parametrize("path", versions())
def test_resources_as_a_real_server_tells_them(path: str, cluster: RealCluster) -> None:
    told = {one["name"]: one for one in cluster.request("GET", path)["resources"]}
    for ours in answer(path)["resources"]:
        real = told[ours["name"]]
        real.pop("storageVersionHash", None)
        assert ours == real


@pytest.mark.parametrize("path", versions())
def test_operations_as_a_real_server_tells_them(path: str, cluster: RealCluster) -> None:
    told = cluster.request("GET", f"/openapi/v3{path}")["paths"]
    for place, item in answer(f"/openapi/v3{path}")["paths"].items():
        for method, ours in item.items():
            if method == "parameters":
                continue
            real = told[place][method]
            for key in ("operationId", "x-kubernetes-action", "x-kubernetes-group-version-kind"):
                assert ours.get(key) == real.get(key), (place, method)
