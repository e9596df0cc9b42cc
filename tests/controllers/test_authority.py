"""Name servers asked: delegations with their mistakes, host names with their own TTL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import dns.rcode
import pytest

from controllers import authority
from controllers.authority import Authority, Delegation, Found
from feddns import names
from tests.controllers.nameserving import Domain, domain, net

LB = names.parse("lb.example.com.")


def told(test: Callable[[Domain, Authority], Awaitable[None]]) -> None:
    """Runs it on two servers of example.com."""

    async def main() -> None:
        async with net() as servers:
            one = await domain(servers)
            await test(one, Authority(servers.resolvers, port=servers.port))

    asyncio.run(main())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "_PATIENCE", 0.3)


def mistakes(spoil: Callable[[Domain], None]) -> Delegation:
    found: list[Delegation] = []

    async def test(one: Domain, asking: Authority) -> None:
        spoil(one)
        found.append(await asking.servers("example.com."))

    told(test)
    return found[0]


def test_a_delegation_in_order() -> None:
    found = mistakes(lambda one: None)
    assert [server.name for server in found.servers] == ["ns1.example.com.", "ns2.example.com."]
    assert (found.mistakes, found.is_known) == ((), True)


def refused(one: Domain) -> None:
    one.ns2.rcode = dns.rcode.REFUSED


def silent(one: Domain) -> None:
    one.ns2.is_silent = True


def not_its_own(one: Domain) -> None:
    one.ns2.is_good = False


def nameless(one: Domain) -> None:
    one.net.resolver.drop("ns2.example.com.", "A")


def others(one: Domain) -> None:
    one.put("example.com. 300 NS ns1.example.com. ns9.example.com.")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (refused, "does not serve example.com.: REFUSED"),
        (silent, "does not serve example.com.: no answer in time"),
        (not_its_own, "does not serve example.com.: it is not authoritative"),
        (nameless, "ns2.example.com. has no address"),
        (others, "is delegated to ns1.example.com., ns2.example.com., and names ns1.example.com., "
                 "ns9.example.com. itself"),
    ],
)  # fmt: skip
def test_mistakes_are_named(spoil: Callable[[Domain], None], words: str) -> None:
    found = mistakes(spoil)
    assert found.is_known
    assert len(found.mistakes) == 1
    assert words in found.mistakes[0]
    assert found.servers, "those that are there are asked"


def test_a_zone_that_is_not_delegated() -> None:
    found = mistakes(lambda one: one.parent.refer("example.com.") or one.parent._below.clear())
    assert (found.servers, found.is_known) == ((), True)
    assert found.mistakes == (
        "example.com. is not delegated: the servers of com. name none for it",
    )


def test_what_cannot_be_found_out_is_no_mistake_of_the_zone() -> None:
    def dark(one: Domain) -> None:
        one.net.resolver.is_silent = True

    found = mistakes(dark)
    assert (found.servers, found.is_known) == ((), False)
    assert "cannot be found out" in found.mistakes[0]


def test_a_host_name_has_the_ttl_of_its_own_servers() -> None:
    async def test(one: Domain, asking: Authority) -> None:
        one.net.resolver.put("lb.example.com. 17 A 192.0.2.9 192.0.2.1")
        one.net.resolver.put("lb.example.com. 44 AAAA 2001:db8::1")
        one.put("lb.example.com. 60 A 192.0.2.1 192.0.2.9")
        packed = (b"\xc0\0\x02\x01", b" \x01\r\xb8" + bytes(11) + b"\x01", b"\xc0\0\x02\x09")
        found = await asking.look_up(LB, True)
        assert found == Found(tuple(sorted(packed)), 17, 60)
        assert await asking.look_up(LB) == Found(tuple(sorted(packed)), 17, 0)
        for server in one.both:
            server.rcode = dns.rcode.REFUSED
        assert await asking.look_up(LB, True) == Found(tuple(sorted(packed)), 17, 0)

    told(test)


def test_a_host_name_that_is_an_alias_has_the_shortest_ttl_on_the_way() -> None:
    async def test(one: Domain, asking: Authority) -> None:
        for server in (one.net.resolver, *one.both):
            server.put("lb.example.com. 30 CNAME b.example.com.")
            server.put("b.example.com. 90 A 192.0.2.1")
        assert await asking.look_up(LB, True) == Found((b"\xc0\0\x02\x01",), 30, 30)

    told(test)


def test_no_such_name_and_no_answer() -> None:
    async def test(one: Domain, asking: Authority) -> None:
        assert await asking.look_up(LB, True) == Found((), 0, 0)
        one.net.resolver.rcode = dns.rcode.SERVFAIL
        assert isinstance(await asking.look_up(LB, True), str)

    told(test)
