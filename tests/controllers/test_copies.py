"""What copies are made of, when they are as wanted, and that a real API server agrees."""

from __future__ import annotations

import copy as copying
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers import copies, kinds
from controllers.copies import Marks
from controllers.kinds import CONFIGMAPS, DAEMONSETS, NAMESPACES, SECRETS, SERVICES
from tests.clusterapi import Api, path_of
from tests.clusterprograms import ClusterFailed
from tests.controllers import fake as a

ROWS = {row.resource: row for row in kinds.TABLE}
HTTP = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
HTTPS = {"name": "https", "port": 443, "protocol": "TCP"}


def body(federated: a.Object, override: a.Object | None = None) -> dict[str, Any]:
    resource = a.key_of(federated).resource
    return copies.body(ROWS[resource], federated, Marks("fellowship", "api"), override)


def spec(federated: a.Object) -> dict[str, Any]:
    found: dict[str, Any] = body(federated)["spec"]
    return found


# --- metadata -------------------------------------------------------------------------------------


def test_labels_and_annotations_are_copied_and_marked() -> None:
    federated = a.config_map("shop/c", key="value")
    federated["metadata"] |= {
        "uid": "7", "resourceVersion": "12", "generation": 3, "managedFields": [{}],
        "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"], "ownerReferences": [{}],
        "labels": {"app": "web"}, "annotations": {"note": "hello"}, "generateName": "c-",
    }  # fmt: skip
    made = body(federated)
    applied = made["metadata"]["annotations"].pop(copies.APPLIED)
    assert len(applied) == 24
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "namespace": "shop",
            "labels": {"app": "web", copies.LABEL: "fellowship"},
            "annotations": {"note": "hello", copies.ORIGIN: "api/7"},
        },
        "data": {"key": "value"},
    }


@pytest.mark.parametrize(
    "name",
    [
        "federation.kubernetes.io/service-ingresses",
        "kubectl.kubernetes.io/last-applied-configuration",
        "federation.feddns.dev/adopt",
        "federation.feddns.dev/status",
        "federation.feddns.dev/shards",
        "federation.feddns.dev/probe",
        "federation.feddns.dev/applied",
        "federation.feddns.dev/when-none-healthy",
        "federation.feddns.dev/ttl",
        "deprecated.daemonset.template.generation",
    ],
)
def test_annotations_that_stay_in_the_federation(name: str) -> None:
    plain = a.service("shop/web")
    noted = copying.deepcopy(plain)
    noted["metadata"]["annotations"] = {name: "x"}
    assert body(noted) == body(plain)


@pytest.mark.parametrize("name", ["federation.feddns.dev/cluster-ttl", "prometheus.io/scrape"])
def test_annotations_that_go_along(name: str) -> None:
    noted = a.service("shop/web")
    noted["metadata"]["annotations"] = {name: "x"}
    assert body(noted)["metadata"]["annotations"][name] == "x"


def test_every_kind_has_its_fields_and_no_status() -> None:
    more = {"spec": {"a": 1}, "status": {"b": 2}, "immutable": True, "type": "T"}
    more |= {"data": {"d": "1"}, "binaryData": {"e": "AA=="}}
    fields = {}
    for row in kinds.TABLE:
        given_ = a._object(row.resource.kind, "x" if row.resource == NAMESPACES else "ns/x", **more)
        fields[row.resource] = set(body(given_)) - {"apiVersion", "kind", "metadata"}
    assert fields == {
        NAMESPACES: set(),
        CONFIGMAPS: {"data", "binaryData", "immutable"},
        SECRETS: {"data", "immutable", "type"},
        SERVICES: {"spec"},
        DAEMONSETS: {"spec"},
    }


def test_a_namespace_leaves_the_label_of_its_api_server() -> None:
    federated = a.namespace("shop")
    federated["metadata"]["labels"] = {"kubernetes.io/metadata.name": "shop", "team": "x"}
    assert body(federated)["metadata"]["labels"] == {"team": "x", copies.LABEL: "fellowship"}


def test_null_is_nothing() -> None:
    template = spec(a.daemon_set("shop/d"))["template"]
    assert template["metadata"] == {"labels": {"app": "agent"}}


