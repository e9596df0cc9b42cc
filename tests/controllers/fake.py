"""A federation in dictionaries: APIs, the `World` over them, and who does a `Plan`.

    fed = Federation("us", "eu")                  members with the zones us-a, eu-a, …
    fed.create(a.service("shop/web"))             as a user does
    fed.settle()                                  reconcile every key until nothing is to be done
    fed.places["us"].api.get(key)

Nothing here knows a clock.  The APIs are `fakeapi`'s.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Iterator, Mapping
from typing import Any

from controllers import copies, deletion, kinds, propagation
from controllers.kinds import NAMESPACES
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
from tests.controllers.fakeapi import RESOURCES, Api, Object, Refused, key_of

ROUNDS = 30


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
    resource = RESOURCES[kind]
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
