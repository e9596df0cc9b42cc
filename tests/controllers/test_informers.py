"""What is whole, of an API that answers as the test says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from controllers.caches import SERVICE, table
from controllers.informers import Following
from controllers.world import Resource
from feddns.kube.credentials import Credentials
from feddns.kube.objects import Changed
from tests.kube.scripted import CHUNKED, Server, reply
from tests.kube.test_follower import page, until


def test_what_is_listed_again_is_not_whole_until_it_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        may_list, there, told = asyncio.Event(), ["a", "b"], []
        may_list.set()

        async def script(_: Server, target: str, __: dict[str, str], writer: Any) -> None:
            if "watch=true" in target:
                writer.write(reply(400) if "sendInitialEvents" in target else CHUNKED)
                return
            await may_list.wait()
            writer.write(reply(200, page("7", *there)))

        def heard(resource: Resource, events: list[Changed]) -> None:
            told.append(([one.name for one in events], following.whole == {resource}))

        server = await Server(tmp_path, script, tls=False).start()
        following = Following(Credentials(server.kubeconfig()), "cluster us", heard)
        following.add(SERVICE, table(SERVICE))
        running = asyncio.ensure_future(following.run())
        try:
            await until(lambda: following.whole)
            assert told == [(["a", "b"], False), ([], True)]
            assert following.missing == []
            told.clear()
            may_list.clear()
            there.remove("b")
            following.list_again()
            await asyncio.sleep(0.05)
            assert (following.whole, told) == (frozenset(), [])
            assert following.missing == ["services: being read"]
            may_list.set()
            await until(lambda: following.whole)
            assert told == [(["b"], False), ([], True)]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            server.stop()

    asyncio.run(story())
