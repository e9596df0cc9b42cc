"""A whole federation on embedded APIs, and its public zone in memory: what moves the records, how
fast, and what the federation's API says of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.message
import pytest

from controllers import runtime
from controllers.options import Options
from controllers.runtime import Runtime
from feddns.config import SocketAddress
from feddns.errors import OperatorNeeded
from feddns.providers import memory
from feddns.providers.base import Provider
from feddns.providers.memory import Memory
from feddns.providers.recordsets import TXT, Change, RecordSet, record_set
from tests.controllers.nameserving import Nameserver
from tests.controllers.running import PATIENCE, SYSTEM, Controllers, Federation
from tests.controllers.test_runtime import slice_of
from tests.serving import environment, free_port, loopback
from tests.tcpproxy import Proxy

ZONE = "example.com."
FOREIGN = (record_set(f"www.{ZONE}", "A", 300, ["198.51.100.1"]),)
_numbers = itertools.count(1)


class Watched(Memory):
    """A provider in memory that notes when it was called, and waits where it is told to."""

    def __init__(self) -> None:
        super().__init__(memory.Settings(zone=ZONE, records=FOREIGN))
        self.reads = 0
        self.applied: list[float] = []
        self.gate = threading.Event()
        self.gate.set()
        self.waits = 0

    def list(self) -> Iterator[Sequence[RecordSet]]:
        self.reads += 1
        yield from super().list()

    def apply(self, changes: Sequence[Change]) -> None:
        self.waits += not self.gate.is_set()
        self.gate.wait(20)
        super().apply(changes)
        self.applied.append(time.monotonic())

    def values(self, rung: str, namespace: str, federation: str) -> str:
        """What a rung's name of the Service web has: `A 192.0.2.1`."""
        name = f"web.{namespace}.{federation}.svc.{rung}".rstrip(".") + f".{ZONE}"
        found = [one for one in self.content() if one.name == name and one.type != TXT]
        return ", ".join(f"{one.type} {' '.join(one.values)}" for one in found)

    def ours(self) -> list[str]:
        return [str(one) for one in self.content() if one not in FOREIGN]


class Zoned:
    """A federation of its own name with a zone, and a Service `web` in a namespace of its own."""

    def __init__(self, real: Federation, **options: Any) -> None:
        self.real, self.name = real, f"zoned{next(_numbers)}"
        self.provider = Watched()
        self.options = {"dns_provider": "memory", "zone_name": "example.com", **options}
        self.namespace = ""

    @contextlib.contextmanager
    def running(self, opens: Callable[[], Provider] | None = None) -> Iterator[Controllers]:
        one = self.start(opens)
        try:
            yield one
        finally:
            one.stop()

    def start(self, opens: Callable[[], Provider] | None = None, **options: Any) -> Controllers:
        opens = opens or (lambda: self.provider)

        def made(given: Options) -> Runtime:
            return Runtime(given, runtime.reconcilers(given), opens)

        return self.real.start(self.name, make=made, **self.options, **options)

    def members(self, **urls: str) -> None:
        """us and eu, with a node that says where each is."""
        for member in ("us", "eu"):
            api = self.real.members[member]
            with contextlib.suppress(Exception):
                api.add_node(f"{member}-1", f"{member}-a", member)
            self.real.register(member, url=urls.get(member, ""))

    def service(self, **addresses: str) -> None:
        """A shard with a ready endpoint at each of the members' load balancers."""
        self.namespace = self.namespace or self.real.namespace()
        spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
        self.real.create(self.namespace, "services", "web", spec=spec)
        for member, address in addresses.items():
            api = self.real.members[member]
            self.real.until(
                lambda m=member: self.real.found(m, f"{self.namespace}/services/web"), member
            )
            api.set_load_balancer(self.namespace, "web", address)
            path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
            api.request("POST", path, slice_of("web", "10.0.0.1", ready=True))

    def ready(self, member: str, is_ready: bool) -> None:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices/web"
        change = {"endpoints": slice_of("web", "10.0.0.1", ready=is_ready)["endpoints"]}
        self.real.members[member].patch(path, change)

    def at(self, rung: str) -> str:
        return self.provider.values(rung, self.namespace, self.name)

    def until(self, rung: str, has: str, patience: float = PATIENCE) -> float:
        return self.real.until(lambda: self.at(rung) == has, f"{rung}: {has}", patience)

    def condition(self) -> dict[str, str]:
        path = f"/api/v1/namespaces/{self.namespace}/services/web"
        found = self.real.api.request("GET", path).get("status") or {}
        conditions = found.get("conditions") or ()
        return next((one for one in conditions if one["type"] == "Propagated"), {})

    def config_map(self, name: str = "public-zone") -> dict[str, Any]:
        path = f"/api/v1/namespaces/{SYSTEM}/configmaps"
        found = self.real.api.request("GET", path)["items"]
        return next((one for one in found if one["metadata"]["name"] == name), {})

    def clear(self) -> None:
        path = f"/api/v1/namespaces/{SYSTEM}/configmaps"
        for one in self.real.api.request("GET", path)["items"]:
            if one["metadata"]["name"].startswith("public-zone"):
                self.real.api.request("DELETE", f"{path}/{one['metadata']['name']}")