def test_an_override_is_for_one_member() -> None:
    made = body(a.config_map("shop/c", one="1", two="2"), {"data": {"two": None, "three": "3"}})
    assert made["data"] == {"one": "1", "three": "3"}
    assert made["metadata"] != body(a.config_map("shop/c", one="1", two="2"))["metadata"]


# --- Services -------------------------------------------------------------------------------------


def managed(federated: a.Object) -> a.Object:
    """As an API makes it of what a user gave."""
    return a.Api().create(federated)


def test_what_the_federations_api_chose_is_not_sent() -> None:
    federated = managed(a.service("shop/web", "LoadBalancer", HTTP, HTTPS))
    federated["spec"] |= {
        "clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "healthCheckNodePort": 31000,
    }  # fmt: skip
    assert federated["spec"]["clusterIP"]
    assert federated["spec"]["ports"][0]["nodePort"]
    assert spec(federated) == {"type": "LoadBalancer", "ports": [HTTP, HTTPS]}


def test_what_a_user_set_is_sent() -> None:
    chosen = {"ipFamilies": ["IPv6"], "ipFamilyPolicy": "PreferDualStack"}
    ports = [{**HTTP, "nodePort": 30080}, HTTPS]
    federated = managed(
        a.service("shop/web", "NodePort", *ports, healthCheckNodePort=31000, **chosen)
    )
    assert spec(federated) == {
        "type": "NodePort", "ports": ports, "healthCheckNodePort": 31000, **chosen,
    }  # fmt: skip


def test_a_node_port_that_several_set_counts_and_a_status_writer_does_not() -> None:
    federated = managed(a.service("shop/web", "NodePort", HTTP))
    fields = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}}}}}
    status = {"manager": "x", "subresource": "status", "fieldsV1": fields}
    federated["metadata"]["managedFields"].append(status)
    assert "nodePort" not in spec(federated)["ports"][0]
    federated["metadata"]["managedFields"].append({"manager": "y", "fieldsV1": fields})
    assert spec(federated)["ports"][0]["nodePort"] == federated["spec"]["ports"][0]["nodePort"]


def test_without_managed_fields_nobody_set_anything() -> None:
    federated = managed(a.service("shop/web", "NodePort", {**HTTP, "nodePort": 30080}))
    del federated["metadata"]["managedFields"]
    assert spec(federated)["ports"] == [HTTP]


def test_headless_stays_headless() -> None:
    federated = managed(a.service("shop/db", "ClusterIP", HTTP, clusterIP="None"))
    federated["spec"]["clusterIPs"] = ["None"]
    assert spec(federated) == {"type": "ClusterIP", "ports": [HTTP], "clusterIP": "None"}


def test_an_external_name_has_no_ports() -> None:
    federated = a._object(
        "Service", "shop/x", spec={"type": "ExternalName", "externalName": "www.example.com"}
    )
    assert spec(managed(federated)) == {"type": "ExternalName", "externalName": "www.example.com"}


# --- as wanted ------------------------------------------------------------------------------------


def applied(wanted: a.Object) -> a.Object:
    return a.Api("us").apply(a.key_of(wanted), wanted)


def test_a_fresh_copy_is_as_wanted() -> None:
    for federated in (a.service("s/x"), a.config_map("s/x", a="1"), a.daemon_set("s/x")):
        wanted = body(federated)
        assert copies.is_as_wanted(wanted, applied(wanted), "")


def test_what_others_add_is_theirs() -> None:
    wanted = body(a.service("s/x"))
    copy = applied(wanted)
    copy["metadata"]["labels"]["theirs"] = "1"
    copy["metadata"]["annotations"]["theirs"] = "1"
    copy["spec"]["externalTrafficPolicy"] = "Local"
    assert copies.is_as_wanted(wanted, copy, "")
    assert copies.surplus(ROWS[SERVICES], wanted, copy) is None


DRIFT = [
    (("spec", "type"), "NodePort"),
    (("spec", "ports"), []),
    (("metadata", "labels", copies.LABEL), "other"),
    (("metadata", "annotations", copies.APPLIED), "other"),
]


