"""The playground's parts, put together: who is started in which order, and what fails on demand.

    stage = Stage(layout, folder, keep=False)
    await stage.start()           # APIs, members, children; returns when all answer
    await stage.fail(faults)      # these are broken from now on, and nothing else
    await stage.stop()

The composition root of `playground`; I/O.  Called by `cli.playground` and by tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feddns.apiserver import server
from feddns.apiserver.handling.api import plain_request
from feddns.apiserver.handling.call import Settings
from feddns.apiserver.identity import MASTERS, User
from feddns.apiserver.requests import Request
from feddns.apiserver.server import Server
from feddns.errors import OperatorNeeded
from feddns.playground import faults, layout
from feddns.playground.children import Child
from feddns.playground.faults import Down, Fault
from feddns.playground.layout import Cluster, Layout
from feddns.playground.member import Member, Reply
from feddns.playground.web import Web

SYSTEM = "federation-system"
_USER = User("system:playground", (MASTERS,))
_PATIENCE = 30.0
_POLL = 0.02
_METRICS = 9153
_MONITOR = "1s"
_FEDERATION_NAME = "federation"
_NGINX = """\
apiVersion: v1
kind: Service
metadata:
  name: nginx
  labels:
    run: nginx
spec:
  type: LoadBalancer
  selector:
    run: nginx
  ports:
  - name: http
    port: 80
