"""What becomes of a plan's operations and writes, in virtual time; the APIs are scripts."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from controllers import conditions, copies
from controllers.caches import Caches, Federation
from controllers.executor import Executor, Hooks, Place
from controllers.kinds import CONFIGMAPS, NAMESPACES, TABLE
from controllers.pump import Done, Failed
from controllers.world import Apply, Delete, Key, Member, Patch, Plan, Remove, Told, Write
from feddns.kube.api import Result
from tests import virtualtime

KEY = Key(CONFIGMAPS, "shop", "a")
PATH = "/api/v1/namespaces/shop/configmaps/a"
Object = dict[str, Any]


def configmap(version: int = 1, *, ours: bool = True, **fields: Any) -> Object:
    metadata: Object = {
        "name": "a",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": str(version),
    }
    if ours:
        metadata["labels"] = {copies.LABEL: "fellowship"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


def body(value: str = "v") -> Object:
    annotations = {copies.APPLIED: value, copies.ORIGIN: "o"}
    return {"metadata": {"name": "a", "annotations": annotations}, "data": {"k": value}}


def good(thing: Object | None = None, status: int = 200) -> Result:
    return Result(status, json.dumps(thing or {}).encode())


MISSING = Result(404, b"", "NotFound", "there is none")
FORBIDDEN = Result(403, b"", "Forbidden", "quota is full")
CONFLICT = Result(409, b"", "Conflict", "it was changed")
BUSY = Result(429, b"", "TooManyRequests", "slow down", 7.0)
LOST = Result(0, b"", "Unreachable", "no connection")


class Script:
    """An `Api` that answers what it was told to: by verb, the last answer again and again."""

    def __init__(self, **answers: Iterable[Result]) -> None:
        self.answers = {verb: list(given) for verb, given in answers.items()}
        self.asked: list[tuple[float, str, str]] = []
        self.bodies: list[Any] = []
        self.takes = 0.001

    async def _answer(self, verb: str, path: str, body: Any = None) -> Result:
        self.asked.append((round(asyncio.get_running_loop().time(), 2), verb, path))
        self.bodies.append(body)
        await asyncio.sleep(self.takes)
        answers = self.answers.get(verb) or [good()]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def get(self, path: str) -> Result:
        return await self._answer("get", path)

    async def create(self, path: str, body: Any) -> Result:
        return await self._answer("create", path, body)

    async def update(self, path: str, body: Any) -> Result:
        return await self._answer("update", path, body)

    async def apply(self, path: str, body: Any, *, force: bool = True) -> Result:
        return await self._answer("apply", path, body)

    async def merge(self, path: str, body: Any) -> Result:
        return await self._answer("merge", path, body)

    async def delete(self, path: str, *, uid: str = "", propagation: str = "") -> Result:
        return await self._answer("delete", path, (uid, propagation))

    def verbs(self) -> list[str]:
        return [verb for _, verb, _ in self.asked]


class Remembering:
    """A `Following` that puts what it is given into the copies, as one that follows would."""

    def __init__(self, tables: dict[Any, Any]) -> None:
        self.tables = tables

    def remember(self, resource: Any, raw: bytes) -> None:
        if json.loads(raw):
            self.tables[resource].remember(raw, "")


class Listening:
    """A `Recorder` that keeps what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def tell(self, told: Told, about: Any, now: float) -> None:
        self.told.append((told.reason, told.message))


