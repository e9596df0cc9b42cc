"""Who leads: the choice as a table, and the Lease on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from controllers import lease
from controllers.lease import NAME, Election, Seen
from controllers.options import Times
from feddns.kube.api import Api, Result
from feddns.kube.credentials import Credentials
from tests import virtualtime
from tests.controllers.running import SYSTEM, Federation

QUICK = Times(duration=1.0, renew=0.6, retry=0.1)
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def held(by: str, at: str = "t0", seconds: int = 15) -> dict[str, Any]:
    return {"spec": {"holderIdentity": by, "renewTime": at, "leaseDurationSeconds": seconds}}


@pytest.mark.parametrize(
    ("found", "now", "chosen"),
    [
        (held("me"), 0.0, "renew"),
        (held("me"), 99.0, "renew"),
        (held(""), 0.0, "take"),
        ({}, 0.0, "take"),
        (held("other"), 0.0, "wait"),
        (held("other"), 15.0, "wait"),
        (held("other"), 15.1, "take"),
        (held("other", "t1"), 15.1, "wait"),
    ],
)
def test_the_choice(found: dict[str, Any], now: float, chosen: str) -> None:
    seen = lease.look(Seen(), held("other"), 0.0)
    seen = lease.look(seen, found, now)
    assert lease.choose(found, "me", seen, now) == chosen


def test_what_is_written() -> None:
    new = lease.written({}, "me", Times(), AT)
    moment = "2026-01-02T03:04:05.000006Z"
    assert new["metadata"] == {"name": NAME}
    assert new["spec"] == {
        "holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": moment,
        "acquireTime": moment, "leaseTransitions": 0,
    }  # fmt: skip
    renewed = lease.written({**new, "metadata": {"resourceVersion": "7"}}, "me", Times(),
                            AT.replace(second=9))  # fmt: skip
    assert renewed["metadata"] == {"resourceVersion": "7"}
    assert renewed["spec"]["acquireTime"] == moment
    assert renewed["spec"]["renewTime"] == "2026-01-02T03:04:09.000006Z"
    assert lease.written(new, "other", Times(), AT)["spec"]["leaseTransitions"] == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"spec": 1}'])
def test_what_is_no_lease_is_said_once_and_ends_nothing(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd:
        async def get(self, _: str) -> Result:
            return Result(200, body)

    async def main() -> None:
        one = Election(Odd(), SYSTEM, "me", QUICK, lambda _: None)  # type: ignore[arg-type]
        running = asyncio.ensure_future(one.run())
        await asyncio.sleep(5)
        assert not running.done()
        assert not one.is_leading
        running.cancel()

    virtualtime.run(main())
    [record] = caplog.records
    assert "what answers is no Kubernetes API" in record.getMessage()


# --- on a real one -------------------------------------------------------------------------------

Turns = list[tuple[str, bool]]


def elect(real: Federation, talk: Callable[[dict[str, Election], Turns], Awaitable[None]]) -> None:
    """Let `talk` watch two that both want to lead; each runs in a task of its name."""

    async def both() -> None:
        turns: Turns = []
        credentials = Credentials(str(real.api.kubeconfig))
        apis = [Api(credentials, connections=1, timeout=1.0) for _ in range(2)]
        elections = {
            name: Election(api, SYSTEM, name, QUICK, lambda on, name=name: turns.append((name, on)))
            for name, api in zip("ab", apis, strict=True)
        }
        try:
            await talk(elections, turns)
        finally:
            for one in elections.values():
                one.close()

    path = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/{NAME}"
    with contextlib.suppress(Exception):
        real.api.request("DELETE", path)
    asyncio.run(both())


@contextlib.asynccontextmanager
async def running(election: Election) -> Any:
    task = asyncio.ensure_future(election.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def test_one_leads_and_gives_it_back(real: Federation) -> None:
    async def talk(elections: dict[str, Election], turns: Turns) -> None:
        first, second = elections.values()
        async with running(second):
            async with running(first):
                await until(lambda: bool(turns))
                await asyncio.sleep(0.3)
                assert len(turns) == 1, "one only"
                leader = elections[turns[0][0]]
                other = second if leader is first else first
                await until(lambda: other.holder == turns[0][0])
                await leader.release()
                assert turns[1] == (turns[0][0], False)  # it goes on trying, and may lead again
            await until(lambda: len(turns) >= 3)
        assert [on for _, on in turns[:3]] == [True, False, True]

    elect(real, talk)


def test_who_is_heard_no_more_is_followed_when_its_lease_has_ended(real: Federation) -> None:
    async def talk(elections: dict[str, Election], turns: Turns) -> None:
        async with running(elections["a"]):
            await until(lambda: turns == [("a", True)])
        clock = asyncio.get_running_loop().time
        async with running(elections["b"]):
            began = clock()
            await until(lambda: turns[1:] == [("b", True)])
            assert clock() - began >= QUICK.duration

    elect(real, talk)


def test_who_cannot_renew_stops_before_another_begins(real: Federation) -> None:
    async def talk(elections: dict[str, Election], turns: Turns) -> None:
        clock = asyncio.get_running_loop().time
        proxy = real.api.proxy()
        way = Credentials(str(real.api.kubeconfig_for("admin", proxy)))
        api = Api(way, connections=1, timeout=5.0)
        stopped = []
        one = Election(api, SYSTEM, "cut", QUICK, lambda on: stopped.append((on, clock())))
        async with running(one):
            await until(lambda: len(stopped) == 1)
            proxy.stall()
            async with running(elections["b"]):
                await until(lambda: turns == [("b", True)])
                began = clock()
            proxy.resume()
        one.close()
        assert stopped[1][0] is False
        assert stopped[1][1] < began

    elect(real, talk)


def test_the_namespace_is_made_when_it_is_missing(real: Federation) -> None:
    async def ask() -> bool:
        api = Api(Credentials(str(real.api.kubeconfig)), connections=1)
        one = Election(api, "test-system", "me", QUICK, lambda on: None)
        async with running(one):
            await until(lambda: one.is_leading)
        one.close()
        return one.is_leading

    assert asyncio.run(ask())
