"""PTR in reverse zones of every size."""

from __future__ import annotations

import ipaddress

import dns.reversename
import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests import zonetext
from tests.asking import Server

WORLD = """
service default/web 10.96.0.1 fd00:96::1
slice default/web-a of web h=10.244.0.1 10.244.0.2+fd00:244::2
service default/db headless
slice default/db-a of db db-0=10.244.0.1 10.244.0.3!unready
service default/quick 10.96.0.2 ttl=2
slice default/quick-a of quick 10.244.0.9
service default/slow 10.96.0.3 ttl=60
slice default/slow-a of slow 10.244.0.9
synced
"""


def pointer(address: str) -> str:
    return dns.reversename.from_address(address).to_text()


@pytest.mark.parametrize(
    "zone",
    ["0.0.0.0/0", "10.0.0.0/7", "10.0.0.0/8", "10.96.0.0/12", "10.96.0.0/16", "10.96.0.0/24",
     "10.96.0.0/25", "10.96.0.0/30", "10.96.0.1/32", "10.96.0.1", "in-addr.arpa",
     "96.10.in-addr.arpa", "1.0.96.10.in-addr.arpa"],
)  # fmt: skip
def test_ipv4_zones_of_every_size(zone: str) -> None:
    said = Server(WORLD, reverse_zone=[zone]).said(pointer("10.96.0.1"), "PTR")
    assert said.rcode == "NOERROR"
    assert [record.rdata for record in said.answer] == ["web.default.svc.cluster.local."]


@pytest.mark.parametrize(
    "zone",
    ["::/0", "fc00::/7", "fd00::/8", "fd00:96::/33", "fd00:96::/126", "fd00:96::1", "ip6.arpa"],
)
def test_ipv6_zones_of_every_size(zone: str) -> None:
    said = Server(WORLD, reverse_zone=[zone]).said(pointer("fd00:96::1"), "PTR")
    assert said.rcode == "NOERROR"
    assert [record.rdata for record in said.answer] == ["web.default.svc.cluster.local."]


def test_the_apex_of_a_zone_that_is_one_address() -> None:
    server = Server(WORLD, reverse_zone=["10.96.0.1/32", "10.96.0.200/32"])
    apex = pointer("10.96.0.1")
    for kind in ("SOA", "NS"):
        assert [record.type for record in server.said(apex, kind).answer] == [kind]
    assert server.said(apex, "A") == (
        "NOERROR",
        [],
        [zonetext.soa(dns.reversename.from_address("10.96.0.1"))],
        [],
    )
    unused = server.said(pointer("10.96.0.200"), "PTR")
    assert (unused.rcode, unused.answer) == ("NOERROR", [])


def test_outside_the_zones_is_not_ours() -> None:
    server = Server(WORLD, reverse_zone=["10.244.0.0/16"])
    assert server.said(pointer("10.96.0.1"), "PTR").rcode == "REFUSED"
    assert server.said(pointer("fd00:96::1"), "PTR").rcode == "REFUSED"
    assert Server(WORLD, reverse_zone="").said(pointer("10.96.0.1"), "PTR").rcode == "REFUSED"


def test_zones_within_zones() -> None:
    server = Server(WORLD, reverse_zone=["10.0.0.0/8", "10.96.0.0/16"])
    said = server.said(pointer("10.96.0.77"), "PTR")
    assert [record.owner for record in said.authority] == ["96.10.in-addr.arpa."]
    assert server.said(pointer("10.244.0.1"), "PTR").rcode == "NOERROR"


def test_one_address_of_two_services() -> None:
    Server(WORLD).expect(pointer("10.244.0.1"), "PTR", f"""
        {pointer('10.244.0.1')} PTR h.web.default.svc
        {pointer('10.244.0.1')} PTR db-0.db.default.svc""")  # fmt: skip


def test_records_of_one_set_have_one_ttl() -> None:
    """The shortest (RFC 2181 §5.2)."""
    said = Server(WORLD).said(pointer("10.244.0.9"), "PTR")
    assert [record.ttl for record in said.answer] == [2, 2]


def test_an_endpoint_of_both_families() -> None:
    server = Server(WORLD)
    for address, label in (("10.244.0.2", "10-244-0-2"), ("fd00:244::2", "fd00-244--2")):
        server.expect(pointer(address), "PTR", f"{pointer(address)} PTR {label}.web.default.svc")


@pytest.mark.parametrize(
    ("name", "rcode"),
    [("10.in-addr.arpa.", "NOERROR"), ("244.10.in-addr.arpa.", "NOERROR"),
     ("0.244.10.in-addr.arpa.", "NOERROR"), ("1.0.244.10.in-addr.arpa.", "NOERROR"),
     ("3.0.244.10.in-addr.arpa.", "NXDOMAIN"), ("1.1.0.244.10.in-addr.arpa.", "NXDOMAIN"),
     ("x.10.in-addr.arpa.", "NXDOMAIN"), ("x.0.244.10.in-addr.arpa.", "NXDOMAIN"),
     ("00.10.in-addr.arpa.", "NXDOMAIN"), ("256.10.in-addr.arpa.", "NXDOMAIN"),
     ("d.f.ip6.arpa.", "NOERROR"), ("0.d.f.ip6.arpa.", "NOERROR"), ("0.D.F.IP6.ARPA.", "NOERROR"),
     ("g.d.f.ip6.arpa.", "NXDOMAIN"), ("00.d.f.ip6.arpa.", "NXDOMAIN")],
)  # fmt: skip
def test_what_exists(name: str, rcode: str) -> None:
    assert Server(WORLD).said(name, "A").rcode == rcode


@given(st.binary(min_size=4, max_size=4).map(lambda octets: b"\x0a" + octets[1:]))
def test_any_address_has_a_name_or_none(octets: bytes) -> None:
    said = SERVER.said(pointer(str(ipaddress.ip_address(octets))), "PTR")
    known = SERVER.store.current.reverse.get(octets, ())
    assert said.rcode == ("NOERROR" if known else "NXDOMAIN")


SERVER = Server(WORLD)