BOTH = "A 192.0.2.1 192.0.2.2"
SHARDS = {"us": "192.0.2.1", "eu": "192.0.2.2"}


@pytest.fixture
def zoned(request: pytest.FixtureRequest) -> Iterator[Zoned]:
    """On embedded APIs, or on real API servers where a test asks for them."""
    kind = getattr(request, "param", "embedded_federation")
    one = Zoned(request.getfixturevalue(kind))
    yield one
    one.clear()


on_both = pytest.mark.parametrize("zoned", ["embedded_federation", "real"], indirect=True)


@on_both
def test_from_a_shard_to_the_zone_and_back(zoned: Zoned) -> None:
    with zoned.running():
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        zoned.until("us-a.us", "A 192.0.2.1")
        zoned.until("eu-a.eu", "A 192.0.2.2")
        zoned.real.until(lambda: zoned.condition().get("reason") == "Recorded", "it is said")
        calls = len(zoned.provider.applied)
        zoned.ready("eu", False)
        took = zoned.until("", "A 192.0.2.1")
        assert took < 2.0
        assert zoned.at("eu") == f"CNAME web.{zoned.namespace}.{zoned.name}.svc.{ZONE}"
        assert len(zoned.provider.applied) == calls + 1, "one change, one call"
        zoned.ready("eu", True)
        zoned.until("", BOTH)


@on_both
def test_the_provider_is_told_of_a_lost_endpoint_within_two_seconds(zoned: Zoned) -> None:
    with zoned.running() as one:
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        took = []
        for _ in range(15):
            zoned.ready("eu", False)
            took.append(zoned.until("", "A 192.0.2.1"))
            zoned.ready("eu", True)
            took.append(zoned.until("", BOTH))
        assert max(took) < 2.0
        told = one.ask(lambda: one.runtime.zone.picture().told)
        assert told.count >= 30


def test_a_service_that_goes_leaves_the_zone_as_it_was(zoned: Zoned) -> None:
    with zoned.running():
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        path = f"/api/v1/namespaces/{zoned.namespace}/services/web"
        zoned.real.api.patch(path, {"spec": {"type": "ClusterIP"}})
        zoned.real.until(lambda: not zoned.provider.ours(), "of another type, all is gone")
        zoned.real.until(lambda: not zoned.condition(), "nothing is said any more")
        zoned.real.api.patch(path, {"spec": {"type": "LoadBalancer"}})
        zoned.real.until(zoned.provider.ours, "and back")
        zoned.real.api.request("DELETE", path)
        zoned.real.until(lambda: not zoned.provider.ours(), "deleted, all is gone")
        assert set(zoned.provider.content()) == set(FOREIGN)


def test_a_cluster_that_leaves_takes_its_names_along(zoned: Zoned) -> None:
    with zoned.running():
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        zoned.real.unregister("eu")
        zoned.until("", "A 192.0.2.1")
        zoned.until("eu", "")
        zoned.until("eu-a.eu", "")


def test_a_cluster_in_another_zone_has_another_name(zoned: Zoned) -> None:
    node = "/api/v1/nodes/eu-1"
    key = "topology.kubernetes.io/zone"
    with zoned.running():
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("eu-a.eu", "A 192.0.2.2")
        zoned.real.members["eu"].patch(node, {"metadata": {"labels": {key: "eu-b"}}})
        try:
            zoned.until("eu-b.eu", "A 192.0.2.2")
            zoned.until("eu-a.eu", "")
        finally:
            zoned.real.members["eu"].patch(node, {"metadata": {"labels": {key: "eu-a"}}})


def test_a_restart_costs_one_reading_and_no_change(zoned: Zoned) -> None:
    with zoned.running():
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        zoned.real.until(lambda: zoned.condition().get("status") == "True", "it is said")
    version = zoned.condition()["lastTransitionTime"]
    applied, reads = len(zoned.provider.applied), zoned.provider.reads
    with zoned.running() as again:
        zoned.real.until(lambda: zoned.provider.reads == reads + 1, "it is read")
        zoned.real.until(
            lambda: again.ask(lambda: again.runtime.zone.picture().audited) > 0, "as a whole"
        )
        time.sleep(1.5)
    assert len(zoned.provider.applied) == applied
    assert zoned.provider.reads == reads + 1
    assert zoned.condition()["lastTransitionTime"] == version


