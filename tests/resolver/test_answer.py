"""From a question to record sets: zones, stages, and names that cannot be written."""

from __future__ import annotations

import pytest

from tests import asking, zonetext
from tests.asking import Server, query

S63, N63, F63 = "s" * 63, "n" * 63, "f" * 63
LONG_DOMAIN = ".".join(["d" * 60] * 3)


# --- which zone -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cluster", "zones", "name", "apex"),
    [
        ("cluster.local", ["10.0.0.0/8", "10.96.0.0/16"], "9.9.96.10.in-addr.arpa.", "96.10"),
        ("cluster.local", ["10.0.0.0/8", "10.96.0.0/16"], "9.9.97.10.in-addr.arpa.", "10"),
        ("cluster.local", ["in-addr.arpa", "10.0.0.0/8"], "9.9.96.10.in-addr.arpa.", "10"),
        ("one", ["in-addr.arpa", "10.0.0.0/8"], "9.9.96.10.in-addr.arpa.", "10"),
        ("k8s.corp.example", ["10.0.0.0/8", "10.96.0.0/16"], "9.9.96.10.in-addr.arpa.", "96.10"),
        ("a.b.c.example", ["10.96.0.0/16", "10.96.7.0/24"], "9.7.96.10.in-addr.arpa.", "7.96.10"),
    ],
)
def test_the_deepest_zone_answers(cluster: str, zones: list[str], name: str, apex: str) -> None:
    server = Server("synced", cluster_domain=cluster, reverse_zone=zones)
    said = server.said(name, "PTR")
    assert said.rcode == "NXDOMAIN"
    assert [record.owner for record in said.authority] == [f"{apex}.in-addr.arpa."]


def test_a_cluster_domain_of_one_label() -> None:
    server = Server("service a/s 10.96.0.1\nsynced", cluster_domain="k8s")
    assert server.said("s.a.svc.k8s.").answer[0].rdata == "10.96.0.1"
    assert server.said("k8s.", "NS").answer[0].rdata == "ns.dns.k8s."
    assert server.said("local.").rcode == "REFUSED"


def test_a_federation_whose_domain_lies_in_the_cluster_s() -> None:
    """The cluster's zone answers for it: the public names are not below it."""
    server = Server("""
        federations f=pub.cluster.local
        cluster c zones=z region=r
        federated a/s c=198.51.100.1
        synced""")
    server.expect("s.a.f.svc.z.r.pub", "A", "NXDOMAIN")


# --- names that cannot be written -------------------------------------------------------------


def test_a_rung_over_255_octets_is_servfail() -> None:
    server = Server(f"""
        federations {F63}={LONG_DOMAIN}
        node n zone=z region=r
        synced""", view=False)  # fmt: skip
    name = f"{S63}.ns.{F63}.svc"
    reply = server.ask(name)
    assert zonetext.read(reply) == ("SERVFAIL", [], [], [])
    assert [option.code for option in reply.options] == [0]


def test_with_a_view_too() -> None:
    server = Server(f"""
        federations {F63}={LONG_DOMAIN}
        node n zone=z region=r
        cluster c zones=z region=r
        federated ns/{S63} http:80/tcp c=198.51.100.1
        synced""")
    for kind in ("A", "SRV", "CNAME"):
        assert server.said(f"{S63}.ns.{F63}.svc", kind).rcode == "SERVFAIL"
    assert server.said(f"_http._tcp.{S63}.ns.{F63}.svc", "SRV").rcode == "SERVFAIL"


def test_an_alias_that_leads_to_one() -> None:
    server = Server(f"""
        federations {F63}={LONG_DOMAIN}
        service a/s external {S63}.ns.{F63}.svc.cluster.local
        synced""", view=False)  # fmt: skip
    assert server.said("s.a.svc").rcode == "SERVFAIL"


def test_a_recorder_and_a_name_over_255_octets() -> None:
    server = Server(f"""
        federations {F63}={LONG_DOMAIN}
        node n zone=z region=r
        cluster c zones=z region=r
        federated ns/{S63} c=198.51.100.1
        synced""")
    steps: list[str] = []
    message = query(f"{S63}.ns.{F63}.svc").to_wire()
    server.responder.miss(message, False, lambda step, text, **facts: steps.append(step))
    assert steps


