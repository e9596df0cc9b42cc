"""Asking the zone's servers for what is new: the table of `checking`, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import dns.rcode
import pytest

from controllers import authority, checking
from controllers.authority import Authority, Delegation, Server
from controllers.checking import Checker, Expected, Hooks
from controllers.zonestatus import Said
from feddns.providers.history import Applied
from feddns.providers.recordsets import Change, record_set
from tests.controllers.nameserving import Domain, domain, net

WEB = "web.example.com."
OLD, NEW = (record_set(WEB, "A", 180, [f"192.0.2.{number}"]) for number in (1, 2))
ALIAS = record_set(WEB, "CNAME", 180, ["up.example.com."])


class Checked:
    """A checker of example.com., and what it said."""

    def __init__(self, one: Domain, servers: tuple[Server, ...] = ()) -> None:
        self.domain = one
        self.said: list[tuple[str, Said]] = []
        self.looked: list[Delegation] = []
        asking = Authority(one.net.resolvers, port=one.net.port)
        hooks = Hooks(lambda service, said: self.said.append((service, said)), self.looked.append)
        self.checker = Checker("example.com.", asking, hooks, servers)

    def change(self, *additions: object, removals: tuple[object, ...] = ()) -> None:
        change = Change(WEB, removals, additions, "shop/web")  # type: ignore[arg-type]
        self.checker.changed([Applied(asyncio.get_running_loop().time(), (change,))])

    async def until(self, is_so: Callable[[], object], patience: float = 5.0) -> None:
        async with asyncio.timeout(patience):
            while not is_so():
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "_PATIENCE", 0.3)
    monkeypatch.setattr(checking, "_PATIENCE", 0.4)
    monkeypatch.setattr(checking, "_SELDOM", 0.1)


def run(
    test: Callable[[Checked], Awaitable[None]], prepare: Callable[[Domain], None] | None = None
) -> None:
    async def main() -> None:
        async with net() as servers:
            one = await domain(servers)
            one.put("web.example.com. 180 A 192.0.2.1")
            if prepare is not None:
                prepare(one)
            checked = Checked(one)
            running = asyncio.create_task(checked.checker.run())
            await test(checked)
            checked.checker.clear()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    asyncio.run(main())


def test_it_is_said_when_the_last_server_gives_what_is_new() -> None:
    async def test(checked: Checked) -> None:
        checked.change(NEW, removals=(OLD,))
        assert checked.checker.is_checking("shop/web")
        checked.domain.ns1.put("web.example.com. 180 A 192.0.2.2")
        await asyncio.sleep(0.2)
        assert checked.said == []
        checked.domain.ns2.put("web.example.com. 180 A 192.0.2.2")
        await checked.until(lambda: checked.said)
        ((service, said),) = checked.said
        assert (service, said.is_good, said.reason) == ("shop/web", True, "Propagated")
        assert "all 2 servers" in said.message
        assert checked.checker.took.count == 1
        assert 0.2 <= checked.checker.took.sum < 2.0
        assert not checked.checker.is_checking("shop/web")

    run(test)


def test_a_server_that_stays_behind_is_named() -> None:
    async def test(checked: Checked) -> None:
        checked.change(NEW, removals=(OLD,))
        checked.domain.ns1.put("web.example.com. 180 A 192.0.2.2")
        await checked.until(lambda: checked.said)
        said = checked.said[0][1]
        assert (said.is_good, said.reason) == (False, "NotAnswered")
        assert said.message.startswith("ns2.example.com. (")
        assert "ns1" not in said.message
        checked.domain.ns2.put("web.example.com. 180 A 192.0.2.2")
        await checked.until(lambda: len(checked.said) == 2)
        assert checked.said[1][1].reason == "Propagated"

    run(test)


def test_what_is_gone_and_what_is_an_alias() -> None:
    async def test(checked: Checked) -> None:
        checked.change(ALIAS, removals=(OLD,))
        for one in checked.domain.both:
            one.drop(WEB, "A")
            one.put("web.example.com. 180 CNAME up.example.com.")
        await checked.until(lambda: checked.said)
        checked.change(removals=(ALIAS,))
        await asyncio.sleep(0.1)
        assert len(checked.said) == 1
        for one in checked.domain.both:
            one.drop(WEB, "CNAME")
        await checked.until(lambda: len(checked.said) == 2)
        assert {said.reason for _, said in checked.said} == {"Propagated"}

    run(test)


def test_a_change_on_top_counts_instead() -> None:
    async def test(checked: Checked) -> None:
        checked.change(NEW, removals=(OLD,))
        await asyncio.sleep(0.1)
        checked.change(ALIAS, removals=(NEW,))
        for one in checked.domain.both:
            one.drop(WEB, "A")
            one.put("web.example.com. 180 CNAME up.example.com.")
        await checked.until(lambda: checked.said)
        assert [said.reason for _, said in checked.said] == ["Propagated"]

    run(test)


def test_a_zone_that_is_not_delegated_is_said() -> None:
    async def test(checked: Checked) -> None:
        checked.change(NEW, removals=(OLD,))
        await checked.until(lambda: checked.said)
        assert checked.said[0][1].reason == "NotDelegated"
        assert "is not delegated" in checked.looked[0].mistakes[0]

    run(test, lambda one: one.parent._below.clear())


def test_when_nobody_can_be_asked_nothing_is_said() -> None:
    async def test(checked: Checked) -> None:
        checked.change(NEW, removals=(OLD,))
        await checked.until(lambda: checked.looked)
        await asyncio.sleep(0.1)
        assert checked.said == []
        assert not checked.checker.is_checking("shop/web")

    def dark(one: Domain) -> None:
        one.net.resolver.rcode = dns.rcode.SERVFAIL

    run(test, dark)


def test_servers_that_are_given_are_asked_and_no_others() -> None:
    async def test(checked: Checked) -> None:
        one = checked.domain
        given = Checked(one, (Server("", one.ns1.address, one.net.port),))
        running = asyncio.create_task(given.checker.run())
        given.change(NEW, removals=(OLD,))
        one.ns1.put("web.example.com. 180 A 192.0.2.2")
        await given.until(lambda: given.said)
        assert "the zone's server gives" in given.said[0][1].message
        running.cancel()

    run(test)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (Change(WEB, (OLD,), (NEW,)), [((WEB, "A"), Expected(("192.0.2.2",)))]),
        (Change(WEB, (OLD,)), [((WEB, "A"), Expected((), ("192.0.2.1",)))]),
        (Change(WEB, (OLD,), (record_set(WEB, "ALIAS", 60, ["lb.example.net."]),)), []),
        (Change(WEB, (), (record_set(f"_a.{WEB}", "TXT", 60, ['"x"']),)), []),
    ],
)  # fmt: skip
def test_what_is_expected_of_a_change(change: Change, wanted: object) -> None:
    assert list(checking.expected(change)) == wanted
