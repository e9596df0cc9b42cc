"""Each row of what CoreDNS answers, and what this server decided: the same, or what the RFCs say.

The row's id is in the first column; where this server differs, the comment says in favour of what.
"""

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
import pytest

from tests import zonetext
from tests.asking import Server, query

WORLD = """
service zoo/web 10.96.0.1 http:80/tcp :8080/tcp
slice zoo/web-a of web 10.244.0.1 hare=10.244.0.2 http:8080/tcp
service zoo/dual 10.96.0.2 fd00:96::2 http:80/tcp
slice zoo/dual-a of dual 10.244.0.5 http:8080/tcp
service zoo/hosts headless
slice zoo/hosts-a of hosts hosts-0=10.244.1.1@pod-0 10.244.1.2+10.244.1.3@pod-1 pg:5432/tcp
slice zoo/hosts-6 of hosts fd00:10:244:5:: ::a:b
slice zoo/lost of orphan lost=10.244.2.1
service zoo/four headless
slice zoo/four-a of four 10.244.3.1
service zoo/leaving headless
slice zoo/leaving-a of leaving 10.244.4.1!terminating
service zoo/closed 10.96.0.3 http:80/tcp
service zoo/tolerant headless publish-not-ready
slice zoo/tolerant-a of tolerant t-0=10.244.5.1!unready
service zoo/waiting headless
slice zoo/waiting-a of waiting 10.244.6.1!unready
service zoo/ext-missing external gone.zoo.svc.cluster.local
service zoo/ext-waiting external waiting.zoo.svc.cluster.local
service zoo/ext-family external web.zoo.svc.cluster.local
service zoo/ext-between external svc.cluster.local
service zoo/ext-loop external ext-pool.zoo.svc.cluster.local
service zoo/ext-pool external ext-loop.zoo.svc.cluster.local
service zoo/ext-self external ext-self.zoo.svc.cluster.local
service zoo/ext-below external a.ext-below.zoo.svc.cluster.local
service zoo/ext-out external www.example.net
service zoo/ext-dot external dual.zoo.svc.cluster.local.
service zoo/ext-address external 10.9.8.7
namespace zoo
synced
"""

