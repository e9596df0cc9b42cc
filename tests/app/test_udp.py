"""UDP on real sockets: both families, wildcards, batches, and clients that are gone."""

from __future__ import annotations

import re
import socket
import struct
import time

import dns.message
import pytest

from tests import manifesting, programs
from tests.serving import PATIENCE, Serve, Server, free_port, loopback, until

NAME = "web.ns.svc.cluster.local."
FILES = {"a.yaml": manifesting.service("web", "10.0.0.1") + manifesting.headless("set", 3)}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def ipv6(request: pytest.FixtureRequest) -> None:
    if not has_ipv6():
        programs.leave_out(request.config, "IPv6")


def question(name: str, ident: int, kind: str = "A") -> bytes:
    message = dns.message.make_query(name, kind)
    message.id = ident
    return message.to_wire()


def client(server: Server, address: str = "") -> socket.socket:
    """A connected UDP socket: it takes replies only from where it asked."""
    found = address or server.address
    opened = socket.socket(socket.AF_INET6 if ":" in found else socket.AF_INET, socket.SOCK_DGRAM)
    opened.settimeout(PATIENCE)
    opened.connect((found, server.port))
    return opened


def test_an_ipv4_address(serve: Serve) -> None:
    assert serve(FILES).addresses(NAME) == ["10.0.0.1"]


@pytest.mark.usefixtures("ipv6")
def test_an_ipv6_address(serve: Serve) -> None:
    server = serve(FILES, address="::1")
    assert server.addresses(NAME) == ["10.0.0.1"]
    assert server.addresses(NAME, tcp=True) == ["10.0.0.1"]
    assert server.addresses("ns.dns.cluster.local.", "AAAA") == ["::1"]


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_a_wildcard_answers_from_the_address_that_was_asked(serve: Serve, processes: int) -> None:
    server = serve(FILES, address="0.0.0.0", processes=processes)
    for asked in (loopback(), loopback(), "127.0.0.1", "127.0.0.2"):
        with client(server, asked) as asking:
            for ident in range(4):  # built, let in, ready
                asking.send(question(NAME, ident))
                assert asking.recv(4096)[:2] == struct.pack("!H", ident)


@pytest.mark.usefixtures("ipv6")
def test_a_wildcard_of_ipv6(serve: Serve) -> None:
    server = serve(FILES, address="::")
    with client(server, "::1") as asking:
        for ident in range(4):
            asking.send(question(NAME, ident))
            assert asking.recv(4096)[:2] == struct.pack("!H", ident)


@pytest.mark.usefixtures("ipv6")
def test_both_wildcards_on_one_port(serve: Serve) -> None:
    server = serve(FILES, address="0.0.0.0", listen=["0.0.0.0", "::"])
    assert server.addresses(NAME, at="127.0.0.9") == ["10.0.0.1"]
    assert server.addresses(NAME, at="::1") == ["10.0.0.1"]


def test_several_addresses(serve: Serve) -> None:
    one, two = loopback(), loopback()
    server = serve(FILES, address=one, listen=[one, two])
    for address in (one, two):
        assert server.addresses(NAME, at=address) == ["10.0.0.1"]
        assert server.addresses(NAME, at=address, tcp=True) == ["10.0.0.1"]
    assert server.addresses("ns.dns.cluster.local.") == sorted([one, two])


def test_port_0_takes_a_free_one_for_udp_and_tcp(serve: Serve) -> None:
    address = loopback()
    server = serve(FILES, ready=False, address=address, listen=[f"{address}:0"])
    said = re.compile(r"listens on [\d.]+:(\d+)")
    until(lambda: said.search(server.log()), "the log says which")
    server.port = int(said.findall(server.log())[0])
    server.wait_until_ready()
    assert server.addresses(NAME) == server.addresses(NAME, tcp=True) == ["10.0.0.1"]


