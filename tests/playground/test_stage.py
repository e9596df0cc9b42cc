"""What a stage does when several things happen at once, and before all of it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from feddns.errors import OperatorNeeded
from feddns.playground import layout, stage
from feddns.playground.desk import Desk
from feddns.playground.faults import Fault, What
from feddns.playground.stage import Stage
from tests.playground.running import OTHER

EU = Fault(What.CLUSTER, "eu")


class Part:
    """An API, a member and a DNS server in one: each call takes a turn of the loop."""

    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name = log, name

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[None]]:
        async def do(*_: Any, **__: Any) -> None:
            await asyncio.sleep(0)
            self._log.append(f"{verb} {self._name}")

        return do


def made(folder: Path, log: list[str]) -> Stage:
    one = Stage(layout.make("us,eu", OTHER), folder)
    one.is_up = True
    one._apis = cast(Any, {name: Part(log, f"api {name}") for name in ("", "us", "eu")})
    one.members = cast(Any, {name: Part(log, f"member {name}") for name in ("us", "eu")})
    one._dns = cast(Any, {name: Part(log, f"dns {name}") for name in ("us", "eu")})
    return one


def test_what_is_asked_at_once_is_done_one_after_another(tmp_path: Path) -> None:
    log: list[str] = []

    async def both() -> None:
        one = made(tmp_path, log)
        await asyncio.gather(one.fail([EU]), one.fail([]))

    asyncio.run(both())
    us = ["resume api us", "fail member us", "start dns us"]
    broken = [*us, "pause api eu", "fail member eu", "stop dns eu", "resume api "]
    healed = [*us, "resume api eu", "fail member eu", "start dns eu", "resume api "]
    assert log == broken + healed


def test_nothing_is_started_after_the_end(tmp_path: Path) -> None:
    log: list[str] = []

    async def both() -> None:
        one = made(tmp_path, log)
        healing = [asyncio.create_task(one.fail([])), asyncio.create_task(one.fail([EU]))]
        await asyncio.sleep(0)
        await one.stop()
        await asyncio.gather(*healing)

    asyncio.run(both())
    begun = [index for index, said in enumerate(log) if said.startswith(("start", "resume"))]
    ended = [index for index, said in enumerate(log) if said in ("stop dns us", "stop api us")]
    assert len(ended) == 2
    assert max(begun) < min(ended)
    assert "pause api eu" not in log  # it had not begun


def test_an_end_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    async def both() -> None:
        one = made(tmp_path, log)
        async with one._breaking:
            await one.stop()

    monkeypatch.setattr(stage, "_ENOUGH", 0.01)
    asyncio.run(both())
    assert "stop api eu" in log


def test_a_folder_is_for_one(tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    class Api:
        async def start(self) -> None:
            raise OperatorNeeded("so far it comes")

        async def stop(self) -> None: ...

    async def in_turn() -> None:
        first, second = (Stage(layout.make("us", OTHER), folder) for _ in range(2))
        first._apis = second._apis = cast(Any, {"": Api()})
        with pytest.raises(OperatorNeeded, match="so far it comes"):
            await first.start()
        with pytest.raises(OperatorNeeded, match=f"another playground keeps {folder}"):
            await second.start()
        await first.stop()
        with pytest.raises(OperatorNeeded, match="so far it comes"):
            await second.start()
        await second.stop()

    asyncio.run(in_turn())


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = Stage(layout.make("us", OTHER), tmp_path / "file" / "kept")
    with pytest.raises(OperatorNeeded, match="file/kept/logs: Not a directory"):
        asyncio.run(one.start())


def test_commands_wait_until_all_runs(tmp_path: Path) -> None:
    one = Stage(layout.make("us", OTHER), tmp_path)
    for words in (["status"], ["heal", "all"], ["fail", "cluster", "us"]):
        with pytest.raises(OperatorNeeded, match="still starting"):
            asyncio.run(Desk(one).do(words))


@pytest.mark.parametrize(
    ("said", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n", False),
        (b"x" * (1 << 17), False),
        (b"", False),
    ],
)
def test_a_server_says_that_it_is_ready(
    said: bytes, ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever listens there; who says nothing is not waited for."""

    async def conversation() -> None:
        over = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                while await reader.read(4096):
                    pass
            writer.close()
            over.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        monkeypatch.setattr(stage, "_METRICS", server.sockets[0].getsockname()[1])
        assert await stage._is_ready("127.0.0.1") is ready
        await over.wait()
        server.close()
        await server.wait_closed()
        assert not await stage._is_ready("127.0.0.1")

    monkeypatch.setattr(stage, "_HEAR", 5.0 if said else 0.05)
    asyncio.run(conversation())