@on_both
def test_a_dead_cluster_is_out_of_the_zone_within_seconds(zoned: Zoned) -> None:
    """Its API and its load balancer, with the period that 15 s are promised for."""
    place = urllib.parse.urlsplit(zoned.real.members["eu"].url)
    proxy = Proxy((str(place.hostname), place.port or 0))
    zoned.options |= {"monitor_period": 3.0, "monitor_timeout": 1.0, "monitor_misses": 3}
    shards = {"us": "192.0.2.1", "eu": loopback()}  # nothing answers there
    with contextlib.closing(proxy), zoned.running():
        zoned.members(eu=proxy.url)
        zoned.service(**shards)
        zoned.until("eu", f"A {shards['eu']}")
        time.sleep(1.0)
        assert zoned.at("eu") == f"A {shards['eu']}", "while its API is there, that counts"
        proxy.refuse()
        took = zoned.until("", "A 192.0.2.1")
        assert took < 15.0


def test_the_program_keeps_a_zone_file(zoned: Zoned, tmp_path: Path) -> None:
    file, metrics = tmp_path / "zone", f"127.0.0.1:{free_port('127.0.0.1')}"
    command = [
        sys.executable, "-m", "controllers", "--leader-elect=false",
        "--federation-kubeconfig", str(zoned.real.api.kubeconfig),
        "--federation-name", zoned.name, "--zone-name", "example.com",
        "--dns-provider", "zonefile", "--dns-option", f"path={file}",
        "--dns-option", "server=ns.example.net", "--dns-check-servers", "none",
        "--cluster-monitor-period", "300ms", "--metrics", metrics,
    ]  # fmt: skip

    def has(text: str) -> bool:
        return file.exists() and text in file.read_text()

    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE) as program:
        try:
            zoned.members()
            zoned.service(us="192.0.2.1")
            name = f"web.{zoned.namespace}.{zoned.name}.svc.us-a.us.{ZONE}"
            zoned.real.until(lambda: has(f"{name} 180 IN A 192.0.2.1"), "it is in the file")
            with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=5) as answer:
                assert 'zone_changes_total{zone="example.com."}' in answer.read().decode()
        finally:
            program.terminate()
            said = program.communicate(timeout=15)[1].decode()
    assert program.returncode == 0, said
    assert "NS ns.example.net." in file.read_text()


