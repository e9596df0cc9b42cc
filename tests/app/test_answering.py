"""One answering process in this one: its sockets, and what the feed's ups and downs do to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import dns.edns
import dns.message
import dns.rcode
import pytest

from feddns import feed
from feddns.app import answering, memory, sockets
from feddns.app.answering import Answering
from feddns.app.feedreader import FeedReader
from feddns.config import SocketAddress
from feddns.events import Event, Synced
from tests import asking, world
from tests.serving import PATIENCE, loopback

NAME = "web.ns.svc.cluster.local."
STALE_AFTER = 0.15


class Stage:
    """An answering process's parts in this loop, and the other end of its feed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **settings: object) -> None:
        self.loop = loop
        self.listener = sockets.open_listener(SocketAddress(f"{loopback()}:0"))
        self.feed = sockets.open_feed()
        self.feed.setblocking(False)
        self.region = memory.Region()
        given = asking.settings(forward=False, **settings)
        self.answers = Answering(given, [self.listener], self.region, 1, loop)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setblocking(False)
        self.client.connect(self.listener.udp.getsockname())
        self.reader: socket.socket | None = None

    def start(self) -> None:
        self.answers.start()
        FeedReader(self.feed.getsockname(), self.answers, STALE_AFTER).connect()

    async def accept(self) -> None:
        self.reader, _ = await self.loop.sock_accept(self.feed)

    async def tell(self, text: str, *, reset: bool = False, commit: bool = True) -> None:
        """Send a step, as the watcher does."""
        assert self.reader is not None
        events: list[Event] = world.events(text)
        for frame in feed.frames(events, reset=reset, commit=commit):
            await self.loop.sock_sendall(self.reader, frame)

    async def beat(self) -> None:
        """The watcher's sign of life."""
        assert self.reader is not None
        await self.loop.sock_sendall(self.reader, feed.beat())

    def cut(self) -> None:
        assert self.reader is not None
        self.reader.close()
        self.reader = None

    async def ask(self, name: str = NAME, timeout: float = PATIENCE) -> dns.message.Message:
        question = asking.query(name)
        await self.loop.sock_sendall(self.client, question.to_wire())
        reply = await asyncio.wait_for(self.loop.sock_recv(self.client, 4096), timeout)
        return asking.check(question.to_wire(), reply)

    async def addresses(self) -> list[str]:
        reply = await self.ask()
        return [rdata.to_text() for rrset in reply.answer for rdata in rrset]

    async def errors(self) -> list[int]:
        """The codes of extended errors (RFC 8914) in an answer."""
        reply = await self.ask()
        return [
            int(option.code) for option in reply.options if option.otype == dns.edns.OptionType.EDE
        ]

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                await asyncio.sleep(0.005)

    def close(self) -> None:
        self.answers.drain()
        for opened in (self.listener.udp, self.listener.tcp, self.feed, self.client, self.reader):
            if opened is not None:
                opened.close()


@contextlib.asynccontextmanager
async def staged(**settings: object) -> AsyncIterator[Stage]:
    stage = Stage(asyncio.get_running_loop(), **settings)
    try:
        yield stage
    finally:
        stage.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


ONE = "namespace ns\nservice ns/web 10.0.0.1 http:80/tcp"
TWO = "service ns/web 10.0.0.2 http:80/tcp"


def play(scene: Callable[[Stage], Awaitable[None]], **settings: object) -> None:
    async def run() -> None:
        async with staged(**settings) as stage:
            await scene(stage)

    # The collector is a process's own business: `Answering` turns it on when the world is there.
    asyncio.run(run())


def test_questions_wait_for_the_first_world() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        waiting = asyncio.create_task(stage.addresses())
        await stage.tell(ONE, reset=True, commit=False)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await stage.tell("synced")
        assert await waiting == ["10.0.0.1"]

    play(scene)


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "OPEN_AFTER", 0.05)

    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        reply = await stage.ask()
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert await stage.errors() == [14]
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))

    play(scene)


async def said(stage: Stage, address: str) -> bool:
    return await stage.addresses() == [address]


