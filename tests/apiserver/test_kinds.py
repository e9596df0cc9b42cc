"""The table of kinds, and objects in other versions."""

from __future__ import annotations

import copy
import json

import pytest

from feddns.apiserver import decoding, kinds, schema
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY = kinds.BUILTIN()
FILLED = truthful.read("filled")
POD = {"containers": [{"name": "c", "image": "i"}]}


def test_found_by_its_path_and_by_its_objects() -> None:
    deployments = REGISTRY.find("apps", "v1", "deployments")
    assert deployments is not None
    assert REGISTRY.of_kind("apps", "v1", "Deployment") is deployments
    assert deployments.resource == "deployments.apps"
    assert deployments.api_version == "apps/v1"
    assert REGISTRY.find("apps", "v2", "deployments") is None


@pytest.mark.parametrize("kind", REGISTRY.all(), ids=lambda kind: f"{kind.kind}-{kind.api_version}")
def test_every_kind_has_a_schema_and_is_kept_in_a_kind(kind: kinds.Kind) -> None:
    stored = REGISTRY.stored_as(kind)
    assert stored in set(REGISTRY.siblings(kind))
    assert REGISTRY.stored_as(stored) is stored
    assert schema.type_of(kind).fields["metadata"] is schema.META


def test_reviews_are_questions() -> None:
    asked = {kind.kind for kind in REGISTRY.all() if kind.virtual}
    assert asked == {
        "SelfSubjectReview", "TokenReview", "LocalSubjectAccessReview", "SelfSubjectAccessReview",
        "SelfSubjectRulesReview", "SubjectAccessReview",
    }  # fmt: skip


def test_two_registries_are_two() -> None:
    one, other = kinds.BUILTIN(), kinds.BUILTIN()
    one.remove(one.stored_as(next(iter(one.all()))))
    assert len(list(one.all())) == len(list(other.all())) - 1


@pytest.mark.parametrize("name", ["hpa1", "hpa1b", "hpa2", "hpa2b", "ev"])
def test_there_and_back(name: str) -> None:
    got = next(case["got"] for case in FILLED if case["got"]["metadata"]["name"] == name)
    kind = truthful.kind_of(REGISTRY, got)
    for other in REGISTRY.siblings(kind):
        there = kinds.convert(copy.deepcopy(got), other)
        assert there["apiVersion"] == other.api_version
        assert kinds.convert(there, kind) == got