def test_the_longest_names_that_fit() -> None:
    endpoint = "h" * 63
    server = Server(f"""
        service {N63}/{S63} headless
        slice {N63}/x of {S63} {endpoint}=10.244.0.1 http:80/tcp
        synced""")
    name = f"{endpoint}.{S63}.{N63}.svc"
    server.expect(name, "A", f"{name} A 10.244.0.1")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR", f"1.0.244.10.in-addr.arpa. PTR {name}")
    said = server.said(f"_http._tcp.{S63}.{N63}.svc", "SRV")
    assert said.answer[0].rdata == f"0 100 80 {name}.cluster.local."


# --- stages -----------------------------------------------------------------------------------


def test_the_type_is_refused_before_the_zone_is_looked_for() -> None:
    server = Server("namespace a")
    for kind, rcode in (("AXFR", "REFUSED"), ("TYPE200", "NOTIMP"), ("A", "SERVFAIL")):
        assert server.said("a.svc", kind).rcode == rcode
    assert server.said("www.example.net.", "TYPE200").rcode == "NOTIMP"
    assert server.said("www.example.net.", "A").rcode == "REFUSED"


def test_a_chain_from_the_cluster_through_the_federation_and_back() -> None:
    server = Server("""
        federations f=example.com
        node n zone=z region=r
        cluster c zones=z region=r
        service a/start external s.a.f.svc.cluster.local
        federated a/s c=end.a.svc.cluster.local
        service a/end 10.96.0.1
        synced""")
    server.expect("start.a.svc", "A", """
        start.a.svc CNAME s.a.f.svc
        s.a.f.svc CNAME s.a.f.svc.z.r.example.com.
        s.a.f.svc.z.r.example.com. CNAME end.a.svc
        end.a.svc A 10.96.0.1""")  # fmt: skip


def test_a_loop_through_the_federation_ends() -> None:
    server = Server("""
        federations f=example.com
        node n zone=z region=r
        cluster c zones=z region=r
        federated a/s c=s.a.f.svc.cluster.local
        synced""")
    server.expect("s.a.f.svc", "A", """
        s.a.f.svc CNAME s.a.f.svc.z.r.example.com.
        s.a.f.svc.z.r.example.com. CNAME s.a.f.svc""")  # fmt: skip


def test_a_chain_that_leaves_ends_where_it_leaves() -> None:
    server = Server("""
        federations f=example.com
        service a/s external www.example.com
        synced""")
    server.expect("s.a.svc", "A", "s.a.svc CNAME www.example.com.")


def test_the_steps_of_a_chain_are_told() -> None:
    server = Server("""
        service a/s external t.a.svc.cluster.local
        service a/t external www.example.net
        synced""")
    told: list[tuple[str, str]] = []
    server.responder.miss(
        query("s.a.svc").to_wire(), False, lambda step, text, **facts: told.append((step, text))
    )
    assert [text for step, text in told if step == "outcome"] == [
        "alias of t.a.svc.cluster.local.", "alias of www.example.net."
    ]  # fmt: skip
    assert ("zone", "none of this server's") in told


def test_soa_serial_is_the_one_given() -> None:
    server = Server("synced")
    said = server.said("cluster.local.", "SOA")
    assert said.answer[0].rdata.split()[2] == str(zonetext.SERIAL)


@pytest.mark.parametrize("addresses", [[], ["192.0.2.53"], ["2001:db8::53", "192.0.2.53"]])
def test_glue_is_what_is_set(addresses: list[str]) -> None:
    server = Server("synced", nameserver_address=addresses)
    for apex in ("cluster.local.", "10.in-addr.arpa."):
        said = server.said(apex, "NS")
        assert [record.rdata for record in said.answer] == ["ns.dns.cluster.local."]
        assert {record.rdata for record in said.additional} == set(addresses)
    found = [r.rdata for kind in ("AAAA", "A") for r in server.said("ns.dns", kind).answer]
    assert found == addresses
    assert server.said("ns.dns", "A").rcode == "NOERROR"


def test_wire_helper() -> None:
    assert asking.wire("a") == b"\x01a\x07cluster\x05local\x00"
