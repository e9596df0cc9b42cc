"""What is taken, but will hardly be what was meant: texts of Warning headers.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region":
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone":
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type":
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}  # fmt: skip
"""Labels of nodes that were called otherwise."""
_INGRESS_CLASS = "kubernetes.io/ingress.class"
_HINTS = "service.kubernetes.io/topology-aware-hints"


def of_service(obj: Object) -> Iterator[str]:
    spec, annotations = obj["spec"], obj["metadata"].get("annotations", {})
    kind, headless = spec["type"], spec.get("clusterIP") == "None"
    outside = bool(spec.get("externalIPs"))
    if _HINTS in annotations:
        mode = "service.kubernetes.io/topology-mode"
        yield f"annotation {_HINTS} is deprecated, please use {mode} instead"
    if headless:
        if spec.get("loadBalancerIP"):
            yield "spec.loadBalancerIP is ignored for headless services"
        if outside:
            yield "spec.externalIPs is ignored for headless services"
        if spec["sessionAffinity"] != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    if outside and not headless and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if outside and kind == "ExternalName":
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if kind != "ExternalName" and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def of_ingress(obj: Object) -> Iterator[str]:
    annotations = obj["metadata"].get("annotations", {})
    if _INGRESS_CLASS in annotations and "ingressClassName" not in obj["spec"]:
        instead = "please use 'spec.ingressClassName' instead"
        yield f'annotation "{_INGRESS_CLASS}" is deprecated, {instead}'


def of_pod(spec: Object, here: str) -> Iterator[str]:
    for key in spec.get("nodeSelector", ()):
        if key in _LABELS:
            yield f"{here}.nodeSelector[{key}]: {_LABELS[key]}"
    for number, spread in enumerate(spec.get("topologySpreadConstraints", ())):
        place = f"{here}.topologySpreadConstraints[{number}]"
        if spread["topologyKey"] in _LABELS:
            told = f"{spread['topologyKey']} is {_LABELS[spread['topologyKey']]}"
            yield f"{place}.topologyKey: {told}"
        if "labelSelector" not in spread:
            yield f"{place}.labelSelector: a null labelSelector results in matching no pod"
    yield from _twice(spec.get("hostAliases", ()), "ip", f"{here}.hostAliases", "ip")
    secrets = spec.get("imagePullSecrets", ())
    yield from _twice(secrets, "name", f"{here}.imagePullSecrets", "name")
    for number, secret in enumerate(secrets):
        if not secret.get("name"):
            yield f'{here}.imagePullSecrets[{number}].name: invalid empty name ""'
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or ()):
            yield from _variables(container, f"{here}.{field}[{number}]")
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        yield (
            f"{here}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and"
            " will be treated as 1"
        )


def _twice(items: Any, key: str, here: str, word: str) -> Iterator[str]:
    seen = set()
    for number, item in enumerate(items):
        value = item.get(key, "")
        if value in seen:
            yield f'{here}[{number}].{key}: duplicate {word} "{value}"'
        seen.add(value)


def _variables(container: Object, here: str) -> Iterator[str]:
    """A variable that is set again, and not made of what it was."""
    seen = set()
    for number, variable in enumerate(container.get("env", ())):
        name, value = variable["name"], variable.get("value", "")
        before = f"$({name})"
        if name in seen and ("valueFrom" in variable or value == before or before not in value):
            told = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{here}.env[{number}]: {told}"
        seen.add(name)
