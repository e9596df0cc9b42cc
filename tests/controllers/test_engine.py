"""Which keys are looked at when something changes, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from controllers import caches
from controllers.caches import CLUSTER, NAMESPACE, SERVICE, SLICE, Caches, Federation
from controllers.engine import Engine
from controllers.kinds import CONFIGMAPS, TABLE
from controllers.pump import Done, Failed
from controllers.world import Key, Member, Plan, World
from feddns.kube.objects import Changed
from tests import virtualtime

A = Key(CONFIGMAPS, "shop", "a")


class Doing:
    """An `Executor` that does nothing."""

    def __init__(self) -> None:
        from controllers.counts import Counts

        self.counts, self.lanes, self.is_open = Counts(), {}, True
        self.outcomes: list[Done | Failed] = []

    async def do(self, key: Key, plan: Plan) -> Done | Failed:
        await asyncio.sleep(0.01)
        return self.outcomes.pop(0) if self.outcomes else Done(plan.again)


class Bench:
    def __init__(self) -> None:
        kinds = {row.resource: row for row in TABLE}
        self.world = Caches(Federation("fellowship"), kinds)
        self.looked: list[tuple[float, Key]] = []
        self.again: float | None = None
        self.breaks = 0

        def reconcile(key: Key, _: World) -> Plan:
            self.looked.append((round(asyncio.get_running_loop().time(), 1), key))
            if self.breaks:
                self.breaks -= 1
                raise ZeroDivisionError
            return Plan(again=self.again)

        self.engine = Engine(self.world, dict.fromkeys(kinds, reconcile), 2)
        self.engine.executor = self.doing = Doing()  # type: ignore[assignment]

    def has(self, key: Key, **metadata: Any) -> list[Changed]:
        """The object is in the federation; what its informer told."""
        place = {"name": key.name, "namespace": key.namespace, "resourceVersion": "1"}
        raw = json.dumps({"metadata": {**place, **metadata}}).encode()
        self.world.tables[key.resource].remember(raw, "")
        kept = self.world.tables[key.resource].get(key.namespace, key.name)
        return [Changed(key.namespace, key.name, None, kept)]

    def read_whole(self) -> None:
        for resource in (CLUSTER, *self.world.kinds):
            self.engine.federated_changed(resource, [])

    def keys(self) -> set[Key]:
        found = {key for _, key in self.looked}
        self.looked.clear()
        return found


def play(talk: Callable[[Bench], Awaitable[None]], *, leads: bool = True) -> None:
    async def main() -> None:
        bench = Bench()
        if leads:
            bench.engine.lead()
        running = asyncio.ensure_future(bench.engine.pump.run())
        try:
            await talk(bench)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    virtualtime.run(main())


def test_nothing_is_looked_at_before_the_federation_was_read() -> None:
    async def talk(bench: Bench) -> None:
        bench.engine.federated_changed(CONFIGMAPS, bench.has(A))
        await asyncio.sleep(1)
        bench.engine.federated_changed(CONFIGMAPS, [])
        await asyncio.sleep(1)
        assert bench.keys() == set()
        assert "clusters" in bench.engine.missing
        bench.engine.federated_changed(CLUSTER, [])
        await asyncio.sleep(1)
        assert bench.keys() == {A}
        bench.read_whole()
        assert bench.engine.missing == []

    play(talk)


def test_nothing_is_looked_at_while_another_leads() -> None:
    async def talk(bench: Bench) -> None:
        bench.engine.federated_changed(CONFIGMAPS, bench.has(A))
        bench.read_whole()
        await asyncio.sleep(1)
        assert bench.keys() == set()
        bench.engine.lead()
        await asyncio.sleep(1)
        assert bench.keys() == {A}
        bench.engine.follow()
        bench.engine.federated_changed(CONFIGMAPS, bench.has(A))
        await asyncio.sleep(1)
        assert bench.keys() == set()
        assert not bench.doing.is_open

    play(talk, leads=False)


def test_what_a_change_touches() -> None:
    async def talk(bench: Bench) -> None:
        service, space = Key(SERVICE, "shop", "web"), Key(NAMESPACE, "", "shop")
        for key in (A, service, space):
            bench.has(key)
        bench.world.put_member(Member("us"))
        bench.read_whole()
        await asyncio.sleep(1)
        assert bench.keys() == {A, service, space}
        copy = Changed("shop", "a", b"{}", None)
        bench.engine.member_changed("us", CONFIGMAPS, [copy])
        await asyncio.sleep(1)
        assert bench.keys() == {A}
        kept = caches.lean_slice(json.dumps({"metadata": {
            "labels": {"kubernetes.io/service-name": "web"}}}).encode())  # fmt: skip
        bench.engine.member_changed("us", SLICE, [Changed("shop", "s", None, kept)])
        bench.engine.member_changed("us", SLICE, [Changed("other", "s", None, kept)])
        await asyncio.sleep(1)
        assert bench.keys() == {service}, "a Service that is not federated is nobody's business"
        bench.engine.member_changed("us", SLICE, [])
        await asyncio.sleep(1)
        assert bench.keys() == {service}, "the slices were read whole"
        bench.engine.member_changed("us", NAMESPACE, [Changed("", "shop", None, b"{}")])
        await asyncio.sleep(1)
        assert bench.keys() == {A, service, space}, "what lies in it waited for it"
        bench.engine.finished(space)
        await asyncio.sleep(1)
        assert bench.keys() == {A, service, space}
        bench.engine.look(Key(CONFIGMAPS, "federation-system", "own"))
        await asyncio.sleep(1)
        assert bench.keys() == set(), "the controllers' own is not propagated"

    play(talk)


def test_a_namespace_that_ends_hears_of_the_last_that_lay_in_it() -> None:
    async def talk(bench: Bench) -> None:
        space = Key(NAMESPACE, "", "shop")
        bench.has(space, deletionTimestamp="2026-01-01T00:00:00Z")
        bench.read_whole()
        await asyncio.sleep(1)
        bench.keys()
        bench.engine.federated_changed(CONFIGMAPS, [Changed("shop", "a", b"{}", None)])
        await asyncio.sleep(1)
        assert bench.keys() == {A, space}

    play(talk)


def test_when_a_key_comes_again() -> None:
    async def talk(bench: Bench) -> None:
        bench.has(A)
        bench.again = 5.0
        bench.read_whole()
        await asyncio.sleep(11)
        assert [at for at, _ in bench.looked] == [0.0, 5.0, 10.0]
        bench.again = None
        await asyncio.sleep(100)
        bench.looked.clear()
        bench.breaks = 2
        bench.doing.outcomes = [Failed(9.0)]
        bench.engine.look(A)
        await asyncio.sleep(100)
        times = [round(at - bench.looked[0][0]) for at, _ in bench.looked]
        assert times == [0, 1, 3, 12], "a bug of ours, again, an API that is busy, and well"

    play(talk)
