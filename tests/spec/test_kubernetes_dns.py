"""The Kubernetes DNS specification 1.1.0, row by row: section, question, answer."""

import pytest

from tests.asking import Server
from tests.zonetext import flags

WORLD = """
service default/web 10.96.0.1 http:80/tcp dns:53/udp :8080/tcp
slice default/web-a of web 10.244.0.1 10.244.0.2 http:8080/tcp dns:53/udp
service default/six fd00:96::1 http:80/tcp
slice default/six-a of six fd00:10:244::1 http:8080/tcp
service default/dual 10.96.0.2 fd00:96::2 http:80/tcp
slice default/dual-a of dual 10.244.0.5 http:8080/tcp

service default/db headless
slice default/db-4 of db db-0=10.244.1.1 db-1=10.244.1.2 10.244.1.3!unready pg:5432/tcp :9187/tcp
slice default/db-6 of db db-0=fd00:10:244:1::1 db-1=fd00:10:244:1::2 fd00:10:244:1::3!unready pg:5432/tcp
service default/plain headless
slice default/plain-a of plain 10.244.2.1 fd00:10:244:2:: pg:5432/tcp
service default/many headless
slice default/many-a of many same=10.244.3.1 same=10.244.3.2 same=fd00:10:244:3::1 same=fd00:10:244:3::2
service default/waiting headless
slice default/waiting-a of waiting w-0=10.244.4.1!unready pg:5432/tcp
service default/nobody headless
service default/eager headless publish-not-ready
slice default/eager-a of eager e-0=10.244.5.1!unready pg:5432/tcp

service default/outside external www.example.net
service default/inside external dual.default.svc.cluster.local
synced
"""  # noqa: E501

