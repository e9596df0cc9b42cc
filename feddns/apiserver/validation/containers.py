"""The rules of containers: ports, environment, resources, probes, mounts.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from feddns.apiserver import quantities
from feddns.apiserver.problems import (
    NOT_NEGATIVE,
    PORT,
    Problems,
    config_key,
    label,
    port_name,
    port_or_name,
    qualified_name,
)

Object = dict[str, Any]

_PULL = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MESSAGES = ("File", "FallbackToLogsOnError")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_NUMBERS = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ENV_NAME = (
    "a valid environment variable name must consist only of printable ASCII characters other than"
    " '='"
)
_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    "metadata.annotations", "metadata.labels",
)  # fmt: skip
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_MOST_USER = 2**31 - 1


def check_all(spec: Object, here: str, volumes: set[str], found: Problems) -> None:
    if not spec["containers"]:
        found.required(f"{here}.containers")
    names: set[str] = set()
    host_ports: set[str] = set()
    network = bool(spec.get("hostNetwork"))
    for field in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(field) or ()):
            place = f"{here}.{field}[{number}]"
            _name(container["name"], place, names, found)
            _container(container, place, volumes, field, found)
            _host_ports(container, place, host_ports, network, found)


def _name(name: str, here: str, names: set[str], found: Problems) -> None:
    if not name:
        found.required(f"{here}.name")
    elif wrong := label(name):
        found.each(f"{here}.name", name, wrong)
    elif name in names:
        found.duplicate(f"{here}.name", name)
    names.add(name)


def _container(
    container: Object, here: str, volumes: set[str], field: str, found: Problems
) -> None:
    if not container.get("image"):
        found.required(f"{here}.image")
    for name in ("preStop", "postStart"):
        if (hook := container.get("lifecycle", {}).get(name)) is not None:
            _handler(hook, f"{here}.lifecycle.{name}", found)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (probe := container.get(name)) is not None:
            if field == "initContainers" and container.get("restartPolicy") != "Always":
                found.forbidden(f"{here}.{name}", "may not be set for init containers")
            else:
                _probe(probe, f"{here}.{name}", name, found)
    if ports := container.get("ports"):
        _ports(ports, f"{here}.ports", found)
    for number, variable in enumerate(container.get("env", ())):
        _variable(variable, f"{here}.env[{number}]", found)
    for number, mount in enumerate(container.get("volumeMounts", ())):
        _mount(mount, f"{here}.volumeMounts[{number}]", volumes, found)
    found.one_of(f"{here}.imagePullPolicy", container["imagePullPolicy"], _PULL)
    if resources := container["resources"]:
        _resources(resources, f"{here}.resources", found)
    message = container["terminationMessagePolicy"]
    found.one_of(f"{here}.terminationMessagePolicy", message, _MESSAGES)
    for name in ("runAsUser", "runAsGroup"):
        value = container.get("securityContext", {}).get(name)
        if value is not None and not 0 <= value <= _MOST_USER:
            detail = f"must be between 0 and {_MOST_USER}, inclusive"
            found.invalid(f"{here}.securityContext.{name}", value, detail)


# --- ports ---------------------------------------------------------------------------------------


def _ports(ports: Sequence[Object], here: str, found: Problems) -> None:
    names: set[str] = set()
    for number, port in enumerate(ports):
        place = f"{here}[{number}]"
        if name := port.get("name"):
            if wrong := port_name(name):
                found.each(f"{place}.name", name, wrong)
            elif name in names:
                found.duplicate(f"{place}.name", name)
            names.add(name)
        if not port["containerPort"]:
            found.required(f"{place}.containerPort")
        elif not 0 < port["containerPort"] < 65536:
            found.invalid(f"{place}.containerPort", port["containerPort"], PORT)
        if (host := port.get("hostPort", 0)) and not 0 < host < 65536:
            found.invalid(f"{place}.hostPort", host, PORT)
        found.one_of(f"{place}.protocol", port["protocol"], _PROTOCOLS)


def _host_ports(
    container: Object, here: str, taken: set[str], network: bool, found: Problems
) -> None:
    for number, port in enumerate(container.get("ports", ())):
        host = port.get("hostPort", 0)
        if not host:
            continue
        place = f"{here}.ports[{number}].hostPort"
        key = f"{port['protocol']}/{port.get('hostIP', '')}/{host}"
        if key in taken:
            found.duplicate(place, key)
        taken.add(key)
        if network and host != port["containerPort"]:
            detail = "must match `containerPort` when `hostNetwork` is true"
            found.invalid(place, host, detail)


# --- environment and mounts ----------------------------------------------------------------------


def _variable(variable: Object, here: str, found: Problems) -> None:
    name = variable["name"]
    if not name:
        found.required(f"{here}.name")
    elif not re.fullmatch(r"[ -<>-~]+", name):
        found.invalid(f"{here}.name", name, _ENV_NAME)
    source = variable.get("valueFrom")
    if source is None:
        return
    here = f"{here}.valueFrom"
    given = [field for field in _SOURCES if field in source]
    if field := source.get("fieldRef"):
        _field(field["fieldPath"], f"{here}.fieldRef.fieldPath", found)
    for reference in ("configMapKeyRef", "secretKeyRef"):
        if reference in source:
            key = source[reference]["key"]
            if not key:
                found.required(f"{here}.{reference}.key")
            else:
                found.each(f"{here}.{reference}.key", key, config_key(key))
    if not given:
        *most, last = [f"`{field}`" for field in _SOURCES]
        found.invalid(here, "", f"must specify one of: {', '.join(most)} or {last}")
    elif variable.get("value"):
        found.invalid(here, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        found.invalid(here, "", "may not have more than one field specified at a time")


def _field(path: str, here: str, found: Problems) -> None:
    if not path:
        found.required(here)
    elif path not in _FIELDS and not re.fullmatch(r"metadata\.(labels|annotations)\['.+'\]", path):
        detail = f"error converting fieldPath: field label not supported: {path}"
        found.invalid(here, path, detail)


def _mount(mount: Object, here: str, volumes: set[str], found: Problems) -> None:
    if not mount["name"]:
        found.required(f"{here}.name")
    if mount["name"] not in volumes:
        found.not_found(f"{here}.name", mount["name"])
    if not mount["mountPath"]:
        found.required(f"{here}.mountPath")


# --- resources -----------------------------------------------------------------------------------


def _resources(resources: Object, here: str, found: Problems) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for which, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            place = f"{here}.{which}[{name}]"
            _resource_name(name, place, found)
            if quantities.value(amount) < 0:
                found.invalid(place, amount, NOT_NEGATIVE)
            limit = limits.get(name)
            if (
                which == "requests"
                and limit
                and (quantities.value(amount) > quantities.value(limit))
            ):
                detail = f"must be less than or equal to {name} limit of {limit}"
                found.invalid(f"{here}.requests", amount, detail)


def _resource_name(name: str, here: str, found: Problems) -> None:
    found.each(here, name, qualified_name(name))
    if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
        found.invalid(here, name, "must be a standard resource type or fully qualified")
        found.invalid(here, name, "must be a standard resource for containers")


# --- probes --------------------------------------------------------------------------------------


def _probe(probe: Object, here: str, kind: str, found: Problems) -> None:
    _handler(probe, here, found)
    for field in _NUMBERS:
        found.not_negative(f"{here}.{field}", probe.get(field))
    if kind != "readinessProbe" and probe["successThreshold"] != 1:
        found.invalid(f"{here}.successThreshold", probe["successThreshold"], "must be 1")


def _handler(handler: Object, here: str, found: Problems) -> None:
    given = [name for name in _HANDLERS if name in handler]
    for name in given[1:]:
        found.forbidden(f"{here}.{name}", "may not specify more than 1 handler type")
    if not given:
        found.required(here, "must specify a handler type")
        return
    action, place = handler[given[0]], f"{here}.{given[0]}"
    if given[0] == "exec" and not action.get("command"):
        found.required(f"{place}.command")
    if given[0] == "httpGet":
        if not action["path"]:
            found.required(f"{place}.path")
        found.each(f"{place}.port", action["port"], port_or_name(action["port"]))
        found.one_of(f"{place}.scheme", action["scheme"], ("HTTP", "HTTPS"))
    elif given[0] in ("tcpSocket", "grpc"):
        found.each(f"{place}.port", action["port"], port_or_name(action["port"]))