def test_what_v1_of_an_autoscaler_has_not_is_in_annotations() -> None:
    target = {"type": "Utilization", "averageUtilization": 50}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    pods = {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1k"}}
    used = {"name": "cpu", "current": {"averageUtilization": 33, "averageValue": "3m"}}
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    current = [{"type": "Resource", "resource": used}]
    newer = about | {
        "metadata": {"name": "h"},
        "spec": {"maxReplicas": 2, "metrics": [cpu, {"type": "Pods", "pods": pods}]},
        "status": {"desiredReplicas": 2, "currentMetrics": current},
    }  # fmt: skip
    older = REGISTRY.of_kind("autoscaling", "v1", "HorizontalPodAutoscaler")
    assert older
    made = kinds.convert(newer, older)
    assert made["spec"] == {"maxReplicas": 2, "targetCPUUtilizationPercentage": 50}
    assert made["status"]["currentCPUUtilizationPercentage"] == 33
    prefix = "autoscaling.alpha.kubernetes.io/"
    assert made["metadata"]["annotations"] == {
        f"{prefix}metrics": '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"1k"}}]',
        f"{prefix}current-metrics": '[{"type":"Resource","resource":{"name":"cpu",'
        '"currentAverageUtilization":33,"currentAverageValue":"3m"}}]',
    }
    assert kinds.convert(made, REGISTRY.stored_as(older)) == newer


SELECTOR = {"matchLabels": {"a": "b"}}
SERVICE = {"kind": "Service", "name": "s"}
METRICS: dict[str, list[tuple[Object, Object, Object]]] = {
    "Resource": [
        ({"name": "memory"}, {"averageUtilization": 50},
         {"name": "memory", "targetAverageUtilization": 50}),
        ({"name": "cpu"}, {"averageValue": "5m"}, {"name": "cpu", "targetAverageValue": "5m"}),
    ],
    "ContainerResource": [
        ({"name": "cpu", "container": "c"}, {"averageUtilization": 50},
         {"name": "cpu", "container": "c", "targetAverageUtilization": 50}),
    ],
    "Pods": [
        ({"metric": {"name": "m", "selector": SELECTOR}}, {"averageValue": "1k"},
         {"metricName": "m", "selector": SELECTOR, "targetAverageValue": "1k"}),
    ],
    "Object": [
        ({"describedObject": SERVICE, "metric": {"name": "o", "selector": SELECTOR}},
         {"value": "2k"},
         {"target": SERVICE, "metricName": "o", "selector": SELECTOR, "targetValue": "2k"}),
        ({"describedObject": SERVICE, "metric": {"name": "o"}}, {"averageValue": "3k"},
         {"target": SERVICE, "metricName": "o", "averageValue": "3k", "targetValue": "0"}),
    ],
    "External": [
        ({"metric": {"name": "e", "selector": SELECTOR}}, {"value": "4k"},
         {"metricName": "e", "metricSelector": SELECTOR, "targetValue": "4k"}),
        ({"metric": {"name": "e"}}, {"averageValue": "4k"},
         {"metricName": "e", "targetAverageValue": "4k"}),
    ],
}  # fmt: skip
"""By type: the source without its target, the target, and the source as the annotation has it."""
TYPES = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}


def metrics_of(which: str) -> tuple[list[Object], list[Object]]:
    """All of them, as v2 has them and as the annotation has them."""
    newer, older = [], []
    for kind, sources in METRICS.items():
        field = kind[0].lower() + kind[1:]
        for source, amounts, old in sources:
            is_target = which == "target"
            about = {"type": TYPES[next(iter(amounts))]} if is_target else {}
            newer.append({"type": kind, field: {**source, which: about | amounts}})
            old = old if is_target else {
                name.replace("targetA", "currentA").replace("targetV", "currentV"): value
                for name, value in old.items() if (name, value) != ("targetValue", "0")
            }  # fmt: skip
            older.append({"type": kind, field: old})
    return newer, older


def test_every_metric_of_an_autoscaler_there_and_back() -> None:
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    target = {"type": "Utilization", "averageUtilization": 60}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    metrics, older = metrics_of("target")
    current, once = metrics_of("current")
    conditions = [
        {"type": "A", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]
    status = {"desiredReplicas": 1, "currentReplicas": 1, "conditions": conditions}
    newer = {
        **about, "metadata": {"name": "h"}, "spec": {"maxReplicas": 2, "metrics": [cpu, *metrics]},
        "status": status | {"currentMetrics": current},
    }  # fmt: skip
    kind = REGISTRY.of_kind("autoscaling", "v1", "HorizontalPodAutoscaler")
    assert kind
    made = kinds.convert(newer, kind)
    prefix = "autoscaling.alpha.kubernetes.io/"
    said = {
        key.removeprefix(prefix): json.loads(text)
        for key, text in made["metadata"]["annotations"].items()
    }
    assert said == {"metrics": older, "current-metrics": once, "conditions": conditions}
    assert made["spec"] == {"maxReplicas": 2, "targetCPUUtilizationPercentage": 60}
    assert made["status"] == {"desiredReplicas": 1, "currentReplicas": 1}
    assert kinds.convert(made, REGISTRY.stored_as(kind)) == newer


def test_the_use_of_the_cpu_alone_is_a_number() -> None:
    used = {"name": "cpu", "current": {"averageUtilization": 44}}
    wrong = {"name": "memory", "current": {"averageUtilization": 33}}
    metrics = [{"type": "Resource", "resource": one} for one in (used, wrong)]
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {}}
    status = {"desiredReplicas": 0, "currentMetrics": metrics}
    kind = REGISTRY.of_kind("autoscaling", "v1", "HorizontalPodAutoscaler")
    assert kind
    made = kinds.convert({**about, "spec": {"maxReplicas": 1}, "status": status}, kind)
    assert made["status"]["currentCPUUtilizationPercentage"] == 44
    del made["metadata"]["annotations"]
    back = kinds.convert(made, REGISTRY.stored_as(kind))
    assert back["status"]["currentMetrics"] == metrics[:1]


