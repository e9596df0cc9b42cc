"""One resource followed, from a server that answers as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feddns.kube import client, stream
from feddns.kube.credentials import Access, Credentials
from feddns.kube.follower import Follower
from feddns.kube.informer import Abilities, Informer, Resource
from feddns.kube.objects import Changed, ObjectTable, whole
from feddns.kube.stream import Stream
from tests.kube.scripted import CHUNKED, Server, chunk, reply


def page(version: str, *names: str) -> bytes:
    items = [{"metadata": {"name": one, "namespace": "shop"}} for one in names]
    return json.dumps({"metadata": {"resourceVersion": version}, "items": items}).encode()


class Api:
    """Lists what there is; a watch begins with a change of `a`, if `talks`, and says no more."""

    def __init__(self) -> None:
        self.there = ["a", "b"]
        self.lists = 0
        self.talks = True

    async def script(self, _: Server, target: str, __: dict[str, str], writer: Any) -> None:
        if "watch=true" not in target:
            self.lists += 1
            writer.write(reply(200, page(f"{self.lists}0", *self.there)))
            return
        metadata = {"name": "a", "namespace": "shop", "resourceVersion": f"{self.lists}1"}
        event = json.dumps({"type": "MODIFIED", "object": {"metadata": metadata}}).encode()
        writer.write(CHUNKED + (chunk(event + b"\n") if self.talks else b""))


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


def names(follower: Follower[ObjectTable]) -> list[str]:
    return follower.informer.table.names("shop")


@pytest.mark.parametrize("talks", [True, False])
def test_what_is_to_be_listed_again_is_while_a_connection_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talks: bool
) -> None:
    """As when a member returns: its watches connect anew at that very moment."""
    may_connect = asyncio.Event()
    connecting = 0

    async def connect(access: Access) -> Stream:
        nonlocal connecting
        connecting += 1
        await may_connect.wait()
        return await stream_connect(access)

    stream_connect = stream.connect
    monkeypatch.setattr(client.stream, "connect", connect)

    async def story() -> None:
        may_connect.set()
        api = Api()
        server = await Server(tmp_path, api.script, tls=False).start()
        table = ObjectTable(whole("v1", "Service"))
        one = Informer(Resource("v1", "services"), table, Abilities(watch_list=False))
        told: list[Changed] = []
        follower = Follower(one, Credentials(server.kubeconfig()), told.extend, lambda: None)
        running = asyncio.ensure_future(follower.run())
        try:
            await until(lambda: one.version == "11")
            may_connect.clear()
            before = connecting
            follower._connection.close("as by a member that goes away")
            await until(lambda: connecting > before)
            api.there.remove("b")
            api.talks = talks
            follower.list_again()
            assert not one.is_listed
            assert not one.is_followed
            may_connect.set()
            await until(lambda: one.version == ("21" if talks else "20"))
            assert (api.lists, names(follower)) == (2, ["a"])
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            server.stop()

    asyncio.run(story())
