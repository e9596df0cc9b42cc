"""A member of the playground: its objects, its behaviours, and the addresses on which Pods answer.

    member = Member(cluster, ask, store, web)
    await member.run()             # for ever
    member.fail(down)              # what is broken now, see `faults`

Changes are made through the cluster's own API, as its controllers would, so that what kubectl
sees is all there is.

I/O.  Called by `playground`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from feddns.apiserver.requests import Request
from feddns.apiserver.store import Event, Store
from feddns.playground import kubelet, services, workloads
from feddns.playground.faults import Down
from feddns.playground.layout import Cluster
from feddns.playground.mirror import Due, Mirror
from feddns.playground.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Change,
    Json,
    Resource,
    Verb,
    is_ready,
)
from feddns.playground.web import Backend, Backends, Place, Web

log = logging.getLogger("feddns.playground")

_VERSION = "v1.36.0"
_TURN = 50
"""So many objects are looked at before others have the loop."""
_PATCH = {"content-type": "application/merge-patch+json"}
_JSON = {"content-type": "application/json"}


class Reply(NamedTuple):
    """What the API said."""

    status: int
    body: bytes


Ask = Callable[[Request], Reply]


class Member:
    """See the module's docstring."""

    def __init__(self, cluster: Cluster, ask: Ask, store: Store, web: Web) -> None:
        self.cluster = cluster
        self._ask = ask
        self._web = web
        self._mirror = Mirror(store)
        self._woken = asyncio.Event()
        self._places: dict[Due, dict[Place, Backends]] = {}
        self._down = Down()
        store.listeners.append(self._on_event)
        self._woken.set()

    def start(self) -> None:
        """The nodes register."""
        for name, zone, address in self.cluster.nodes():
            if self._mirror.get(NODES, "", name) is None:
                body = kubelet.node(name, zone, self.cluster.region, address)
                self._do(Change(Verb.CREATE, NODES, body))

    async def run(self) -> None:
        """Look at what is due, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            turn = 0
            while (due := self._mirror.take()) is not None:
                self._look(due)
                turn += 1
                if turn % _TURN == 0:
                    await asyncio.sleep(0)
            await self._show()

    async def fail(self, down: Down) -> None:
        """This is broken now, and nothing else."""
        self._down = down
        for node in self._mirror.list(NODES):
            zone = node["metadata"].get("labels", {}).get(kubelet.ZONE, "")
            self._mark(NODES, node, f"zone {zone} failed" if zone in down.zones else "")
        for pod in self._mirror.list(PODS):
            metadata = pod["metadata"]
            key = self.cluster.name, metadata["namespace"], metadata["name"]
            self._mark(PODS, pod, "failed on purpose" if key in down.pods else "")
        await self._show()

    def has_pod(self, namespace: str, name: str) -> bool:
        return self._mirror.get(PODS, namespace, name) is not None

    def pods(self, namespace: str, service: str) -> tuple[int, int]:
        """How many Pods of a Service are ready, and how many there are."""
        one = self._mirror.get(SERVICES, namespace, service)
        pods = services.backends(self._mirror, one) if one else []
        return sum(map(is_ready, pods)), len(pods)

    # --- looking -----------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        self._woken.set()

    def _look(self, due: Due) -> None:
        one = self._mirror.get(*due)
        if due.resource in (SERVICES, PODS):
            self._places[due] = dict(self._answering(due, one)) if one else {}
        if one is not None:
            for change in self._wanted(due.resource, one):
                self._do(change)

    def _wanted(self, resource: Resource, one: Json) -> list[Change]:
        mirror, now = self._mirror, _now()
        if one["metadata"].get("deletionTimestamp") and resource not in (PODS, SERVICES):
            return []
        if resource == NODES:
            return kubelet.node_status(one, _VERSION, now)
        if resource == DEPLOYMENTS:
            return workloads.deployment(mirror, one, now)
        if resource == REPLICA_SETS:
            return workloads.replica_set(mirror, one)
        if resource == DAEMON_SETS:
            return workloads.daemon_set(mirror, one)
        if resource == JOBS:
            return workloads.job(mirror, one, now)
        if resource == PODS:
            return kubelet.pod(mirror, one, self._free_pod_address, now)
        if resource == SERVICES:
            balancer = services.load_balancer(one, self._free_balancer_address)
            return balancer or services.endpoint_slices(mirror, one, _now(micro=True))
        return []

    def _free_pod_address(self) -> str:
        taken = {pod.get("status", {}).get("podIP") for pod in self._mirror.list(PODS)}
        return next(address for address in self.cluster.pods() if address not in taken)

    def _free_balancer_address(self) -> str:
        taken = {
            ingress.get("ip")
            for one in self._mirror.list(SERVICES)
            for ingress in one.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        }
        return next(address for address in self.cluster.balancers() if address not in taken)

    # --- changing ----------------------------------------------------------------------------

    def _mark(self, resource: Resource, one: Json, why: str) -> None:
        if kubelet.failure(one) != why:
            patch = {"metadata": {"annotations": {kubelet.FAILED: why or None}}}
            self._request("PATCH", resource, one, patch)

    def _do(self, change: Change) -> None:
        match change.verb:
            case Verb.CREATE:
                self._request("POST", change.resource, change.body, change.body)
            case Verb.UPDATE:
                self._request("PUT", change.resource, change.body, change.body)
            case Verb.STATUS:
                self._request("PUT", change.resource, change.body, change.body, "status")
            case Verb.BIND:
                node = {"apiVersion": "v1", "kind": "Node", "name": change.body["spec"]["nodeName"]}
                self._request("POST", change.resource, change.body, {"target": node}, "binding")
            case Verb.DELETE:
                self._request("DELETE", change.resource, change.body, None)

    def _request(
        self, method: str, resource: Resource, one: Json, body: Any, subresource: str = ""
    ) -> None:
        """What cannot be done now is looked at again with the next event of the object."""
        is_new = method == "POST" and not subresource
        path = _path(resource, one, "" if is_new else one["metadata"]["name"])
        headers = _PATCH if method == "PATCH" else _JSON
        encoded = b"" if body is None else msgspec.json.encode(body)
        reply = self._ask(
            Request(method, f"{path}/{subresource}".rstrip("/"), "", headers, encoded)
        )
        if reply.status >= 300 and reply.status not in (404, 409):
            log.warning("%s: %s %s: %s", self.cluster.name, method, path, reply.body.decode())

    # --- answering ---------------------------------------------------------------------------

    def _answering(self, due: Due, one: Json) -> Iterator[tuple[Place, Backends]]:
        """On which addresses the Pods behind this object answer."""
        if due.resource == PODS:
            address = one.get("status", {}).get("podIP")
            if address and is_ready(one):
                for container in one["spec"].get("containers", []):
                    for port in container.get("ports", []):
                        yield Place(address, port["containerPort"]), (self._backend(one),)
            return
        ready = [pod for pod in services.backends(self._mirror, one) if is_ready(pod)]
        spec, status = one["spec"], one.get("status", {})
        addresses = [spec.get("clusterIP", "")]
        addresses += [each.get("ip") for each in status.get("loadBalancer", {}).get("ingress", [])]
        for port in spec.get("ports", []):
            pods = tuple(self._backend(pod) for pod in ready if services.target(port, pod))
            for address in addresses:
                if address and address != "None":
                    yield Place(address, port["port"]), pods

    def _backend(self, pod: Json) -> Backend:
        node = self._mirror.get(NODES, "", pod["spec"].get("nodeName", ""))
        zone = node["metadata"].get("labels", {}).get(kubelet.ZONE, "") if node else ""
        return Backend(self.cluster.name, zone, pod["metadata"]["name"])

    async def _show(self) -> None:
        wanted: dict[Place, Backends] = {}
        if self.cluster.name not in self._down.data:
            for places in self._places.values():
                wanted |= places
        await self._web.show(wanted)


def _path(resource: Resource, one: Json, name: str) -> str:
    group, version, plural = resource
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    namespace = one["metadata"].get("namespace")
    where = f"{root}/namespaces/{namespace}" if namespace else root
    return f"{where}/{plural}/{name}".rstrip("/")


def _now(*, micro: bool = False) -> str:
    moment = datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