@pytest.mark.parametrize(("path", "value"), DRIFT)
def test_what_others_change_is_not_as_wanted(path: tuple[str, ...], value: object) -> None:
    wanted = body(a.service("s/x"))
    copy = applied(wanted)
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert not copies.is_as_wanted(wanted, copy, "")


def test_a_removal_is_seen() -> None:
    before, after = body(a.config_map("s/x", a="1", b="2")), body(a.config_map("s/x", a="1"))
    assert not copies.is_as_wanted(after, applied(before), "")


def test_a_value_that_the_api_writes_its_way_is_settled_until_it_changes() -> None:
    wanted = body(a.daemon_set("s/x"))
    wanted["spec"]["template"]["spec"] = {"cpu": "1000m", "args": ["a"]}
    copy = applied(wanted)
    copy["spec"]["template"]["spec"] = {"cpu": "1", "args": ["a", "injected"]}
    assert not copies.is_as_wanted(wanted, copy, "")
    settled = copies.fingerprint(wanted, copy)
    copy["status"] = {"numberReady": 7}
    copy["spec"]["template"]["spec"]["theirs"] = True
    assert copies.is_as_wanted(wanted, copy, settled)
    copy["spec"]["template"]["spec"]["cpu"] = "2"
    assert not copies.is_as_wanted(wanted, copy, settled)


def test_what_others_add_to_data_is_taken_away() -> None:
    wanted = body(a.config_map("s/x", a="1"))
    copy = applied(wanted)
    copy["data"]["b"] = "2"
    copy["binaryData"] = {"c": "AA=="}
    patch = copies.surplus(ROWS[CONFIGMAPS], wanted, copy)
    metadata = {part: copy["metadata"][part] for part in ("uid", "resourceVersion")}
    assert patch == {"metadata": metadata, "data": {"b": None}, "binaryData": {"c": None}}


def test_ports_that_others_add_are_taken_away_and_the_others_stay_as_they_are() -> None:
    wanted = body(a.service("s/x", "NodePort", HTTP))
    copy = applied(wanted)
    copy["spec"]["ports"].append({"name": "theirs", "port": 99, "protocol": "TCP"})
    patch = copies.surplus(ROWS[SERVICES], wanted, copy)
    assert patch is not None
    assert patch["spec"] == {"ports": [{**HTTP, "nodePort": 30000}]}


def test_a_copy_is_made_nobodys() -> None:
    api = a.Api("us")
    wanted = body({**a.config_map("s/x", a="1")})
    wanted["metadata"]["labels"]["app"] = "x"
    left = api.patch(a.key_of(wanted), copies.unmarking(api.apply(a.key_of(wanted), wanted)))
    assert copies.owner(left) == ""
    assert left["metadata"]["labels"] == {"app": "x"}
    assert "annotations" not in left["metadata"]
    assert left["data"] == {"a": "1"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["x", "y"]), VALUES))
def test_a_copy_of_any_spec_is_as_wanted_and_settled(given_: dict[str, Any]) -> None:
    wanted = body(a._object("DaemonSet", "s/x", spec=given_))
    copy = json.loads(json.dumps(wanted))
    copy["status"] = {}
    assert copies.is_as_wanted(wanted, copy, "")
    assert copies.surplus(ROWS[DAEMONSETS], wanted, copy) is None
    assert copies.is_as_wanted(wanted, copy, copies.fingerprint(wanted, copy))


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_mark_does_not_depend_on_an_order(names: list[str]) -> None:
    shuffled = a.config_map("s/x", **dict.fromkeys(names, "1"))
    plain = a.config_map("s/x", a="1", b="1", c="1", d="1")
    assert body(shuffled)["metadata"] == body(plain)["metadata"]


# --- a real API server ----------------------------------------------------------------------------


def apply(either: Api, wanted: a.Object) -> dict[str, Any]:
    resource, metadata = a.key_of(wanted).resource, wanted["metadata"]
    path = resource.path(metadata.get("namespace", ""), metadata["name"])
    return either.request(
        "PATCH", f"{path}?fieldManager=feddns&force=true", wanted,
        content_type="application/apply-patch+yaml",
    )  # fmt: skip


def node_ports(copy: a.Object) -> dict[str, int]:
    return {port["name"]: port["nodePort"] for port in copy["spec"]["ports"]}