ROWS = [
    # The same as CoreDNS: all ports, the unnamed ones too.
    ("K-SRV-BARE", "web.zoo.svc", "SRV", """
        web.zoo.svc SRV 0 50 80 web.zoo.svc
        web.zoo.svc SRV 0 50 8080 web.zoo.svc
        ADDITIONAL
        web.zoo.svc A 10.96.0.1"""),
    ("K-SRV-ENDPOINT", "hosts-0.hosts.zoo.svc", "SRV", "NODATA"),
    ("K-SRV-POD", "10-244-0-1.zoo.pod", "SRV", "NODATA"),
    ("K-A-AT-PORT", "_http._tcp.web.zoo.svc", "A", "NODATA"),
    ("K-A-AT-PORT", "_http._tcp.web.zoo.svc", "AAAA", "NODATA"),
    ("K-BARE-WORDS", "http.tcp.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-BARE-WORDS", "_http.tcp.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-BARE-WORDS", "http._tcp.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "_._tcp.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "_http._.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "_._.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "_.web.zoo.svc", "SRV", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "*.web.zoo.svc", "A", "NXDOMAIN"),
    ("K-EMPTY-LABEL", "*.*.svc", "A", "NXDOMAIN"),
    # The same: endpoints of ClusterIP Services have names, both ways.
    ("K-ENDPOINT-CLUSTERIP", "10-244-0-1.web.zoo.svc", "A", "10-244-0-1.web.zoo.svc A 10.244.0.1"),
    ("K-PTR-CLUSTERIP-ENDPOINT", "1.0.244.10.in-addr.arpa.", "PTR",
     "1.0.244.10.in-addr.arpa. PTR 10-244-0-1.web.zoo.svc"),
    ("K-PTR-CLUSTERIP-ENDPOINT", "2.0.244.10.in-addr.arpa.", "PTR",
     "2.0.244.10.in-addr.arpa. PTR hare.web.zoo.svc"),
    ("K-DASH-IP", "fd00-10-244-5--0.hosts.zoo.svc", "AAAA",
     "fd00-10-244-5--0.hosts.zoo.svc AAAA fd00:10:244:5::"),
    ("K-DASH-IP", "--a-b.hosts.zoo.svc", "AAAA", "--a-b.hosts.zoo.svc AAAA ::a:b"),
    ("K-DASH-IP hidden by a hostname", "10-244-1-1.hosts.zoo.svc", "A", "NXDOMAIN"),
    ("K-DASH-IP never the pod", "pod-1.hosts.zoo.svc", "A", "NXDOMAIN"),
    # The same: all addresses of an endpoint.
    ("K-MULTIADDR", "hosts.zoo.svc", "A", """
        hosts.zoo.svc A 10.244.1.1
        hosts.zoo.svc A 10.244.1.2
        hosts.zoo.svc A 10.244.1.3"""),
    # A name that does not exist is not pointed to.
    ("K-ORPHAN", "1.2.244.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("K-ORPHAN", "lost.orphan.zoo.svc", "A", "NXDOMAIN"),
    ("K-VERSION-REVERSE", "dns-version.10.in-addr.arpa.", "TXT", "NXDOMAIN"),
    # A name exists for every type or for none (RFC 8020).
    *[("K-TXT-APEX", name, "TXT", "NODATA")
      for name in ("cluster.local.", "svc", "pod", "zoo.svc", "zoo.pod", "ns.dns")],
    ("K-SOA-BELOW", "nope.zoo.svc", "SOA", "NXDOMAIN"),
    ("K-SOA-BELOW", "web.zoo.svc", "SOA", "NODATA"),
    *[("K-VERSION-NODATA", "dns-version", kind, "NODATA")
      for kind in ("A", "AAAA", "SRV", "CNAME")],
    ("K-ENT-PROTO", "_tcp.web.zoo.svc", "A", "NODATA"),
    ("K-ENT-PROTO", "_udp.web.zoo.svc", "A", "NXDOMAIN"),
    ("K-ENT-DNS", "dns", "A", "NODATA"),
    ("K-ENT-REVERSE", "96.10.in-addr.arpa.", "PTR", "NODATA"),
    ("K-ENT-REVERSE", "10.in-addr.arpa.", "PTR", "NODATA"),
    *[("K-REVERSE-TYPES", "1.0.96.10.in-addr.arpa.", kind, "NODATA")
      for kind in ("A", "TXT", "CNAME")],
    ("K-REVERSE-SVC", "svc.10.in-addr.arpa.", "A", "NXDOMAIN"),
    ("K-REVERSE-LONG",
     "f.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.", "PTR",
     "NXDOMAIN"),
    ("K-REVERSE-LONG",
     "www.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.", "PTR",
     "NXDOMAIN"),
    ("K-REVERSE-LONG (IPv4)", "9.1.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("K-REVERSE-LONG (IPv4)", "01.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("K-REVERSE-LONG (IPv4)", "256.0.96.10.in-addr.arpa.", "PTR", "NXDOMAIN"),
    ("K-POD-DEEP", "x.10-244-0-1.zoo.pod", "A", "NXDOMAIN"),
    ("K-POD-DEEP", "y.x.10-244-0-1.zoo.pod", "A", "NXDOMAIN"),
    # Only what is an address, and in the family it has.
    ("K-POD-LAX", "10--244-0-1.zoo.pod", "A", "NODATA"),
    ("K-POD-LAX", "10--244-0-1.zoo.pod", "AAAA", "10--244-0-1.zoo.pod AAAA 10::244:0:1"),
    ("K-POD-LAX", "--.zoo.pod", "AAAA", "--.zoo.pod AAAA ::"),
    ("K-POD-LAX", "10-244--0.zoo.pod", "A", "NODATA"),
    ("K-POD-LAX", "10-244-0-1%1.zoo.pod", "A", "NXDOMAIN"),
    ("K-POD-LAX", "fd00--1%1.zoo.pod", "AAAA", "NXDOMAIN"),
    ("K-POD-LAX", "fd00:.1.zoo.pod", "AAAA", "NXDOMAIN"),
    ("K-POD-LAX", "fd00::1.zoo.pod", "AAAA", "NXDOMAIN"),
    ("K-POD-LAX", "--10\\.9\\.8\\.7.zoo.pod", "AAAA", "NXDOMAIN"),
    ("K-POD-LAX", "--ffff-a00-1.zoo.pod", "A", "NODATA"),
    ("K-POD-LAX", "10-244-0.zoo.pod", "A", "NXDOMAIN"),
    ("K-POD-LAX", "10-244-0-256.zoo.pod", "A", "NXDOMAIN"),
    ("K-POD-LAX", "010-244-0-1.zoo.pod", "A", "NXDOMAIN"),
    ("K-POD-LAX", "10-9-8-7.zoo.pod", "A", "10-9-8-7.zoo.pod A 10.9.8.7"),
    ("K-POD-LAX", "10-9-8-7.nope.pod", "A", "NXDOMAIN"),
    # The Service decides.
    ("K-TOLERANT", "tolerant.zoo.svc", "A", "tolerant.zoo.svc A 10.244.5.1"),
    ("K-TOLERANT", "t-0.tolerant.zoo.svc", "A", "t-0.tolerant.zoo.svc A 10.244.5.1"),
    # The same.
    ("K-LEAVING", "leaving.zoo.svc", "A", "NXDOMAIN"),
    ("K-EMPTY-HEADLESS", "waiting.zoo.svc", "A", "NXDOMAIN"),
    ("K-EMPTY-HEADLESS", "waiting.zoo.svc", "TXT", "NXDOMAIN"),
    ("K-EMPTY-HEADLESS other family", "four.zoo.svc", "AAAA", "NODATA"),
    # RFC 1034: the CNAME is in the answer, whatever becomes of its target; the rcode is that of the
    # last name (RFC 6604).
    ("K-EXT-NODATA missing", "ext-missing.zoo.svc", "A", """
        NXDOMAIN
        ext-missing.zoo.svc CNAME gone.zoo.svc
        AUTHORITY
        SOA cluster.local."""),
    ("K-EXT-NODATA not ready", "ext-waiting.zoo.svc", "A", """
        NXDOMAIN
        ext-waiting.zoo.svc CNAME waiting.zoo.svc
        AUTHORITY
        SOA cluster.local."""),
    ("K-EXT-NODATA other family", "ext-family.zoo.svc", "AAAA", """
        ext-family.zoo.svc CNAME web.zoo.svc
        AUTHORITY
        SOA cluster.local."""),
    ("K-EXT-NODATA non-terminal", "ext-between.zoo.svc", "A", """
        ext-between.zoo.svc CNAME svc
        AUTHORITY
        SOA cluster.local."""),
    ("K-EXT-NODATA loop", "ext-loop.zoo.svc", "A", """
        ext-loop.zoo.svc CNAME ext-pool.zoo.svc
        ext-pool.zoo.svc CNAME ext-loop.zoo.svc"""),
    ("K-EXT-NODATA itself", "ext-self.zoo.svc", "A", "ext-self.zoo.svc CNAME ext-self.zoo.svc"),
    ("K-EXT-NODATA below itself", "ext-below.zoo.svc", "A", """
        NXDOMAIN
        ext-below.zoo.svc CNAME a.ext-below.zoo.svc
        AUTHORITY
        SOA cluster.local."""),
    *[("K-EXT-TYPES", "ext-out.zoo.svc", kind, "ext-out.zoo.svc CNAME www.example.net.")
      for kind in ("TXT", "MX", "HTTPS", "SRV", "ANY", "CNAME")],
    ("K-EXT-TYPES", "ext-dot.zoo.svc", "TXT", """
        ext-dot.zoo.svc CNAME dual.zoo.svc
        AUTHORITY
        SOA cluster.local."""),
    ("K-EXT-RCODE", "ext-out.zoo.svc", "A", "ext-out.zoo.svc CNAME www.example.net."),
    ("K-EXT-IP", "ext-address.zoo.svc", "A", "ext-address.zoo.svc CNAME 10.9.8.7."),
    ("K-EXT a dot at the end makes no difference", "ext-dot.zoo.svc", "AAAA", """
        ext-dot.zoo.svc CNAME dual.zoo.svc
        dual.zoo.svc AAAA fd00:96::2"""),
    ("K-NS", "cluster.local.", "NS", """
        cluster.local. NS ns.dns
        ADDITIONAL
        ns.dns A 10.96.0.10"""),
    ("K-NS", "ns.dns", "AAAA", "NODATA"),
    ("K-NS-CASE", "CLUSTER.local.", "NS", """
        cluster.local. NS ns.dns
        ADDITIONAL
        ns.dns A 10.96.0.10"""),
    ("K-NS-CASE", "nS.dNs", "A", "ns.dns A 10.96.0.10"),
    ("K-NS-CASE reverse", "10.in-addr.arpa.", "NS", """
        10.in-addr.arpa. NS ns.dns
        ADDITIONAL
        ns.dns A 10.96.0.10"""),
    # RFC 8482.
    ("K-ANY", "web.zoo.svc", "ANY", "web.zoo.svc HINFO RFC8482 \"\""),
    ("K-ANY", "1.0.96.10.in-addr.arpa.", "ANY", "1.0.96.10.in-addr.arpa. HINFO RFC8482 \"\""),
    ("K-ANY", "nope.zoo.svc", "ANY", "NXDOMAIN"),
    ("K-TRANSFER", "cluster.local.", "AXFR", "REFUSED"),
    ("K-TRANSFER", "cluster.local.", "IXFR", "REFUSED"),
    ("K-OUTSIDE", "www.example.net.", "A", "REFUSED"),
    # Finer points.
    ("weight: no pair is counted twice", "_http._tcp.dual.zoo.svc", "SRV", """
        _http._tcp.dual.zoo.svc SRV 0 100 80 dual.zoo.svc
        ADDITIONAL
        dual.zoo.svc A 10.96.0.2
        dual.zoo.svc AAAA fd00:96::2"""),
    ("ttl", "dns-version", "TXT", "dns-version 28800 TXT \"1.1.0\""),
    ("soa", "cluster.local.", "SOA",
     "cluster.local. SOA ns.dns hostmaster 1 7200 1800 86400 5"),
    ("soa reverse", "10.in-addr.arpa.", "SOA",
     "10.in-addr.arpa. SOA ns.dns hostmaster.10.in-addr.arpa. 1 7200 1800 86400 5"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(WORLD, pods="insecure")


@pytest.mark.parametrize(
    ("name", "kind", "expected"), [row[1:] for row in ROWS],
    ids=[f"{row[0]}: {row[1]} {row[2]}" for row in ROWS],
)  # fmt: skip
def test_row(server: Server, name: str, kind: str, expected: str) -> None:
    server.expect(name, kind, expected)


@pytest.mark.parametrize("length", [1, 11, 12, 15, 16, 17, 40])
def test_k_ext_chain(length: int) -> None:
    """K-EXT-CHAIN: the chain, up to 16 links; then it is cut, and no name is said to be missing."""
    links = [f"service zoo/e{i} external e{i + 1}.zoo.svc.cluster.local" for i in range(length)]
    server = Server("\n".join([*links, f"service zoo/e{length} 10.96.0.1", "synced"]))
    expected = [f"e{i}.zoo.svc CNAME e{i + 1}.zoo.svc" for i in range(min(length, 16))]
    if length < 16:
        expected.append(f"e{length}.zoo.svc A 10.96.0.1")
    server.expect("e0.zoo.svc", "A", "\n".join(expected))


@pytest.mark.parametrize("klass", ["CH", "HS", "ANY", "NONE"])
def test_k_class(server: Server, klass: str) -> None:
    question = dns.message.make_query("web.zoo.svc.cluster.local.", "A", rdclass=klass)
    said = zonetext.read(server.exchange(question))
    assert said == ("REFUSED", [], [], [])


def test_k_notify(server: Server) -> None:
    question = query("web.zoo.svc")
    question.flags |= 4 << 11
    reply = server.send(question.to_wire())
    assert reply is not None
    assert reply[2:] == bytes.fromhex("a104 0000 0000 0000 0000")


@pytest.mark.parametrize("number", [0, 41, 128, 200, 249, 250, 253, 254])
def test_k_type_meta(server: Server, number: int) -> None:
    question = dns.message.make_query(
        "web.zoo.svc.cluster.local.", dns.rdatatype.RdataType.make(number)
    )
    reply = server.send(question.to_wire())
    assert reply is not None
    assert reply[3] & 15 == 4  # NOTIMP
    assert reply[6:10] == bytes(4)


def test_k_ra(server: Server) -> None:
    for name in ("web.zoo.svc", "nope.zoo.svc", "www.example.net."):
        assert not server.ask(name).flags & dns.flags.RA


def _crowd(count: int) -> Server:
    endpoints = " ".join(f"h{i}=10.244.9.{i}" for i in range(1, count + 1))
    return Server(f"""
        service zoo/crowd headless
        slice zoo/crowd-a of crowd {endpoints} pg:5432/tcp
        synced""")


def test_k_tc_glue() -> None:
    """K-TC-GLUE: additional records that do not fit are left out, and TC is not set for them."""
    server = _crowd(20)
    question = query("crowd.zoo.svc", "SRV", payload=1232)
    reply = server.exchange(question)
    assert len(zonetext.read(reply).answer) == 20
    assert len(zonetext.read(reply).additional) == 0
    assert not reply.flags & dns.flags.TC
    whole = server.exchange(question, tcp=True)
    assert len(zonetext.read(whole).additional) == 20


def test_k_udp_cap() -> None:
    """K-UDP-CAP: 1232 octets over UDP, whatever the client could take."""
    server = _crowd(120)
    reply = server.exchange(query("crowd.zoo.svc", "A", payload=4096))
    assert reply.flags & dns.flags.TC
    assert len(zonetext.read(server.exchange(query("crowd.zoo.svc"), tcp=True)).answer) == 120


def test_k_edns_twice(server: Server) -> None:
    plain = query("web.zoo.svc", payload=None).to_wire()
    opt = bytes.fromhex("00 0029 04d0 00000000 0000")
    one = plain[:10] + b"\x00\x01" + plain[12:] + opt
    two = plain[:10] + b"\x00\x02" + plain[12:] + opt + opt
    first, second, third = server.send(one), server.send(two), server.send(one + b"\x00")
    assert first is not None
    assert first[3] & 15 == 0
    assert second == third == bytes.fromhex("1267 8101 0000 0000 0000 0000")


@pytest.mark.parametrize("count", [0, 2, 3, 65535])
def test_k_questions(server: Server, count: int) -> None:
    plain = query("web.zoo.svc", payload=None).to_wire()
    message = plain[:4] + count.to_bytes(2, "big") + plain[6:] + plain[12:]
    assert server.send(message) == bytes.fromhex("1267 8101 0000 0000 0000 0000")


def test_case_of_owners_and_targets() -> None:
    """case: owners as asked; names in SRV as stored."""
    server = Server(WORLD)
    reply = server.ask("HOSTS.zoo.SVC.Cluster.Local.", "SRV")
    assert reply.answer[0].name.to_text() == "HOSTS.zoo.SVC.Cluster.Local."
    assert reply.answer[0][0].target.to_text() == "hosts-0.hosts.zoo.svc.cluster.local."
    reply = server.ask("Nope.zoo.SVC.Cluster.Local.")
    assert reply.authority[0].name.to_text() == "Cluster.Local."


def test_edns_detail(server: Server) -> None:
    """edns-detail: our own size, not an echo of the client's; DO mirrored."""
    for want in (False, True):
        reply = server.ask("web.zoo.svc", payload=1400, want_dnssec=want)
        assert reply.payload == 1232
        assert bool(reply.ednsflags & dns.flags.DO) is want


def test_k_unlabelled() -> None:
    """K-UNLABELLED: a slice of no Service is answered, and names nothing."""
    server = Server("service zoo/web 10.96.0.1\nsynced")
    server.expect("9.9.244.10.in-addr.arpa.", "PTR", "NXDOMAIN")
