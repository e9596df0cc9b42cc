"""A federation in dictionaries: APIs, the `World` over them, and who does a `Plan`.

    fed = Federation("us", "eu")                  members with the zones us-a, eu-a, …
    fed.create(a.service("shop/web"))             as a user does
    fed.settle()                                  reconcile every key until nothing is to be done
    fed.members["us"].api.get(key)

`Api` does what the reconcilers count on a real API server for (each line was tried on one):

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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controllers import copies, deletion, kinds, propagation
from controllers.kinds import NAMESPACES, SERVICES
from controllers.world import (
    Apply,
    Delete,
    Key,
    Member,
    Operation,
    Patch,
    Plan,
    Resource,
    Shard,
    Told,
    Trouble,
    Write,
)
from feddns.healthwatch import judge

Object = dict[str, Any]
ROUNDS = 30
_RESOURCES = {row.resource.kind: row.resource for row in kinds.TABLE}


def key_of(thing: Object | str) -> Key:
    """Of an object, or of `Service shop/web`."""
    if isinstance(thing, str):
        kind, _, place = thing.partition(" ")
        namespace, _, name = place.rpartition("/")
        return Key(_RESOURCES[kind], namespace, name)
    metadata = thing["metadata"]
    return Key(_RESOURCES[thing["kind"]], metadata.get("namespace", ""), metadata["name"])


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


class Place:
    """A member: its API, and what the controllers know of it."""

    def __init__(self, seen: Member) -> None:
        self.seen = seen
        self.api = Api(seen.name)
        self.ready: dict[tuple[str, str], int] = {}
        self.alive: dict[tuple[str, str], bool] = {}
        self.met: set[Key] = set()


class Federation:
    """The federation's API, its members, and the controllers; a `World`."""

    def __init__(self, *names: str, federation: str = "fellowship") -> None:
        self.now = 1_700_000_000.0
        self.federation = federation
        self.system_namespace = "federation-system"
        self.grace = 40.0
        self.api = Api("federation")
        self.create(namespace("kube-system"))
        self.places: dict[str, Place] = {}
        self.unlisted: set[Resource] = set()
        self.events: list[Told] = []
        self.troubles: dict[tuple[str, Key], Trouble] = {}
        self.again: dict[Key, float] = {}
        self.touched: set[Key] = set()
        self._settled: dict[tuple[str, Key], str] = {}
        for name in names:
            self.register(name)

    # --- what happens in the world ---------------------------------------------------------------

    def register(self, name: str, **labels: str) -> Place:
        zones = (f"{name}-a",)
        whole = frozenset({row.resource.plural for row in kinds.TABLE} | {"endpointslices"})
        place = Place(Member(name, labels, True, 0.0, whole, zones, name))
        self.places[name] = place
        return place

    def become(self, name: str, **changes: Any) -> None:
        """Change what is known of a member: ready, since, whole, labels."""
        place = self.places[name]
        seen = {one: getattr(place.seen, one) for one in place.seen.__struct_fields__}
        place.seen = Member(**{**seen, **changes})

    def lose(self, name: str) -> None:
        self.become(name, ready=False, since=self.now)

    def regain(self, name: str) -> None:
        self.become(name, ready=True, since=0.0)
        self.touched |= set(deletion.remembered(name, self))
        self.troubles = {at: one for at, one in self.troubles.items() if at[0] != name}

    def create(self, given: Object) -> Key:
        self.api.create(given)
        return key_of(given)

    def delete(self, key: Key, policy: str = "Background") -> None:
        self.api.delete(key, policy=policy)

    def balance(self, name: str, key: Key, *addresses: str) -> None:
        """The cloud gives a member's Service its addresses."""
        ingress = [{"ip": one, "ipMode": "VIP"} for one in addresses]
        self.places[name].api.patch(key, {"status": {"loadBalancer": {"ingress": ingress}}})

    def endpoints(self, name: str, key: Key, ready: int) -> None:
        self.places[name].ready[key.namespace, key.name] = ready

    def answers(self, name: str, key: Key, alive: bool) -> None:
        """What the probes of a shard found."""
        self.places[name].alive[key.namespace, key.name] = alive

    # --- World -----------------------------------------------------------------------------------

    def members(self) -> Mapping[str, Member]:
        return {name: place.seen for name, place in self.places.items()}

    def whole(self, resource: Resource) -> bool:
        return resource not in self.unlisted

    def federated(self, key: Key) -> Object | None:
        return self.api.get(key)

    def within(self, namespace: str) -> Iterator[Key]:
        return iter([key for key in self.api.objects if key.namespace == namespace])

    def copy(self, cluster: str, key: Key) -> Object | None:
        place = self.places[cluster]
        found = place.api.get(key)
        is_labelled = found is not None and copies.owner(found) == self.federation
        return found if is_labelled or key in place.met else None

    def settled(self, cluster: str, key: Key) -> str:
        return self._settled.get((cluster, key), "")

    def trouble(self, cluster: str, key: Key) -> Trouble | None:
        return self.troubles.get((cluster, key))

    def shard(self, cluster: str, key: Key) -> Shard:
        ready = self.places[cluster].ready.get((key.namespace, key.name), 0)
        return Shard(cluster, self.copy(cluster, key), ready)

    def verdict(self, cluster: str, key: Key) -> str:
        place, at = self.places[cluster], (key.namespace, key.name)
        ready = place.ready.get(at)
        if ready is None and place.seen.ready and "endpointslices" in place.seen.whole:
            ready = 0
        return judge.verdict(place.seen.ready, ready, place.alive.get(at))

    # --- the controllers -------------------------------------------------------------------------

    def keys(self) -> list[Key]:
        """All that there may be anything to do for, in an order that is always the same."""
        found = {*self.api.objects, *self.again, *self.touched}
        for place in self.places.values():
            if place.seen.ready:
                found |= {key for key in place.api.objects if self.copy(place.seen.name, key)}
        return sorted(found, key=lambda key: (key.resource != NAMESPACES, str(key)))

    def plan(self, key: Key) -> Plan:
        return propagation.reconcile(key, self)

    def settle(self) -> int:
        """Reconcile until nothing is to be done but what is refused; how many rounds it took."""
        for round_ in range(ROUNDS):
            plans = {key: self.plan(key) for key in self.keys()}
            self.again = {key: self.now + plan.again for key, plan in plans.items() if plan.again}
            self.touched = set()
            if all(self._is_done(plan) for plan in plans.values()):
                return round_
            for key in plans:
                self.do(self.plan(key))
        raise AssertionError(
            f"never settles: {[plan for plan in plans.values() if plan != Plan()]}"
        )

    def _is_done(self, plan: Plan) -> bool:
        if plan.writes or plan.removes or plan.told:
            return False
        return all((one.cluster, one.key) in self.troubles for one in plan.operations)

    def do(self, plan: Plan) -> None:
        """What `executor` does."""
        versions: dict[Key, str] = {}
        for write in plan.writes:
            self._write(write, versions)
        for remove in plan.removes:
            self.api.delete(remove.key, remove.uid, remove.propagation)
        self.events += plan.told
        for operation in plan.operations:
            assert self.places[operation.cluster].seen.ready, (
                f"{operation} on a member that is away"
            )
            self._operate(operation)
            self.touched.add(operation.key)

    def _write(self, write: Write, versions: dict[Key, str]) -> None:
        if write.subresource == "finalize":
            return self.api.finalize(write.key, dict(write.body))
        if not write.resource_version:
            self.api.create(dict(write.body))
            return None
        allowed = {"status": {"status"}, "": set(write.body) - {"status"}}[write.subresource]
        assert set(write.body) <= allowed
        version = versions.get(write.key, write.resource_version)
        made = self.api.patch(write.key, dict(write.body), version)
        versions[write.key] = made["metadata"]["resourceVersion"]
        return None

    def _operate(self, operation: Operation) -> None:
        place, at = self.places[operation.cluster], (operation.cluster, operation.key)
        try:
            self._do_in_member(place, operation)
        except Refused as refusal:
            if refusal.trouble.reason not in ("Conflict", "NotFound"):
                self.troubles[at] = refusal.trouble
        else:
            self.troubles.pop(at, None)

    def _do_in_member(self, place: Place, operation: Operation) -> None:
        key = operation.key
        there = place.api.get(key)
        if isinstance(operation, Apply):
            if operation.is_new and there is not None:
                place.met.add(key)
                return
            returned = place.api.apply(key, dict(operation.body))
            self._settled[place.seen.name, key] = copies.fingerprint(operation.body, returned)
            place.met.discard(key)
        elif there is None or copies.owner(there) != self.federation:
            raise AssertionError(f"{operation} would touch what is not ours")
        elif isinstance(operation, Patch):
            place.api.patch(key, dict(operation.body))
        elif isinstance(operation, Delete):
            place.api.delete(key, operation.uid, operation.propagation)
            if key.resource == NAMESPACES:
                place.api.empty(key.name)
                place.api.objects.pop(key, None)

    def advance(self, seconds: float) -> None:
        """Time passes; what was to be looked at meanwhile is."""
        end = self.now + seconds
        while due := [at for at in self.again.values() if at <= end]:
            self.now = max(self.now, min(due))
            for place in self.places.values():
                place.met = {key for key in place.met if self.again.get(key, end + 1) > self.now}
            self.settle()
        self.now = end
        self.settle()