def test_a_cut_feed_and_the_next_watcher() -> None:
    """Answers go on; after a while they say so; a whole world puts an end to that."""

    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))
        stage.cut()
        assert await stage.errors() == []
        loop = stage.loop
        started = loop.time()
        await stage.until(lambda: is_stale(stage))
        assert loop.time() - started >= STALE_AFTER - 0.05
        assert await stage.addresses() == ["10.0.0.1"]
        await stage.accept()  # a new watcher, which begins with everything
        await stage.tell(TWO, reset=True, commit=False)
        assert await stage.addresses() == ["10.0.0.1"]
        assert await stage.errors() == [3]
        await stage.tell("synced")
        await stage.until(lambda: said(stage, "10.0.0.2"))
        assert await stage.errors() == []

    play(scene)


def test_a_watcher_that_hangs() -> None:
    """The connection stands and nothing comes: no news is good news only with signs of life."""

    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))
        await stage.until(lambda: is_stale(stage))
        await stage.beat()
        await stage.until(lambda: is_fresh(stage))
        assert await stage.addresses() == ["10.0.0.1"]

    play(scene)


def test_a_watcher_that_hung_and_has_lost_its_api() -> None:
    """Its first words after the silence say that the source is stale: that is not taken back."""

    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))
        await stage.until(lambda: is_stale(stage))
        await stage.tell("stale 1000")
        end = stage.loop.time() + 2 * STALE_AFTER
        while stage.loop.time() < end:
            await stage.beat()
            assert await stage.errors() == [3]
            await asyncio.sleep(0.01)

    play(scene)


def test_what_the_sources_say_about_their_age() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.tell("stale 1000")
        await stage.until(lambda: is_stale(stage))
        await stage.tell("stale 0")
        await stage.until(lambda: is_fresh(stage))

    play(scene)


def test_too_old_to_answer_from() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.tell("stale 1000")  # of 1970
        await stage.until(lambda: is_refused(stage))
        assert await stage.errors() == [14]
        await stage.tell("stale 0")
        await stage.until(lambda: said(stage, "10.0.0.1"))

    play(scene, max_stale=60)


async def is_refused(stage: Stage) -> bool:
    return (await stage.ask()).rcode() == dns.rcode.SERVFAIL


async def is_fresh(stage: Stage) -> bool:
    return await stage.errors() == []


async def is_stale(stage: Stage) -> bool:
    return await stage.errors() == [3]


def test_a_short_cut_is_not_mentioned() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))
        for _ in range(3):
            stage.cut()
            await stage.accept()
            await stage.tell(f"{ONE}\nsynced", reset=True)
        end = stage.loop.time() + 2 * STALE_AFTER
        while stage.loop.time() < end:
            await stage.beat()
            assert await stage.errors() == []
            await asyncio.sleep(0.01)

    play(scene)


def test_a_step_that_was_cut_is_never_seen() -> None:
    """Half of a change, and the watcher is gone: what is built later must not contain it."""

    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.until(lambda: said(stage, "10.0.0.1"))
        await stage.tell(TWO, commit=False)
        stage.cut()
        await stage.accept()
        assert await stage.addresses() == ["10.0.0.1"]
        await stage.tell(f"{ONE}\nsynced", reset=True)
        await stage.tell("service ns/other 10.0.0.9 http:80/tcp")
        await stage.until(lambda: exists(stage, "other.ns.svc.cluster.local."))
        assert await stage.addresses() == ["10.0.0.1"]

    play(scene)


async def exists(stage: Stage, name: str) -> bool:
    return (await stage.ask(name)).rcode() == dns.rcode.NOERROR


def test_frames_in_single_bytes() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        await stage.accept()
        assert stage.reader is not None
        stream = b"".join(feed.frames([*world.events(ONE), Synced()], reset=True, commit=True))
        for byte in stream:
            await stage.loop.sock_sendall(stage.reader, bytes([byte]))
            await asyncio.sleep(0)
        assert await stage.addresses() == ["10.0.0.1"]

    play(scene)


def test_what_it_says_about_itself() -> None:
    async def scene(stage: Stage) -> None:
        stage.start()
        assert stage.region.read()[memory.gauge("ready")] == 0
        await stage.accept()
        await stage.tell(f"{ONE}\nsynced", reset=True)
        assert await stage.addresses() == ["10.0.0.1"]
        assert stage.region.read()[memory.gauge("ready")] == 1
        assert stage.region.read()[memory.gauge("snapshot_changed_ns")] > 0
        stage.cut()
        await stage.until(lambda: is_stale(stage))
        await stage.until(lambda: gauge(stage, "stale", 1))

    play(scene)


async def gauge(stage: Stage, name: str, value: int) -> bool:
    return stage.region.read()[memory.gauge(name)] == value