class Served(Nameserver):
    """A name server in a thread, with what is in the provider's zone and a host name besides."""

    def __init__(self, provider: Watched) -> None:
        super().__init__(loopback())
        self.port = free_port(self.address)
        self._provider = provider
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}"

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        self._records.clear()
        self.put(f"lb.example.net. 60 A {LB}")
        self.put(f"{ZONE} 60 NS ns1.{ZONE}")
        for one in self._provider.content():
            if one.type in ("A", "CNAME"):
                self.put(str(one))
        return super()._answer(query)

    def __enter__(self) -> Served:
        self._thread.start()
        opening = self._loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.address, self.port)
        )
        asyncio.run_coroutine_threadsafe(opening, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._transport.close()
        await asyncio.sleep(0.01)


LB = "192.0.2.77"


def test_what_is_new_is_asked_for_and_host_names_are_followed(zoned: Zoned) -> None:
    with Served(zoned.provider) as server:
        place = SocketAddress(server.place)
        zoned.options |= {"dns_check_servers": server.place, "dns_resolvers": (place,)}
        with zoned.running() as one:
            zoned.members()
            zoned.service(**SHARDS)
            zoned.until("", BOTH)
            zoned.real.until(lambda: zoned.condition().get("reason") == "Propagated", "answered")
            assert "the zone's server gives its records, " in zoned.condition()["message"]
            took = one.ask(lambda: one.runtime.zone.checker.took)
            assert took.count >= 1
            path = f"/api/v1/namespaces/{zoned.namespace}/services/web/status"
            ingress = [{"hostname": "lb.example.net"}]
            balancer = {"status": {"loadBalancer": {"ingress": ingress}}}
            zoned.real.members["eu"].patch(path, balancer)
            for rung in ("eu-a.eu", "eu"):
                zoned.until(rung, f"A {LB}")
            zoned.until("us-a.us", "A 192.0.2.1")
            zoned.until("", f"A 192.0.2.1 {LB}")
        sent, reads = len(zoned.provider.applied), zoned.provider.reads
        with zoned.running():
            zoned.real.until(lambda: zoned.provider.reads > reads, "it is read again")
            time.sleep(1.5)
        assert len(zoned.provider.applied) == sent, "a restart changes nothing"


def test_a_provider_that_does_not_answer_holds_up_nobody(zoned: Zoned) -> None:
    with zoned.running() as one:
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        zoned.provider.gate.clear()
        zoned.ready("eu", False)
        zoned.real.until(lambda: zoned.provider.waits, "the provider is asked")
        zoned.real.create(zoned.namespace, "configmaps", "a", data={"k": "v"})
        took = zoned.real.until(
            lambda: zoned.real.found("us", f"{zoned.namespace}/configmaps/a"), "it is copied"
        )
        assert took < 3.0
        assert one.ask(lambda: one.runtime.zone.picture().zone) == ZONE
        zoned.ready("us", False)
        zoned.provider.gate.set()
        zoned.until("", "")


def test_a_provider_that_cannot_be_opened_is_said_and_tried_again(
    zoned: Zoned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.zonethread._FIRST", 0.1)
    tries, may_open = itertools.count(), threading.Event()

    def opens() -> Provider:
        if next(tries) < 4 or not may_open.is_set():
            raise OperatorNeeded("there is no such zone")
        return zoned.provider

    with zoned.running(opens):
        zoned.real.until(lambda: "trouble" in zoned.config_map().get("data", {}), "it is said")
        may_open.set()
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        events = zoned.real.events("public-zone", SYSTEM)
        assert any("there is no such zone" in words for _, words in events)
        zoned.real.until(lambda: "trouble" not in zoned.config_map()["data"], "it is over")


def test_what_waits_is_written_down_and_approved(zoned: Zoned) -> None:
    zoned.options["dns_removal_limit"] = 0
    for number in range(10):
        name = f"old{number}.{ZONE}"
        zoned.provider.apply(_owned(zoned, name))
    zoned.provider.applied.clear()
    with zoned.running():
        zoned.members()
        zoned.real.until(lambda: zoned.config_map().get("data", {}).get("plan"), "it waits")
        data = zoned.config_map()["data"]
        assert len(zoned.provider.ours()) == 20
        assert f"- old3.{ZONE} 180 A 192.0.2.9" in data["plan.txt"]
        path = f"/api/v1/namespaces/{SYSTEM}/configmaps/public-zone"
        zoned.real.api.patch(path, {"data": {"approve": data["plan"]}})
        zoned.real.until(lambda: not zoned.provider.ours(), "all are gone")
        zoned.real.until(
            lambda: (
                "approve" not in zoned.config_map()["data"]
                and "plan" not in zoned.config_map()["data"]
            ),
            "nothing waits any more",
        )
        zoned.real.until(lambda: zoned.config_map("public-zone-history-00"), "it is history")
        reasons = [reason for reason, _ in zoned.real.events("public-zone", SYSTEM)]
        assert "ZoneWaitsForApproval" in reasons


def _owned(zoned: Zoned, name: str) -> list[Change]:
    """A record set of ours that nobody wants."""
    from feddns.providers import ownership
    from feddns.providers.ownership import Mark

    record = record_set(name, "A", 180, ["192.0.2.9"])
    registry = ownership.registry(f"feddns-{zoned.name}")
    claim = ownership.claim(record, Mark("service/shop/old", ("us",)), registry)
    return [Change(name, additions=(record, claim))]


def test_who_leads_no_more_begins_nothing_and_goes_on_when_it_leads_again(zoned: Zoned) -> None:
    with zoned.running() as one:
        zoned.members()
        zoned.service(**SHARDS)
        zoned.until("", BOTH)
        zoned.provider.gate.clear()
        zoned.ready("eu", False)
        zoned.real.until(lambda: zoned.provider.waits, "a call is under way")
        zone = one.runtime.zone
        one.ask(zone.follow)
        one.ask(zone.lead)
        reads = zoned.provider.reads
        time.sleep(0.3)
        assert zoned.provider.reads == reads, "not before the other has ended"
        zoned.provider.gate.set()
        zoned.real.until(lambda: zoned.provider.reads > reads, "it is read anew")
        zoned.until("", "A 192.0.2.1")
        one.ask(zone.follow)
        applied = len(zoned.provider.applied)
        zoned.ready("eu", True)
        time.sleep(1.0)
        assert len(zoned.provider.applied) == applied
        one.ask(zone.lead)
        zoned.until("", BOTH)


def test_who_stands_by_asks_nothing_and_goes_on_after_a_crash(zoned: Zoned) -> None:
    first = zoned.start(identity="first", leader_elect=True)
    zoned.members()
    zoned.service(**SHARDS)
    zoned.until("", BOTH)
    reads = zoned.provider.reads
    second = zoned.start(identity="second", leader_elect=True)
    try:
        zoned.real.until(lambda: second.ask(lambda: second.runtime.engine.missing) == [], "warm")
        time.sleep(0.5)
        assert zoned.provider.reads == reads, "it only stands by"
        first.kill()
        zoned.ready("eu", False)
        zoned.until("", "A 192.0.2.1")
        assert zoned.provider.reads == reads + 1
    finally:
        second.stop()
