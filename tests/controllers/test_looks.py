"""Members looked at, and shards probed when one is doubted, in virtual time: only the wire is
played, by `Wire`.  Looks are 3 s apart; the first is at 0."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from controllers import clusters, health, members
from controllers.caches import CLUSTER, SERVICE, SLICE, Caches, Federation
from controllers.clusters import Policy
from controllers.counts import Counts
from controllers.engine import Engine
from controllers.executor import Place
from controllers.health import ShardHealth
from controllers.kinds import TABLE
from controllers.members import Members
from controllers.options import Options
from controllers.pump import Done
from controllers.world import Key, Plan, Resource, Told, World
from feddns.healthwatch import prober
from feddns.healthwatch.prober import Outcome
from feddns.kube.api import Result
from feddns.kube.objects import Changed
from tests import virtualtime

PERIOD = 3.0
WEB = Key(SERVICE, "shop", "web")
BALANCER = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def service(namespace: str = "shop", probe: str = "") -> bytes:
    annotations = {"federation.feddns.dev/probe": probe} if probe else {}
    place = {"name": "web", "namespace": namespace, "resourceVersion": "1"}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    metadata = {**place, "annotations": annotations}
    return json.dumps({"metadata": metadata, "spec": spec, "status": BALANCER}).encode()


SLICES = json.dumps({
    "metadata": {"name": "web-1", "namespace": "shop", "resourceVersion": "1",
                 "labels": {"kubernetes.io/service-name": "web"}},
    "endpoints": [{"addresses": ["10.0.0.1"]}],
}).encode()  # fmt: skip


def now() -> float:
    return round(asyncio.get_running_loop().time(), 2)


class Wire:
    """What the members and their load balancers do, and when they were asked for it."""

    def __init__(self) -> None:
        self.api = "good"
        self.answers_after = 0.0
        self.is_alive = True
        self.writes_take = 0.0
        self.reading_takes = 0.0
        self.slices = SLICES
        self.uid = "u"
        self.readings = 0
        self.looks: list[float] = []
        self.probed: list[float] = []
        self.time_outs: set[float] = set()

    async def get(self, path: str, time_out: float) -> Result:
        if path == "/healthz":
            self.looks.append(now())
        if self.api == "refuses":
            return Result(0, b"", "Unreachable", "refused")
        self.time_outs.add(round(time_out, 3))
        wait = self.answers_after if self.api == "good" else 1e9
        await asyncio.sleep(min(wait, time_out))
        if wait >= time_out:
            return Result(0, b"", "Timeout", "no answer")
        found = {"metadata": {"uid": self.uid}, "gitVersion": "v1.36.3"}
        return Result(200, b"ok" if path == "/healthz" else json.dumps(found).encode())

    async def attempt(self, probe: Any, _: Sequence[Any]) -> Outcome:
        self.probed.append(now())
        if not self.is_alive:
            await asyncio.sleep(probe.timeout)
        return Outcome(self.is_alive, "")


class Following:
    """Reads a member's objects: when it begins at once, later as the wire says."""

    def __init__(self, wire: Wire, heard: Callable[[Resource, list[Changed]], None]) -> None:
        self._wire, self._heard = wire, heard
        self._tables: dict[Resource, Any] = {}
        self.whole: frozenset[Resource] = frozenset()

    def add(self, resource: Resource, table: Any, **_: str) -> None:
        self._tables[resource] = table

    async def run(self) -> None:
        self._tables[SERVICE].remember(service(), "")
        self._read()
        await asyncio.Event().wait()

    def _read(self) -> None:
        self._wire.readings += 1
        old = self._tables[SLICE].get("shop", "web-1")
        self._tables[SLICE].remember(self._wire.slices, "")
        new = self._tables[SLICE].get("shop", "web-1")
        self._heard(SLICE, [Changed("shop", "web-1", old, new)])
        self.whole = frozenset(self._tables)
        for resource in self._tables:
            self._heard(resource, [])

    def list_again(self) -> None:
        self.whole = frozenset()
        asyncio.get_running_loop().call_later(self._wire.reading_takes, self._read)


