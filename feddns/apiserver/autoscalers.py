"""HorizontalPodAutoscalers of autoscaling/v1 and v2 made of one another.

    v2                                    v1
    a metric of cpu by utilization        spec.targetCPUUtilizationPercentage
    its current value                     status.currentCPUUtilizationPercentage
    other metrics, their current values   annotations metrics, current-metrics (JSON)
    behavior, conditions                  annotations behavior, conditions (JSON)

The annotations begin with autoscaling.alpha.kubernetes.io/ and have the field names of the versions
in which they were invented, so that both servers read each other's objects.  One that cannot be
read says nothing, and goes.

Pure.  Called by `conversion`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from feddns.apiserver import decoding, schema

Object = dict[str, Any]

_PREFIX = "autoscaling.alpha.kubernetes.io/"
_CPU = "targetCPUUtilizationPercentage"
_FIELDS = {
    "Resource": "resource", "ContainerResource": "containerResource", "Pods": "pods",
    "Object": "object", "External": "external",
}  # fmt: skip
_V2 = "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"
_TARGETS = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}


def to_v1(obj: Object) -> Object:
    spec, status = dict(obj["spec"]), dict(obj.get("status") or {})
    notes: Object = {}
    metrics = spec.pop("metrics", None) or []
    if (cpu := next((metric for metric in metrics if _is_cpu(metric)), None)) is not None:
        spec[_CPU] = cpu["resource"]["target"]["averageUtilization"]
        metrics = [metric for metric in metrics if metric is not cpu]
    if metrics:
        notes["metrics"] = [_old(metric, "target") for metric in metrics]
    if behavior := spec.pop("behavior", None):
        notes["behavior"] = _capital(behavior)
    current = status.pop("currentMetrics", None) or []
    for metric in current:
        used = metric.get("resource", {}).get("current", {}).get("averageUtilization")
        if used is not None and metric["resource"]["name"] == "cpu":
            status["currentCPUUtilizationPercentage"] = used
    if current:
        notes["current-metrics"] = [_old(metric, "current") for metric in current]
    if conditions := status.pop("conditions", None):
        notes["conditions"] = conditions
    status = {"currentReplicas": 0} | status
    metadata = dict(obj["metadata"])
    if notes:
        written = {
            f"{_PREFIX}{name}": msgspec.json.encode(note).decode() for name, note in notes.items()
        }
        metadata["annotations"] = {**metadata.get("annotations", {}), **written}
    return obj | {"metadata": metadata, "spec": spec, "status": status}


def from_v1(obj: Object) -> Object:
    spec, status = dict(obj["spec"]), dict(obj.get("status") or {})
    metadata, notes = _taken(obj["metadata"])
    metrics = notes.get("metrics", [])
    if (share := spec.pop(_CPU, None)) is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if metrics:
        spec["metrics"] = metrics
    if "behavior" in notes:
        spec["behavior"] = notes["behavior"]
    current = notes.get("current-metrics", [])
    used = status.pop("currentCPUUtilizationPercentage", None)
    if used is not None and not current:
        resource = {"name": "cpu", "current": {"averageUtilization": used}}
        current.append({"type": "Resource", "resource": resource})
    status["currentMetrics"] = current or None
    status.setdefault("desiredReplicas", 0)
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    if "conditions" in notes:
        status["conditions"] = notes["conditions"]
    return obj | {"metadata": metadata, "spec": spec, "status": status}


def _is_cpu(metric: Object) -> bool:
    resource = metric.get("resource", {})
    target = resource.get("target", {})
    return resource.get("name") == "cpu" and target.get("averageUtilization") is not None


def _taken(metadata: Object) -> tuple[Object, Object]:
    """The metadata without our annotations, and what they say, as v2 has it."""
    kept, notes = {}, {}
    for key, text in metadata.get("annotations", {}).items():
        name = key.removeprefix(_PREFIX)
        if name == key or name not in _NOTES:
            kept[key] = text
        elif note := _read(name, text):
            notes[name] = note
    made = {key: value for key, value in metadata.items() if key != "annotations"}
    return (made | {"annotations": kept} if kept else made), notes


def _read(name: str, text: str) -> Any:
    """What an annotation says; None when it cannot be read."""
    part, field = _NOTES[name]
    try:
        said = msgspec.json.decode(text)
        if field in ("metrics", "currentMetrics"):
            which = "target" if field == "metrics" else "current"
            said = [_new(metric, which) for metric in said]
        holder = {field: _small(said) if name == "behavior" else said}
        decoding.decode_part(schema.named(f"{_V2}{part}"), holder)
    except (ValueError, TypeError, AttributeError):
        return None
    return holder.get(field)


_NOTES = {
    "metrics": ("Spec", "metrics"), "behavior": ("Spec", "behavior"),
    "current-metrics": ("Status", "currentMetrics"), "conditions": ("Status", "conditions"),
}  # fmt: skip
"""Where in v2 stands what the annotations say."""


# --- one metric ----------------------------------------------------------------------------------


def _old(metric: Object, which: str) -> Object:
    """As v2beta1 had it: `targetAverageValue` instead of `target: {averageValue: …}`."""
    field = _FIELDS.get(metric["type"], "")
    source = metric.get(field, {})
    made: Object = {}
    if "describedObject" in source:
        made["target"] = source["describedObject"]
    for name in ("name", "container"):
        if name in source:
            made[name] = source[name]
    if about := source.get("metric"):
        made["metricName"] = about["name"]
        if "selector" in about:
            made["metricSelector" if field == "external" else "selector"] = about["selector"]
    amounts = source.get(which, {})
    for name in _TARGETS:
        if (value := amounts.get(name)) is not None:
            bare = field == "object" and name == "averageValue"
            made[name if bare else f"{which}{name[0].upper()}{name[1:]}"] = value
    if which == "target" and "averageValue" in made:
        made.setdefault("targetValue", "0")  # which was always there
    return {"type": metric["type"], field: made}


def _new(metric: Object, which: str) -> Object:
    field = _FIELDS.get(metric.get("type", ""), "")
    old, amounts, made = metric.get(field) or {}, {}, {}
    for name, value in old.items():
        short = name.removeprefix(which)
        short = short[:1].lower() + short[1:]
        if name == "target":
            made["describedObject"] = value
        elif short in _TARGETS:
            amounts[short] = value
        elif name == "metricName":
            made.setdefault("metric", {})["name"] = value
        elif name in ("selector", "metricSelector"):
            made.setdefault("metric", {})["selector"] = value
        else:
            made[name] = value
    if field == "object" and "averageValue" in amounts:
        amounts.pop("value", None)
    if which == "target":
        kind = next((_TARGETS[name] for name in _TARGETS if name in amounts), "")
        amounts = {"type": kind} | amounts
    return {"type": metric.get("type", ""), field: made | {which: amounts}}


# --- behavior ------------------------------------------------------------------------------------

_RULES = ("StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance")


def _capital(behavior: Object) -> Object:
    """The Go fields of the internal version, absent ones as null."""
    made: Object = {}
    for way in ("scaleUp", "scaleDown"):
        rules = behavior.get(way)
        whole = None
        if rules is not None:
            whole = {name: rules.get(_lower(name)) for name in _RULES}
            whole["Policies"] = [
                {"Type": one["type"], "Value": one["value"], "PeriodSeconds": one["periodSeconds"]}
                for one in rules.get("policies") or ()
            ]
        made[way[0].upper() + way[1:]] = whole
    return made


def _small(value: Any) -> Any:
    if isinstance(value, dict):
        return {_lower(key): _small(part) for key, part in value.items() if part is not None}
    return [_small(part) for part in value] if isinstance(value, list) else value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
