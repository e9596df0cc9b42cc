"""Random writes to objects of a few kinds, with few names and values, so that they meet.

ConfigMap, Service, Deployment, and Widget, of a CRD with a list and a map of every type.

Called by `differential`.
"""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any, NamedTuple

from feddns.apiserver import apply, patch
from feddns.apiserver.kinds import Kind

Object = dict[str, Any]

RESOURCES = (
    ("", "v1", "configmaps"), ("", "v1", "services"), ("apps", "v1", "deployments"),
    ("example.org", "v1", "widgets"),
)  # fmt: skip
MANAGERS = ("one", "two", "three", "kubectl")
_LABELS = {"app": "web"}


_TEXT = {"type": "string"}
_PAIR = {"type": "object", "properties": {
    "name": _TEXT, "zone": {**_TEXT, "default": "z"}, "value": {**_TEXT, "nullable": True},
    "words": {"type": "object", "additionalProperties": _TEXT},
}, "required": ["name"]}  # fmt: skip
_WIDGET = {
    "type": "object", "properties": {
        "keyed": {"type": "array", "items": _PAIR, "x-kubernetes-list-type": "map",
                  "x-kubernetes-list-map-keys": ["name", "zone"]},
        "set": {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"},
        "plain": {"type": "array", "items": _PAIR},
        "whole": {**_PAIR, "x-kubernetes-map-type": "atomic"},
        "map": {"type": "object", "additionalProperties": _PAIR},
        "number": {"type": "integer", "default": 3}, "maybe": {**_TEXT, "nullable": True},
        "either": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}  # fmt: skip
CRD: Object = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org", "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget",
                  "listKind": "WidgetList"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": _WIDGET, "status": _WIDGET}}},
        }],
    },
}  # fmt: skip


class Write(NamedTuple):
    """One request; `body` is JSON, also of an apply."""

    method: str
    content_type: str = "application/json"
    body: Any = None
    manager: str = ""
    force: bool = False
    subresource: str = ""


def choose(chance: Random, kind: Kind, name: str, live: Object | None) -> Write:
    """The next write, to an object that is there as `live` or is not."""
    manager = chance.choice(MANAGERS)
    body = _object(chance, kind, name, whole=live is None or chance.random() < 0.4)
    if manager == "kubectl" and chance.random() < 0.4:
        _annotate(body)
    if live is None:
        if chance.random() < 0.5:
            return Write("POST", body=body, manager=manager)
        return Write("PATCH", patch.APPLY_PATCH, body, manager)
    roll = chance.random()
    if roll < 0.4:
        return Write("PATCH", patch.APPLY_PATCH, body, manager, chance.random() < 0.5)
    if roll < 0.5:
        return _status(chance, kind, name, manager)
    if roll < 0.6:
        return Write("PUT", body=_replaced(chance, kind, name, live), manager=manager)
    if roll < 0.7:
        return Write("PATCH", patch.MERGE_PATCH, _merge(chance, body, live), manager)
    if roll < 0.85:
        return Write("PATCH", patch.JSON_PATCH, _operations(chance, live), manager)
    if kind.custom:
        return Write("PATCH", patch.MERGE_PATCH, body, manager)
    return Write("PATCH", patch.STRATEGIC_MERGE_PATCH, _strategic(chance, body, live), manager)


def _annotate(body: Object) -> None:
    """As kubectl does when it applies without --server-side."""
    said = json.dumps(body)
    annotations = body["metadata"].get("annotations", {})
    body["metadata"]["annotations"] = {**annotations, apply.LAST_APPLIED: said}


# --- objects -----------------------------------------------------------------------------------


def _object(chance: Random, kind: Kind, name: str, *, whole: bool) -> Object:
    made: Object = {
        "apiVersion": kind.api_version, "kind": kind.kind,
        "metadata": {"name": name, "namespace": "differential", **_metadata(chance)},
    }  # fmt: skip
    if kind.kind == "ConfigMap":
        return made | _configmap(chance)
    if kind.kind == "Service":
        return made | {"spec": _service(chance, whole=whole)}
    if kind.kind == "Widget":
        return made | _some(chance, {"spec": _widget(chance), "status": _widget(chance)}, 0.7)
    return made | {"spec": _deployment(chance, whole=whole)}


