"""The playground's parts, put together: who is started in which order, and what fails on demand.

    stage = Stage(layout, folder, keep=False, real=False)
    await stage.start()           # APIs, members, children; returns when all answer
    await stage.fail(faults)      # these are broken from now on, and nothing else
    await stage.stop()

The composition root of `playground`; I/O.  Called by `session`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from feddns.errors import OperatorNeeded
from feddns.playground import faults, founding, layout
from feddns.playground.apis import Api
from feddns.playground.children import Child, module
from feddns.playground.faults import Down, Fault
from feddns.playground.layout import Cluster, Layout
from feddns.playground.member import Member
from feddns.playground.mirror import Known
from feddns.playground.objects import CLUSTERS, SERVICES, Json
from feddns.playground.outside import Outside
from feddns.playground.web import Web
from feddns.providers import zonefile

SYSTEM = "federation-system"
_PATIENCE = 30.0
_POLL = 0.02
_HEAR = 1.0
_ENOUGH = 3.0
"""Seconds in which what is being broken may come to its end."""
_METRICS = 9153
_MONITOR = "1s"
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

    def __init__(
        self, plan: Layout, folder: Path, *, keep: bool = False, real: bool = False
    ) -> None:
        """`keep`: what the APIs hold is kept in the folder, for another time.

        `real`: the APIs are kube-apiservers, with their controllers.  Raises `OperatorNeeded`.
        """
        self.layout = plan
        self.folder = folder
        self.faults: tuple[Fault, ...] = ()
        self.dns_port = 53 if _may_listen(plan.api, 53) else 5353
        self.web_offset = 0 if _may_listen(plan.api, 80) else 8000
        self.members: dict[str, Member] = {}
        self.federation = Known((SERVICES, CLUSTERS))
        """What the federation's API holds."""
        self._apis = (
            founding.real(plan, folder) if real else founding.embedded(plan, folder, keep=keep)
        )
        self._webs: list[Web] = []
        self._dns: dict[str, Child] = {}
        self._controllers: Child | None = None
        self._zone = folder / f"{layout.DOMAIN}.zone"
        self._outside = Outside(layout.DOMAIN, self._zone)
        self._running: list[asyncio.Task[None]] = []
        self._breaking = asyncio.Lock()
        self._held = contextlib.ExitStack()
        self.is_up = False
        """Everything runs, and is not about to end."""

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def _logs(self) -> Path:
        return self.folder / founding.LOGS

    @property
    def manifest(self) -> Path:
        """A federated Service to begin with."""
        return self.folder / "nginx.yaml"

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises `OperatorNeeded`."""
        self._held.callback(os.close, _own(self._logs))
        await _all(one.start() for one in self._apis.values())
        self._apis[""].fill(self.federation)
        self._write_kubeconfig()
        self.manifest.write_text(_NGINX)
        await _all(map(self._start_member, self.layout.clusters))
        await self._register()
        self._make_zone()
        await self._outside.start(self.layout.outside, self.dns_port)
        self._children()
        for child in self._all_children():
            await child.start()
        await self._all_answer()
        self.is_up = True

    async def stop(self) -> None:
        """End everything; can be called twice."""
        self.is_up = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENOUGH), self._breaking:
                pass  # what is healed just now is started, and so ended below
        children = self._all_children()
        await asyncio.gather(*(child.stop() for child in children))
        for task in self._running:
            task.cancel()
        for web in self._webs:
            web.close()
        self._outside.close()
        await asyncio.gather(*(one.stop() for one in self._apis.values()))
        self._held.close()

    async def run(self) -> None:
        """Watch that nothing ends by itself, for ever.  Raises `OperatorNeeded`."""
        while True:
            await asyncio.sleep(1.0)
            self._check()

    def _check(self) -> None:
        for child in self._all_children():
            child.check()
        for api in self._apis.values():
            api.check()
        for task in self._running:
            if task.done():
                task.result()

    # --- starting ----------------------------------------------------------------------------

    def _write_kubeconfig(self) -> None:
        whole: dict[str, Any] = {
            "apiVersion": "v1", "kind": "Config", "current-context": layout.CONTEXT,
            "clusters": [], "contexts": [], "users": [],
        }  # fmt: skip
        for name, one in self._apis.items():
            single = one.kubeconfig(name or layout.CONTEXT)
            for part in ("clusters", "contexts", "users"):
                whole[part] += single[part]
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(whole, indent=2) + "\n")

    async def _start_member(self, cluster: Cluster) -> None:
        api, web = self._apis[cluster.name], Web(self.web_offset)
        member = Member(cluster, api, web)
        self._webs.append(web)
        self.members[cluster.name] = member
        await _make(api, "/api/v1/namespaces/kube-system/configmaps", "kube-dns", {
            "data": {"federations": f"{layout.FEDERATION}={layout.DOMAIN}"},
        })  # fmt: skip
        await member.start()
        self._running.append(asyncio.create_task(member.run()))

    async def _register(self) -> None:
        """What `join` does for each member."""
        federation = self._apis[""]
        await _make(federation, "/api/v1/namespaces", SYSTEM, {})
        for cluster in self.layout.clusters:
            api = self._apis[cluster.name]
            config = json.dumps(api.kubeconfig())
            await _make(federation, f"/api/v1/namespaces/{SYSTEM}/secrets", cluster.name, {
                "stringData": {"kubeconfig": config},
            })  # fmt: skip
            path = "/apis/federation.feddns.dev/v1beta1/clusters"
            await _make(federation, path, cluster.name, {
                "apiVersion": "federation.feddns.dev/v1beta1", "kind": "Cluster",
                "metadata": {"name": cluster.name, "labels": {"region": cluster.region}},
                "spec": {
                    "serverAddressByClientCIDRs": [
                        {"clientCIDR": "0.0.0.0/0", "serverAddress": api.url},
                    ],
                    "secretRef": {"name": cluster.name},
                },
            })  # fmt: skip

    def _children(self) -> None:
        federation = ["--federation-kubeconfig", str(self.kubeconfig),
                      "--federation-context", layout.CONTEXT]  # fmt: skip
        name = ["--federation-name", layout.FEDERATION]
        self._controllers = Child("controllers", module(
            "controllers", *federation, *name, *self._public_zone(),
            "--leader-elect=false", "--cluster-monitor-period", _MONITOR,
            "--federation-system-namespace", SYSTEM,
        ), self._logs)  # fmt: skip
        for cluster in self.layout.clusters:
            self._dns[cluster.name] = Child(f"dns-{cluster.name}", module(
                "feddns", "serve", "--kubeconfig", str(self.kubeconfig), "--context", cluster.name,
                *federation, *name, "--cluster-name", cluster.name,
                "--listen", f"{cluster.dns}:{self.dns_port}",
                "--metrics", f"{cluster.dns}:{_METRICS}", "--processes", "0", "--lame-duck", "0",
            ), self._logs)  # fmt: skip

    def _make_zone(self) -> None:
        """The public zone, if it is not kept from another time; the controllers fill it."""
        zonefile.open(zonefile.Settings(
            zone=layout.DOMAIN, path=str(self._zone),
            server=f"ns.{layout.DOMAIN}.", address=self.layout.outside,
        )).close()  # fmt: skip

    def _public_zone(self) -> list[str]:
        """Flags.  A federation of one Service may lose all of its records without an operator."""
        return [
            "--zone-name", layout.DOMAIN, "--dns-provider", "zonefile",
            "--dns-option", f"path={self._zone}", "--dns-removal-limit", "100",
            "--dns-check-servers", f"{self.layout.outside}:{self.dns_port}",
        ]  # fmt: skip

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

    def condition(self, name: str) -> str:
        """What the federation says of a member: Ready, or why it is not."""
        for one in self.federation.list(CLUSTERS):
            if one["metadata"]["name"] == name:
                for condition in one.get("status", {}).get("conditions", []):
                    if condition["status"] == "True":
                        return str(condition["type"])
                return "NotReady"
        return "not registered"

    def is_ready(self, name: str) -> bool:
        return self.condition(name) == "Ready"

    # --- breaking ----------------------------------------------------------------------------

    async def fail(self, given: Iterable[Fault]) -> None:
        """These are broken now, and nothing else; one after another when several ask at once."""
        self.faults = tuple(dict.fromkeys(given))
        async with self._breaking:
            if self.is_up:
                await self._bring_down(faults.down(self.faults, self.layout))

    async def _bring_down(self, down: Down) -> None:
        for cluster in self.layout.clusters:
            await _switch(self._apis[cluster.name], up=cluster.name not in down.apis)
            await self.members[cluster.name].fail(down)
            child = self._dns[cluster.name]
            if cluster.name in down.dns:
                await child.stop(at_once=True)
            else:
                await child.start()
        await _switch(self._apis[""], up=not down.federation)


def _own(logs: Path) -> int:
    """Make the folder, for this playground alone until what is returned is closed."""
    try:
        logs.mkdir(parents=True, exist_ok=True)
        held = os.open(logs, os.O_RDONLY)
    except OSError as error:
        raise OperatorNeeded(f"{error.filename}: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise OperatorNeeded(f"another playground keeps {logs.parent}") from error
    return held


async def _switch(one: Api, *, up: bool) -> None:
    """Whether an API can be reached; what it holds goes on living."""
    if up:
        await one.resume()
    else:
        await one.pause()


async def _make(api: Api, path: str, name: str, body: Json) -> None:
    """Create or, when it is kept from an earlier time, write again."""
    whole = {"metadata": {"name": name}} | body
    reply = await api.ask("POST", path, whole)
    if reply.status == 409:
        reply = await api.ask("PATCH", f"{path}/{name}", whole)
    if not reply.is_good:
        raise OperatorNeeded(f"{path}/{name}: {reply.body.decode(errors='replace')}")


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at once; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


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
        async with asyncio.timeout(_HEAR):
            reader, writer = await asyncio.open_connection(address, _METRICS)
            with contextlib.closing(writer):
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: feddns\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
    except (OSError, ValueError):  # nobody is there yet, or somebody else is
        return False