ROWS = [
    # 2.1: names are compared without regard to case
    ("2.1 case", "WEB.Default.sVc", "A", "web.default.svc A 10.96.0.1"),
    # 2.1: an endpoint's name is its hostname, else a unique identifier
    ("2.1 hostname", "db-0.db.default.svc", "A", "db-0.db.default.svc A 10.244.1.1"),
    ("2.1 identifier", "10-244-2-1.plain.default.svc", "A",
     "10-244-2-1.plain.default.svc A 10.244.2.1"),
    ("2.1 identifier", "fd00-10-244-2--0.plain.default.svc", "AAAA",
     "fd00-10-244-2--0.plain.default.svc AAAA fd00:10:244:2::"),
    # 2.1: ready is what the slice says, or the Service tolerates the others
    ("2.1 ready", "10-244-1-3.db.default.svc", "A", "NXDOMAIN"),
    ("2.1 tolerated", "eager.default.svc", "A", "eager.default.svc A 10.244.5.1"),
    ("2.1 tolerated", "e-0.eager.default.svc", "A", "e-0.eager.default.svc A 10.244.5.1"),
    # 2.2
    ("2.2 version", "dns-version", "TXT", 'dns-version 28800 TXT "1.1.0"'),
    # 2.3.1
    ("2.3.1 A", "web.default.svc", "A", "web.default.svc A 10.96.0.1"),
    ("2.3.1 AAAA", "six.default.svc", "AAAA", "six.default.svc AAAA fd00:96::1"),
    ("2.3.1 dual", "dual.default.svc", "A", "dual.default.svc A 10.96.0.2"),
    ("2.3.1 dual", "dual.default.svc", "AAAA", "dual.default.svc AAAA fd00:96::2"),
    ("2.3.1 other family", "web.default.svc", "AAAA", "NODATA"),
    ("2.3.1 other family", "six.default.svc", "A", "NODATA"),
    # 2.3.2
    ("2.3.2 SRV", "_http._tcp.web.default.svc", "SRV", """
        _http._tcp.web.default.svc SRV 0 100 80 web.default.svc
        ADDITIONAL
        web.default.svc A 10.96.0.1"""),
    ("2.3.2 SRV udp", "_dns._udp.web.default.svc", "SRV", """
        _dns._udp.web.default.svc SRV 0 100 53 web.default.svc
        ADDITIONAL
        web.default.svc A 10.96.0.1"""),
    ("2.3.2 wrong protocol", "_http._udp.web.default.svc", "SRV", "NXDOMAIN"),
    ("2.3.2 unnamed port", "_8080._tcp.web.default.svc", "SRV", "NXDOMAIN"),
    ("2.3.2 unnamed port", "_._tcp.web.default.svc", "SRV", "NXDOMAIN"),
    ("2.3.2 additional", "_http._tcp.dual.default.svc", "SRV", """
        _http._tcp.dual.default.svc SRV 0 100 80 dual.default.svc
        ADDITIONAL
        dual.default.svc A 10.96.0.2
        dual.default.svc AAAA fd00:96::2"""),
    # 2.3.3
    ("2.3.3 PTR", "1.0.96.10.in-addr.arpa.", "PTR",
     "1.0.96.10.in-addr.arpa. PTR web.default.svc"),
    ("2.3.3 PTR 6", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.",
     "PTR", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa. "
     "PTR six.default.svc"),
    # 2.4.1
    ("2.4.1 A", "db.default.svc", "A", """
        db.default.svc A 10.244.1.1
        db.default.svc A 10.244.1.2"""),
    ("2.4.1 AAAA", "db.default.svc", "AAAA", """
        db.default.svc AAAA fd00:10:244:1::1
        db.default.svc AAAA fd00:10:244:1::2"""),
    ("2.4.1 none ready", "waiting.default.svc", "A", "NXDOMAIN"),
    ("2.4.1 none ready", "waiting.default.svc", "SRV", "NXDOMAIN"),
    ("2.4.1 none ready", "w-0.waiting.default.svc", "A", "NXDOMAIN"),
    ("2.4.1 no slice", "nobody.default.svc", "A", "NXDOMAIN"),
    ("2.4.1 one hostname", "same.many.default.svc", "A", """
        same.many.default.svc A 10.244.3.1
        same.many.default.svc A 10.244.3.2"""),
    ("2.4.1 one hostname", "same.many.default.svc", "AAAA", """
        same.many.default.svc AAAA fd00:10:244:3::1
        same.many.default.svc AAAA fd00:10:244:3::2"""),
    ("2.4.1 hostname AAAA", "db-1.db.default.svc", "AAAA",
     "db-1.db.default.svc AAAA fd00:10:244:1::2"),
    # 2.4.2: N ready endpoints × M named ports
    ("2.4.2 SRV", "_pg._tcp.db.default.svc", "SRV", """
        _pg._tcp.db.default.svc SRV 0 50 5432 db-0.db.default.svc
        _pg._tcp.db.default.svc SRV 0 50 5432 db-1.db.default.svc
        ADDITIONAL
        db-0.db.default.svc A 10.244.1.1
        db-0.db.default.svc AAAA fd00:10:244:1::1
        db-1.db.default.svc A 10.244.1.2
        db-1.db.default.svc AAAA fd00:10:244:1::2"""),
    ("2.4.2 SRV by address", "_pg._tcp.plain.default.svc", "SRV", """
        _pg._tcp.plain.default.svc SRV 0 50 5432 10-244-2-1.plain.default.svc
        _pg._tcp.plain.default.svc SRV 0 50 5432 fd00-10-244-2--0.plain.default.svc
        ADDITIONAL
        10-244-2-1.plain.default.svc A 10.244.2.1
        fd00-10-244-2--0.plain.default.svc AAAA fd00:10:244:2::"""),
    ("2.4.2 unnamed port", "_._tcp.db.default.svc", "SRV", "NXDOMAIN"),
    ("2.4.2 none ready", "_pg._tcp.waiting.default.svc", "SRV", "NXDOMAIN"),
    # 2.4.3
    ("2.4.3 PTR", "1.1.244.10.in-addr.arpa.", "PTR",
     "1.1.244.10.in-addr.arpa. PTR db-0.db.default.svc"),
    ("2.4.3 PTR by address", "1.2.244.10.in-addr.arpa.", "PTR",
     "1.2.244.10.in-addr.arpa. PTR 10-244-2-1.plain.default.svc"),
    ("2.4.3 PTR 6", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa.",
     "PTR", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa. "
     "PTR db-0.db.default.svc"),
    ("2.4.3 not ready", "3.1.244.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    # 2.5
    ("2.5 CNAME", "outside.default.svc", "CNAME", "outside.default.svc CNAME www.example.net."),
    ("2.5 outside", "outside.default.svc", "A", "outside.default.svc CNAME www.example.net."),
    ("2.5 chased A", "inside.default.svc", "A", """
        inside.default.svc CNAME dual.default.svc
        dual.default.svc A 10.96.0.2"""),
    ("2.5 chased AAAA", "inside.default.svc", "AAAA", """
        inside.default.svc CNAME dual.default.svc
        dual.default.svc AAAA fd00:96::2"""),
    # beyond the specification, what every client expects
    ("apex SOA", "cluster.local.", "SOA", "SOA cluster.local."),
    ("apex NS", "cluster.local.", "NS", """
        cluster.local. NS ns.dns
        ADDITIONAL
        ns.dns A 10.96.0.10"""),
    ("apex glue", "ns.dns", "A", "ns.dns A 10.96.0.10"),
    ("apex nothing else", "cluster.local.", "A", "NODATA"),
    ("non-terminal", "svc", "A", "NODATA"),
    ("non-terminal", "default.svc", "A", "NODATA"),
    ("non-terminal", "_tcp.web.default.svc", "SRV", "NODATA"),
    ("missing", "nope.default.svc", "A", "NXDOMAIN"),
    ("missing", "web.nowhere.svc", "A", "NXDOMAIN"),
    ("missing", "nowhere.svc", "A", "NXDOMAIN"),
    ("missing", "nope", "A", "NXDOMAIN"),
    ("outside", "www.example.net.", "A", "REFUSED"),
    ("outside", ".", "NS", "REFUSED"),
    ("outside reverse", "7.100.51.198.in-addr.arpa.", "PTR", "REFUSED"),
    ("AXFR", "cluster.local.", "AXFR", "REFUSED"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(WORLD)


@pytest.mark.parametrize(
    ("name", "kind", "expected"), [row[1:] for row in ROWS],
    ids=[f"{row[0]}: {row[1]} {row[2]}" for row in ROWS],
)  # fmt: skip
def test_row(server: Server, name: str, kind: str, expected: str) -> None:
    server.expect(name, kind, expected)


def test_own_answers_are_authoritative_and_offer_no_recursion(server: Server) -> None:
    for name in ("web.default.svc", "nope.default.svc", "db.default.svc"):
        assert flags(server.ask(name)) == {"QR", "AA", "RD"}
    assert flags(server.ask("www.example.net.")) == {"QR", "RD"}


def test_before_the_first_sync_nothing_is_denied() -> None:
    server = Server("service default/web 10.96.0.1")
    for name in (
        "web.default.svc",
        "nope.default.svc",
        "1.0.96.10.in-addr.arpa.",
        "cluster.local.",
    ):
        reply = server.ask(name)
        assert server.said(name).rcode == "SERVFAIL"
        assert flags(reply) == {"QR", "RD"}
        assert [option.code for option in reply.options[0:1]] == [14]
    server.expect("www.example.net.", "A", "REFUSED")
    server.happen("synced")
    server.expect("web.default.svc", "A", "web.default.svc A 10.96.0.1")


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("disabled", "10-244-0-9.default.pod", "NXDOMAIN"),
        ("disabled", "default.pod", "NXDOMAIN"),
        ("disabled", "pod", "NODATA"),
        ("insecure", "10-244-0-9.default.pod", "10-244-0-9.default.pod A 10.244.0.9"),
        ("insecure", "10-244-0-8.default.pod", "10-244-0-8.default.pod A 10.244.0.8"),
        ("insecure", "10-244-0-9.nowhere.pod", "NXDOMAIN"),
        ("insecure", "default.pod", "NODATA"),
        ("insecure", "pod", "NODATA"),
        ("verified", "10-244-0-9.default.pod", "10-244-0-9.default.pod A 10.244.0.9"),
        ("verified", "10-244-0-8.default.pod", "NXDOMAIN"),
        ("verified", "10-244-0-9.other.pod", "NXDOMAIN"),
    ],
)
def test_pods(mode: str, name: str, expected: str) -> None:
    server = Server(
        "namespace default\nnamespace other\npod default/one 10.244.0.9\nsynced", pods=mode
    )
    server.expect(name, "A", expected)


def test_pods_of_ipv6() -> None:
    server = Server("pod default/one fd00::9\nnamespace default\nsynced", pods="verified")
    server.expect("fd00--9.default.pod", "AAAA", "fd00--9.default.pod AAAA fd00::9")
    server.expect("fd00--9.default.pod", "A", "NODATA")


def test_only_some_namespaces_are_served() -> None:
    server = Server(
        """
        service shop/web 10.96.0.1
        service other/web 10.96.0.2
        service shop/blog external web.other.svc.cluster.local
        synced
        """,
        namespaces="shop,missing", pods="insecure",
    )  # fmt: skip
    server.expect("web.shop.svc", "A", "web.shop.svc A 10.96.0.1")
    for name in ("web.other.svc", "other.svc", "10-244-0-1.other.pod", "missing.svc"):
        server.expect(name, "A", "NXDOMAIN")
    server.expect("2.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN")
    server.expect("blog.shop.svc", "A", """
        NXDOMAIN
        blog.shop.svc CNAME web.other.svc
        AUTHORITY
        SOA cluster.local.""")  # fmt: skip


def test_ttl_of_the_server_and_of_one_service() -> None:
    server = Server(
        "service default/a 10.96.0.1\nservice default/b 10.96.0.2 ttl=90\nsynced", ttl=30
    )
    server.expect("a.default.svc", "A", "a.default.svc 30 A 10.96.0.1")
    server.expect("b.default.svc", "A", "b.default.svc 90 A 10.96.0.2")
    soa = "ns.dns hostmaster 1 7200 1800 86400 30"
    server.expect("c.default.svc", "A", f"NXDOMAIN\nAUTHORITY\ncluster.local. 30 SOA {soa}")


def test_ignore_empty_services() -> None:
    world = """
        service default/web 10.96.0.1
        slice default/web-a of web 10.244.0.1!unready
        service default/full 10.96.0.2
        slice default/full-a of full 10.244.0.2
        service default/blog external www.example.net
        synced
        """
    Server(world).expect("web.default.svc", "A", "web.default.svc A 10.96.0.1")
    server = Server(world, ignore_empty_services=True)
    server.expect("web.default.svc", "A", "NXDOMAIN")
    server.expect("1.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN")
    server.expect("full.default.svc", "A", "full.default.svc A 10.96.0.2")
    server.expect("blog.default.svc", "CNAME", "blog.default.svc CNAME www.example.net.")


def test_endpoint_pod_names() -> None:
    server = Server(
        """
        service default/db headless
        slice default/db-a of db 10.244.0.1@pod-1 db-0=10.244.0.2@pod-2 10.244.0.3
        synced
        """,
        endpoint_pod_names=True,
    )
    server.expect("pod-1.db.default.svc", "A", "pod-1.db.default.svc A 10.244.0.1")
    server.expect("10-244-0-1.db.default.svc", "A", "NXDOMAIN")
    server.expect("db-0.db.default.svc", "A", "db-0.db.default.svc A 10.244.0.2")
    server.expect("pod-2.db.default.svc", "A", "NXDOMAIN")
    server.expect("10-244-0-3.db.default.svc", "A", "10-244-0-3.db.default.svc A 10.244.0.3")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR",
                  "1.0.244.10.in-addr.arpa. PTR pod-1.db.default.svc")  # fmt: skip


