"""A member of the playground: its objects, its behaviours, and the addresses on which Pods answer.

    member = Member(cluster, api, web)
    await member.start()           # its nodes register
    await member.run()             # for ever
    await member.fail(down)        # what is broken now, see `faults`

    done here                                    embedded     real: kubernetes
    marks on what is broken, load balancers      yes          yes
    what controllers and kubelets do, `tending`  yes          no, they run

Changes are made through the cluster's own API, as its controllers would, so that what kubectl
sees is all there is.

I/O.  Called by `stage`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from feddns.playground import kubelet, services, tending
from feddns.playground.apis import Api
from feddns.playground.faults import Down
from feddns.playground.layout import Cluster
from feddns.playground.mirror import WATCHED, Due, Mirror
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
from feddns.playground.web import Backend, Backends, Place, Web

log = logging.getLogger("feddns.playground")

_TURN = 50
"""So many objects are looked at before others have the loop."""
_AGAIN = 1.0
"""Seconds after which a change is tried again that the API could not do."""
_SEEN = (PODS, NODES, SERVICES)
"""What is watched where others do the most."""


class Member:
    """See the module's docstring."""

    def __init__(self, cluster: Cluster, api: Api, web: Web) -> None:
        self.cluster = cluster
        self._api = api
        self._web = web
        self._woken = asyncio.Event()
        self._mirror = Mirror(_SEEN if api.tends else WATCHED, self._woken.set)
        self._places: dict[Due, dict[Place, Backends]] = {}
        self._given: dict[Due, str] = {}
        """Services' load balancers; the mirror may learn of them later than the next is given."""
        self._down = Down()
        self._showing = asyncio.Lock()
        api.fill(self._mirror)

    async def start(self) -> None:
        """The nodes register."""
        for name, zone, address in self.cluster.nodes():
            if self._mirror.get(NODES, "", name) is None:
                body = kubelet.node(name, zone, self.cluster.region, address)
                await self._do(Change(Verb.CREATE, NODES, body))

    async def run(self) -> None:
        """Look at what is due, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._work()

    async def fail(self, down: Down) -> None:
        """This is broken now, and nothing else."""
        self._down = down
        for resource in (NODES, PODS):
            for one in self._mirror.list(resource):
                self._mirror.look(resource, one)
        await self._work()

    def has_pod(self, namespace: str, name: str) -> bool:
        return self._mirror.get(PODS, namespace, name) is not None

    def pods(self, namespace: str, service: str) -> tuple[int, int]:
        """How many Pods of a Service are ready, and how many there are."""
        one = self._mirror.get(SERVICES, namespace, service)
        pods = services.backends(self._mirror, one) if one else []
        return sum(map(is_ready, pods)), len(pods)

    # --- looking -----------------------------------------------------------------------------

    async def _work(self) -> None:
        """Look at all that is due."""
        turn = 0
        while (due := self._mirror.take()) is not None:
            await self._look(due)
            turn += 1
            if turn % _TURN == 0:
                await asyncio.sleep(0)
        await self._show()

    async def _look(self, due: Due) -> None:
        one = self._mirror.get(*due)
        if due.resource in (SERVICES, PODS):
            self._places[due] = dict(self._answering(due, one)) if one else {}
        if one is None:
            self._given.pop(due, None)
            return
        for change in self._wanted(due.resource, one):
            await self._do(change)

    def _wanted(self, resource: Resource, one: Json) -> list[Change]:
        if one["metadata"].get("deletionTimestamp") and resource not in (PODS, SERVICES):
            return []
        if resource in (NODES, PODS) and (marks := kubelet.mark(resource, one, self._why(one))):
            return marks
        if resource == SERVICES:
            balancer = services.load_balancer(one, partial(self._balancer_address, one))
            if balancer:
                return balancer
        if self._api.tends:
            return []
        now = datetime.now(UTC)
        return tending.changes(self._mirror, resource, one, self._free_pod_address, now)

    def _why(self, one: Json) -> str:
        """Why this Node or Pod is broken; empty when it is not."""
        metadata = one["metadata"]
        key = self.cluster.name, metadata.get("namespace", ""), metadata["name"]
        if key in self._down.pods:
            return "failed on purpose"
        zone = self._zone(one)
        return f"zone {zone} failed" if zone in self._down.zones else ""

    def _zone(self, one: Json) -> str:
        """Of a Node, or of the one that the Pod is on."""
        on = one.get("spec", {}).get("nodeName", "")
        node = self._mirror.get(NODES, "", on) if on else one
        return str(node["metadata"].get("labels", {}).get(kubelet.ZONE, "")) if node else ""

    def _free_pod_address(self) -> str:
        taken = {pod.get("status", {}).get("podIP") for pod in self._mirror.list(PODS)}
        return next(address for address in self.cluster.pods() if address not in taken)

    def _balancer_address(self, service: Json) -> str:
        """The one of this Service, for as long as it lives."""
        metadata = service["metadata"]
        due = Due(SERVICES, metadata["namespace"], metadata["name"])
        if due not in self._given:
            taken = {
                ingress.get("ip")
                for one in self._mirror.list(SERVICES)
                for ingress in one.get("status", {}).get("loadBalancer", {}).get("ingress", [])
            }
            taken.update(self._given.values())
            free = (address for address in self.cluster.balancers() if address not in taken)
            self._given[due] = next(free)
        return self._given[due]

    # --- changing ----------------------------------------------------------------------------

    async def _do(self, change: Change) -> None:
        _, resource, body = change
        match change.verb:
            case Verb.CREATE:
                await self._request("POST", resource, body)
            case Verb.UPDATE:
                await self._request("PUT", resource, body)
            case Verb.STATUS:
                await self._request("PUT", resource, body, "/status")
            case Verb.PATCH:
                await self._request("PATCH", resource, body)
            case Verb.BIND:
                await self._request("POST", resource, body, "/binding")
            case Verb.DELETE:
                await self._request("DELETE", resource, body)

    async def _request(
        self, method: str, resource: Resource, one: Json, subresource: str = ""
    ) -> None:
        """What the API refuses is looked at again with the next event of the object."""
        is_new = method == "POST" and not subresource
        path = _path(resource, one, "" if is_new else one["metadata"]["name"]) + subresource
        reply = await self._api.ask(method, path, _body(method, one, subresource))
        if reply.is_trouble:
            asyncio.get_running_loop().call_later(_AGAIN, self._mirror.look, resource, one)
        elif not reply.is_good and reply.status not in (404, 409):
            log.warning("%s: %s %s: %s", self.cluster.name, method, path, reply.body.decode())

    # --- answering ---------------------------------------------------------------------------

    def _answering(self, due: Due, one: Json) -> Iterator[tuple[Place, Backends]]:
        """On which addresses the Pods behind this object answer."""
        if due.resource == PODS:
            address = one.get("status", {}).get("podIP")
            if address and self.cluster.has(address) and is_ready(one):
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
        return Backend(self.cluster.name, self._zone(pod), pod["metadata"]["name"])

    async def _show(self) -> None:
        wanted: dict[Place, Backends] = {}
        if self.cluster.name not in self._down.data:
            for places in self._places.values():
                wanted |= places
        async with self._showing:
            await self._web.show(wanted)


def _body(method: str, one: Json, subresource: str) -> Json | None:
    if method == "DELETE":
        return None
    if subresource == "/binding":
        node = {"apiVersion": "v1", "kind": "Node", "name": one["spec"]["nodeName"]}
        return {"target": node}
    return one


def _path(resource: Resource, one: Json, name: str) -> str:
    group, version, plural = resource
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    namespace = one["metadata"].get("namespace")
    where = f"{root}/namespaces/{namespace}" if namespace else root
    return f"{where}/{plural}/{name}".rstrip("/")
