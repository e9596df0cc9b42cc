"""Federated names, the corners that no decision names alone."""

from __future__ import annotations

import pytest

from tests.asking import Server, query

WORLD = """
federations f=example.com
node n zone=z region=r
cluster c zones=z region=r
cluster d zones=y region=q
service a/db headless
slice a/db-a of db db-0=10.244.0.1 pg:5432/tcp
service a/ext external www.example.net
service a/closed 10.96.0.1 http:80/tcp
federated a/db pg:5432/tcp d=198.51.100.1
federated a/ext http:80/tcp d=198.51.100.2
federated a/web http:80/tcp :81/tcp dns:53/udp c=- d=198.51.100.3
federated a/bare d=198.51.100.4
federated a/mixed http:80/tcp c=lb.example.net+198.51.100.5
federated a/named http:80/tcp c=two.example.net+one.example.net
federated a/dead http:80/tcp c=- d=-
synced
"""


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(WORLD)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        # ExternalName is usable as it is, and has nothing below it
        ("ext.a.f.svc", "A", "ext.a.f.svc CNAME ext.a.svc\next.a.svc CNAME www.example.net."),
        ("h.ext.a.f.svc", "A", "NXDOMAIN"),
        # ports
        ("_tcp.db.a.f.svc", "A", "NODATA"),
        ("_udp.db.a.f.svc", "A", "NXDOMAIN"),
        ("_nope._tcp.db.a.f.svc", "SRV", "NXDOMAIN"),
        ("_dns._udp.web.a.f.svc", "SRV", """
            _dns._udp.web.a.f.svc SRV 0 100 53 web.a.f.svc.example.com.
            ADDITIONAL
            web.a.f.svc.example.com. A 198.51.100.3"""),
        ("_http._tcp.dead.a.f.svc", "SRV", "NODATA"),
        ("_nope._tcp.dead.a.f.svc", "SRV", "NXDOMAIN"),
        ("bare.a.f.svc.q.example.com.", "SRV", "NODATA"),
        ("web.a.f.svc.example.com.", "SRV", """
            web.a.f.svc.example.com. SRV 0 33 80 web.a.f.svc.example.com.
            web.a.f.svc.example.com. SRV 0 33 81 web.a.f.svc.example.com.
            web.a.f.svc.example.com. SRV 0 33 53 web.a.f.svc.example.com.
            ADDITIONAL
            web.a.f.svc.example.com. A 198.51.100.3"""),
        # public port names
        ("_http._tcp.web.a.f.svc.q.example.com.", "SRV", """
            _http._tcp.web.a.f.svc.q.example.com. SRV 0 100 80 web.a.f.svc.q.example.com.
            ADDITIONAL
            web.a.f.svc.q.example.com. A 198.51.100.3"""),
        ("_http._tcp.web.a.f.svc.q.example.com.", "A", "NODATA"),
        ("_http._tcp.web.a.f.svc.z.r.example.com.", "SRV", "NODATA"),
        ("_nope._tcp.web.a.f.svc.q.example.com.", "SRV", "NXDOMAIN"),
        # other types at a rung
        ("web.a.f.svc.example.com.", "TXT", "NODATA"),
        ("web.a.f.svc.example.com.", "AAAA", "NODATA"),
        ("web.a.f.svc.example.com.", "ANY", 'web.a.f.svc.example.com. HINFO RFC8482 ""'),
        # host names of load balancers: addresses go before them; of several the first in order
        ("mixed.a.f.svc.z.r.example.com.", "A", "mixed.a.f.svc.z.r.example.com. A 198.51.100.5"),
        ("named.a.f.svc.z.r.example.com.", "A",
         "named.a.f.svc.z.r.example.com. CNAME one.example.net."),
    ],
)  # fmt: skip
def test_corner(server: Server, name: str, kind: str, expected: str) -> None:
    server.expect(name, kind, expected)


def test_a_local_service_left_out_by_namespaces_is_elsewhere() -> None:
    server = Server(WORLD, namespaces=["b"])
    assert server.said("db.a.f.svc", "CNAME").answer[0].rdata == "db.a.f.svc.z.r.example.com."


def test_the_ttl_of_the_local_service_holds_for_its_alias() -> None:
    server = Server("""
        federations f=example.com
        service a/s 10.96.0.1 ttl=90
        slice a/s-a of s 10.244.0.1
        synced""")
    assert {record.ttl for record in server.said("s.a.f.svc").answer} == {90}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web.a.f.svc", [("local shard", "not usable: it is not here"),
                         ("ladder: zone", "zone z: no healthy shard"),
                         ("ladder: region", "region r: no healthy shard"),
                         ("ladder: global", "everywhere: healthy in d")]),
        ("closed.a.f.svc", [("local shard", "not usable: it has no ready endpoint"),
                            ("federation view", "the federation has no such Service")]),
        ("db.a.f.svc", [("local shard", "usable")]),
        ("db-9.db.a.f.svc", [("local shard", "not usable: no ready endpoint has this hostname"),
                             ("ladder: zone", "zone z: no healthy shard")]),
        ("h.ext.a.f.svc", [("local shard", "not usable: an ExternalName has nothing below it")]),
        ("dead.a.f.svc", [("federation view",
                           "no healthy shard anywhere: the name has no records")]),
    ],
)  # fmt: skip
def test_why(server: Server, name: str, expected: list[tuple[str, str]]) -> None:
    told: list[tuple[str, str]] = []
    server.responder.miss(
        query(name).to_wire(), False, lambda step, text, **facts: told.append((step, text))
    )
    assert [step for step in told if step in expected][: len(expected)] == expected


def test_why_all_known_addresses() -> None:
    server = Server(WORLD + "federated a/dead c=- known=192.0.2.1", when_none_healthy="all")
    told: list[str] = []
    server.responder.miss(
        query("dead.a.f.svc").to_wire(), False, lambda step, text, **facts: told.append(text)
    )
    assert any("every known address" in text for text in told)