def test_several_slices_give_each_endpoint_once() -> None:
    server = Server("""
        service default/db headless
        slice default/db-a of db 10.244.0.1 10.244.0.2 pg:5432/tcp
        slice default/db-b of db 10.244.0.2 10.244.0.3 pg:5432/tcp
        synced
        """)
    server.expect("db.default.svc", "A", """
        db.default.svc A 10.244.0.1
        db.default.svc A 10.244.0.2
        db.default.svc A 10.244.0.3""")  # fmt: skip
    assert len(server.said("_pg._tcp.db.default.svc", "SRV").answer) == 3


def test_ports_that_only_some_slices_have() -> None:
    server = Server("""
        service default/db headless
        slice default/db-a of db 10.244.0.1 pg:5432/tcp
        slice default/db-b of db 10.244.0.2 pg:5433/tcp metrics:9187/tcp
        synced
        """)
    server.expect("_pg._tcp.db.default.svc", "SRV", """
        _pg._tcp.db.default.svc SRV 0 50 5432 10-244-0-1.db.default.svc
        _pg._tcp.db.default.svc SRV 0 50 5433 10-244-0-2.db.default.svc
        ADDITIONAL
        10-244-0-1.db.default.svc A 10.244.0.1
        10-244-0-2.db.default.svc A 10.244.0.2""")  # fmt: skip
    server.expect("_metrics._tcp.db.default.svc", "SRV", """
        _metrics._tcp.db.default.svc SRV 0 100 9187 10-244-0-2.db.default.svc
        ADDITIONAL
        10-244-0-2.db.default.svc A 10.244.0.2""")  # fmt: skip


def test_another_cluster_domain() -> None:
    server = Server("service default/web 10.96.0.1\nsynced", cluster_domain="Corp.Example")
    server.expect("web.default.svc.corp.example.", "A", "web.default.svc.corp.example. A 10.96.0.1")
    assert server.said("web.default.svc.cluster.local.").rcode == "REFUSED"
