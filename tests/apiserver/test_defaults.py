"""What is filled in is what a real kube-apiserver fills in."""

from __future__ import annotations

import copy

import pytest

from feddns.apiserver import decoding, defaults, kinds
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY = kinds.BUILTIN()
GIVEN = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
"""Given by `services`, which knows what is free."""


def comparable(obj: Object) -> Object:
    obj = copy.deepcopy(obj)
    for name in ("resourceVersion", "creationTimestamp", "generation", "namespace"):
        obj["metadata"].pop(name, None)
    if obj["kind"] == "Service":
        for name in GIVEN:
            obj["spec"].pop(name, None)
        for port in obj["spec"].get("ports", ()):
            port.pop("nodePort", None)
    return obj


@pytest.mark.parametrize("case", truthful.read("filled"), ids=truthful.called)
def test_filled_in_as_by_a_real_server(case: Object) -> None:
    got = case["got"]
    answer = truthful.ask(REGISTRY, case["sent"], got["metadata"]["uid"])
    made = kinds.convert(answer.made, truthful.kind_of(REGISTRY, case["sent"]))
    assert comparable(made) == comparable(got)
    assert answer.warnings == case["warnings"]


@pytest.mark.parametrize("case", truthful.read("filled"), ids=truthful.called)
def test_once_more_changes_nothing(case: Object) -> None:
    kind = truthful.kind_of(REGISTRY, case["got"])
    again = copy.deepcopy(case["got"])
    assert decoding.decode(kind, again) == []
    defaults.set_defaults(kind, again)
    assert again == case["got"]


def test_the_two_ways_of_an_autoscaler_share_nothing() -> None:
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"maxReplicas": 2, "scaleTargetRef": target, "behavior": {"scaleDown": {}}}
    made = truthful.ask(REGISTRY, {**about, "metadata": {"name": "h"}, "spec": spec}).made
    behavior = made["spec"]["behavior"]
    behavior["scaleUp"]["policies"][1]["value"] = 50
    assert behavior["scaleDown"]["policies"] == [
        {"type": "Percent", "value": 100, "periodSeconds": 15}
    ]


def test_a_secret_keeps_what_it_is_told_as_text() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    sent = secret | {"data": {"a": "YQ==", "b": "Yg=="}, "stringData": {"b": "x"}}
    made = truthful.ask(REGISTRY, sent).made
    assert made["data"] == {"a": "YQ==", "b": "eA=="}
    assert "stringData" not in made


def test_the_template_of_a_daemon_set_counts_its_changes() -> None:
    case = next(c for c in truthful.read("filled") if c["sent"]["kind"] == "DaemonSet")
    key = "deprecated.daemonset.template.generation"
    old, new = copy.deepcopy(case["got"]), copy.deepcopy(case["got"])
    assert truthful.ask(REGISTRY, new, old=old).made["metadata"]["annotations"][key] == "1"
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert truthful.ask(REGISTRY, new, old=old).made["metadata"]["annotations"][key] == "2"


@pytest.mark.parametrize(
    ("before", "told", "addresses"),
    [
        (None, {"clusterIP": "None"}, ("None", ["None"])),
        (None, {"clusterIPs": ["192.0.2.1"]}, ("192.0.2.1", ["192.0.2.1"])),
        ("192.0.2.1", {"clusterIP": "192.0.2.2", "clusterIPs": ["192.0.2.1"]},
         ("192.0.2.2", ["192.0.2.2"])),
        ("192.0.2.1", {"clusterIP": "192.0.2.1", "clusterIPs": ["192.0.2.2"]},
         ("192.0.2.2", ["192.0.2.2"])),
    ],
)  # fmt: skip
def test_cluster_ip_is_the_first_of_cluster_ips(
    before: str | None, told: Object, addresses: tuple[str, list[str]]
) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    old = service | {"spec": {"clusterIP": before, "clusterIPs": [before]}} if before else None
    new = copy.deepcopy(service | {"spec": told})
    defaults.prepare(truthful.kind_of(REGISTRY, new), new, old)
    assert (new["spec"]["clusterIP"], new["spec"]["clusterIPs"]) == addresses