class Bench:
    """An executor with the members `us` and `eu`."""

    def __init__(self, **scripts: Script) -> None:
        self.world = Caches(Federation("fellowship"), {row.resource: row for row in TABLE})
        self.federation = scripts.get("federation") or Script()
        self.recorder, self.looks, self.finished = Listening(), [], []
        place: Any = Place(self.federation, Remembering(self.world.tables))  # type: ignore[arg-type]
        hooks = Hooks(self.looks.append, self.finished.append)
        self.executor = Executor(self.world, place, self.recorder, hooks)  # type: ignore[arg-type]
        self.members = {name: scripts.get(name) or Script() for name in ("us", "eu")}
        for name, script in self.members.items():
            self.world.put_member(Member(name, ready=True))
            copied = Remembering(self.world.caches[name].copies)
            self.executor.open(name, Place(script, copied), 4)  # type: ignore[arg-type]

    def has(self, cluster: str, thing: Object) -> None:
        """The member's informer has told of it."""
        self.world.caches[cluster].copies[CONFIGMAPS].remember(json.dumps(thing).encode(), "")

    async def do(self, *operations: Any, writes: tuple[Write, ...] = (), **more: Any) -> Any:
        return await self.executor.do(KEY, Plan(operations=operations, writes=writes, **more))


def play(talk: Callable[[Bench], Awaitable[None]], **scripts: Script) -> Bench:
    async def main() -> Bench:
        bench = Bench(**scripts)
        try:
            await talk(bench)
        finally:
            await bench.executor.finish(0.0)
        return bench

    return virtualtime.run(main())


def applied(cluster: str = "us", value: str = "v", *, new: bool = False) -> Apply:
    return Apply(cluster, KEY, body(value), is_new=new)


# --- operations ----------------------------------------------------------------------------------


def test_members_are_done_side_by_side_and_the_answer_is_known_at_once() -> None:
    us = Script(apply=[good(configmap(5, data={"k": "v"}))])

    async def talk(bench: Bench) -> None:
        assert await bench.do(applied(), applied("eu"), again=9.0) == Done(9.0)
        await asyncio.sleep(1)
        copy = bench.world.copy("us", KEY)
        assert copy is not None
        assert copy["data"] == {"k": "v"}
        assert bench.world.settled("us", KEY) == copies.fingerprint(body(), copy)
        assert bench.finished == [KEY], "once, after the last"
        assert bench.recorder.told == [
            ("UpdateInCluster", "updated in cluster us"),
            ("UpdateInCluster", "updated in cluster eu"),
        ]

    bench = play(talk, us=us)
    assert [one.asked for one in bench.members.values()] == [[(0.0, "apply", PATH)]] * 2


def test_a_name_that_is_free_is_taken() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied(new=True))
        await asyncio.sleep(1)
        assert bench.recorder.told == [("CreateInCluster", "created in cluster us")]

    bench = play(talk, us=Script(get=[MISSING], apply=[good(configmap())]))
    assert bench.members["us"].verbs() == ["get", "apply"]


def test_what_is_there_already_is_put_into_the_world_and_left_alone() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied(new=True))
        await asyncio.sleep(1)
        assert bench.world.copy("us", KEY) == configmap(ours=False)
        assert bench.finished == [KEY]
        bench.world.expire(KEY, since=bench.world.now - 1)
        assert bench.world.copy("us", KEY) is not None
        bench.world.expire(KEY, since=bench.world.now)
        assert bench.world.copy("us", KEY) is None, "after a while it is asked again"

    bench = play(talk, us=Script(get=[good(configmap(ours=False))]))
    assert bench.members["us"].verbs() == ["get"]
    assert bench.recorder.told == []


def test_what_is_refused_is_told_and_tried_later_and_later() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied(), applied("eu"))
        await asyncio.sleep(0.5)
        trouble = conditions.trouble("Forbidden", "quota is full")
        assert bench.world.trouble("us", KEY) == trouble
        assert bench.looks == [KEY], "the object is to say so"
        await bench.do(applied())
        await asyncio.sleep(200)
        assert bench.looks == [KEY], "once"
        assert bench.finished == [KEY], "eu's end is not held up"

    bench = play(talk, us=Script(apply=[FORBIDDEN]))
    times = [at for at, _, _ in bench.members["us"].asked]
    waits = [round(later - at) for at, later in itertools.pairwise(times)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert ("UpdateInClusterFailed", "not updated in cluster us: quota is full") in (
        bench.recorder.told
    )


def test_another_body_is_tried_at_once() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied())
        await asyncio.sleep(10)
        await bench.do(applied(value="w"))
        await asyncio.sleep(0.5)
        assert bench.world.trouble("us", KEY) is None

    script = Script(apply=[FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, good(configmap())])
    bench = play(talk, us=script)
    assert bench.members["us"].asked[-1][0] == 10.0