"""


class Stage:
    """See the module's docstring."""

    def __init__(self, plan: Layout, folder: Path, *, keep: bool = False) -> None:
        """`keep`: what the APIs hold is kept in the folder, for another time."""
        self.layout = plan
        self.folder = folder
        self.faults: tuple[Fault, ...] = ()
        self.dns_port = 53 if _may_listen(plan.api, 53) else 5353
        self.web_offset = 0 if _may_listen(plan.api, 80) else 8000
        self._keep = keep
        self._servers: dict[str, Server] = {}
        self.members: dict[str, Member] = {}
        self._webs: list[Web] = []
        self._dns: dict[str, Child] = {}
        self._controllers: Child | None = None
        self._running: list[asyncio.Task[None]] = []

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def manifest(self) -> Path:
        """A federated Service to begin with."""
        return self.folder / "nginx.yaml"

    @property
    def federation(self) -> Server:
        return self._servers[""]

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises `OperatorNeeded`."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        await self._start_apis()
        self._write_kubeconfig()
        self.manifest.write_text(_NGINX)
        for cluster in self.layout.clusters:
            self._start_member(cluster)
        self._register()
        self._children(logs)
        for child in self._all_children():
            await child.start()
        await self._all_answer()

    async def stop(self) -> None:
        """End everything; can be called twice."""
        children = self._all_children()
        await asyncio.gather(*(child.stop() for child in children))
        for task in self._running:
            task.cancel()
        for web in self._webs:
            web.close()
        for one in self._servers.values():
            await one.stop()
        self._servers.clear()

    async def run(self) -> None:
        """Watch that nothing ends by itself, for ever.  Raises `OperatorNeeded`."""
        while True:
            await asyncio.sleep(1.0)
            self._check()

    def _check(self) -> None:
        for child in self._all_children():
            child.check()
        for task in self._running:
            if task.done():
                task.result()

    # --- starting ----------------------------------------------------------------------------

    async def _start_apis(self) -> None:
        where = {"": (self.layout.api, "10.96.0.0/16")} | {
            one.name: (one.api, one.service_cidr) for one in self.layout.clusters
        }
        for name, (address, services) in where.items():
            title = name or _FEDERATION_NAME
            self._servers[name] = await server.start(
                server.Options(
                    listen=f"{address}:{layout.API_PORT}",
                    data=self.folder / f"{title}.db" if self._keep else None,
                    name=title,
                    settings=Settings(service_ranges=(services,), tends=bool(name), loopback=True),
                )
            )

    def _write_kubeconfig(self) -> None:
        whole: dict[str, Any] = {
            "apiVersion": "v1", "kind": "Config", "current-context": layout.CONTEXT,
            "clusters": [], "contexts": [], "users": [],
        }  # fmt: skip
        for name, one in self._servers.items():
            single = one.kubeconfig(name or layout.CONTEXT)
            for part in ("clusters", "contexts", "users"):
                whole[part] += single[part]
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(whole, indent=2) + "\n")

    def _start_member(self, cluster: Cluster) -> None:
        api, web = self._servers[cluster.name], Web(self.web_offset)
        member = Member(cluster, self._ask(api), api.api.context.store, web)
        self._webs.append(web)
        self.members[cluster.name] = member
        self._make(api, "namespaces/kube-system/configmaps", "kube-dns", {
            "data": {"federations": f"{layout.FEDERATION}={layout.DOMAIN}"},
        })  # fmt: skip
        member.start()
        self._running.append(asyncio.create_task(member.run()))

    def _register(self) -> None:
        """What `join` does for each member."""
        federation = self.federation
        self._make(federation, "namespaces", SYSTEM, {})
        for cluster in self.layout.clusters:
            api = self._servers[cluster.name]
            config = json.dumps(api.kubeconfig())
            self._make(federation, f"namespaces/{SYSTEM}/secrets", cluster.name, {
                "stringData": {"kubeconfig": config},
            })  # fmt: skip
            self._make(federation, "clusters", cluster.name, {
                "metadata": {"name": cluster.name, "labels": {"region": cluster.region}},
                "spec": {
                    "serverAddressByClientCIDRs": [
                        {"clientCIDR": "0.0.0.0/0", "serverAddress": api.url},
                    ],
                    "secretRef": {"name": cluster.name},
                },
            }, "/apis/federation.feddns.dev/v1beta1")  # fmt: skip

    def _make(
        self, api: Server, where: str, name: str, body: dict[str, Any], root: str = "/api/v1"
    ) -> None:
        """Create or, when it is kept from an earlier time, write again."""
        whole = {"metadata": {"name": name}} | body
        path = f"{root}/{where}"
        reply = self._ask(api)(plain_request("POST", path, whole))
        if reply.status == 409:
            merge = "application/merge-patch+json"
            reply = self._ask(api)(
                plain_request("PATCH", f"{path}/{name}", whole, content_type=merge)
            )
        if reply.status >= 300:
            raise OperatorNeeded(f"{path}/{name}: {reply.body.decode(errors='replace')}")

    def _ask(self, one: Server) -> Any:
        def ask(request: Request) -> Reply:
            answer = one.api.handle(request, _USER)
            one.changed()
            return Reply(answer.status, answer.body)

        return ask

    def _children(self, logs: Path) -> None:
        federation = ["--federation-kubeconfig", str(self.kubeconfig),
                      "--federation-context", layout.CONTEXT]  # fmt: skip
        name = ["--federation-name", layout.FEDERATION]
        self._controllers = Child("controllers", "controllers", [
            *federation, *name, "--zone-name", layout.DOMAIN, "--leader-elect=false",
            "--cluster-monitor-period", _MONITOR, "--federation-system-namespace", SYSTEM,
        ], logs)  # fmt: skip
        for cluster in self.layout.clusters:
            self._dns[cluster.name] = Child(f"dns-{cluster.name}", "feddns", [
                "serve", "--kubeconfig", str(self.kubeconfig), "--context", cluster.name,
                *federation, *name, "--cluster-name", cluster.name,
                "--listen", f"{cluster.dns}:{self.dns_port}",
                "--metrics", f"{cluster.dns}:{_METRICS}", "--processes", "0", "--lame-duck", "0",
            ], logs)  # fmt: skip

    def _all_children(self) -> list[Child]:
        return [*self._dns.values(), *([self._controllers] if self._controllers else [])]

    async def _all_answer(self) -> None:
        """Until every DNS server is ready and the federation says so of every member."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        waiting = {one.name for one in self.layout.clusters}
        while waiting or not all(map(self.is_ready, self.members)):
            self._check()
            if loop.time() > end:
                raise OperatorNeeded(f"not ready after {_PATIENCE:g} s; see {self.folder / 'logs'}")
            for cluster in self.layout.clusters:
                if cluster.name in waiting and await _is_ready(cluster.dns):
                    waiting.discard(cluster.name)
            await asyncio.sleep(_POLL)

    # --- what is known -----------------------------------------------------------------------

    def objects(self, name: str, resource: str, namespace: str = "") -> list[dict[str, Any]]:
        """What an API has; the federation's has the name ''."""
        store = self._servers[name].api.context.store
        return [entry.object() for entry in store.entries(resource, namespace)]

    def condition(self, name: str) -> str:
        """What the federation says of a member: Ready, or why it is not."""
        for one in self.objects("", "clusters.federation.feddns.dev"):
            if one["metadata"]["name"] == name:
                for condition in one.get("status", {}).get("conditions", []):
                    if condition["status"] == "True":
                        return str(condition["type"])
                return "NotReady"
        return "not registered"

    def is_ready(self, name: str) -> bool:
        return self.condition(name) == "Ready"

    # --- breaking ----------------------------------------------------------------------------

    async def fail(self, given: Iterable[Fault]) -> Down:
        """These are broken now, and nothing else."""
        self.faults = tuple(dict.fromkeys(given))
        down = faults.down(self.faults, self.layout)
        for cluster in self.layout.clusters:
            await self._switch(self._servers[cluster.name], up=cluster.name not in down.apis)
            await self.members[cluster.name].fail(down)
            child = self._dns[cluster.name]
            if cluster.name in down.dns:
                await child.stop(at_once=True)
            else:
                await child.start()
        await self._switch(self.federation, up=not down.federation)
        return down

    async def _switch(self, one: Server, *, up: bool) -> None:
        """Whether an API can be reached; what it holds goes on living."""
        if up:
            await one.resume()
        else:
            await one.pause()


def _may_listen(address: str, port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return False
        except OSError:
            return os.geteuid() == 0
    return True


async def _is_ready(address: str) -> bool:
    """Whether a DNS server says at /readyz that it is."""
    try:
        reader, writer = await asyncio.open_connection(address, _METRICS)
    except OSError:
        return False
    with contextlib.closing(writer):
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: feddns\r\nConnection: close\r\n\r\n")
        try:
            line = await reader.readline()
        except OSError:
            return False
    return b" 200 " in line
