"""The commands reach the playground that runs."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from feddns.errors import OperatorNeeded, SettingRefused
from feddns.playground import control


def test_the_words_arrive_and_the_reply_comes_back() -> None:
    async def do(words: list[str]) -> str:
        if words[0] == "bad":
            raise SettingRefused("that cannot fail")
        return " ".join(reversed(words))

    async def conversation() -> None:
        name = f"test-{os.getpid()}"
        server = await control.serve(name, do)
        try:
            assert name in control.names()
            assert await asyncio.to_thread(control.ask, ["fail", "zone"], name) == "zone fail"
            with pytest.raises(OperatorNeeded, match="that cannot fail"):
                await asyncio.to_thread(control.ask, ["bad"], name)
            with pytest.raises(OperatorNeeded, match="another playground"):
                await control.serve(name, do)
        finally:
            server.close()
            await server.wait_closed()
        with pytest.raises(OperatorNeeded, match="does not answer"):
            await asyncio.to_thread(control.ask, ["fail"], name)

    asyncio.run(conversation())


def test_who_speaks_without_end_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    async def conversation() -> None:
        name = f"test-{os.getpid()}"
        server = await control.serve(name, lambda _: asyncio.sleep(0, ""))
        reader, writer = await asyncio.open_unix_connection(f"\0feddns-playground/{name}")
        with contextlib.suppress(ConnectionError):
            writer.write(b"x" * (1 << 18))
            await writer.drain()
            assert await reader.read() == b""
        writer.close()
        server.close()

    asyncio.run(conversation())
    assert caplog.text == ""


def test_web_answers_in_turns_and_refuses_without_pods() -> None:
    from feddns.playground.web import Backend, Place, Web

    async def get(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
        return reply.partition(b"\r\n\r\n")[2]

    async def conversation() -> None:
        probe = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        web, place = Web(), Place("127.0.0.1", port)
        pods = Backend("us", "us-a", "web-1"), Backend("us", "us-b", "web-2")
        try:
            await web.show({place: pods})
            assert [await get(port), await get(port)] == [
                b"pod web-1 in zone us-a of cluster us\n",
                b"pod web-2 in zone us-b of cluster us\n",
            ]
            await web.show({place: pods[:1]})
            assert await get(port) == pods[0].words()
            await web.show({place: ()})
            with pytest.raises(ConnectionRefusedError):
                await get(port)
        finally:
            web.close()

    asyncio.run(conversation())