def test_what_is_not_wanted_any_more_is_not_tried_again() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied())
        await asyncio.sleep(0.5)
        await bench.do()
        await asyncio.sleep(100)

    bench = play(talk, us=Script(apply=[FORBIDDEN]))
    assert len(bench.members["us"].asked) == 1


@pytest.mark.parametrize(
    ("answer", "wait", "is_told"), [(BUSY, 7.0, False), (LOST, 1.0, False), (FORBIDDEN, 1.0, True)]
)
def test_how_long_it_waits(answer: Result, wait: float, is_told: bool) -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied())
        await asyncio.sleep(20)

    bench = play(talk, us=Script(apply=[answer, good(configmap())]))
    assert [at for at, _, _ in bench.members["us"].asked] == [0.0, wait]
    assert any("Failed" in reason for reason, _ in bench.recorder.told) == is_told
    assert bench.world.troubles == {}


def test_a_namespace_that_is_not_there_yet() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied(new=True))
        await asyncio.sleep(2)
        assert bench.recorder.told == []
        await asyncio.sleep(20)
        assert bench.world.troubles[("us", KEY)].reason == conditions.NAMESPACE_MISSING

    bench = play(talk, us=Script(get=[MISSING], apply=[MISSING]))
    assert [at for at, verb, _ in bench.members["us"].asked if verb == "apply"][:4] == [
        0.0, 0.5, 1.0, 1.51,
    ]  # fmt: skip


def test_a_member_that_hangs_holds_up_no_other() -> None:
    us = Script(apply=[good(configmap())])
    us.takes = 1000.0

    async def talk(bench: Bench) -> None:
        for number in range(20):
            key = Key(CONFIGMAPS, "shop", f"a{number}")
            operations = (Apply("us", key, body()), Apply("eu", key, body()))
            await bench.executor.do(key, Plan(operations=operations))
        await asyncio.sleep(0.1)
        assert len(bench.members["eu"].asked) == 20
        assert len(bench.members["us"].asked) == 4

    play(talk, us=us)


def test_a_member_that_goes_away_is_asked_no_more() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(applied())
        await asyncio.sleep(0.5)
        bench.executor.clear("us")
        await asyncio.sleep(100)
        assert len(bench.members["us"].asked) == 1
        bench.executor.close("us")
        await bench.do(applied())
        await asyncio.sleep(1)
        assert len(bench.members["us"].asked) == 1

    play(talk, us=Script(apply=[LOST]))


@pytest.mark.parametrize("answer", [good(), MISSING])
def test_deleting(answer: Result) -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(Delete("us", KEY, "u"))
        await asyncio.sleep(1)
        assert bench.finished == [KEY]

    bench = play(talk, us=Script(delete=[answer]))
    assert bench.members["us"].bodies == [("u", "Background")]
    assert bench.recorder.told == [("DeleteInCluster", "deleted in cluster us")]


def test_another_one_than_was_to_be_deleted_or_patched() -> None:
    async def talk(bench: Bench) -> None:
        await bench.do(Delete("us", KEY, "u"), Patch("eu", KEY, {"metadata": {"uid": "u"}}))
        await asyncio.sleep(100)
        assert bench.looks == [KEY, KEY], "the reconciler decides on what is there now"

    bench = play(talk, us=Script(delete=[CONFLICT]), eu=Script(merge=[CONFLICT]))
    assert [len(one.asked) for one in bench.members.values()] == [1, 1]
    assert bench.recorder.told == []


# --- the federation's part -----------------------------------------------------------------------


def write(subresource: str = "", version: str = "5", **fields: Any) -> Write:
    return Write(KEY, fields or {"data": {}}, version, subresource)


