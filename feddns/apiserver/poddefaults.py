"""The defaults of Pods and of the templates that Pods are made from.

A template has fewer of them than a Pod: requests follow limits, and service links are on, when the
Pod is made.

Pure.  Called by `defaults`.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_MODE = 0o644
_DEFAULT_MODES = ("secret", "configMap", "downwardAPI", "projected")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_WAIT = 300
"""Seconds that a Pod stays on a node that is not well."""


def set_pod_template(template: Object) -> None:
    _set_spec(template["spec"])


def set_pod(obj: Object) -> None:
    spec = obj["spec"]
    _set_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in [*(spec["containers"] or ()), *spec.get("initContainers", ())]:
        resources = container["resources"]
        for name, limit in resources.get("limits", {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)
    if spec.get("hostNetwork"):
        _set_host_ports(spec)


def prepare_pod(obj: Object) -> None:
    """What admission adds to a Pod, and its first status."""
    spec = obj["spec"]
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATED:
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _WAIT,
                }
            )
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    obj["status"] = {"phase": "Pending", "qosClass": quality(spec)}


def quality(spec: Object) -> str:
    """The QoS class: what is promised to the Pod when a node runs short of memory."""
    containers = [*(spec["containers"] or ()), *spec.get("initContainers", ())]
    resources = [container["resources"] for container in containers]
    named = [
        {name for name in part.get(which, {}) if name in ("cpu", "memory")}
        for part in resources
        for which in ("limits", "requests")
    ]
    if not any(named):
        return "BestEffort"
    guaranteed = all(
        {"cpu", "memory"} <= set(part.get("limits", ()))
        and part.get("requests", part["limits"]) == part["limits"]
        for part in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("effect", "NoExecute") == "NoExecute" and (
        toleration.get("key", "") in ("", key)
    )


def _set_spec(spec: Object) -> None:
    for container in spec["containers"] or ():
        _set_container(container)
    for container in spec.get("initContainers", ()):
        _set_container(container)
    for volume in spec.get("volumes", ()):
        _set_volume(volume)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("schedulerName", "default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    if spec.get("hostNetwork"):
        _set_host_ports(spec)


def _set_host_ports(spec: Object) -> None:
    for container in [*(spec["containers"] or ()), *spec.get("initContainers", ())]:
        for port in container.get("ports", ()):
            port.setdefault("hostPort", port["containerPort"])


def _set_container(container: Object) -> None:
    if "imagePullPolicy" not in container:
        policy = "Always" if _is_latest(container.get("image", "")) else "IfNotPresent"
        container["imagePullPolicy"] = policy
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        if field := variable.get("valueFrom", {}).get("fieldRef"):
            field.setdefault("apiVersion", "v1")
    for name in _PROBES:
        if name in container:
            _set_probe(container[name])
    for name in _HOOKS:
        if "httpGet" in (hook := container.get("lifecycle", {}).get(name, {})):
            _set_get(hook["httpGet"])


def _is_latest(image: str) -> bool:
    """Whether the image may change under its name: no digest, and no tag but `latest`."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" not in image and tag in ("", "latest")


def _set_probe(probe: Object) -> None:
    if "httpGet" in probe:
        _set_get(probe["httpGet"])
    if "grpc" in probe:
        probe["grpc"]["service"] = probe["grpc"].get("service") or ""
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)


def _set_get(get: Object) -> None:
    get.setdefault("path", "/")
    get.setdefault("scheme", "HTTP")


def _set_volume(volume: Object) -> None:
    if len(volume) == 1:  # its name: no source
        volume["emptyDir"] = {}
        return
    for source in _DEFAULT_MODES:
        if source in volume:
            volume[source].setdefault("defaultMode", _MODE)
    projected = volume.get("projected", {}).get("sources") or ()
    for source in (volume, *projected):
        if token := source.get("serviceAccountToken"):
            token.setdefault("expirationSeconds", 3600)
        for item in source.get("downwardAPI", {}).get("items", ()):
            if field := item.get("fieldRef"):
                field.setdefault("apiVersion", "v1")
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if "iscsi" in volume:
        volume["iscsi"].setdefault("iscsiInterface", "default")
    if claim := volume.get("ephemeral", {}).get("volumeClaimTemplate"):
        claim["spec"].setdefault("volumeMode", "Filesystem")
