"""Probes begin and end, and what they find is a verdict; the shards are sockets of the test."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from controllers.caches import Caches, Federation
from controllers.health import ShardHealth
from controllers.kinds import SERVICES, TABLE
from controllers.world import Key, Member
from tests.serving import loopback

WEB = Key(SERVICES, "shop", "web")
READ = frozenset({"services", "endpointslices"})


def service(address: str, port: int, probe: str = "", kind: str = "LoadBalancer") -> bytes:
    annotations = {"federation.feddns.dev/probe": probe} if probe else {}
    metadata = {"name": "web", "namespace": "shop", "resourceVersion": "1",
                "annotations": annotations}  # fmt: skip
    return json.dumps({
        "metadata": metadata, "spec": {"type": kind, "ports": [{"port": port}]},
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    }).encode()  # fmt: skip


async def until(is_so: Any) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def scene(talk: Any, probe: str = "", kind: str = "LoadBalancer") -> None:
    async def main() -> None:
        world = Caches(Federation("fellowship"), {row.resource: row for row in TABLE})
        server = await asyncio.start_server(lambda _, writer: writer.close(), loopback(), 0)
        address, port = server.sockets[0].getsockname()
        world.put_member(Member("us", ready=True, whole=READ))
        raw = service(address, port, probe, kind)
        world.tables[SERVICES].remember(raw, "")
        world.caches["us"].copies[SERVICES].remember(raw, "")
        looks: list[Key] = []
        health = ShardHealth(world, looks.append)
        try:
            await talk(world, health, server, looks)
        finally:
            await health.close()
            server.close()
            await server.wait_closed()

    asyncio.run(main())


def away(world: Caches) -> None:
    world.put_member(Member("us", since=1.0, whole=READ))


def test_a_member_that_is_not_reached_is_probed_and_one_that_is_back_is_not() -> None:
    async def talk(world: Caches, health: ShardHealth, server: Any, looks: list[Key]) -> None:
        health.follow(WEB)
        await asyncio.sleep(0.05)
        assert looks == []
        away(world)
        ready = world.caches["us"]
        ready.endpoints = lambda *_: (1, 0)  # type: ignore[method-assign]
        assert world.verdict("us", WEB) == "unknown"
        health.follow(WEB)
        await until(lambda: looks == [WEB])
        assert world.verdict("us", WEB) == "healthy"
        server.close()
        await until(lambda: len(looks) == 2)
        assert world.verdict("us", WEB) == "unhealthy"
        world.put_member(Member("us", ready=True, whole=READ))
        health.follow(WEB)
        assert world.verdict("us", WEB) == "healthy", "what is not probed has no say"

    scene(talk)


def test_the_annotation_probes_always() -> None:
    async def talk(world: Caches, health: ShardHealth, server: Any, looks: list[Key]) -> None:
        world.caches["us"].endpoints = lambda *_: (1, 0)  # type: ignore[method-assign]
        server.close()
        health.follow(WEB)
        await until(lambda: looks == [WEB])
        assert world.verdict("us", WEB) == "unhealthy"

    scene(talk, probe="tcp every=1s timeout=500ms fall=1")


def test_what_is_never_probed() -> None:
    async def talk(world: Caches, health: ShardHealth, server: Any, looks: list[Key]) -> None:
        away(world)
        health.follow(WEB)
        health.follow(Key(SERVICES, "shop", "gone"))
        assert health._prober.followed() == frozenset()

    scene(talk, probe="none")
    scene(talk, probe="what is this")
    scene(talk, kind="ClusterIP")


def test_after_a_restart_the_annotation_says_where_a_lost_shard_is() -> None:
    async def talk(world: Caches, health: ShardHealth, server: Any, looks: list[Key]) -> None:
        address = server.sockets[0].getsockname()[0]
        said = {"items": [{"cluster": "us", "items": [{"ip": address}]}]}
        federated = json.loads(service(address, server.sockets[0].getsockname()[1]))
        federated["metadata"]["annotations"] = {
            "federation.kubernetes.io/service-ingresses": json.dumps(said)
        }
        federated["metadata"]["resourceVersion"] = "2"
        world.tables[SERVICES].remember(json.dumps(federated).encode(), "")
        world.forget_copies("us")
        world.put_member(Member("us", since=1.0))
        health.follow(WEB)
        await until(lambda: looks == [WEB])
        assert world.verdict("us", WEB) == "healthy"
        world.forget_member("us")
        health.follow(WEB)
        assert health._prober.followed() == frozenset()

    scene(talk)
