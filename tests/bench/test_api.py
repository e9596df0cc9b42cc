"""The clients of bench/api, against the embedded API."""

from __future__ import annotations

import asyncio

import pytest

from bench.api import contest, load
from tests.apiserver.conformance import servers


@pytest.mark.parametrize(
    ("reply", "whole"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{}", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
    ],
)
def test_the_end_of_a_reply_is_seen(reply: bytes, whole: bool) -> None:
    assert load._is_whole(bytearray(reply)) is whole


async def _create_and_watch(place: load.Place) -> list[int]:
    watchers = await load.watch(place, 2, "0")
    before = [watcher.count for watcher in watchers]
    await load.run(place, load.creations(place, "made", 30), 3)
    async with asyncio.timeout(10):
        while any(
            watcher.count < count + 30 for watcher, count in zip(watchers, before, strict=True)
        ):
            await asyncio.sleep(0.01)
    for watcher in watchers:
        watcher.transport.close()
    with pytest.raises(load.Refused, match="already exists"):
        await load.run(place, load.creations(place, "made", 1), 1)
    return [contest._count(place)]


def test_objects_are_made_and_every_watcher_sees_them() -> None:
    with servers.embedded() as server:
        place = load.Place(server.url, server.authority, server.token)
        assert asyncio.run(_create_and_watch(place)) == [30]
