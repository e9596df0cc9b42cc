"""The rules of HorizontalPodAutoscalers, in the version in which they are kept (v2).

Pure.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver.problems import Problems, segment

Object = dict[str, Any]

_SOURCES = {
    "ContainerResource": "containerResource", "External": "external", "Object": "object",
    "Pods": "pods", "Resource": "resource",
}  # fmt: skip
_TARGETS = ("Utilization", "Value", "AverageValue")
_MOST_WINDOW, _MOST_PERIOD = 3600, 1800


def autoscaler(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    least, most = spec.get("minReplicas"), spec["maxReplicas"]
    if least is not None and least < 1:
        detail = "must be greater than or equal to 1"
        found.invalid("spec.minReplicas", least, detail)
    if most < 1:
        found.required("spec.maxReplicas", "must be set and greater than 0")
    if least is not None and most < least:
        detail = "must be greater than or equal to `minReplicas`"
        found.invalid("spec.maxReplicas", most, detail)
    _target(spec["scaleTargetRef"], found)
    metrics = spec.get("metrics", ())
    for number, metric in enumerate(metrics):
        _metric(metric, f"spec.metrics[{number}]", found)
    if least == 0 and not any(metric["type"] in ("Object", "External") for metric in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero"
        found.forbidden("spec.metrics", f"{detail} replicas")
    for way in ("scaleUp", "scaleDown"):
        if rules := spec.get("behavior", {}).get(way):
            _rules(rules, f"spec.behavior.{way}", found)


def _target(target: Object, found: Problems) -> None:
    here = "spec.scaleTargetRef"
    for field in ("kind", "name"):
        value = target[field]
        if not value:
            found.required(f"{here}.{field}")
        else:
            found.each(f"{here}.{field}", value, segment(value))
    version = target.get("apiVersion", "")
    if "/" not in version and not (version == "v1" and target["kind"] == "ReplicationController"):
        found.invalid(f"{here}.apiVersion", version, "apiVersion must specify API group")


def _metric(metric: Object, here: str, found: Problems) -> None:
    kind = metric["type"]
    if kind not in _SOURCES:
        found.unsupported(f"{here}.type", kind, _SOURCES)
        return
    field = _SOURCES[kind]
    source = metric.get(field)
    if source is None:
        detail = "must populate information for the given metric source"
        found.required(f"{here}.{field}", detail)
        return
    here = f"{here}.{field}"
    if kind in ("Resource", "ContainerResource"):
        if kind == "ContainerResource" and not source["container"]:
            found.required(f"{here}.container", "must specify a container")
        if not source["name"]:
            found.required(f"{here}.name", "must specify a resource name")
    elif not source["metric"]["name"]:
        found.required(f"{here}.metric.name", "must specify a metric name")
    target = source["target"]
    _metric_target(target, f"{here}.target", found)
    if kind in ("Resource", "ContainerResource") and not (
        "averageUtilization" in target or "averageValue" in target
    ):
        detail = "must set either a target raw value or a target utilization"
        found.required(f"{here}.target.averageUtilization", detail)


def _metric_target(target: Object, here: str, found: Problems) -> None:
    if not target["type"]:
        found.required(f"{here}.type", "must specify a metric target type")
    elif target["type"] not in _TARGETS:
        detail = "must be either Utilization, Value, or AverageValue"
        found.invalid(f"{here}.type", target["type"], detail)
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        found.invalid(f"{here}.averageUtilization", share, "must be greater than 0")


def _rules(rules: Object, here: str, found: Problems) -> None:
    window = rules.get("stabilizationWindowSeconds")
    found.not_negative(f"{here}.stabilizationWindowSeconds", window)
    if window is not None and window > _MOST_WINDOW:
        detail = f"must be less than or equal to {_MOST_WINDOW}"
        found.invalid(f"{here}.stabilizationWindowSeconds", window, detail)
    if (chosen := rules.get("selectPolicy")) is not None:
        found.one_of(f"{here}.selectPolicy", chosen, ("Disabled", "Max", "Min"))
    if not rules.get("policies"):
        found.required(f"{here}.policies", "must specify at least one Policy")
    for number, policy in enumerate(rules.get("policies", ())):
        place = f"{here}.policies[{number}]"
        found.one_of(f"{place}.type", policy["type"], ("Percent", "Pods"))
        if policy["value"] <= 0:
            found.invalid(f"{place}.value", policy["value"], "must be greater than zero")
        period = policy["periodSeconds"]
        if period <= 0:
            found.invalid(f"{place}.periodSeconds", period, "must be greater than zero")
        elif period > _MOST_PERIOD:
            detail = f"must be less than or equal to {_MOST_PERIOD}"
            found.invalid(f"{place}.periodSeconds", period, detail)