def autoscaler(annotations: dict[str, str]) -> Object:
    about = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"maxReplicas": 2, "scaleTargetRef": target}
    return {**about, "metadata": {"name": "h", "annotations": annotations}, "spec": spec}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics", "x"), ("metrics", "null"), ("metrics", "5"), ("metrics", "[1]"),
        ("metrics", '[{"type":"Resource","resource":"x"}]'),
        ("metrics", '[{"type":"Resource","resource":{"name":5}}]'),
        ("metrics", '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"x"}}]'),
        ("behavior", "1"), ("behavior", "[]"), ("behavior", '{"ScaleUp":1}'), ("conditions", "[1]"),
        ("current-metrics", "1"), ("current-metrics", '[{"type":"Pods","pods":5}]'),
    ],
)  # fmt: skip
def test_annotations_of_an_autoscaler_that_say_nothing(name: str, text: str) -> None:
    bare = truthful.ask(REGISTRY, autoscaler({}))
    answer = truthful.ask(REGISTRY, autoscaler({f"autoscaling.alpha.kubernetes.io/{name}": text}))
    assert (answer.made, answer.message) == (bare.made, None)


def test_annotations_of_an_autoscaler_that_say_too_little() -> None:
    prefix = "autoscaling.alpha.kubernetes.io/"
    metrics = {f"{prefix}metrics": '[{"type":"Resource","resource":{}},{"type":"x"}]'}
    answer = truthful.ask(REGISTRY, autoscaler(metrics))
    assert ["Required", "spec.metrics[0].resource.name"] in answer.causes
    assert ["NotSupported", "spec.metrics[1].type"] in answer.causes
    kind = truthful.kind_of(REGISTRY, autoscaler({}))
    assert kinds.convert(answer.made, kind)["metadata"]["annotations"].keys() == metrics.keys()
    behavior = {f"{prefix}behavior": '{"ScaleUp":{"Policies":[{}]}}'}
    answer = truthful.ask(REGISTRY, autoscaler(behavior))
    assert ["Invalid", "spec.behavior.scaleUp.policies[0].value"] in answer.causes


def test_annotations_of_others_stay() -> None:
    own = {"metrics": "x", "autoscaling.alpha.kubernetes.io/x": "[]"}
    assert truthful.ask(REGISTRY, autoscaler(own)).made["metadata"]["annotations"] == own


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "ReplicaSet"])
def test_old_workloads_select_what_they_make(kind: str) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": POD}
    about = {"apiVersion": "extensions/v1beta1", "kind": kind, "metadata": {"name": "web"}}
    answer = truthful.ask(REGISTRY, {**about, "spec": {"template": template}})
    assert answer.message is None
    assert answer.made["apiVersion"] == "apps/v1"
    assert answer.made["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert answer.made["metadata"]["labels"] == {"app": "web"}


def test_what_an_old_workload_says_itself_stays() -> None:
    template = {"metadata": {"labels": {"app": "web", "tier": "x"}}, "spec": POD}
    metadata = {"name": "web", "labels": {"own": "1"}}
    about = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": metadata}
    selector = {"matchLabels": {"app": "web"}}
    made = truthful.ask(REGISTRY, {**about, "spec": {"template": template, "selector": selector}})
    assert made.made["spec"]["selector"] == selector
    assert made.made["metadata"]["labels"] == {"own": "1"}
    answer = truthful.ask(REGISTRY, {**about, "spec": {"template": {"spec": POD}}})
    assert ["Required", "spec.selector"] in answer.causes


def test_a_reporter_of_an_event_is_told_where_there_is_one() -> None:
    newer = REGISTRY.of_kind("events.k8s.io", "v1", "Event")
    assert newer
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}}
    told = {"reportingComponent": "example.com/x", "reportingInstance": "one"}
    made = kinds.convert({**event, **told}, newer)
    assert (made["reportingController"], made["reportingInstance"]) == ("example.com/x", "one")
    made = kinds.convert({**event, **dict.fromkeys(told, "")}, newer)
    assert made.keys() == event.keys()


