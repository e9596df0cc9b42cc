"""A member whose API has controllers of its own: what is left for the playground to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from feddns.playground import layout, member
from feddns.playground.apis import Reply
from feddns.playground.faults import Down
from feddns.playground.kubelet import FAILED
from feddns.playground.member import Member
from feddns.playground.mirror import Known
from feddns.playground.objects import NODES, PODS, SERVICES, Json
from feddns.playground.web import Web

CLUSTER = layout.Cluster("us", "us", "127.181")
READY = [{"type": "Ready", "status": "True"}]


class Api:
    """One that only remembers what it was asked, and gives the replies that it is told to give."""

    url = "https://192.0.2.1"
    tends = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Json | None]] = []
        self.status = 200
        self.known = Known(())

    def kubeconfig(self, context: str = "") -> Json:
        return {}

    def check(self) -> None: ...

    async def start(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def stop(self) -> None: ...

    def fill(self, known: Known) -> None:
        self.known = known

    async def ask(self, method: str, path: str, body: Json | None = None) -> Reply:
        self.asked.append((method, path, body))
        return Reply(self.status, b"")


def node(name: str, zone: str) -> Json:
    return {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}}


def pod(name: str, on: str, **annotations: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"run": "web"},
                     "annotations": annotations},
        "spec": {"nodeName": on, "containers": [{"name": "c", "ports": [{"containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": "10.181.0.1", "conditions": READY},
    }  # fmt: skip


def service(**status: Any) -> Json:
    return {
        "metadata": {"name": "web", "namespace": "default", "resourceVersion": "7"},
        "spec": {"type": "LoadBalancer", "selector": {"run": "web"}, "ports": [{"port": 8080}]},
        "status": status,
    }


def run(work: Callable[[Api, Member], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        api, web = Api(), Web()
        one = Member(CLUSTER, api, web)
        for name, zone, _ in CLUSTER.nodes():
            api.known.put(NODES, node(name, zone))
        try:
            await work(api, one)
        finally:
            web.close()

    asyncio.run(all_of_it())


def test_only_the_load_balancer_is_done() -> None:
    async def work(api: Api, one: Member) -> None:
        api.known.put(PODS, pod("web", "us-1"))
        api.known.put(SERVICES, service())
        await one.fail(Down())
        ((method, path, body),) = api.asked
        assert (method, path) == ("PUT", "/api/v1/namespaces/default/services/web/status")
        assert body
        assert body["metadata"]["resourceVersion"] == "7"  # who was faster is not overwritten
        assert body["status"]["loadBalancer"]["ingress"][0]["ip"] == "127.181.192.1"

    run(work)


def test_two_load_balancers_that_are_not_known_yet_have_two_addresses() -> None:
    async def work(api: Api, one: Member) -> None:
        other = service()
        other["metadata"]["name"] = "other"
        for each in (service(), other, service()):
            api.known.put(SERVICES, each)
            await one.fail(Down())
        given = [
            body["status"]["loadBalancer"]["ingress"][0]["ip"] for *_, body in api.asked if body
        ]
        assert given == ["127.181.192.1", "127.181.192.2", "127.181.192.1"]

    run(work)


def test_the_address_of_a_service_that_is_gone_is_free() -> None:
    async def work(api: Api, one: Member) -> None:
        other = service()
        other["metadata"]["name"] = "other"
        api.known.put(SERVICES, service())
        await one.fail(Down())
        api.known.remove(SERVICES, "default", "web")
        api.known.put(SERVICES, other)
        await one.fail(Down())
        for *_, body in api.asked:
            assert body
            assert body["status"]["loadBalancer"]["ingress"][0]["ip"] == "127.181.192.1"
        assert len(api.asked) == 2

    run(work)


@pytest.mark.parametrize(("status", "told"), [(404, False), (409, False), (422, True)])
def test_what_the_api_refuses_is_told(
    status: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless somebody else was faster: that is an event of the object, which is looked at again."""

    async def work(api: Api, one: Member) -> None:
        api.status = status
        api.known.put(SERVICES, service())
        await one.fail(Down())
        assert len(api.asked) == 1

    run(work)
    assert bool(caplog.text) == told


def test_the_load_balancer_answers_for_the_pods_and_their_own_addresses_do_not() -> None:
    async def work(api: Api, one: Member) -> None:
        api.known.put(PODS, pod("web", "us-1"))
        api.known.put(SERVICES, service(loadBalancer={"ingress": [{"ip": "127.181.192.1"}]}))
        await one.fail(Down())
        assert api.asked == []
        reader, writer = await asyncio.open_connection("127.181.192.1", 8080)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"pod web in zone us-a of cluster us" in await reader.read()
        writer.close()

    run(work)


def test_a_zone_is_its_nodes_and_the_pods_on_them() -> None:
    async def work(api: Api, one: Member) -> None:
        api.known.put(PODS, pod("web", "us-1"))
        api.known.put(PODS, pod("other", "us-2"))
        await one.fail(Down(zones=frozenset({"us-a"})))
        assert {(method, path) for method, path, _ in api.asked} == {
            ("PATCH", "/api/v1/nodes/us-1"), ("PATCH", "/api/v1/nodes/us-3"),
            ("PATCH", "/api/v1/namespaces/default/pods/web"),
        }  # fmt: skip
        for _, _, body in api.asked:
            assert body
            assert body["metadata"]["annotations"] == {FAILED: "zone us-a failed"}

    run(work)


def test_what_is_healed_loses_the_mark() -> None:
    async def work(api: Api, one: Member) -> None:
        api.known.put(PODS, pod("web", "us-1", **{FAILED: "failed on purpose"}))
        await one.fail(Down())
        ((method, _, body),) = api.asked
        assert method == "PATCH"
        assert body
        assert body["metadata"]["annotations"] == {FAILED: None}

    run(work)


@pytest.mark.parametrize("status", [0, 429, 503])
def test_what_the_api_could_not_do_is_tried_again(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(api: Api, one: Member) -> None:
        api.status = status
        api.known.put(PODS, pod("web", "us-1"))
        await one.fail(Down(pods=frozenset({("us", "default", "web")})))
        running = asyncio.create_task(one.run())
        while len(api.asked) < 3:
            await asyncio.sleep(0)
        running.cancel()

    monkeypatch.setattr(member, "_AGAIN", 0.0)
    run(work)