def _some(chance: Random, parts: Object, share: float = 0.5) -> Object:
    return {name: part for name, part in parts.items() if chance.random() < share}


def _words(chance: Random, names: str = "abcd") -> dict[str, str]:
    return {name: chance.choice("123") for name in names if chance.random() < 0.4}


def _metadata(chance: Random) -> Object:
    finalizers = [f"example.org/{name}" for name in "abc" if chance.random() < 0.4]
    chance.shuffle(finalizers)
    return _some(chance, {
        "labels": _words(chance), "annotations": _words(chance), "finalizers": finalizers,
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": f"owner-{name}", "uid": f"uid-{name}"}
            for name in "ab" if chance.random() < 0.5
        ],
    }, 0.35)  # fmt: skip


def _configmap(chance: Random) -> Object:
    return _some(chance, {"data": _words(chance, "abcdef"), "binaryData": {"z": "AQI="}}, 0.8)


def _service(chance: Random, *, whole: bool) -> Object:
    ports = [
        _some(chance, {"targetPort": chance.choice((8080, "http")), "appProtocol": "http"}, 0.4)
        | {"port": port, "name": f"p{port}"}
        | ({"protocol": chance.choice(("TCP", "UDP"))} if chance.random() < 0.5 else {})
        for port in chance.sample((80, 443, 53), chance.randint(1, 3))
    ]
    spec = _some(chance, {
        "selector": _words(chance), "sessionAffinity": chance.choice(("None", "ClientIP")),
        "externalIPs": chance.sample(("192.0.2.1", "192.0.2.2", "192.0.2.3"), chance.randint(0, 3)),
        "publishNotReadyAddresses": True, "externalName": "",
        "type": chance.choice(("ClusterIP", "ClusterIP", "LoadBalancer")),
    }, 0.4)  # fmt: skip
    return spec | ({"ports": ports} if whole or chance.random() < 0.6 else {})


def _widget(chance: Random) -> Object:
    def pairs(names: str) -> list[Object]:
        found = [_pair(chance, name) for name in names if chance.random() < 0.5]
        chance.shuffle(found)
        return found

    return _some(chance, {
        "keyed": [*pairs("abc"), {"name": "a", "zone": "y"}], "plain": pairs("ab"),
        "set": chance.sample("abcd", chance.randint(0, 3)), "whole": _pair(chance, "a"),
        "map": {name: _pair(chance, name) for name in _words(chance)},
        "number": chance.randint(3, 5), "maybe": chance.choice(("a", None)),
        "either": chance.choice((1, "1", "2")),
        "free": {"a": _words(chance), "b": chance.choice((1, "x", [1, 2], {}, {"c": 1}))},
    }, 0.5)  # fmt: skip


def _pair(chance: Random, name: str) -> Object:
    return {"name": name} | _some(chance, {
        "zone": chance.choice("yz"), "value": chance.choice(("1", "2", None)),
        "words": _words(chance),
    })  # fmt: skip


def _deployment(chance: Random, *, whole: bool) -> Object:
    template: Object = {}
    if whole or chance.random() < 0.6:
        containers = [
            _container(chance, name) for name in chance.sample("ab", chance.randint(1, 2))
        ]
        template = {"metadata": {"labels": {**_LABELS, **_words(chance)}}, "spec": _pod(chance)}
        template["spec"]["containers"] = containers
    spec = _some(chance, {
        "replicas": chance.randint(0, 3), "minReadySeconds": chance.randint(1, 3), "paused": True,
        "revisionHistoryLimit": chance.randint(1, 3),
        "strategy": chance.choice((
            {"type": "Recreate"}, {"rollingUpdate": {"maxSurge": 1}},
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}},
        )),
    }, 0.3)  # fmt: skip
    if template:
        spec["template"] = template
    return spec | ({"selector": {"matchLabels": dict(_LABELS)}} if whole else {})