def test_writes_come_first_one_after_the_other() -> None:
    federation = Script(merge=[good(configmap(6)), good(configmap(7))])
    federation.takes = 1.0

    async def talk(bench: Bench) -> None:
        writes = (write(metadata={"finalizers": ["f"]}), write("status", status={}))
        told = (Told(KEY, "Normal", "Reason", "message"),)
        assert await bench.do(applied(), writes=writes, told=told) == Done(None)
        await asyncio.sleep(1)
        assert bench.members["us"].asked[0][0] == 2.0
        federated = bench.world.federated(KEY)
        assert federated is not None
        assert federated["metadata"]["resourceVersion"] == "7", "known before it is told"

    bench = play(talk, federation=federation)
    assert [path for _, _, path in bench.federation.asked] == [PATH, f"{PATH}/status"]
    assert bench.federation.bodies == [
        {"metadata": {"finalizers": ["f"], "resourceVersion": "5"}},
        {"status": {}, "metadata": {"resourceVersion": "6"}},
    ]
    assert bench.recorder.told[0] == ("Reason", "message")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(CONFLICT, Done(0.5)), (MISSING, Done(0.5)), (FORBIDDEN, Failed()), (BUSY, Failed(7.0))],
)
def test_when_a_write_fails_nothing_else_is_done(answer: Result, outcome: Done | Failed) -> None:
    async def talk(bench: Bench) -> None:
        told = (Told(KEY, "Normal", "Reason", "message"),)
        assert await bench.do(applied(), writes=(write(),), told=told) == outcome
        await asyncio.sleep(1)
        assert bench.members["us"].asked == []
        assert ("Reason", "message") not in bench.recorder.told

    play(talk, federation=Script(merge=[answer]))


def test_a_copy_that_was_made_while_the_writes_were_under_way_is_not_made_again() -> None:
    federation = Script(merge=[good(configmap(6))])
    federation.takes = 1.0

    async def talk(bench: Bench) -> None:
        doing = asyncio.ensure_future(bench.do(applied(new=True), writes=(write(),)))
        await asyncio.sleep(0.5)
        bench.has("us", configmap(9))
        await doing
        await asyncio.sleep(1)

    assert play(talk, federation=federation).members["us"].asked == []


def test_making_and_removing_in_the_federation() -> None:
    async def talk(bench: Bench) -> None:
        remove = Remove(KEY, "u", "Orphan")
        assert await bench.do(writes=(write(version=""),), removes=(remove,)) == Done(None)

    bench = play(talk, federation=Script(create=[good(configmap())], delete=[MISSING]))
    assert [(verb, path) for _, verb, path in bench.federation.asked] == [
        ("create", PATH.rpartition("/")[0]), ("delete", PATH),
    ]  # fmt: skip
    assert bench.federation.bodies[1] == ("u", "Orphan")


def test_a_namespace_is_finalized_when_it_has_been_swept() -> None:
    key = Key(NAMESPACES, "", "shop")
    resources = {"resources": [
        {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list", "deletecollection"]},
        {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True,
         "verbs": ["list", "deletecollection"]},
        {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["list"]},
    ]}  # fmt: skip
    left, empty = good({"items": [{}]}), good({"items": []})
    federation = Script(
        get=[good(resources), good({"groups": []}), left, left, empty], update=[good(configmap())]
    )

    async def talk(bench: Bench) -> None:
        plan = Plan((Write(key, {"metadata": {}, "spec": {}}, "5", "finalize"),))
        assert await bench.executor.do(key, plan) == Done(0.5), "its pods end first"
        assert await bench.executor.do(key, plan) == Done(None)

    asked = play(talk, federation=federation).federation.asked
    pods = "/api/v1/namespaces/shop/pods"
    assert [(verb, path) for _, verb, path in asked] == [
        ("get", "/api/v1"), ("get", "/apis"), ("get", f"{pods}?limit=1"), ("delete", pods),
        ("get", f"{pods}?limit=1"), ("get", f"{pods}?limit=1"),
        ("update", "/api/v1/namespaces/shop/finalize"),
    ]  # fmt: skip
