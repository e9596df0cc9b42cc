"""Events of the federation: written once, counted, and never in the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controllers import recorder
from controllers.kinds import CONFIGMAPS, NAMESPACES
from controllers.recorder import Recorder
from controllers.world import Key, Told
from feddns.kube.api import Result
from tests import virtualtime

KEY = Key(CONFIGMAPS, "shop", "a")
TOLD = Told(KEY, "Warning", "CreateInClusterFailed", "not created in cluster us: quota")
ABOUT = {"metadata": {"uid": "u", "resourceVersion": "5"}}
FULL = Result(403, b"", "Forbidden", "no right")


class Api:
    """Takes Events and remembers what it was asked."""

    def __init__(self, *answers: Result) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    async def _answer(self, verb: str, path: str, body: Any) -> Result:
        self.asked.append((verb, path, body))
        await asyncio.sleep(0.01)
        if self.answers:
            return self.answers.pop(0)
        return Result(200, json.dumps({"metadata": {"name": "a.1"}}).encode())

    async def create(self, path: str, body: Any) -> Result:
        return await self._answer("create", path, body)

    async def merge(self, path: str, body: Any) -> Result:
        return await self._answer("merge", path, body)


def play(talk: Callable[[Recorder], Awaitable[None]], *answers: Result) -> Api:
    api = Api(*answers)

    async def main() -> None:
        one = Recorder(api)  # type: ignore[arg-type]
        running = asyncio.ensure_future(one.run())
        await talk(one)
        await asyncio.sleep(60)
        running.cancel()

    virtualtime.run(main())
    return api


def test_an_event_names_the_object() -> None:
    async def talk(one: Recorder) -> None:
        one.tell(TOLD, ABOUT, 1_800_000_000.0)

    ((verb, path, body),) = play(talk).asked
    assert (verb, path) == ("create", "/api/v1/namespaces/shop/events")
    assert body["involvedObject"] == {
        "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "uid": "u",
        "resourceVersion": "5",
    }  # fmt: skip
    assert (body["type"], body["reason"], body["message"]) == TOLD[1:]
    assert body["firstTimestamp"] == "2027-01-15T08:00:00Z"


def test_what_has_no_namespace_is_told_in_the_default_one() -> None:
    async def talk(one: Recorder) -> None:
        one.tell(Told(Key(NAMESPACES, "", "shop"), "Normal", "x", "y"), None, 0.0)

    ((_, path, body),) = play(talk).asked
    assert path == "/api/v1/namespaces/default/events"
    assert "uid" not in body["involvedObject"]


def test_the_same_again_is_a_count_and_not_at_once() -> None:
    async def talk(one: Recorder) -> None:
        for at in (0.0, 1.0, 2.0, recorder.AGAIN_AFTER + 1):
            one.tell(TOLD, None, 1000.0 + at)
            await asyncio.sleep(1)

    asked = play(talk).asked
    assert [verb for verb, _, _ in asked] == ["create", "merge"]
    assert asked[1][1] == "/api/v1/namespaces/shop/events/a.1"
    assert asked[1][2]["count"] == 4


def test_an_event_that_has_expired_is_made_anew() -> None:
    async def talk(one: Recorder) -> None:
        one.tell(TOLD, None, 1000.0)
        await asyncio.sleep(1)
        one.tell(TOLD, None, 5000.0)

    gone = Result(404, b"", "NotFound", "")
    made = Result(200, json.dumps({"metadata": {"name": "a.1"}}).encode())
    asked = play(talk, made, gone).asked
    assert [verb for verb, _, _ in asked] == ["create", "merge", "create"]
    assert asked[2][2]["count"] == 2
    assert asked[2][2]["firstTimestamp"] == "1970-01-01T00:16:40Z"


def test_too_many_are_left_out() -> None:
    async def talk(one: Recorder) -> None:
        for number in range(1000):
            one.tell(TOLD._replace(message=str(number)), None, 0.0)

    assert len(play(talk).asked) == recorder.MOST_WAITING


def test_what_went_well_leaves_room_for_what_did_not() -> None:
    async def talk(one: Recorder) -> None:
        for number in range(1000):
            one.tell(TOLD._replace(type="Normal", message=str(number)), None, 0.0)
        one.tell(TOLD, None, 0.0)

    asked = play(talk).asked
    assert len(asked) == recorder.MOST_WAITING // 3 + 1
    assert asked[-1][2]["type"] == "Warning"


def test_an_answer_that_is_no_event_ends_nothing() -> None:
    async def talk(one: Recorder) -> None:
        for at in (1000.0, 1000.0 + recorder.AGAIN_AFTER):
            one.tell(TOLD, ABOUT, at)
            await asyncio.sleep(1)

    for body in (b"<html>", b"[]", b'{"metadata": 1}'):
        assert [verb for verb, _, _ in play(talk, Result(200, body)).asked] == ["create"] * 2


def test_what_cannot_be_written_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(one: Recorder) -> None:
        for number in range(3):
            one.tell(TOLD._replace(message=str(number)), None, 0.0)

    ending = Result(403, b'{"details":{"causes":[{"reason":"NamespaceTerminating"}]}}', "Forbidden")
    play(talk, FULL, FULL, ending)
    assert [record.getMessage() for record in caplog.records] == [
        "events: they cannot be written in the federation: 403 Forbidden: no right"
    ]