def test_a_real_server_keeps_node_ports_that_are_not_sent(either: Api) -> None:
    either.put({"kind": "Namespace", "metadata": {"name": "node-ports"}})
    place = "node-ports/web"

    def ports(*given_: a.Object) -> dict[str, int]:
        wanted = body(a.service(place, "LoadBalancer", *given_))
        copy = apply(either, wanted)
        assert copies.is_as_wanted(wanted, copy, "")
        return node_ports(copy)

    first = ports(HTTP, HTTPS)
    assert ports(HTTPS, HTTP) == first
    metrics = {"name": "metrics", "port": 9090, "protocol": "TCP"}
    inserted = ports(metrics, HTTPS, HTTP)
    assert {name: inserted[name] for name in first} == first
    assert ports(HTTPS, {**HTTP, "port": 8080}) == first
    renamed = ports(HTTPS, {**HTTP, "port": 8080, "name": "web"})
    assert renamed == {"https": first["https"], "web": first["http"]}
    copy = apply(either, body(a.service(place, "ClusterIP", HTTPS)))
    assert "nodePort" not in copy["spec"]["ports"][0]


def test_a_real_server_tells_what_a_user_set(either: Api) -> None:
    either.put({"kind": "Namespace", "metadata": {"name": "users"}})
    either.apply([a.service("users/plain", "LoadBalancer", HTTP, HTTPS)])
    either.apply([a.service("users/set", "NodePort", {**HTTP, "nodePort": 30123}, HTTPS)])
    either.apply([a.service("users/headless", "ClusterIP", HTTP, clusterIP="None")])
    sent = {}
    for name in ("plain", "set", "headless"):
        found = either.request("GET", f"{path_of('Service', 'users')}/{name}")
        sent[name] = spec(found)
        assert {"clusterIPs", "ipFamilies", "ipFamilyPolicy"} <= set(found["spec"])
        assert not {"clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(sent[name])
    assert [port.get("nodePort") for port in sent["plain"]["ports"]] == [None, None]
    assert [port.get("nodePort") for port in sent["set"]["ports"]] == [30123, None]
    assert sent["headless"]["clusterIP"] == "None"
    assert "clusterIP" not in sent["plain"]


def test_a_real_server_refuses_what_cannot_change(either: Api) -> None:
    either.put({"kind": "Namespace", "metadata": {"name": "immutable"}})
    fixed = {**a.config_map("immutable/c", a="1"), "immutable": True}
    apply(either, body(fixed))
    with pytest.raises(ClusterFailed, match="field is immutable") as refusal:
        apply(either, body({**fixed, "data": {"a": "2"}}))
    assert refusal.value.status == 422
    apply(either, body(a.service("immutable/s", "ClusterIP", HTTP)))
    with pytest.raises(ClusterFailed, match="may not change once set"):
        apply(either, body(a.service("immutable/s", "ClusterIP", HTTP, clusterIP="None")))


def test_a_real_server_takes_away_and_unmarks(either: Api) -> None:
    either.put({"kind": "Namespace", "metadata": {"name": "surplus"}})
    wanted = body(a.service("surplus/s", "NodePort", HTTP))
    before = apply(either, wanted)
    path = f"{path_of('Service', 'surplus')}/s"
    theirs = {"name": "theirs", "port": 99, "protocol": "TCP"}
    strategic = "application/strategic-merge-patch+json"
    merge = "application/merge-patch+json"
    changed = either.request("PATCH", path, {"spec": {"ports": [theirs]}}, content_type=strategic)
    assert len(changed["spec"]["ports"]) == 2
    patch = copies.surplus(ROWS[SERVICES], wanted, changed)
    assert patch is not None
    after = either.request("PATCH", path, patch, content_type=merge)
    assert node_ports(after) == node_ports(before)
    left = either.request("PATCH", path, copies.unmarking(after), content_type=merge)
    assert copies.owner(left) == ""
    assert "annotations" not in left["metadata"]
    with pytest.raises(ClusterFailed) as refusal:
        either.request("PATCH", path, copies.unmarking(after), content_type=merge)
    assert refusal.value.status == 409
