"""Which names go where: every row of `routing`'s table."""

from __future__ import annotations

import pytest

from feddns import names
from feddns.errors import SettingRefused
from feddns.nameservers import Nameservers, StubDomain
from feddns.resolver.forwarding import routing
from feddns.resolver.forwarding.routing import DEFAULT, Denied, Route, Routes
from tests import asking

SOA, NS, A, AAAA, MX, PTR = 6, 2, 1, 28, 15, 12
NOTHING = Nameservers()
UPSTREAM = ("192.0.2.1:53",)


def routes(given: Nameservers = NOTHING, fallback: tuple[str, ...] = (), **more: object) -> Routes:
    more.setdefault("upstream", ["192.0.2.1"])
    return Routes(asking.settings(**more), given, fallback)


def servers(found: Route | Denied | None) -> tuple[str, ...]:
    assert isinstance(found, Route), found
    return found.servers


def of(table: Routes, name: str, kind: int = A) -> Route | Denied | None:
    return table.of(names.parse(name), kind)


# --- N1: stub domains ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("corp.example.", "192.0.2.2:53"),
        ("a.b.corp.example.", "192.0.2.2:53"),
        ("deep.corp.example.", "192.0.2.3:5353"),
        ("x.deep.corp.example.", "192.0.2.3:5353"),
        ("notcorp.example.", "192.0.2.1:53"),
        ("example.", "192.0.2.1:53"),
        (".", "192.0.2.1:53"),
    ],
)
def test_the_longest_stub_domain_wins(name: str, server: str) -> None:
    table = routes(
        stub_domain=["corp.example=192.0.2.2", "deep.corp.example=192.0.2.3:5353"],
    )
    assert servers(of(table, name)) == (server,)


def test_the_config_map_wins_for_the_same_domain_and_comes_on_top() -> None:
    given = Nameservers(
        (
            StubDomain(names.parse("corp.example"), ("192.0.2.9:53",)),
            StubDomain(names.parse("lab.example"), ("192.0.2.8:53",)),
        )
    )
    table = routes(given, stub_domain=["corp.example=192.0.2.2", "old.example=192.0.2.3"])
    assert servers(of(table, "x.corp.example")) == ("192.0.2.9:53",)
    assert servers(of(table, "x.lab.example")) == ("192.0.2.8:53",)
    assert servers(of(table, "x.old.example")) == ("192.0.2.3:53",)


@pytest.mark.parametrize("domain", ["corp.local", "local", "localhost", "10.in-addr.arpa"])
def test_a_stub_domain_beats_never_forward(domain: str) -> None:
    table = routes(stub_domain=[f"{domain}=192.0.2.2"])
    assert servers(of(table, f"x.{domain}")) == ("192.0.2.2:53",)
    assert isinstance(of(table, "x.onion"), Denied)


# --- N2: localhost ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost.", "a.b.localhost."])
def test_localhost_is_this_machine(name: str) -> None:
    for kind, address in ((A, b"\x7f\0\0\1"), (AAAA, bytes(15) + b"\1")):
        found = of(routes(), name, kind)
        assert isinstance(found, Denied)
        assert found.rrset is not None
        assert found.rrset.rdatas == (address,)
        assert found.rrset.owner == names.parse(name)
    found = of(routes(), name, MX)
    assert isinstance(found, Denied)
    assert (found.exists, found.rrset) == (True, None)


# --- N3: what never leaves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "printer.local.", "local.", "x.test.", "x.invalid.", "x.onion.", "onion.", "x.home.arpa.",
        "x.alt.", "1.0.0.127.in-addr.arpa.", "1.2.0.192.in-addr.arpa.",
        "1.64.100.in-addr.arpa.", "255.255.255.255.in-addr.arpa.",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa.",
        "8.b.d.0.1.0.0.2.ip6.arpa.",
    ],
)  # fmt: skip
def test_the_default_list_denies(name: str) -> None:
    found = of(routes(), name, PTR)
    assert isinstance(found, Denied)
    assert found.rrset is None
    assert names.is_under(names.parse(name), found.zone.name)
    assert found.zone.soa.owner == found.zone.name


@pytest.mark.parametrize(
    "name", ["corp.internal.", "www.example.com.", "example.", "8.8.8.8.in-addr.arpa.", "arpa."]
)
def test_the_default_list_lets_others_go(name: str) -> None:
    assert servers(of(routes(), name)) == UPSTREAM


def test_the_apex_of_a_reverse_zone_exists_and_that_of_a_name_does_not() -> None:
    reverse = of(routes(), "127.in-addr.arpa.", NS)
    assert isinstance(reverse, Denied)
    assert (reverse.exists, reverse.rrset) == (True, None)
    soa = of(routes(), "home.arpa.", SOA)
    assert isinstance(soa, Denied)
    assert soa.rrset == soa.zone.soa
    local = of(routes(), "local.", SOA)
    assert isinstance(local, Denied)
    assert (local.exists, local.rrset) == (False, None)


@pytest.mark.parametrize(
    ("given", "denied", "free"),
    [
        (["none"], [], ["x.local", "localhost", "x.onion"]),
        (["corp.example"], ["x.corp.example", "corp.example"], ["x.local", "localhost"]),
        (["default,corp.example"], ["x.corp.example", "x.local", "localhost"], ["x.example"]),
        (["default", "corp.example"], ["x.corp.example", "x.local"], []),
        (["8.8.0.0/16"], ["1.1.8.8.in-addr.arpa"], ["1.1.9.8.in-addr.arpa"]),
        (["2001:db8:8000::/33"], ["f.8.b.d.0.1.0.0.2.ip6.arpa"], ["1.8.b.d.0.1.0.0.2.ip6.arpa"]),
    ],
)  # fmt: skip
def test_never_forward_replaces_or_extends(
    given: list[str], denied: list[str], free: list[str]
) -> None:
    table = routes(never_forward=given)
    assert [name for name in denied if not isinstance(of(table, name), Denied)] == []
    assert [name for name in free if not isinstance(of(table, name), Route)] == []


@pytest.mark.parametrize("text", ["10.0.0.1/8", "a..b", ".", "x" * 64])
def test_a_bad_value_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(SettingRefused, match=r"never-forward: .*; write domains"):
        routing.denied((text,))


def test_the_default_list_is_well_formed() -> None:
    assert len(routing.denied(("default",))) >= len(DEFAULT)


# --- N4, N5: upstream ---------------------------------------------------------------------------


def test_the_config_map_then_the_setting_then_resolv_conf() -> None:
    given = Nameservers(upstream=("192.0.2.8:53", "192.0.2.9:53"))
    fallback = ("192.0.2.53:53",)
    assert servers(of(routes(given, fallback), "x.example")) == given.upstream
    assert servers(of(routes(fallback=fallback), "x.example")) == UPSTREAM
    assert servers(of(routes(fallback=fallback, upstream=[]), "x.example")) == fallback
    assert of(routes(upstream=[]), "x.example") is None


def test_all_servers_are_known() -> None:
    table = routes(stub_domain=["corp.example=192.0.2.2 192.0.2.3:5353"])
    assert table.servers() == {"192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:5353"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.corp.example", "192.0.2.2:53 would be asked (--stub-domain)"),
        ("x.example", "192.0.2.1:53 would be asked (--upstream)"),
        ("x.local", "never forwarded: local. (--never-forward)"),
        ("localhost", "localhost is this machine (RFC 6761)"),
    ],
)
def test_it_explains_itself(name: str, text: str) -> None:
    table = routes(stub_domain=["corp.example=192.0.2.2"])
    assert table.explain(names.parse(name), A) == text