def test_batches_of_more_than_a_batch(serve: Serve) -> None:
    """1,000 questions at once, of every sort: each is answered with its own id and question."""
    server = serve(FILES)
    kinds = [NAME, "set.ns.svc.cluster.local.", "none.ns.svc.cluster.local.", "elsewhere.example."]
    with client(server) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        waiting = {}
        for ident in range(1000):
            message = question(kinds[ident % 4], ident)
            waiting[ident] = message
            asking.send(message)
            if ident % 200 == 199:  # the client's own buffer is small without privileges
                while waiting:
                    reply = asking.recv(4096)
                    (number,) = struct.unpack_from("!H", reply)
                    sent = waiting.pop(number)
                    end = 12 + len(kinds[number % 4]) + 1 + 4
                    assert reply[12:end] == sent[12:end]


def test_silence_in_the_middle_of_a_batch(serve: Serve) -> None:
    """What gets no reply takes nobody else's."""
    server = serve(FILES)
    reply_to_us = bytearray(question(NAME, 7))
    reply_to_us[2] |= 0x80
    with client(server) as asking:
        for silent in (b"", b"x", b"short", bytes(reply_to_us)):
            for ident in range(10):
                asking.send(silent)
                asking.send(question(NAME, ident))
            got = {struct.unpack_from("!H", asking.recv(4096))[0] for _ in range(10)}
            assert got == set(range(10))
        asking.setblocking(False)
        with pytest.raises(BlockingIOError):
            asking.recv(4096)


def test_messages_larger_than_a_slot(serve: Serve) -> None:
    server = serve(FILES)
    with client(server) as asking:
        for size in (4095, 4096, 4097, 9000, 60_000):
            asking.send(question(NAME, 1) + bytes(size))
            asking.send(question(NAME, 2))
            replies = {asking.recv(4096)[:2] for _ in range(2)}
            assert b"\x00\x02" in replies


def test_clients_that_are_gone_cost_the_others_nothing(serve: Serve) -> None:
    """Replies to closed ports come back as errors of the network, and are passed over."""
    server = serve(FILES)
    with client(server) as asking:
        for round_ in range(30):
            for _ in range(5):
                with client(server) as leaving:
                    leaving.send(question(NAME, 1))
            asking.send(question(NAME, round_))
            assert asking.recv(4096)[:2] == struct.pack("!H", round_)
        # a source port of 0 cannot be replied to at all
        if _send_from_port_0(server):
            asking.send(question(NAME, 99))
            assert asking.recv(4096)[:2] == struct.pack("!H", 99)
            until(lambda: server.metric("feddns_replies_unsent") >= 1, "it is counted")


def _send_from_port_0(server: Server) -> bool:
    """A forged datagram (needs root); whether it could be sent."""
    message = question(NAME, 5)
    header = struct.pack("!HHHH", 0, server.port, 8 + len(message), 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
            raw.sendto(header + message, (server.address, 0))
    except PermissionError:
        return False
    return True


def test_tc_and_the_whole_over_tcp(serve: Serve) -> None:
    server = serve({"a.yaml": manifesting.headless("big", 120)})
    name = "big.ns.svc.cluster.local."
    short = server.ask(name, use_edns=False)
    assert short.flags & 0x0200
    assert len(short.to_wire()) <= 512
    assert len(server.addresses(name, tcp=True)) == 120
    assert len(server.addresses(name, use_edns=True, payload=1232)) < 120


def test_the_order_of_addresses_rotates(serve: Serve) -> None:
    server = serve(FILES, processes=1)
    firsts = {server.ask("set.ns.svc.cluster.local.").answer[0][0].to_text() for _ in range(24)}
    assert len(firsts) == 3


def test_a_metrics_port_of_its_own_family(serve: Serve) -> None:
    """A free port for HTTP on the same address as DNS."""
    address = loopback()
    port = free_port(address)
    server = serve(FILES, "--metrics", f"{address}:{port}", address=address, ready=False)
    server.http = f"{address}:{port}"
    server.wait_until_ready()
    assert server.get("/healthz").text == "ok\n"


def test_latency_of_a_single_question(serve: Serve) -> None:
    server = serve(FILES)
    times = []
    with client(server) as asking:
        for ident in range(300):
            started = time.perf_counter()
            asking.send(question(NAME, ident))
            asking.recv(4096)
            times.append(time.perf_counter() - started)
    median = sorted(times)[150]
    print(f"\na single question takes {median * 1e6:.0f} µs")
    assert median < 0.05