def test_old_ingresses() -> None:
    old: Object = {
        "apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {
            "backend": {"serviceName": "a", "servicePort": 80},
            "rules": [{"host": "a.example"}, {"http": {"paths": [
                {"path": "/x", "backend": {"serviceName": "b", "servicePort": "http"}}
            ]}}],
        },
    }  # fmt: skip
    answer = truthful.ask(REGISTRY, old)
    assert answer.message is None
    assert answer.made["spec"] == {
        "defaultBackend": {"service": {"name": "a", "port": {"number": 80}}},
        "rules": [{"host": "a.example"}, {"http": {"paths": [{
            "path": "/x", "pathType": "ImplementationSpecific",
            "backend": {"service": {"name": "b", "port": {"name": "http"}}},
        }]}}],
    }  # fmt: skip
    back = kinds.convert(answer.made, truthful.kind_of(REGISTRY, old))
    assert back["spec"]["backend"] == old["spec"]["backend"]
    (path,) = old["spec"]["rules"][1]["http"]["paths"]
    kept = [{"http": {"paths": [path | {"pathType": "ImplementationSpecific"}]}}]
    assert back["spec"]["rules"] == [{"host": "a.example"}, *kept]


@pytest.mark.parametrize(
    "spec",
    [
        {"backend": []}, {"rules": [True]}, {"rules": [{"http": {"paths": 1.5}}]}, {"tls": [[{}]]},
        {"rules": [{"http": {"paths": [{"backend": {"serviceName": 1.5}}]}}]},
    ],
)  # fmt: skip
def test_what_is_no_old_ingress(spec: Object) -> None:
    about = {"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "web"}}
    answer = truthful.ask(REGISTRY, {**about, "spec": spec})
    assert answer.message is not None
    assert "cannot unmarshal" in answer.message


def test_a_path_of_an_old_ingress_without_backend() -> None:
    about = {"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "web"}}
    spec = {"rules": [{"http": {"paths": [{"path": "/"}, None]}}]}
    answer = truthful.ask(REGISTRY, {**about, "spec": spec})
    assert ["Required", "spec.rules[0].http.paths[0].backend.service.name"] in answer.causes


def test_what_conversion_makes_is_shared_with_nobody() -> None:
    core = REGISTRY.of_kind("", "v1", "Event")
    assert core
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}}
    one, other = (kinds.convert(dict(event), core) for _ in range(2))
    one["involvedObject"]["name"] = "changed"
    assert other["involvedObject"] == {}


def test_clusters_of_both_groups_are_one() -> None:
    sent = {
        "apiVersion": "federation/v1beta1", "kind": "Cluster", "metadata": {"name": "us"},
        "spec": {"serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": "https://192.0.2.1"}
        ]},
    }  # fmt: skip
    answer = truthful.ask(REGISTRY, sent)
    assert answer.message is None
    assert answer.made["apiVersion"] == "federation.feddns.dev/v1beta1"
    assert answer.made["spec"] == sent["spec"]


def test_converting_changes_nothing_that_is_given() -> None:
    for case in FILLED:
        kind = truthful.kind_of(REGISTRY, case["got"])
        for other in REGISTRY.siblings(kind):
            before = copy.deepcopy(case["got"])
            decoding.decode(other, copy.deepcopy(kinds.convert(case["got"], other)))
            assert case["got"] == before