# --- objects --------------------------------------------------------------------------------------


def _object(kind: str, place: str, **more: Any) -> Object:
    namespace, _, name = place.rpartition("/")
    metadata: Object = {"name": name, **more.pop("metadata", {})}
    if namespace:
        metadata["namespace"] = namespace
    resource = _RESOURCES[kind]
    return {"apiVersion": resource.api_version, "kind": kind, "metadata": metadata, **more}


def namespace(name: str, **more: Any) -> Object:
    return _object("Namespace", name, **more)


def config_map(place: str, **data: str) -> Object:
    return _object("ConfigMap", place, data=data)


def service(place: str, type_: str = "LoadBalancer", *ports: Object, **spec: Any) -> Object:
    given = list(ports) or [{"name": "http", "port": 80, "protocol": "TCP"}]
    return _object("Service", place, spec={"type": type_, "ports": given, **spec})


def daemon_set(place: str, app: str = "agent") -> Object:
    template = {"metadata": {"labels": {"app": app}, "creationTimestamp": None}, "spec": {}}
    spec = {"selector": {"matchLabels": {"app": app}}, "template": template}
    return _object("DaemonSet", place, spec=spec)


def annotated(given: Object, **annotations: str) -> Object:
    """With the annotations of the names in `NAMES`."""
    made = copying.deepcopy(given)
    added = {NAMES[name]: value for name, value in annotations.items()}
    made["metadata"].setdefault("annotations", {}).update(added)
    return made


NAMES = {
    "selector": "federation.alpha.kubernetes.io/cluster-selector",
    "adopt": copies.ADOPT, "status": "federation.feddns.dev/status",
    "ingresses": "federation.kubernetes.io/service-ingresses",
    "shards": copies.SHARDS, "probe": copies.PROBE,
}  # fmt: skip


def annotation(found: Object | None, name: str) -> str | None:
    """The value of one of `NAMES`."""
    assert found is not None
    annotations: dict[str, str] = found["metadata"].get("annotations", {})
    return annotations.get(NAMES[name])