def _pod(chance: Random) -> Object:
    return _some(chance, {
        "nodeSelector": _words(chance),
        "tolerations": [{"key": name, "operator": "Exists"} for name in _words(chance)],
        "imagePullSecrets": [{"name": name} for name in _words(chance)],
        "volumes": [
            {"name": name} | chance.choice(({"emptyDir": {}}, {"configMap": {"name": "c"}}))
            for name in _words(chance)
        ],
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a", "b"]}],
        "terminationGracePeriodSeconds": chance.randint(1, 3), "dnsPolicy": "Default",
        "securityContext": {"fsGroup": chance.randint(1, 3)},
    }, 0.25)  # fmt: skip


def _container(chance: Random, name: str) -> Object:
    return {"name": name, "image": f"image:{chance.randint(1, 2)}"} | _some(chance, {
        "env": [{"name": key, "value": value} for key, value in _words(chance).items()],
        "ports": [
            {"containerPort": port} | _some(chance, {"protocol": "TCP", "name": f"p{port}"})
            for port in chance.sample((80, 443), chance.randint(1, 2))
        ],
        "args": list(_words(chance)), "workingDir": "/",
        "resources": {"limits": {"cpu": chance.choice(("1", "1000m", 1)), "memory": "1Gi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": chance.choice((80, "http"))}},
        "securityContext": {"capabilities": {"add": ["A"], "drop": ["B"]}},
    }, 0.3)  # fmt: skip


# --- writes ------------------------------------------------------------------------------------


def _status(chance: Random, kind: Kind, name: str, manager: str) -> Write:
    """A write of the status, by apply or patch; of the metadata where there is none."""
    status: Object = {}
    if kind.kind == "Service":
        addresses = chance.sample(("192.0.2.8", "192.0.2.9"), chance.randint(0, 2))
        status = {"loadBalancer": {"ingress": [{"ip": one} for one in addresses]}}
    elif kind.kind == "Deployment":
        names = chance.sample(("Available", "Progressing"), chance.randint(0, 2))
        conditions = [{"type": one, "status": chance.choice(("True", "False"))} for one in names]
        status = {"conditions": conditions, "observedGeneration": chance.randint(1, 3)}
    elif kind.kind == "Widget":
        status = _widget(chance)
    else:
        labels = {"metadata": {"labels": _words(chance)}}
        return Write("PATCH", patch.MERGE_PATCH, labels, manager)
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name},
            "status": status}  # fmt: skip
    content_type = chance.choice((patch.APPLY_PATCH, patch.MERGE_PATCH))
    if content_type == patch.MERGE_PATCH:
        body = {"status": status}
    force = content_type == patch.APPLY_PATCH and chance.random() < 0.5
    return Write("PATCH", content_type, body, manager, force, "status")


def _replaced(chance: Random, kind: Kind, name: str, live: Object) -> Object:
    """The live object with parts of another one, as `kubectl edit` sends it."""
    made, other = copy.deepcopy(live), _object(chance, kind, name, whole=True)
    made["metadata"] = {**made["metadata"], **_metadata(chance)}
    for part in ("data", "spec"):
        if part in other and part in made:
            for key, value in other[part].items():
                if chance.random() < 0.6:
                    made[part][key] = value
    roll = chance.random()
    if roll < 0.1:
        made["metadata"]["managedFields"] = [{}]
    elif roll < 0.3:
        made["metadata"].pop("managedFields", None)
    elif roll < 0.5 and len(made["metadata"].get("managedFields", ())) > 1:
        made["metadata"]["managedFields"].pop()
    return made


def _merge(chance: Random, body: Object, live: Object) -> Object:
    made = {"metadata": body["metadata"]} | _some(chance, body)
    for part in ("data", "spec", "metadata"):
        for key in list(live.get(part, ())):
            if chance.random() < 0.1 and key not in ("name", "namespace", "uid", "resourceVersion"):
                made.setdefault(part, {})[key] = None
    return made


