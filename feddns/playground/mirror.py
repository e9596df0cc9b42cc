"""The objects of an API, decoded once each, and who has to look at what after a change.

    changed              look at
    anything             the object itself
    Pod                  its controller, and the Services that select it or did
    ReplicaSet           its Deployment
    EndpointSlice        its Service
    Node                 all Pods on it, all without a node, all DaemonSets

Pure.  Filled by `apis.Api`; `member` ◇ takes what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from feddns.playground.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    SLICES,
    Json,
    Resource,
    owners,
)
from feddns.playground.services import SERVICE_NAME

WATCHED = (PODS, NODES, SERVICES, DEPLOYMENTS, REPLICA_SETS, DAEMON_SETS, JOBS, SLICES)
_CONTROLLERS = {
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": REPLICA_SETS,
    "DaemonSet": DAEMON_SETS,
    "Job": JOBS,
}


class Due(NamedTuple):
    """An object that has to be looked at; it may be gone."""

    resource: Resource
    namespace: str
    name: str


class Known:
    """The objects of some resources."""

    def __init__(self, watched: Iterable[Resource]) -> None:
        self.watched = tuple(watched)
        self._objects: dict[Resource, dict[str, dict[str, Json]]] = {}

    def list(self, resource: Resource, namespace: str = "") -> Iterable[Json]:
        spaces = self._objects.get(resource, {})
        if namespace:
            return list(spaces.get(namespace, {}).values())
        return [one for space in spaces.values() for one in space.values()]

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        return self._objects.get(resource, {}).get(namespace, {}).get(name)

    def put(self, resource: Resource, one: Json) -> None:
        """This is how the object is now."""
        metadata = one["metadata"]
        spaces = self._objects.setdefault(resource, {})
        spaces.setdefault(metadata.get("namespace", ""), {})[metadata["name"]] = one

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """The object is gone."""
        self._objects.get(resource, {}).get(namespace, {}).pop(name, None)


class Mirror(Known):
    """See the module's docstring; also the `Objects` of the behaviours."""

    def __init__(self, watched: Iterable[Resource], news: Callable[[], None]) -> None:
        """`news` is called when something is due."""
        super().__init__(watched)
        self._news = news
        self._due: dict[Due, None] = {}

    def put(self, resource: Resource, one: Json) -> None:
        metadata = one["metadata"]
        before = self.get(resource, metadata.get("namespace", ""), metadata["name"])
        if before is not None:
            self._wake(resource, before)
        super().put(resource, one)
        self._wake(resource, one)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        before = self.get(resource, namespace, name)
        if before is not None:
            self._wake(resource, before)
            super().remove(resource, namespace, name)

    def take(self) -> Due | None:
        """What is to be looked at next."""
        due = next(iter(self._due), None)
        if due is not None:
            del self._due[due]
        return due

    def look(self, resource: Resource, one: Json) -> None:
        """This object has to be looked at."""
        metadata = one["metadata"]
        self._due[Due(resource, metadata.get("namespace", ""), metadata["name"])] = None
        self._news()

    # --- who is concerned --------------------------------------------------------------------

    def _wake(self, resource: Resource, one: Json) -> None:
        self.look(resource, one)
        for other, them in self._concerned(resource, one):
            self.look(other, them)

    def _concerned(self, resource: Resource, one: Json) -> Iterator[tuple[Resource, Json]]:
        namespace = one["metadata"].get("namespace", "")
        for owner in owners(one):
            kind = _CONTROLLERS.get(owner["kind"])
            found = kind and self.get(kind, namespace, owner["name"])
            if kind and found:
                yield kind, found
        if resource == PODS:
            labels = one["metadata"].get("labels", {})
            for service in self.list(SERVICES, namespace):
                selector = service["spec"].get("selector")
                if selector and selector.items() <= labels.items():
                    yield SERVICES, service
        elif resource == SLICES:
            name = one["metadata"].get("labels", {}).get(SERVICE_NAME, "")
            found = self.get(SERVICES, namespace, name)
            if found:
                yield SERVICES, found
        elif resource == NODES:
            name = one["metadata"]["name"]
            for pod in self.list(PODS):
                if pod["spec"].get("nodeName", name) == name:
                    yield PODS, pod
            for each in self.list(DAEMON_SETS):
                yield DAEMON_SETS, each
