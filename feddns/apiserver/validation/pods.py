"""The rules of Pods and of what is in a Pod template; containers have a module of their own.

Pure.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver.problems import (
    Problems,
    check_labels,
    check_selector,
    ip,
    label,
    label_value,
    qualified_name,
    subdomain,
)
from feddns.apiserver.validation import containers

Object = dict[str, Any]

_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_RESTART = ("Always", "OnFailure", "Never")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED_IN_VOLUMES = {
    "secret": "secretName", "configMap": "name", "hostPath": "path",
    "persistentVolumeClaim": "claimName",
}  # fmt: skip
_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions"
    " to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it"
    " was previously negative)"
)
_MOST_USER = 2**31 - 1


def pod(obj: Object, old: Object | None, found: Problems) -> None:
    check_spec(obj["spec"], "spec", found)
    if old:
        _changes(obj["spec"], old["spec"], found)


def _changes(spec: Object, old: Object, found: Problems) -> None:
    for field in ("containers", "initContainers"):
        if len(spec.get(field) or ()) != len(old.get(field) or ()):
            found.forbidden(f"spec.{field}", "pod updates may not add or remove containers")
            return
    if _fixed(spec) != _fixed(old):
        found.forbidden("spec", _FIXED)


def _fixed(spec: Object) -> Object:
    """What of a Pod may not change."""
    moving = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    fixed = {key: value for key, value in spec.items() if key not in moving}
    for field in ("containers", "initContainers"):
        if field in fixed:
            fixed[field] = [
                {key: value for key, value in container.items() if key != "image"}
                for container in fixed[field] or ()
            ]
    return fixed


def check_spec(spec: Object, here: str, found: Problems) -> None:
    volumes = _volumes(spec.get("volumes", ()), f"{here}.volumes", found)
    containers.check_all(spec, here, volumes, found)
    found.one_of(f"{here}.restartPolicy", spec["restartPolicy"], _RESTART)
    _dns(spec, here, found)
    if selector := spec.get("nodeSelector"):
        check_labels(selector, f"{here}.nodeSelector", found)
    _security(spec["securityContext"], here, found)
    if account := spec.get("serviceAccountName"):
        found.each(f"{here}.serviceAccountName", account, subdomain(account))
    if node := spec.get("nodeName"):
        found.each(f"{here}.nodeName", node, subdomain(node))
    if (seconds := spec.get("activeDeadlineSeconds")) is not None and seconds < 1:
        detail = f"must be between 1 and {_MOST_USER}, inclusive"
        found.invalid(f"{here}.activeDeadlineSeconds", seconds, detail)
    for field in ("hostname", "subdomain"):
        if name := spec.get(field):
            found.each(f"{here}.{field}", name, label(name))
    for number, toleration in enumerate(spec.get("tolerations", ())):
        _toleration(toleration, f"{here}.tolerations[{number}]", found)
    for number, alias in enumerate(spec.get("hostAliases", ())):
        found.each(f"{here}.hostAliases[{number}].ip", alias["ip"], ip(alias["ip"]))
    for number, spread in enumerate(spec.get("topologySpreadConstraints", ())):
        _spread(spread, f"{here}.topologySpreadConstraints[{number}]", found)


def _dns(spec: Object, here: str, found: Problems) -> None:
    found.one_of(f"{here}.dnsPolicy", spec["dnsPolicy"], _DNS)
    if spec["dnsPolicy"] == "None" and "dnsConfig" not in spec:
        detail = "must provide `dnsConfig` when `dnsPolicy` is None"
        found.required(f"{here}.dnsConfig", detail)


def _security(context: Object, here: str, found: Problems) -> None:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        value = context.get(field)
        if value is not None and not 0 <= value <= _MOST_USER:
            detail = f"must be between 0 and {_MOST_USER}, inclusive"
            found.invalid(f"{here}.securityContext.{field}", value, detail)


def _toleration(toleration: Object, here: str, found: Problems) -> None:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    value, effect = toleration.get("value", ""), toleration.get("effect", "")
    if key:
        found.each(f"{here}.key", key, qualified_name(key))
    elif operator != "Exists":
        detail = "operator must be Exists when `key` is empty, which means"
        found.invalid(f"{here}.operator", operator, f'{detail} "match all values and all keys"')
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        found.invalid(f"{here}.effect", effect, detail)
    if operator in ("", "Equal"):
        found.each(f"{here}.operator", value, label_value(value))
    elif operator == "Exists":
        if value:
            detail = "value must be empty when `operator` is 'Exists'"
            found.invalid(f"{here}.operator", value, detail)
    else:
        found.unsupported(f"{here}.operator", operator, ("Equal", "Exists"))
    if effect:
        found.one_of(f"{here}.effect", effect, _EFFECTS)


def _spread(spread: Object, here: str, found: Problems) -> None:
    if spread["maxSkew"] <= 0:
        found.invalid(f"{here}.maxSkew", spread["maxSkew"], "must be greater than zero")
    if not spread["topologyKey"]:
        found.required(f"{here}.topologyKey", "can not be empty")
    known = ("DoNotSchedule", "ScheduleAnyway")
    found.one_of(f"{here}.whenUnsatisfiable", spread["whenUnsatisfiable"], known)
    if selector := spread.get("labelSelector"):
        check_selector(selector, f"{here}.labelSelector", found)


def _volumes(volumes: list[Object], here: str, found: Problems) -> set[str]:
    """The names of the volumes that there are."""
    names: set[str] = set()
    for number, volume in enumerate(volumes):
        place, name = f"{here}[{number}]", volume["name"]
        if not name:
            found.required(f"{place}.name")
        elif wrong := label(name):
            found.each(f"{place}.name", name, wrong)
        elif name in names:
            found.duplicate(f"{place}.name", name)
        names.add(name)
        sources = [source for source in volume if source != "name"]
        if len(sources) > 1:
            found.forbidden(f"{place}.{_later(sources)}", "may not specify more than 1 volume type")
        field = _REQUIRED_IN_VOLUMES.get(sources[0]) if sources else None
        if field and not volume[sources[0]].get(field):
            found.required(f"{place}.{sources[0]}.{field}")
    return names


def _later(sources: list[str]) -> str:
    """The source that a server meets second."""
    order = ("emptyDir", "hostPath", "gitRepo", "secret", "nfs", "iscsi", "persistentVolumeClaim")
    return sorted(sources, key=lambda name: order.index(name) if name in order else 99)[1]