class Nothing:
    """An executor, a recorder, and what follows the federation."""

    counts = Counts()
    lanes: dict[str, Any] = {}  # noqa: RUF012
    is_open = True

    async def do(self, _: Key, plan: Plan) -> Done:
        return Done(plan.again)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def open(self, name: str, *_: Any) -> None:
        self.asked.append(f"open {name}")

    def close(self, name: str) -> None:
        self.asked.append(f"close {name}")

    def clear(self, name: str) -> None:
        self.asked.append(f"clear {name}")

    def tell(self, told: Told, *_: Any) -> None:
        self.asked.append(f"{told.key}: {told.reason}")

    def remember(self, *_: Any) -> None: ...


class Scene:
    """One federation with a Service `web` in `us`."""

    def __init__(self, wire: Wire, probe: str) -> None:
        self.wire = wire
        kinds = {row.resource: row for row in TABLE}
        self.world = Caches(Federation("fellowship"), kinds)
        self.verdicts: list[tuple[float, str]] = []
        """Each that is another than the one before, and when."""
        self.looked = 0
        self.written: list[float] = []
        self.nothing = nothing = Nothing()
        self.leads = True
        self.engine = Engine(self.world, dict.fromkeys(kinds, self._reconcile), 2)
        self.health = self.engine.health = ShardHealth(self.world, self.engine.look)
        self.engine.executor = nothing  # type: ignore[assignment]
        hooks = members.Hooks(
            self.engine.member_changed, self.engine.look_at_all, self.engine.doubted,
            lambda: self.leads,
        )  # fmt: skip
        options = Options(monitor_period=PERIOD)
        place = Place(self, nothing)  # type: ignore[arg-type]
        self.members = Members(self.world, place, nothing, hooks, options.monitoring())  # type: ignore[arg-type]
        self.members.executor = nothing  # type: ignore[assignment]
        self.world.tables[SERVICE].remember(service(probe=probe), "")

    def begin(self) -> None:
        """The federation is read, and what a registered Cluster needs."""
        for resource in (CLUSTER, *self.world.kinds):
            self.engine.federated_changed(resource, [])
        self.engine.lead()

    def register(self, server: str = "192.0.2.9", **status: Any) -> None:
        """The Cluster `us` is there, or is another."""
        address = {"clientCIDR": "0.0.0.0/0", "serverAddress": server}
        spec = {"serverAddressByClientCIDRs": [address]}
        metadata = {"name": "us", "resourceVersion": "1"}
        made = {"metadata": metadata, "spec": spec, "status": status}
        self.world.tables[CLUSTER].remember(json.dumps(made).encode(), "")
        found = self.world.tables[CLUSTER].get("", "us")
        self.members.clusters_changed([Changed("", "us", None, found)])

    async def merge(self, *_: Any) -> Result:
        """The federation's API takes a status."""
        self.written.append(now())
        await asyncio.sleep(self.wire.writes_take)
        return Result(500)

    def _reconcile(self, key: Key, world: World) -> Plan:
        if key == WEB:
            self.looked += 1
            found = world.verdict("us", key)
            if not self.verdicts or self.verdicts[-1][1] != found:
                self.verdicts.append((now(), found))
        return Plan()

    @property
    def is_ready(self) -> bool:
        return self.world.members()["us"].ready

    async def until(self, time: float) -> None:
        await asyncio.sleep(time - asyncio.get_running_loop().time())


