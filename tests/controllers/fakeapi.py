"""An API server in a dictionary: what the reconcilers count on a real one for.

    verb       what it does (each was tried on a real API server)
    apply      fields that were applied before and are no more go; others' stay; a node port stays
               with its port's number or name; immutable things are Invalid
    patch      JSON merge patch; Conflict when resourceVersion or uid is another
    delete     finalizers hold the object; the policy puts `orphan` among them, or takes it away
    Services   cluster addresses and node ports are allocated; managedFields tell what a user set
    Namespaces are held by spec.finalizers until /finalize

Refusals by somebody's policy: `api.refuses = lambda key: Trouble(…)`.  Nothing here knows a clock.
"""

from __future__ import annotations

import copy as copying
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from controllers import kinds
from controllers.kinds import NAMESPACES, SERVICES
from controllers.world import Key, Trouble

Object = dict[str, Any]
RESOURCES = {row.resource.kind: row.resource for row in kinds.TABLE}


def key_of(thing: Object | str) -> Key:
    """Of an object, or of `Service shop/web`."""
    if isinstance(thing, str):
        kind, _, place = thing.partition(" ")
        namespace, _, name = place.rpartition("/")
        return Key(RESOURCES[kind], namespace, name)
    metadata = thing["metadata"]
    return Key(RESOURCES[thing["kind"]], metadata.get("namespace", ""), metadata["name"])


class Refused(Exception):
    """What an API says no with."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.trouble = Trouble(reason, message)


class Api:
    """One API server."""

    def __init__(self, name: str = "api") -> None:
        self.name = name
        self.objects: dict[Key, Object] = {}
        self.refuses: Callable[[Key], Trouble | None] = lambda key: None
        self.calls = 0
        self._applied: dict[Key, Object] = {}
        self._numbers = itertools.count(1)
        self._ports = itertools.count(30000)

    def get(self, key: Key) -> Object | None:
        return self.objects.get(key)

    def create(self, given: Object) -> Object:
        key = key_of(given)
        if key in self.objects:
            raise Refused("AlreadyExists", f"{key} already exists")
        made = copying.deepcopy(given)
        made["metadata"]["uid"] = f"{self.name}-{next(self._numbers)}"
        made["metadata"]["managedFields"] = _managed(made)
        if key.resource == NAMESPACES:
            made["spec"] = {"finalizers": ["kubernetes"]}
        return self._put(key, made)

    def apply(self, key: Key, body: Object) -> Object:
        live = self._allowed(key)
        before = self._applied.get(key, {})
        self._refuse_immutable(live, body)
        if live is None:
            made = self.create(body)
            self._applied[key] = copying.deepcopy(body)
            return made
        merged = _apply(live, before, body)
        self._applied[key] = copying.deepcopy(body)
        return self._put(key, merged)

    def patch(self, key: Key, body: Object, version: str = "") -> Object:
        live = self._allowed(key)
        if live is None:
            raise Refused("NotFound", f"{key} not found")
        given = {**body.get("metadata", {})}
        given.setdefault("resourceVersion", version or live["metadata"]["resourceVersion"])
        for part in ("uid", "resourceVersion"):
            if part in given and given[part] != live["metadata"][part]:
                raise Refused("Conflict", f"{key}: {part} is another")
        return self._put(key, _merge(live, body), or_end=True)

    def delete(self, key: Key, uid: str = "", policy: str = "Background") -> None:
        live = self._allowed(key)
        if live is None or (uid and live["metadata"]["uid"] != uid):
            raise Refused("NotFound" if live is None else "Conflict", f"{key}")
        metadata = live["metadata"]
        policies = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}
        kept = [one for one in metadata.get("finalizers", ()) if one not in policies.values()]
        metadata["finalizers"] = [*kept, *([policies[policy]] if policy in policies else [])]
        metadata["deletionTimestamp"] = metadata.get("deletionTimestamp") or "now"
        self._put(key, live, or_end=True)

    def finalize(self, key: Key, body: Object) -> None:
        inside = [one for one in self.objects if one.namespace == key.name]
        assert not inside, f"{key} is finalized with {inside} in it"
        self._put(key, {**self.objects[key], "spec": body["spec"]}, or_end=True)

    def _allowed(self, key: Key) -> Object | None:
        self.calls += 1
        refusal = self.refuses(key)
        if refusal is not None:
            raise Refused(*refusal)
        return copying.deepcopy(self.objects.get(key))

    def _put(self, key: Key, made: Object, or_end: bool = False) -> Object:
        metadata = made["metadata"]
        for part in ("finalizers", "annotations", "labels"):
            if not metadata.get(part, True):
                del metadata[part]
        held = metadata.get("finalizers") or made.get("spec", {}).get("finalizers")
        if or_end and metadata.get("deletionTimestamp") and not held:
            self._end(key)
            return made
        if key.resource == SERVICES:
            self._allocate(made)
        before = self.objects.get(key)
        if before != made:
            metadata["resourceVersion"] = str(next(self._numbers))
            self.objects[key] = made
        return copying.deepcopy(made)

    def _end(self, key: Key) -> None:
        self.objects.pop(key, None)
        self._applied.pop(key, None)

    def empty(self, namespace: str) -> None:
        """What a member's namespace controller does."""
        for one in [key for key in self.objects if key.namespace == namespace]:
            self._end(one)

    def _allocate(self, service: Object) -> None:
        spec = service.setdefault("spec", {})
        if spec.get("type") != "ExternalName" and not spec.get("clusterIP"):
            spec["clusterIP"] = f"10.96.0.{next(self._numbers)}"
        wants = spec.get("type") in ("NodePort", "LoadBalancer")
        for port in spec.get("ports", ()):
            port.setdefault("protocol", "TCP")
            if wants and not port.get("nodePort"):
                port["nodePort"] = next(self._ports)
            elif not wants:
                port.pop("nodePort", None)

    def _refuse_immutable(self, live: Object | None, body: Object) -> None:
        if live is None:
            return
        if live.get("immutable") and live.get("data") != body.get("data"):
            raise Refused("Invalid", "data: Forbidden: field is immutable when `immutable` is set")
        spec, new = live.get("spec", {}), body.get("spec", {})
        if new.get("clusterIP", spec.get("clusterIP")) != spec.get("clusterIP"):
            raise Refused("Invalid", "spec.clusterIPs[0]: may not change once set")
        if body["kind"] == "DaemonSet" and spec.get("selector") != new.get("selector"):
            raise Refused("Invalid", "spec.selector: field is immutable")


