"""A member without an API: objects in a dict, and the behaviours run until all is quiet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from feddns.playground import kubelet, layout, services, tending
from feddns.playground.objects import (
    NODES,
    PODS,
    SERVICES,
    Change,
    Json,
    Resource,
    Verb,
    is_ready,
)

CLUSTER = layout.Cluster("us", "us", "127.11")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MOST_ROUNDS = 50


class Member:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Resource, str, str], Json] = {}
        self._uids = itertools.count(1)
        self._pods = CLUSTER.pods()
        self._balancers = CLUSTER.balancers()
        for name, zone, address in CLUSTER.nodes():
            self.put(NODES, kubelet.node(name, zone, CLUSTER.region, address))

    # --- the view ----------------------------------------------------------------------------

    def list(self, resource: Resource, namespace: str = "") -> Iterable[Json]:
        for (kind, where, _), one in list(self.objects.items()):
            if kind == resource and namespace in ("", where):
                yield one

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        return self.objects.get((resource, namespace, name))

    # --- what happens ------------------------------------------------------------------------

    def put(self, resource: Resource, one: Json) -> Json:
        metadata = {"uid": f"uid-{next(self._uids)}", "generation": 1} | one["metadata"]
        if resource != NODES:
            metadata.setdefault("namespace", "default")
        key = resource, metadata.get("namespace", ""), metadata["name"]
        self.objects[key] = one | {"metadata": metadata}
        return self.objects[key]

    def settle(self) -> int:
        """Run the behaviours until none wants a change; returns how many rounds that took."""
        for turn in range(MOST_ROUNDS):
            if not self._turn():
                return turn
        raise AssertionError(f"not quiet after {MOST_ROUNDS} rounds")

    def _turn(self) -> int:
        done = 0
        for (resource, namespace, name), one in list(self.objects.items()):
            if (resource, namespace, name) in self.objects:
                for change in self._wanted(resource, one):
                    self._do(change)
                    done += 1
        return done

    def _wanted(self, resource: Resource, one: Json) -> list[Change]:
        one = self.objects[resource, one["metadata"].get("namespace", ""), one["metadata"]["name"]]
        if resource == SERVICES:
            balancer = services.load_balancer(one, lambda: next(self._balancers))
            if balancer:
                return balancer
        return tending.changes(self, resource, one, lambda: next(self._pods), NOW)

    def _do(self, change: Change) -> None:
        if change.verb is Verb.DELETE:
            metadata = change.body["metadata"]
            self.objects.pop((change.resource, metadata["namespace"], metadata["name"]), None)
        else:
            self.put(change.resource, change.body)

    # --- what is seen ------------------------------------------------------------------------

    def pods(self, *, ready: bool = True) -> list[str]:
        return sorted(
            one["metadata"]["name"] for one in self.list(PODS) if is_ready(one) or not ready
        )


def workload(kind: str, name: str, **spec: Any) -> Json:
    """A workload whose Pods have the label app=<name> and a port called http."""
    labels = {"app": name}
    containers = [{"name": "c", "image": "none", "ports": [{"name": "http", "containerPort": 80}]}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template} | spec,
    }


def service(name: str, **spec: Any) -> Json:
    """A Service of the Pods with the label app=<name>."""
    port = {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}
    return {
        "kind": "Service",
        "metadata": {"name": name, "labels": {"run": name}},
        "spec": {"selector": {"app": name}, "ports": [port]} | spec,
    }
