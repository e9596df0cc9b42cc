"""A real server that forwards: to a scripted upstream, to Knot, and to itself in a circle."""

from __future__ import annotations

import concurrent.futures
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from feddns.app import sockets, upstreams
from feddns.config import SocketAddress
from tests import manifesting
from tests.app.upstream import Said, Upstream, reply
from tests.app.upstream import upstreams as running_upstreams
from tests.serving import EXAMPLES, Serve, feddns, free_port, loopback, until

WWW = "www.example.net."
WEB = {"a.yaml": manifesting.service("web", "10.0.0.1")}
TC = dns.flags.TC
LOOP = "leads back to this server: it is left out"
Start = Callable[..., Upstream]


@pytest.fixture
def upstream() -> Iterator[Start]:
    with running_upstreams() as start:
        yield start


def www(query: dns.message.Message, tcp: bool) -> Said:
    """One address for every name."""
    return reply(query, f"{query.question[0].name} 300 A 192.0.2.10")


def error(message: dns.message.Message) -> tuple[int, str]:
    """The extended error."""
    (found,) = [option for option in message.options if option.otype == 15]
    return int(found.code), found.text or ""


# --- a scripted upstream ------------------------------------------------------------------------


def test_a_question_is_forwarded_and_its_answer_kept(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    server = serve(WEB, "--upstream", above.place)
    for tcp in (False, True, False):
        answer = server.ask(WWW, tcp=tcp)
        (found,) = answer.answer
        assert (found.name.to_text(), found[0].to_text()) == (WWW, "192.0.2.10")
        assert 200 < found.ttl <= 300
        assert answer.flags & dns.flags.RA
        assert not answer.flags & dns.flags.AA
    assert above.names() == [WWW]
    assert server.rcode("printer.local.") == "NXDOMAIN"
    assert server.addresses("localhost.") == ["127.0.0.1"]
    assert above.names() == [WWW]


def test_the_server_s_own_names_go_on_while_upstream_is_silent(
    serve: Serve, upstream: Start
) -> None:
    above = upstream(lambda query, tcp: None)
    server = serve(
        WEB,
        "--upstream", above.place, "--upstream-budget", "1",
    )  # fmt: skip
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(server.ask, WWW, tcp=tcp, use_edns=0) for tcp in (False, True)]
        until(lambda: above.asked, "the question is forwarded")
        assert server.addresses("web.ns.svc.cluster.local.") == ["10.0.0.1"]
        for answer in waiting:
            assert answer.result().rcode() == dns.rcode.SERVFAIL
            assert error(answer.result()) == (22, f"no answer from {above.place}")


