"""Objects of one kind in other versions.

    kind                       versions                                   what differs
    HorizontalPodAutoscaler    autoscaling/v2 (kept), v1                  metrics (`autoscalers`)
    Event                      v1 (kept), events.k8s.io/v1                names of fields
    Deployment, ReplicaSet,    apps/v1 (kept), extensions/v1beta1         selectors were optional
      DaemonSet
    Ingress                    networking.k8s.io/v1, extensions/v1beta1   backends
    Cluster, kinds of CRDs     any                                        the apiVersion alone

From and to the version that is kept; nothing is lost on the way back but resources as backends of
Ingresses, which extensions/v1beta1 has not.

Pure.  Called by `kinds.convert`.  An object is never changed; what is made may share parts with
it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feddns.apiserver import autoscalers

Object = dict[str, Any]

_OLD = "extensions/v1beta1"


def convert(obj: Object, api_version: str, kind: str) -> Object:
    """The object with another apiVersion.  Versions without a rule differ by their name only."""
    rule = _RULES.get((kind, obj.get("apiVersion", ""), api_version))
    made = rule(obj) if rule else obj
    return made | {"apiVersion": api_version}


# --- Event ---------------------------------------------------------------------------------------

_NEW_NAMES = {
    "involvedObject": "regarding", "message": "note", "reportingComponent": "reportingController",
    "source": "deprecatedSource", "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp", "count": "deprecatedCount",
}  # fmt: skip
_OLD_NAMES = {new: old for old, new in _NEW_NAMES.items()}


def _new_event(obj: Object) -> Object:
    made = {_NEW_NAMES.get(name, name): value for name, value in obj.items()}
    for name in ("reportingController", "reportingInstance"):
        if not made.get(name):
            made.pop(name, None)
    return made


def _core_event(obj: Object) -> Object:
    always: Object = {
        "involvedObject": {}, "source": {}, "firstTimestamp": None, "lastTimestamp": None,
        "eventTime": None, "reportingComponent": "", "reportingInstance": "",
    }  # fmt: skip
    return always | {_OLD_NAMES.get(name, name): value for name, value in obj.items()}


# --- extensions/v1beta1 --------------------------------------------------------------------------


def _workload(obj: Object) -> Object:
    """The selector was the template's labels, and the labels too, where they were not written."""
    spec = obj.get("spec") or {}
    labels = (spec.get("template", {}).get("metadata") or {}).get("labels")
    if not labels:
        return obj
    selector = spec.get("selector") or {"matchLabels": dict(labels)}
    made = obj | {"spec": spec | {"selector": selector}}
    metadata = obj.get("metadata") or {}
    if not metadata.get("labels"):
        made["metadata"] = metadata | {"labels": dict(labels)}
    return made


def _ingress(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    if "backend" in spec:
        spec["defaultBackend"] = _backend(spec.pop("backend"))
    if "rules" in spec:
        spec["rules"] = [_rule(rule, _backend) for rule in spec["rules"]]
    return obj | {"spec": spec}


def _old_ingress(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    if "defaultBackend" in spec:
        spec["backend"] = _old_backend(spec.pop("defaultBackend"))
    if "rules" in spec:
        spec["rules"] = [_rule(rule, _old_backend) for rule in spec["rules"]]
    return obj | {"spec": spec}


def _rule(rule: Object, backend: Callable[[Object], Object]) -> Object:
    if "http" not in rule:
        return rule
    paths = [
        {"pathType": "ImplementationSpecific"}
        | path
        | {"backend": backend(path.get("backend") or {})}
        for path in rule["http"].get("paths") or ()
    ]
    return rule | {"http": rule["http"] | {"paths": paths}}


def _backend(old: Object) -> Object:
    port = old.get("servicePort", 0)
    where = {"name": port} if isinstance(port, str) else {"number": port} if port else {}
    service = {"name": old.get("serviceName", "")} | ({"port": where} if where else {"port": {}})
    return {"service": service}


def _old_backend(new: Object) -> Object:
    service = new.get("service") or {}
    port = service.get("port") or {}
    return {
        "serviceName": service.get("name", ""),
        "servicePort": port.get("name") or port.get("number", 0),
    }


_RULES: dict[tuple[str, str, str], Callable[[Object], Object]] = {
    ("HorizontalPodAutoscaler", "autoscaling/v1", "autoscaling/v2"): autoscalers.from_v1,
    ("HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v1"): autoscalers.to_v1,
    ("Event", "v1", "events.k8s.io/v1"): _new_event,
    ("Event", "events.k8s.io/v1", "v1"): _core_event,
    ("Ingress", _OLD, "networking.k8s.io/v1"): _ingress,
    ("Ingress", "networking.k8s.io/v1", _OLD): _old_ingress,
    ("Deployment", _OLD, "apps/v1"): _workload,
    ("DaemonSet", _OLD, "apps/v1"): _workload,
    ("ReplicaSet", _OLD, "apps/v1"): _workload,
}
