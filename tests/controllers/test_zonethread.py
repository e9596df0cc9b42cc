"""The thread that keeps a zone: the table of `zonethread`, with a provider in memory."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from controllers import zonethread
from controllers.publiczone import CLUSTERS, SERVICES, Report, Settings
from controllers.zonethread import Hooks, ZoneThread
from feddns.errors import FeddnsError, OperatorNeeded
from feddns.kube.objects import Changed
from feddns.providers import keeper, memory
from feddns.providers.base import Provider
from feddns.providers.memory import Memory
from feddns.providers.recordsets import Change, RecordSet
from tests.controllers.zoning import REGISTRY, ZONE, cluster, service

SECRET = "hunter2"


class Moody(Memory):
    """Raises what it is told to, waits where it is told to, and notes who called."""

    def __init__(self, zone: str = ZONE) -> None:
        super().__init__(memory.Settings(zone=zone))
        self.raises: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.waits = threading.Event()
        self.threads: set[str] = set()
        self.is_closed = False

    def list(self) -> Iterator[Sequence[RecordSet]]:
        self._called()
        yield from super().list()

    def apply(self, changes: Sequence[Change]) -> None:
        self._called()
        super().apply(changes)

    def _called(self) -> None:
        self.threads.add(threading.current_thread().name)
        if not self.gate.is_set():
            self.waits.set()
        assert self.gate.wait(10)
        if self.raises:
            raise self.raises.pop(0)

    def close(self) -> None:
        self.is_closed = True


class Running:
    """A thread, and what it told."""

    def __init__(self, opens: Callable[[], Provider]) -> None:
        chosen = Settings(
            federation="f", zone=ZONE, registry=REGISTRY, keeper=keeper.Settings(gather=0.0)
        )
        self.reports: list[Report] = []
        self.opened = asyncio.Event()
        self.thread = ZoneThread(chosen, opens, Hooks(self.opened.set, self.reports.append))

    def seed(self) -> None:
        """One cluster and one Service, all that there is."""
        us = [Changed("", "us", None, cluster("us", "us-a", region="us"))]
        web = [Changed("shop", "web", None, service("shop/web", {"us": ["192.0.2.1"]}))]
        self.thread.do(lambda zone, now: zone.clusters_changed(us, now))
        self.thread.do(lambda zone, now: zone.services_changed(web, now))
        for source in (SERVICES, CLUSTERS):
            self.thread.do(lambda zone, now, source=source: zone.read_whole(source, "1", now))

    def warned(self) -> list[tuple[str, str]]:
        news = (one for report in self.reports for one in report.news)
        return [(one.reason, one.message) for one in news if one.is_warning]

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.thread.stop()
        async with asyncio.timeout(10):
            await self.thread.over.wait()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zonethread, "_FIRST", 0.02)


def run(opens: Callable[[], Provider], test: Callable[[Running], Awaitable[None]]) -> Running:
    async def main() -> Running:
        one = Running(opens)
        one.thread.start()
        await test(one)
        await one.stop()
        return one

    return asyncio.run(main())


def test_the_zone_is_kept_in_a_thread_of_its_own() -> None:
    provider, may_open = Moody(), threading.Event()

    def opens() -> Provider:
        assert may_open.wait(10)
        return provider

    async def test(one: Running) -> None:
        one.thread.do(lambda zone, now: pytest.fail("nothing is taken before it is opened"))
        may_open.set()
        await one.opened.wait()
        one.seed()
        await one.until(lambda: len(provider.content()) == 6)
        await one.until(lambda: any(report.standings for report in one.reports))

    one = run(opens, test)
    assert provider.threads == {"public zone"}
    assert provider.is_closed
    assert one.thread.told.count == 1
    assert one.thread.took.count == 2, "one reading, of an empty zone, and a change"


def test_what_a_provider_should_not_raise_is_as_no_answer_and_shows_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = Moody()
    provider.raises = [ValueError(f"token {SECRET}"), KeyError(SECRET)]

    async def test(one: Running) -> None:
        await one.opened.wait()
        one.seed()
        await one.until(lambda: len(provider.content()) == 6)

    with caplog.at_level(logging.DEBUG):
        one = run(lambda: provider, test)
    assert "ProviderAway" in [reason for reason, _ in one.warned()]
    told = caplog.text + str(one.reports)
    assert SECRET not in told
    assert "ValueError at " in caplog.text


@pytest.mark.parametrize("error", [OperatorNeeded("no such zone"), RuntimeError(SECRET)])
def test_a_provider_that_cannot_be_opened_is_tried_again(error: Exception) -> None:
    provider, errors = Moody(), [error, error, error]

    def opens() -> Provider:
        if errors:
            raise errors.pop()
        return provider

    async def test(one: Running) -> None:
        await one.opened.wait()

    one = run(opens, test)
    expected = type(error).__name__ if isinstance(error, FeddnsError) else "ProviderAway"
    assert [reason for reason, _ in one.warned()] == [expected] * 3
    assert SECRET not in str(one.reports)


def test_a_provider_of_another_zone_is_not_used() -> None:
    other, providers = Moody("example.org."), [Moody(), Moody("example.org.")]

    async def test(one: Running) -> None:
        await one.opened.wait()

    one = run(providers.pop, test)
    assert other.content() == ()
    assert "it has example.org., not example.com." in one.warned()[0][1]


def test_stopped_while_the_provider_is_asked_it_begins_nothing_more() -> None:
    provider = Moody()

    async def test(one: Running) -> None:
        await one.opened.wait()
        await one.until(lambda: any(report.state.audited for report in one.reports))
        provider.gate.clear()
        one.seed()
        await one.until(provider.waits.is_set)
        one.thread.stop()
        await asyncio.sleep(0.05)
        assert not one.thread.over.is_set(), "it waits for its provider, nobody waits for it"
        one.thread.do(lambda zone, now: pytest.fail("nothing is taken any more"))
        provider.gate.set()

    one = run(lambda: provider, test)
    applied = [done for report in one.reports for done in report.applied]
    assert len(applied) == 1, "what was under way is told"
    assert provider.is_closed


def test_it_ends_when_it_is_stopped_before_it_is_opened() -> None:
    def opens() -> Provider:
        raise OperatorNeeded("no such zone")

    async def test(one: Running) -> None:
        await one.until(one.warned)

    assert run(opens, test).thread.over.is_set()
