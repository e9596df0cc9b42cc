"""An API that is written to: a scripted server, over TLS and without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from feddns.kube.api import Api
from feddns.kube.credentials import Credentials, Document
from tests.kube.scripted import Script, Server, reply


def run(
    folder: Path, script: Script, talk: Callable[[Server, Api], Awaitable[None]], **options: Any
) -> None:
    async def both() -> None:
        server = await Server(folder, script, tls=False).start()
        api = Api(Credentials(server.kubeconfig()), **options)
        try:
            await talk(server, api)
        finally:
            api.close()
            server.stop()
            await asyncio.sleep(0.01)

    asyncio.run(both())


def saying(status: int, body: Any, *fields: str) -> Script:
    async def script(_: Server, __: str, ___: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(status, json.dumps(body).encode(), *fields))

    return script


def test_the_verbs(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def script(_: Server, target: str, fields: Any, writer: asyncio.StreamWriter) -> None:
        seen.append((target, fields.get("content-type", "")))
        writer.write(reply(200, b'{"a":1}'))

    async def talk(_: Server, api: Api) -> None:
        for result in (
            await api.get("/x"),
            await api.create("/x", {}),
            await api.update("/x/a", {}),
            await api.apply("/x/a", {}),
            await api.apply("/x/a", {}, force=False),
            await api.merge("/x/a", {}),
            await api.delete("/x/a", uid="u"),
        ):
            assert (result.is_good, result.object) == (True, {"a": 1})

    run(tmp_path, script, talk)
    assert seen == [
        ("/x", ""),
        ("/x?fieldManager=feddns", "application/json"),
        ("/x/a?fieldManager=feddns", "application/json"),
        ("/x/a?fieldManager=feddns&force=true", "application/apply-patch+yaml"),
        ("/x/a?fieldManager=feddns&force=false", "application/apply-patch+yaml"),
        ("/x/a?fieldManager=feddns", "application/merge-patch+json"),
        ("/x/a", "application/json"),
    ]


def test_a_status_is_a_value(tmp_path: Path) -> None:
    status = {"kind": "Status", "reason": "Forbidden", "message": 'quota\n  "x" is full'}

    async def talk(_: Server, api: Api) -> None:
        result = await api.get("/x")
        assert (result.is_good, result.status, result.reason) == (False, 403, "Forbidden")
        assert str(result) == '403 Forbidden: quota "x" is full'

    run(tmp_path, saying(403, status), talk)


def test_how_long_to_wait(tmp_path: Path) -> None:
    async def talk(_: Server, api: Api) -> None:
        result = await api.get("/x")
        assert (result.status, result.retry_after) == (429, 7.0)

    run(tmp_path, saying(429, "slow down", "Retry-After: 7"), talk)


def test_several_at_once_over_as_many_connections(tmp_path: Path) -> None:
    most, now = 0, 0

    async def script(_: Server, __: str, ___: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        writer.write(reply(200, b"{}"))

    async def talk(server: Server, api: Api) -> None:
        results = await asyncio.gather(*(api.get(f"/{number}") for number in range(9)))
        assert all(one.is_good for one in results)
        assert (most, server.connections) == (3, 3)
        assert (await api.get("/again")).is_good
        assert server.connections == 3

    run(tmp_path, script, talk, connections=3)


def test_no_answer_in_time(tmp_path: Path) -> None:
    async def script(_: Server, target: str, __: Any, writer: asyncio.StreamWriter) -> None:
        if target == "/slow":
            await asyncio.sleep(5)
        writer.write(reply(200, b"{}"))

    async def talk(_: Server, api: Api) -> None:
        result = await api.get("/slow")
        assert (result.status, result.reason) == (0, "Timeout")
        assert str(result) == "no answer within 0.1 s"
        assert (await api.get("/quick")).is_good, "the connection was not kept"

    run(tmp_path, script, talk, connections=1, timeout=0.1)


def test_a_kept_connection_that_breaks_is_made_anew_but_for_a_post(tmp_path: Path) -> None:
    count = 0

    async def script(_: Server, __: str, ___: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count in (2, 4):
            writer.transport.abort()
        else:
            writer.write(reply(200, b"{}"))

    async def talk(_: Server, api: Api) -> None:
        assert (await api.get("/1")).is_good
        assert (await api.get("/2")).is_good
        result = await api.create("/3", {})
        assert (result.status, result.reason) == (0, "Unreachable")
        assert count == 4

    run(tmp_path, script, talk, connections=1)


def test_nobody_there_and_no_credentials() -> None:
    async def ask(document: Document) -> tuple[int, str]:
        api = Api(Credentials(document=document))
        try:
            result = await api.get("/x")
        finally:
            api.close()
        return result.status, result.reason

    assert asyncio.run(ask(Document("x", server="http://127.0.0.1:9"))) == (0, "Unreachable")
    assert asyncio.run(ask(Document("x", b"[]"))) == (0, "Credentials")


def test_a_request_that_is_cancelled_leaves_no_half_answer(tmp_path: Path) -> None:
    async def script(_: Server, target: str, __: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05 if target == "/1" else 0)
        writer.write(reply(200, json.dumps(target).encode()))

    async def talk(_: Server, api: Api) -> None:
        first = asyncio.ensure_future(api.get("/1"))
        await asyncio.sleep(0.02)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await api.get("/2")).body == b'"/2"'

    run(tmp_path, script, talk, connections=1)