def test_over_tcp_answers_come_when_they_are_there(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    above.delay = 0.3
    server = serve(WEB, "--upstream", above.place)
    with socket.create_connection((server.address, server.port), timeout=5) as client:
        for name in (WWW, "web.ns.svc.cluster.local."):
            raw = dns.message.make_query(name, "A").to_wire()
            client.sendall(len(raw).to_bytes(2, "big") + raw)
        client.shutdown(socket.SHUT_WR)
        names = [dns.query.receive_tcp(client)[0].question[0].name.to_text() for _ in range(2)]
        assert names == ["web.ns.svc.cluster.local.", WWW]
        assert client.recv(1) == b""


def test_a_client_that_has_gone_is_no_trouble(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    above.delay = 0.2
    server = serve(WEB, "--upstream", above.place)
    raw = dns.message.make_query(WWW, "A").to_wire()
    with socket.create_connection((server.address, server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(len(raw).to_bytes(2, "big") + raw)
        until(lambda: above.asked, "the question is forwarded")
    assert server.addresses(WWW) == ["192.0.2.10"]
    assert above.names() == [WWW]


def wrong_then_right(query: dns.message.Message, tcp: bool) -> Said:
    right = www(query, tcp)
    assert isinstance(right, dns.message.Message)
    raw = right.to_wire()
    forged = reply(query, f"{WWW} 300 A 203.0.113.66").to_wire()
    return [
        bytes((forged[0] ^ 1,)) + forged[1:],
        forged.replace(b"\x03www", b"\x03wwx", 1),
        forged[:2] + b"\0" + forged[3:],
        forged[:5],
        raw,
    ]


def test_forged_replies_are_waited_on(serve: Serve, upstream: Start) -> None:
    above = upstream(wrong_then_right)
    server = serve(WEB, "--upstream", above.place)
    assert server.addresses(WWW) == ["192.0.2.10"]


def test_a_reply_from_elsewhere_is_not_heard(serve: Serve, upstream: Start) -> None:
    above = upstream(www)

    def forge(query: dns.message.Message, tcp: bool) -> Said:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(reply(query, f"{WWW} 300 A 203.0.113.66").to_wire(), above.peers[-1])
        time.sleep(0.05)
        return www(query, tcp)

    above.script = forge
    server = serve(WEB, "--upstream", above.place)
    assert server.addresses(WWW) == ["192.0.2.10"]


def test_ids_and_ports_differ(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    server = serve(WEB, "--upstream", above.place)
    for number in range(20):
        server.ask(f"n{number}.example.net.")
    assert len({query.id for query, _ in above.asked}) > 15
    assert len({port for _, port in above.peers}) > 15


@pytest.mark.parametrize("twice", [False, True], ids=["once", "each reply twice"])
def test_sockets_that_serve_again_mix_nothing_up(
    twice: bool, serve: Serve, upstream: Start
) -> None:
    """Under load a socket that had its answer is used for another question."""

    def numbered(query: dns.message.Message, tcp: bool) -> Said:
        name = query.question[0].name
        number = int(name.labels[0][1:])
        said = reply(query, f"{name} 300 A 192.0.{number >> 8}.{number & 255}").to_wire()
        return [said, said] if twice else said

    above = upstream(numbered)
    server = serve(WEB, "--upstream", above.place)
    waves, width = 8, 60
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.address, server.port))
        client.settimeout(10)
        for wave in range(waves):
            for number in range(wave * width, (wave + 1) * width):
                client.send(dns.message.make_query(f"n{number}.example.net.", "A").to_wire())
            for _ in range(width):
                answer = dns.message.from_wire(client.recv(4096)).answer[0]
                number = int(answer.name.labels[0][1:])
                assert answer[0].to_text() == f"192.0.{number >> 8}.{number & 255}"
    uses = Counter(port for _, port in above.peers)
    assert max(uses.values()) <= 32
    assert len(uses) > 16
    if not twice:
        assert len(uses) < len(above.peers)


@pytest.mark.parametrize("processes", [0, 2])
def test_upstreams_are_in_the_metrics(processes: int, serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    server = serve(WEB, "--upstream", above.place, processes=processes)
    server.ask(WWW)
    requests = "feddns_forward_requests_total"
    until(
        lambda: server.metric(requests, to=above.place, outcome="answered") >= 1,
        "what the answering process knows of its upstream is told",
    )
    assert server.metric("feddns_forward_upstream_up", to=above.place) == 1
    assert server.metric("feddns_forward_request_duration_seconds_count", to=above.place) >= 1


def test_truncated_goes_on_over_tcp(serve: Serve, upstream: Start) -> None:
    def script(query: dns.message.Message, tcp: bool) -> Said:
        if not tcp:
            return reply(query, flags=dns.flags.TC)
        return reply(query, *[f"{WWW} 300 TXT {'x' * 250}{number}" for number in range(16)])

    above = upstream(script)
    server = serve(WEB, "--upstream", above.place)
    assert len(server.ask(WWW, "TXT", tcp=True).answer[0]) == 16
    assert above.ways() == [False, True]
    small = server.ask(WWW, "TXT")
    assert small.flags & dns.flags.TC
    assert not small.answer


def test_an_upstream_has_an_ipv6_address(serve: Serve, upstream: Start) -> None:
    above = upstream(
        lambda query, tcp: www(query, tcp) if tcp else reply(query, flags=TC), address="::1"
    )
    server = serve(WEB, "--upstream", above.place)
    assert server.addresses(WWW) == ["192.0.2.10"]
    assert above.ways() == [False, True]


def test_a_server_without_edns(serve: Serve, upstream: Start) -> None:
    def script(query: dns.message.Message, tcp: bool) -> Said:
        if query.edns >= 0:
            header = query.id.to_bytes(2, "big") + b"\x80\x01"
            return header + bytes(8)
        return www(query, tcp)

    above = upstream(script)
    server = serve(WEB, "--upstream", above.place)
    assert server.addresses(WWW) == ["192.0.2.10"]
    assert server.addresses("other.example.net.") == ["192.0.2.10"]
    with_edns = {query.question[0].name.to_text() for query, _ in above.asked if query.edns == 0}
    assert with_edns == {WWW}


def test_the_next_server_helps_out(serve: Serve, upstream: Start) -> None:
    first = upstream(lambda query, tcp: reply(query, rcode="SERVFAIL"))
    second = upstream(www)
    gone = f"{loopback()}:9"
    server = serve(
        WEB, "--upstream", gone, "--upstream", first.place, "--upstream", second.place,
        "--upstream-policy", "sequential",
    )  # fmt: skip
    assert server.addresses(WWW) == ["192.0.2.10"]
    assert first.names() == second.names() == [WWW]


def test_a_stale_copy_helps_out(serve: Serve, upstream: Start) -> None:
    above = upstream(lambda query, tcp: reply(query, f"{WWW} 1 A 192.0.2.10"))
    server = serve(WEB, "--upstream", above.place)
    assert server.addresses(WWW) == ["192.0.2.10"]
    above.script = lambda query, tcp: reply(query, rcode="SERVFAIL")
    time.sleep(1.3)
    stale = server.ask(WWW, use_edns=0)
    assert stale.answer[0].ttl == 1
    assert error(stale)[0] == 3


def test_the_config_map_is_followed(serve: Serve, upstream: Start) -> None:
    one = upstream(www)
    two = upstream(lambda query, tcp: reply(query, f"{query.question[0].name} 300 A 192.0.2.20"))
    server = serve(WEB, "--upstream", one.place)
    assert server.addresses("x.corp.example.") == ["192.0.2.10"]
    server.write({"c.yaml": config_map(f'{{"corp.example": ["{two.place}"]}}')})
    until(lambda: server.says("x.corp.example.", "192.0.2.20"), "the stub domain is asked")
    assert server.addresses("x.example.") == ["192.0.2.10"]


def config_map(stub_domains: str) -> str:
    return (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-dns, namespace: kube-system}\n"
        f"data:\n  stubDomains: |\n    {stub_domains}\n"
    )


def test_an_external_name_is_followed_outside(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: blog, namespace: ns}\n"
        f"spec: {{type: ExternalName, externalName: {WWW[:-1]}}}\n"
    )
    server = serve({"a.yaml": text}, "--upstream", above.place)
    for tcp in (False, True, False):
        answer = server.ask("blog.ns.svc.cluster.local.", tcp=tcp)
        assert [rrset.rdtype for rrset in answer.answer] == [5, 1]
        assert answer.answer[0].ttl == 5
        assert answer.flags & dns.flags.AA
    assert above.names() == [WWW]


def test_what_waits_at_the_end_is_answered(serve: Serve, upstream: Start) -> None:
    above = upstream(www)
    above.delay = 0.5
    server = serve(WEB, "--upstream", above.place)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(server.ask, WWW, tcp=tcp, timeout=5) for tcp in (False, True)]
        until(lambda: above.asked, "the question is forwarded")
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        for answer in waiting:
            assert answer.result().answer[0][0].to_text() == "192.0.2.10"


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_a_late_answer_comes_from_the_address_that_was_asked(
    serve: Serve, upstream: Start, wildcard: str
) -> None:
    above = upstream(www)
    above.delay = 0.1
    server = serve(WEB, "--upstream", above.place, address=wildcard)
    at = "127.0.0.77" if wildcard == "0.0.0.0" else "::1"
    assert server.ask(WWW, at=at).answer


def test_without_forwarding_it_is_refused(serve: Serve) -> None:
    server = serve(WEB)
    assert server.rcode(WWW) == "REFUSED"


def test_a_bad_name_that_is_never_to_be_forwarded_is_one_line() -> None:
    ended = feddns("serve", "--manifests", str(EXAMPLES / "cluster"), "--never-forward", "a..b")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") <= 2
    assert "never-forward: 'a..b' has an empty label; write domains, CIDRs" in ended.stderr


# --- circles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2])
def test_two_servers_that_ask_each_other(serve: Serve, processes: int) -> None:
    places = [loopback(), loopback()]
    ports = [free_port(place) for place in places]
    servers = [
        serve(
            WEB, "--upstream", f"{places[1 - index]}:{ports[1 - index]}", "--upstream-budget", "1",
            address=places[index], port=ports[index], processes=processes, ready=False,
        )
        for index in (0, 1)
    ]  # fmt: skip
    for server in servers:
        server.wait_until_ready()
    # One of them is enough: when it leaves the other out, the circle is open.
    until(lambda: any(LOOP in server.log() for server in servers), "it is noticed")
    assert {servers[0].rcode(WWW), servers[1].rcode("other.example.net.")} <= {
        "SERVFAIL",
        "REFUSED",
    }
    assert all(server.process.poll() is None for server in servers)


def test_a_server_that_asks_itself(serve: Serve) -> None:
    place = loopback()
    port = free_port(place)
    server = serve(WEB, "--upstream", f"{place}:{port}", address=place, port=port)
    assert server.rcode(WWW) in ("SERVFAIL", "REFUSED")
    until(lambda: "leads back to this server" in server.log(), "it is noticed")


# --- resolv.conf --------------------------------------------------------------------------------


def test_resolv_conf_without_ourselves(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver\nnameserver 2001:db8::1\n"
        "nameserver nonsense\nnameserver 127.0.0.53\nnameserver 192.0.2.1\noptions ndots:5\n"
    )
    all_of_them = ("192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.53:53")
    assert upstreams.read(path, []) == all_of_them
    listener = sockets.open_listener(SocketAddress(f"{loopback()}:0"))
    try:
        assert upstreams.read(path, [listener]) == all_of_them
        own = listener._replace(address=SocketAddress("127.0.0.53:53"))
        assert upstreams.read(path, [own]) == all_of_them[:2]
        every = listener._replace(address=SocketAddress("0.0.0.0:53"))
        assert upstreams.read(path, [every]) == all_of_them[:2]
    finally:
        listener.udp.close()
        listener.tcp.close()
    assert upstreams.read(tmp_path / "none", []) == ()


# --- Knot ---------------------------------------------------------------------------------------

ZONE = """
$ORIGIN example.net.
$TTL 300
@        SOA   ns hostmaster 1 3600 600 86400 30
@        NS    ns
ns       A     192.0.2.1
www      A     192.0.2.10
www      A     192.0.2.11
www      AAAA  2001:db8::10
mail     MX    10 www
mail     MX    20 ns
text     TXT   "some" "text" "with \\"quotes\\""
_sip._tcp SRV  1 2 5060 www
alias    CNAME alias2
alias2   CNAME www
broken   CNAME nowhere
old      DNAME new
a.new    A     192.0.2.30
naptr    NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" .
caa      CAA   0 issue "ca.example.net"
*.wild   TXT   "wild"
sshfp    SSHFP 1 1 123456789abcdef67890123456789abcdef67890
tlsa     TLSA  3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971
svc      TYPE65280 \\# 4 0A000001
big      TXT   "{big}"
""".replace("{big}", '" "'.join(["x" * 200] * 20))

QUESTIONS = [
    ("www", "A"), ("www", "AAAA"), ("www", "ANY"), ("mail", "MX"), ("text", "TXT"),
    ("_sip._tcp", "SRV"), ("alias", "A"), ("alias", "AAAA"), ("alias2", "CNAME"), ("broken", "A"),
    ("a.old", "A"), ("b.old", "A"), ("old", "DNAME"), ("naptr", "NAPTR"), ("caa", "CAA"),
    ("x.wild", "TXT"), ("sshfp", "SSHFP"), ("tlsa", "TLSA"), ("svc", "TYPE65280"), ("big", "TXT"),
    ("@", "SOA"), ("@", "NS"), ("@", "DNSKEY"), ("nope", "A"), ("www", "MX"), ("wild", "A"),
]  # fmt: skip


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    home = tmp_path_factory.mktemp("knot")
    address = loopback()
    port = free_port(address)
    (home / "zone").write_text(ZONE)
    (home / "knot.conf").write_text(
        f"server:\n  rundir: {home}\n  listen: {address}@{port}\n  udp-workers: 1\n"
        f"  tcp-workers: 1\n  background-workers: 1\ndatabase:\n  storage: {home}\n"
        "log:\n  - target: stderr\n    any: error\n"
        "policy:\n  - id: p\n    algorithm: ecdsap256sha256\n"
        f"zone:\n  - domain: example.net\n    storage: {home}\n    file: zone\n"
        "    zonefile-sync: -1\n    dnssec-signing: on\n    dnssec-policy: p\n"
    )
    process = subprocess.Popen(
        ["knotd", "-c", str(home / "knot.conf")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        query = dns.message.make_query("example.net.", "SOA", want_dnssec=True)

        def signed() -> bool:
            try:
                return len(dns.query.udp(query, address, port=port, timeout=0.2).answer) == 2
            except (OSError, dns.exception.DNSException):
                return False

        until(signed, "Knot has signed its zone")
        yield address, port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.tool("knotd")
def test_what_knot_says_is_what_clients_get(serve: Serve, knot: tuple[str, int]) -> None:
    """Every type, over UDP and TCP, with DO and without, first from upstream and then kept."""
    address, port = knot
    server = serve(WEB, "--upstream", f"{address}:{port}")
    for owner, kind in QUESTIONS:
        name = "example.net." if owner == "@" else f"{owner}.example.net."
        for do in (False, True):
            query = dns.message.make_query(name, kind, want_dnssec=do, use_edns=0, payload=1232)
            direct = dns.query.tcp(query, address, port=port, timeout=3)
            for tcp in (True, False, True, False):
                send = dns.query.tcp if tcp else dns.query.udp
                ours = send(query, server.address, port=server.port, timeout=3)
                assert ours.rcode() == direct.rcode(), (name, kind)
                if not tcp and ours.flags & dns.flags.TC:
                    assert len(direct.to_wire()) > 1100, (name, kind)
                    continue
                for section in ("answer", "authority"):
                    assert said(ours, section) == said(direct, section), (name, kind, do, tcp)
                assert bool(ours.ednsflags & dns.flags.DO) == do


def said(message: dns.message.Message, section: str) -> list[tuple[object, ...]]:
    """The records of a section without their TTLs and order."""
    return sorted(
        (str(rrset.name), rrset.rdtype, rdata.to_text())
        for rrset in getattr(message, section)
        for rdata in rrset
    )