def _operations(chance: Random, live: Object) -> list[Object]:
    paths = sorted(_paths(live))
    made = []
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(paths)
        op = chance.choice(("remove", "replace", "add", "test", "copy", "move"))
        operation: Object = {"op": op, "path": path}
        if op in ("replace", "add", "test"):
            operation["value"] = chance.choice(("1", 1, "example.org/z", _value(live, path)))
        elif op in ("copy", "move"):
            operation["from"] = path
            operation["path"] = chance.choice((path, f"{path}x", chance.choice(paths)))
        made.append(operation)
    return made


def _paths(value: Any, path: str = "") -> set[str]:
    """Paths of the writable, and some that lead nowhere."""
    if isinstance(value, dict):
        found = {f"{path}/new"} if path else {"/data/q", "/spec/nowhere/x"}
        for key, part in value.items():
            if path or key in ("data", "spec"):
                below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
                found |= {below} | _paths(part, below)
            elif key == "metadata":
                for name in ("labels", "annotations", "finalizers"):
                    if name in part:
                        found |= {f"/metadata/{name}"} | _paths(part[name], f"/metadata/{name}")
        return found
    if isinstance(value, list):
        found = {f"{path}/-", f"{path}/-1", f"{path}/9"}
        for at, part in enumerate(value):
            found |= {f"{path}/{at}"} | _paths(part, f"{path}/{at}")
        return found
    return set()


def _value(live: Object, path: str) -> Any:
    value: Any = live
    for part in path.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return "2"
    return value


def _strategic(chance: Random, body: Object, live: Object) -> Object:
    made = copy.deepcopy({key: body[key] for key in ("metadata", "data", "spec") if key in body})
    _direct(chance, made, live)
    return made


def _direct(chance: Random, made: Object, live: Any) -> None:
    """Put directives into a patch, here and there, that fit what is live."""
    if not isinstance(live, dict):
        return
    for key, value in list(made.items()):
        there = live.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            _direct(chance, value, there)
            roll = chance.random()
            if roll < 0.05 and key in ("labels", "annotations", "strategy", "resources", "data"):
                value["$patch"] = chance.choice(("replace", "delete"))
            elif roll < 0.1 and key in ("labels", "strategy", "data"):
                value["$retainKeys"] = [*value, *list(there)[:1]]
        elif isinstance(value, list) and isinstance(there, list):
            _direct_list(chance, made, key, there)
    for key in list(live):
        if chance.random() < 0.03 and key not in ("apiVersion", "kind", "metadata", "name"):
            made[key] = None


def _direct_list(chance: Random, made: Object, key: str, there: list[Any]) -> None:
    value = made[key]
    names = {"ports": "port" if "port" in str(there) and "containerPort" not in str(there)
             else "containerPort", "ownerReferences": "uid"}  # fmt: skip
    merge_key = names.get(key, "name")
    roll = chance.random()
    if all(isinstance(item, str) for item in [*value, *there]):
        if roll < 0.4 and key == "finalizers":
            gone = [item for item in there if item not in value]
            made[f"$deleteFromPrimitiveList/{key}"] = gone[:1]
        elif roll < 0.7 and key == "finalizers":
            made[f"$setElementOrder/{key}"] = chance.sample(there, len(there)) + [
                item for item in value if item not in there
            ]
        return
    keyed = [item for item in there if isinstance(item, dict) and merge_key in item]
    for item in value:
        for other in keyed:
            if isinstance(item, dict) and item.get(merge_key) == other[merge_key]:
                _direct(chance, item, other)
    if roll < 0.2 and keyed:
        value.append({"$patch": "delete", merge_key: chance.choice(keyed)[merge_key]})
    elif roll < 0.3 and all(merge_key in item for item in value):
        value.append({"$patch": "replace"})
    elif roll < 0.6 and keyed and all(merge_key in item for item in value):
        order = [{merge_key: item[merge_key]} for item in value]
        order += [{merge_key: item[merge_key]} for item in keyed if chance.random() < 0.7]
        made[f"$setElementOrder/{key}"] = order