Talk = Callable[[Scene, Wire], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def played(talk: Talk, probe: str = "", **status: Any) -> None:
        wire = Wire()

        class Api:
            def __init__(self, _: Any, *, connections: int, timeout: float) -> None:
                self._timeout = timeout

            async def get(self, path: str) -> Result:
                return await wire.get(path, self._timeout)

            def close(self) -> None: ...

        monkeypatch.setattr(members, "Api", Api)
        monkeypatch.setattr(members, "Following", lambda _, __, heard: Following(wire, heard))
        monkeypatch.setattr(prober, "attempt", wire.attempt)
        monkeypatch.setattr(prober, "_SPREAD", 0.0)

        async def main() -> None:
            scene = Scene(wire, probe)
            running = asyncio.ensure_future(scene.engine.pump.run())
            try:
                scene.begin()
                scene.register(**status)
                await talk(scene, wire)
            finally:
                await scene.members.close()
                await scene.health.close()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        virtualtime.run(main())

    return played


def test_a_dead_cluster_is_out_of_sight_when_it_is_not_ready(play: Callable[..., None]) -> None:
    """At the worst: it fell mute right after a look, three periods and a third ago."""

    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        assert scene.verdicts[-1][1] == "healthy"
        wire.api, wire.is_alive = "mute", False
        wire.probed.clear()
        await scene.until(12.9)
        assert (scene.is_ready, scene.verdicts[-1][1]) == (True, "healthy")
        await scene.until(13.1)
        assert not scene.is_ready
        assert scene.verdicts[-1] == (13.0, "unhealthy")
        assert wire.looks == [0, 3, 6, 9, 12]
        assert wire.probed[:3] == [7, 8, 9], "since the first miss"

    play(talk)


def test_one_that_refuses_is_out_sooner(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        wire.api, wire.is_alive = "refuses", False
        await scene.until(12.1)
        assert scene.verdicts[-1] == (12.0, "unhealthy")

    play(talk)


def test_a_dead_control_plane_alone_changes_nothing(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        wire.api = "mute"
        await scene.until(100)
        assert not scene.is_ready
        assert scene.verdicts[-1][1] == "healthy"
        wire.api = "good"
        await scene.until(110)
        probes = len(wire.probed)
        await scene.until(200)
        assert scene.is_ready
        assert len(wire.probed) == probes

    play(talk)


def test_one_miss_takes_nothing_out_of_sight(play: Callable[..., None]) -> None:
    """Also where no probe can pass; and they end with the next good look."""

    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        looked, wire.is_alive = scene.looked, False
        wire.api = "mute"
        await scene.until(11)
        wire.api = "good"
        await scene.until(12.5)
        assert len(wire.probed) >= 5
        probes = len(wire.probed)
        await scene.until(60)
        assert len(wire.probed) == probes
        assert scene.verdicts[-1][1] == "healthy"
        assert scene.looked == looked, "nobody is looked at for it"

    play(talk)


def test_the_annotation_counts_always(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        wire.is_alive = False
        await scene.until(6)
        assert scene.is_ready
        assert scene.verdicts[-1][1] == "unhealthy"

    play(talk, probe="tcp every=1s timeout=500ms fall=1")


def test_a_shard_of_the_controllers_own_is_not_probed(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        for table in (scene.world.tables[SERVICE], scene.world.caches["us"].copies[SERVICE]):
            table.remember(service("federation-system"), "")
        wire.api = "mute"
        await scene.until(8)
        assert scene.health._prober.followed() == {("us", WEB)}

    play(talk)


def test_who_does_not_lead_any_more_probes_nothing(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(5)
        assert wire.probed
        scene.engine.follow()
        wire.probed.clear()
        await scene.until(60)
        assert wire.probed == []
        scene.engine.lead()
        await scene.until(65)
        assert wire.probed

    play(talk, probe="tcp every=1s")


# --- what was read, and of when ------------------------------------------------------------------


def test_a_member_that_returns_is_not_judged_by_what_it_was(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        wire.api, wire.is_alive = "mute", False
        await scene.until(15)
        wire.api, wire.reading_takes = "good", 2.0
        wire.slices = SLICES.replace(b'"10.0.0.1"]', b'"10.0.0.1"], "conditions": {"ready": false}')
        await scene.until(25)
        since = [said for said in scene.verdicts if said[0] > 15]
        assert since == [(18.0, "unknown"), (20.0, "unhealthy")]

    play(talk)


def seen(scene: Scene) -> tuple[bool, float, bool]:
    """Whether it is ready, since when not, and whether it was read."""
    one = scene.world.members()["us"]
    return one.ready, one.since, bool(one.whole)


def test_a_member_that_was_ready_is_so_from_the_start_and_nothing_of_it_is_read(
    play: Callable[..., None],
) -> None:
    """Else it were one that has been away for ever, whose grace is over."""

    async def talk(scene: Scene, _: Wire) -> None:
        assert seen(scene) == (True, 0.0, False)
        await scene.until(0.1)
        assert seen(scene) == (True, 0.0, True)

    ready, _, offline, reachable = clusters.Result.GOOD.value
    said = {"Ready": (ready, "ClusterReady"), "Offline": (offline, reachable)}
    conditions = [{"type": one, "status": is_so, "reason": why}
                  for one, (is_so, why) in said.items()]  # fmt: skip
    play(talk, conditions=conditions)


def test_a_member_of_which_nothing_is_known_is_not_away_for_ever(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, _: Wire) -> None:
        ready, since, _ = seen(scene)
        assert not ready
        assert time.time() - since < 60

    play(talk)


def test_another_address_is_of_a_member_that_was_not_read(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, _: Wire) -> None:
        await scene.until(3.01)
        assert seen(scene) == (True, 0.0, True)
        scene.register("192.0.2.10")
        assert seen(scene) == (True, 0.0, False)
        await scene.until(3.02)
        assert seen(scene) == (True, 0.0, True)

    play(talk)


def test_one_that_is_registered_no_more_is_given_up(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        scene.members.clusters_changed([Changed("", "us", b"{}", None)])
        assert scene.nothing.asked[-1] == "close us"
        assert (scene.world.members(), scene.world.caches) == ({}, {})
        await scene.until(60)
        assert wire.looks == [0, 3]
        assert scene.health._prober.followed() == frozenset()

    play(talk, probe="tcp")


def test_one_that_is_another_than_it_was_is_read_anew(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(5.9)
        assert wire.readings == 1
        assert scene.members.members["us"].version == "v1.36.3"
        wire.uid = "another"
        await scene.until(60)
        assert wire.readings == 2

    play(talk)


def test_who_leads_tells_of_each_change(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        wire.api = "refuses"
        await scene.until(14)
        wire.api = "good"
        await scene.until(60)
        assert scene.nothing.asked == [
            "close us", "open us", "Cluster us: ClusterReady",
            "Cluster us: ClusterNotReachable", "clear us", "Cluster us: ClusterReady",
        ]  # fmt: skip
        assert max(scene.written) == max(wire.looks)
        scene.leads = False
        wire.api = "refuses"
        await scene.until(90)
        assert scene.nothing.asked[6:] == ["clear us"], (
            "its operations are left, and nothing is said"
        )
        assert max(scene.written) <= 60

    play(talk)


def test_a_connection_that_fails_in_an_unknown_way_is_made_anew(
    play: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        await scene.until(3.01)
        probe = scene.members._probe

        async def breaks(*_: Any) -> None:
            raise ZeroDivisionError

        scene.members._probe = breaks  # type: ignore[method-assign]
        await scene.until(7)
        assert wire.looks == [0, 3]
        assert "it is tried again" in caplog.text
        scene.members._probe = probe  # type: ignore[method-assign]
        await scene.until(20)
        assert wire.readings == 2
        assert len(wire.looks) > 3

    play(talk)


# --- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [0.0, 0.9])
def test_looks_begin_at_the_boundaries_whatever_one_took(
    play: Callable[..., None], takes: float
) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        wire.answers_after = takes
        await scene.until(15.5)
        assert wire.looks == [0, 3, 6, 9, 12, 15]
        wire.api = "mute"
        await scene.until(24.5)
        assert wire.looks[6:] == [18, 21, 24]
        assert wire.time_outs == {1.0}

    play(talk)


def test_a_federation_that_takes_no_status_holds_up_no_look(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, wire: Wire) -> None:
        wire.writes_take = 7.0
        await scene.until(15.5)
        assert wire.looks == [0, 3, 6, 9, 12, 15]
        assert scene.written == [0, 7, 14]

    play(talk)


@pytest.mark.parametrize(
    ("now", "then"), [(0.0, 3.0), (2.9, 3.0), (3.0, 3.0), (3.1, 6.0), (9.5, 12.0)]
)
def test_the_next_look(now: float, then: float) -> None:
    assert clusters.next_look(0.0, now, 3.0) == then


@pytest.mark.parametrize(
    ("period", "flag", "patience"), [(3.0, 5.0, 1.0), (30.0, 5.0, 5.0), (3.0, 0.5, 0.5)]
)
def test_an_answer_may_take_a_third_of_the_period(
    period: float, flag: float, patience: float
) -> None:
    chosen = Options(monitor_period=period, monitor_timeout=flag).monitoring()
    assert (chosen.period, chosen.timeout, chosen.policy) == (period, patience, Policy())


def test_following_all_begins_anew_when_it_is_asked_again(play: Callable[..., None]) -> None:
    async def talk(scene: Scene, _: Wire) -> None:
        await scene.until(1)
        followed: list[str] = []
        scene.health.follow = lambda key: followed.append(key.name)  # type: ignore[method-assign]
        many = [Key(SERVICE, "shop", f"{number}") for number in range(health._AT_ONCE + 1)]
        scene.health.follow_all(many)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(followed) == health._AT_ONCE, "the loop turns"
        scene.health.follow_all(many[:1])
        await scene.until(2)
        assert followed[health._AT_ONCE :] == ["0"]

    play(talk)
