"""A real kube-apiserver followed: what it holds is what is told, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feddns import names, snapshot
from feddns.config import Settings
from feddns.errors import OperatorNeeded
from feddns.events import Event, Gone, Object, Put, Synced
from feddns.kube import following
from feddns.kube.following import ApiSource
from feddns.kube.resources import Role
from feddns.nameservers import Nameservers, StubDomain
from feddns.services import Service, Slice
from feddns.snapshot import Snapshot
from tests.clusters import NewCluster
from tests.realcluster import RealCluster

PATIENCE = 20.0
READ = [
    {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["discovery.k8s.io"],
        "resources": ["endpointslices"],
        "verbs": ["list", "watch"],
    },
]


class World:
    """What a source tells, applied."""

    def __init__(self, kubeconfig: Path, role: Role = Role.CLUSTER, **settings: Any) -> None:
        key = "kubeconfig" if role is Role.CLUSTER else "federation_kubeconfig"
        self.source = ApiSource(Settings(**{key: str(kubeconfig), **settings}), role)
        self.events: list[Event] = []
        self.snapshot = Snapshot()

    def emit(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            self.snapshot = snapshot.apply(self.snapshot, event)

    async def until(self, condition: Callable[[], Any], within: float = PATIENCE) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            await asyncio.sleep(0.01)

    async def synced(self) -> None:
        await self.until(lambda: self.source.synced)

    def of(self, namespace: str) -> list[Event]:
        """The events about Services and slices there."""
        return [
            event
            for event in self.events
            if isinstance(event, Put | Gone)
            and isinstance(event.object, Service | Slice)
            and event.object.namespace == namespace.encode()
        ]

    def named(self, kind: type) -> set[str]:
        """The names of the objects of a kind in force."""
        things = [msgspec.msgpack.decode(raw, type=Object) for raw in self.source.objects()]
        return {
            f"{thing.namespace.decode()}/{thing.name.decode()}"
            for thing in things
            if isinstance(thing, kind) and isinstance(thing, Service | Slice)
        }


def follow(world: World, script: Coroutine[Any, Any, None]) -> None:
    """Run the script while the source runs."""

    async def both() -> None:
        running = asyncio.create_task(world.source.run(world.emit))
        try:
            await script
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(both())


async def ask(cluster: RealCluster, method: str, path: str, body: Any = None) -> dict[str, Any]:
    return await asyncio.to_thread(cluster.request, method, path, body)


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def a_slice(name: str, owner: str, *addresses: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": owner}, **metadata},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]} for address in addresses],
        "ports": [{"name": "http", "port": 8080}],
    }


SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
SERVICES = "/api/v1/namespaces/{}/services"


@pytest.mark.parametrize("watch_list", [True, False])
def test_it_is_read_whole_and_then_followed(cluster: RealCluster, watch_list: bool) -> None:
    ns = cluster.namespace(f"followed-{watch_list}".lower())
    slices, services = SLICES.format(ns), SERVICES.format(ns)
    cluster.request("POST", services, service("web", clusterIP="None"))
    world = World(cluster.kubeconfig)
    for informer in world.source._informers:
        informer._abilities.watch_list = informer._abilities.first_list = watch_list

    async def script() -> None:
        await world.synced()
        assert world.events.count(Synced()) == 1
        key = (ns.encode(), b"web")
        assert world.snapshot.entry(*key) is not None
        assert world.snapshot.has_namespace(b"default")
        triggered = {"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-02T03:04:05Z"}
        body = a_slice("web-1", "web", "192.0.2.1", annotations=triggered)
        await ask(cluster, "POST", slices, body)

        def addresses() -> set[bytes]:
            entry = world.snapshot.entry(*key)
            return entry.addresses() if entry else set()

        await world.until(lambda: addresses() == {b"\xc0\0\2\1"})
        (put,) = [
            event
            for event in world.events
            if isinstance(event, Put) and event.object.key == (ns.encode(), b"web", b"web-1")
        ]
        assert put.triggered == 1767323045.0
        await ask(cluster, "PUT", f"{slices}/web-1", a_slice("web-1", "web", "192.0.2.2"))
        await world.until(lambda: addresses() == {b"\xc0\0\2\2"})
        before = len(world.of(ns))
        await asyncio.to_thread(
            cluster.patch, f"{services}/web", {"metadata": {"annotations": {"who": "cares"}}}
        )
        await ask(cluster, "DELETE", f"{slices}/web-1")
        await world.until(lambda: addresses() == set())
        assert [type(event) for event in world.of(ns)[before:]] == [Gone]
        await ask(cluster, "DELETE", f"{services}/web")
        await world.until(lambda: world.snapshot.entry(*key) is None)

    follow(world, script())
    rows = {row.resource: row for row in world.source.states()}
    assert rows["services"].phase == "watching"
    assert rows["endpointslices"].last_event > time.time() - PATIENCE
    assert world.source.counts()[Role.CLUSTER].objects["Namespace"] >= 4


def test_the_config_map_is_followed_and_its_bad_items_are_told(
    cluster: RealCluster, caplog: pytest.LogCaptureFixture
) -> None:
    ns = cluster.namespace("configured")
    path = f"/api/v1/namespaces/{ns}/configmaps"
    world = World(cluster.kubeconfig, config_map=f"{ns}/dns")

    async def script() -> None:
        await world.synced()
        data = {"federations": "a=b.example,bad", "stubDomains": '{"corp.example": ["192.0.2.1"]}'}
        await ask(cluster, "POST", path, {"metadata": {"name": "dns"}, "data": data})
        await world.until(lambda: world.snapshot.federations)
        assert world.snapshot.federations == {b"a": names.parse("b.example")}
        stub = StubDomain(names.parse("corp.example"), ("192.0.2.1:53",))
        assert world.snapshot.nameservers == Nameservers((stub,))
        (refusal,) = world.source.refusals()
        assert "federations item 'bad'" in refusal.reason

        async def told() -> list[Any]:
            found = await ask(cluster, "GET", f"/api/v1/namespaces/{ns}/events")
            return list(found["items"])

        for _ in range(200):
            if events := await told():
                break
            await asyncio.sleep(0.05)
        (event,) = events
        assert (event["reason"], event["type"]) == ("RefusedItem", "Warning")
        assert event["source"]["component"] == "feddns"
        assert event["message"] == refusal.reason
        assert event["involvedObject"]["name"] == "dns"
        assert event["involvedObject"]["uid"]
        await ask(cluster, "DELETE", f"{path}/dns")
        await world.until(lambda: not world.snapshot.federations)
        assert world.snapshot.nameservers == Nameservers()

    follow(world, script())
    assert caplog.text.count("federations item 'bad'") == 1


def test_namespaces_that_are_not_served_are_left_out(cluster: RealCluster) -> None:
    served, other = cluster.namespace("served"), cluster.namespace("not-served")
    for ns in (served, other):
        cluster.request("POST", SERVICES.format(ns), service("web"))
    world = World(cluster.kubeconfig, namespaces=(served,))
    follow(world, world.synced())
    assert world.named(Service) == {"served/web"}
    assert world.snapshot.has_namespace(other.encode())


def test_missing_rules_are_named_and_the_rest_goes_on(
    cluster: RealCluster, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(cluster.user_kubeconfig("lacking", READ))

    def phases() -> set[str]:
        return {row.phase for row in world.source.states()}

    async def script() -> None:
        await world.synced()
        await world.until(lambda: phases() == {"watching", "forbidden"})

    with caplog.at_level(logging.WARNING):
        follow(world, script())
    lines = [record.getMessage() for record in caplog.records]
    for plural in ("namespaces", "nodes", "configmaps"):
        (line,) = [line for line in lines if f" {plural}: " in line]
        assert "403 Forbidden; grant this account the rule" in line
        assert f'resources: ["{plural}"]' in line
    assert world.snapshot.synced


def test_without_slices_nothing_is_answered(cluster: RealCluster) -> None:
    world = World(cluster.user_kubeconfig("no-slices", READ[:1]))

    async def script() -> None:
        await world.until(
            lambda: {row.phase for row in world.source.states()} == {"watching", "forbidden"}
        )
        assert not world.source.synced

    follow(world, script())


def test_a_federation(cluster: RealCluster, caplog: pytest.LogCaptureFixture) -> None:
    """With the CustomResourceDefinition of Clusters, if another test has put it there, or not."""
    world = World(cluster.kubeconfig, Role.FEDERATION)

    async def script() -> None:
        await world.until(lambda: world.source.synced or any(
            row.resource == "clusters" and row.errors for row in world.source.states()
        ))  # fmt: skip

    follow(world, script())
    if not world.source.synced:
        assert "CustomResourceDefinition clusters.federation.feddns.dev is not" in caplog.text


def test_a_new_token_and_a_bad_network(cluster: RealCluster) -> None:
    """The watch is cut in the middle of an event; after it a new token is needed."""
    ns = cluster.namespace("cut")
    proxy = cluster.proxy()
    cluster.user_kubeconfig("cut", READ)
    world = World(cluster.kubeconfig_for("cut", proxy))

    async def script() -> None:
        await world.synced()
        lists = {row.resource: row.lists for row in world.source.states()}
        proxy.cut_after(100)
        await ask(cluster, "POST", SERVICES.format(ns), service("one"))
        await world.until(lambda: f"{ns}/one" in world.named(Service))
        await asyncio.to_thread(cluster.renew_token, "cut")
        proxy.cut()
        await ask(cluster, "POST", SERVICES.format(ns), service("two"))
        await world.until(lambda: f"{ns}/two" in world.named(Service))
        rows = {row.resource: row for row in world.source.states()}
        assert rows["services"].lists == lists["services"], "a cut needs no new list"

    follow(world, script())


@pytest.mark.slow
def test_an_api_that_is_away_makes_it_stale(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, compacted and started again with new certificates."""
    monkeypatch.setattr(following, "STALE_AFTER", 0.5)
    cluster = new_cluster("away")
    ns = cluster.namespace("away")
    cluster.request("POST", SERVICES.format(ns), service("before"))
    world = World(cluster.kubeconfig)

    async def script() -> None:
        await world.synced()
        started = time.time()
        await asyncio.to_thread(cluster.kill_api)
        await world.until(lambda: world.snapshot.stale_since)
        assert started - 1 < world.snapshot.stale_since < started + 2
        assert f"{ns}/before" in world.named(Service)
        await asyncio.to_thread(cluster.start_api)
        await asyncio.to_thread(cluster.compact_etcd, restart=False)
        await asyncio.to_thread(cluster.rotate_certificates)
        await ask(cluster, "POST", SERVICES.format(ns), service("after"))
        await ask(cluster, "DELETE", f"{SERVICES.format(ns)}/before")
        await world.until(lambda: f"{ns}/after" in world.named(Service), 60)
        await world.until(lambda: f"{ns}/before" not in world.named(Service))
        await world.until(lambda: world.snapshot.stale_since == 0)

    follow(world, script())


def test_a_kubeconfig_that_is_no_use(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({"current-context": "x"}))
    with pytest.raises(OperatorNeeded, match="has no context 'x'"):
        ApiSource(Settings(kubeconfig=str(path)), Role.CLUSTER).check()