def _managed(made: Object) -> list[Object]:
    """Who set which field of a Service's spec."""
    spec = made.get("spec") or {}
    ports = {
        json.dumps(
            {"port": port["port"], "protocol": port.get("protocol", "TCP")}, separators=(",", ":")
        ): {f"f:{name}": {} for name in port}
        for port in spec.get("ports", ())
    }
    fields: Object = {f"f:{name}": {} for name in spec if name != "ports"}
    fields["f:ports"] = {f"k:{name}": {".": {}, **value} for name, value in ports.items()}
    return [{"manager": "user", "operation": "Update", "fieldsV1": {"f:spec": fields}}]


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copying.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value)
    return result


def _apply(live: Any, before: Any, body: Any) -> Any:
    """Server-side apply, by force, as far as copies need it."""
    if isinstance(body, Mapping) and isinstance(live, Mapping):
        owned = before if isinstance(before, Mapping) else {}
        result = {name: value for name, value in live.items() if name in body or name not in owned}
        for name, value in body.items():
            if name == "ports":
                result[name] = _apply_ports(live.get(name, []), owned.get(name, []), value)
            else:
                result[name] = _apply(live.get(name), owned.get(name), value)
        return result
    return copying.deepcopy(body)


def _apply_ports(live: list[Object], before: list[Object], body: list[Object]) -> list[Object]:
    def place(port: Object) -> tuple[int, str]:
        return port["port"], port.get("protocol", "TCP")

    ours = {place(port) for port in (*before, *body)}
    there = {place(port): port for port in live}
    names = {port.get("name"): port for port in live}
    result = [port for port in live if place(port) not in ours]
    for port in body:
        old = there.get(place(port)) or names.get(port.get("name")) or {}
        kept = {"nodePort": old["nodePort"]} if "nodePort" in old else {}
        result.append({**kept, **port})
    return result
